"""Faults that can be switched on and off while the simulator runs.

``POST /sim/faults`` ``{"client_id": "dingdemo", NAME: VALUE, …}`` sets faults for one application, without
``client_id`` for all. A value ``null`` or ``false`` switches one off; ``{"clear": true}`` all (of ``client_id``).
A value may be written ``{"value": V, "times": N}`` to strike N times only, and for the OpenAPI also
``{"value": V, "path": "/v1.0/card"}`` to strike only paths that begin so. ``GET /sim/faults`` shows what is on.

==================== ============================ ==========================================================
name                 value                        effect
==================== ============================ ==========================================================
open_status          401, 403, 500, …             the gateway answers that status
open_body            html, empty, json-array,     the gateway answers 200 with that body (a portal page, nothing,
                     no-endpoint, not-json        the wrong JSON, no endpoint, broken JSON)
open_delay_s         seconds                      the gateway answers late
open_hang            true                         the gateway never answers
abort                now                          every WebSocket is cut without a close frame
abort_every_s        seconds                      the same again and again
half_open            true / "all"                 live connections go silent: nothing read, nothing answered, until
                                                  switched off; "all": new connections too
disconnect           now (true or "one")          SYSTEM disconnect on every (one) connection, silence, then closed
ping                 now                          SYSTEM ping on every connection
duplicate            N                            every push is delivered N times, on random connections
malformed            now: variant, list, "all"    a malformed frame on every connection (variants: frames.MALFORMED)
malformed_each       variant, list, "all"         the same before every push
over_quota           true, "errCode"              robot messages arrive with errorCode (errCode) 20001 and without text
                                                  and content: the month's messages are used up
callback_late        true                         HTTP mode: the timestamp is more than an hour old
callback_unsigned    true                         HTTP mode: the signature is wrong
callback_owner       true                         HTTP mode: an event of another application
callback_truncated   true                         HTTP mode: the encrypted text is cut off
link_unheard         true                         what a tapped dtmd: link says in a group does not reach the robot,
                                                  because it has no @; otherwise it does
redeliver_after_s    seconds                      how long an unacked push waits before it is delivered again
webhook_status       500, 403, …                  sendBySession answers that HTTP status
webhook_errcode      300001, 130101, 460101, …    sendBySession answers 200 with that errcode
webhook_delay_s      seconds                      sendBySession answers late
webhook_hang         true                         sendBySession never answers
webhook_down         true / "refuse"              sendBySession answers 503 / the connection is cut
webhook_lost         true                         the message arrives, its answer does not
openapi_qps          true                         403 QpsLimitForAppkeyAndApi
openapi_quota        true                         403 ApiCountLimitForOrg: the month's calls are used up
openapi_status       500, 504, 403, …             the OpenAPI answers that status
openapi_scope        scope, or list of them       403 AccessTokenPermissionDenied with requiredScopes
openapi_delay_s      seconds                      the OpenAPI answers late
openapi_hang         true                         the OpenAPI never answers
openapi_lost         true                         the call is done, its answer never arrives
token_401            true                         every token presented is refused (and forgotten)
ding_error           code                         a DING is refused with 400 and that code: ding.serverquota.insufficient,
                                                  toomuch.msg, miss.staffId, invalid.chatbotId, send.ding.exception, …
ding_failed          reason                       the receivers of a DING are in failedList, inside a 200
robot_refuse         errmsg                       /robot/send answers 310000 with that text: "keywords not in content",
                                                  "sign not match", "ip 1.2.3.4 not in whitelist"
robot_errcode        400101, 400102, 410100, …    /robot/send answers 200 with that errcode; scope: the robot's token
robot_status         500, 503, …                  /robot/send answers that HTTP status
robot_delay_s        seconds                      /robot/send answers late
robot_hang           true                         /robot/send never answers
robot_lost           true                         the message of a custom robot arrives, the answer does not
file_status          404, 403, 500, …             the address of a file that people sent answers that status (expired)
file_endless         true                         that file never ends
card_deliver_false   true / message               deliverResults[].success is false, inside a 200
==================== ============================ ==========================================================
"""

from typing import Any

from simulators.faults import Change, FaultNames, read_change

ACTIONS = ("abort", "disconnect", "malformed", "ping")
STANDING = [
    "open_status",
    "open_body",
    "open_delay_s",
    "open_hang",
    "abort_every_s",
    "half_open",
    "duplicate",
    "malformed_each",
    "over_quota",
    "callback_late",
    "callback_unsigned",
    "callback_owner",
    "callback_truncated",
    "link_unheard",
    "redeliver_after_s",
    "webhook_status",
    "webhook_errcode",
    "webhook_delay_s",
    "webhook_hang",
    "webhook_down",
    "webhook_lost",
    "openapi_qps",
    "openapi_quota",
    "openapi_status",
    "openapi_scope",
    "openapi_delay_s",
    "openapi_hang",
    "openapi_lost",
    "token_401",
    "ding_error",
    "ding_failed",
    "robot_refuse",
    "robot_errcode",
    "robot_status",
    "robot_delay_s",
    "robot_hang",
    "robot_lost",
    "file_status",
    "file_endless",
    "card_deliver_false",
]
NUMBERS = [
    "open_status",
    "open_delay_s",
    "abort_every_s",
    "duplicate",
    "redeliver_after_s",
    "webhook_status",
    "webhook_errcode",
    "webhook_delay_s",
    "openapi_status",
    "openapi_delay_s",
    "robot_errcode",
    "robot_status",
    "robot_delay_s",
    "file_status",
]
NAMES = FaultNames("client_id", frozenset(STANDING), frozenset(ACTIONS), frozenset(NUMBERS))


def parse_change(body: dict[str, Any]) -> Change:
    """Read the body of ``POST /sim/faults``. InvalidInput names an unknown fault or a wrong value."""
    return read_change(NAMES, body)
