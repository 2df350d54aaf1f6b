"""The faults of the Feishu simulator.

``POST /sim/faults`` ``{"app_id": "cli_demo", NAME: VALUE, …}`` sets faults for one application, without ``app_id``
for all. A value ``null`` or ``false`` switches one off; ``{"clear": true}`` all. ``{"value": V, "times": N}`` strikes
N times only; for the OpenAPI also ``{"value": V, "path": "/open-apis/im"}``. ``GET /sim/faults`` shows what is on.

==================== ============================ ==========================================================
name                 value                        effect
==================== ============================ ==========================================================
endpoint_code        1, 1000040343, 1000040344, … /callback/ws/endpoint answers 200 with that code
endpoint_status      403, 500, …                  it answers that HTTP status
endpoint_body        html, empty, json-array,     it answers 200 with that body
                     no-url, no-device, not-json
endpoint_delay_s     seconds                      it answers late
endpoint_hang        true                         it never answers
handshake            auth, connections,           the WebSocket is refused: Handshake-Status 514, 514 with
                     forbidden, or a number       Handshake-Autherrcode 1000040350, 403, or that number
abort                now                          every WebSocket is cut without a close frame
close                now                          the server closes every WebSocket, without a word as Feishu does
close_every_s        seconds                      the same for a connection that becomes that old
half_open            true / "all"                 live connections go silent: nothing read, nothing answered, until
                                                  switched off; "all": new connections too
no_pong              true                         pings are not answered; events still come
pong_config          {"value": {"PingInterval": 1}} the pong carries that ClientConfig
pong_body            text                         the pong carries that text
duplicate            N                            every event is delivered N times, on random connections
split                N                            every payload comes in N parts
split_order          reversed, shuffled           the parts come in that order
split_lose           part, counted from 0         that part never comes
malformed            now: variant, list, "all"    a malformed message on every connection (frames: malformed)
malformed_each       variant, list, "all"         the same before every event
ack_lost             true                         an ack that came did not arrive: the event comes again
redeliver_after_s    seconds                      the gap before every redelivery, instead of 15 s, 5 min, …
openapi_status       500, 503, …                  the OpenAPI answers that status
openapi_code         230001, 230002, 99991672, …  the OpenAPI answers 400 with that code
openapi_limit        seconds                      429, code 99991400, x-ogw-ratelimit-reset: that many seconds
openapi_delay_s      seconds                      the OpenAPI answers late
openapi_hang         true                         the OpenAPI never answers
openapi_lost         true                         the call is done, its answer never arrives
file_redirect        address                      a file that people sent is elsewhere: 302
file_endless         true                         that file never ends
urgent_code          230023, 230024, 230027, …    加急 is refused with that code: too many unread, no quota, no permission
urgent_invalid       true                         the receivers of 加急 are in invalid_user_id_list, inside a success
token_invalid        true                         every token presented is refused with 99991663 and forgotten
==================== ============================ ==========================================================
"""

from typing import Any

from bifang.core.errors import InvalidInput
from simulators.faults import Change, FaultNames, read_change

NUMBERS = (
    "endpoint_code",
    "endpoint_status",
    "endpoint_delay_s",
    "close_every_s",
    "duplicate",
    "split",
    "split_lose",
    "redeliver_after_s",
    "openapi_status",
    "openapi_code",
    "openapi_limit",
    "openapi_delay_s",
    "urgent_code",
)
OTHERS = (
    "ack_lost",
    "urgent_invalid",
    "endpoint_body",
    "endpoint_hang",
    "handshake",
    "half_open",
    "no_pong",
    "pong_config",
    "pong_body",
    "split_order",
    "malformed_each",
    "openapi_hang",
    "openapi_lost",
    "file_redirect",
    "file_endless",
    "token_invalid",
)
NAMES = FaultNames(
    "app_id",
    standing=frozenset(NUMBERS + OTHERS),
    actions=frozenset({"abort", "close", "malformed"}),
    numbers=frozenset(NUMBERS),
)


def parse_change(body: dict[str, Any]) -> Change:
    """Read the body of ``POST /sim/faults``. InvalidInput names an unknown fault or a wrong value."""
    change = read_change(NAMES, body)
    config = change.faults.get("pong_config")
    if config is not None and not isinstance(config.value, dict):
        raise InvalidInput('故障 pong_config 应写作 {"value": {"PingInterval": 1}}')
    return change
