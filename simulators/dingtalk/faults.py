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

from dataclasses import dataclass, field
from typing import Any

from bifang.core.errors import InvalidInput

EVERYONE = "*"
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


@dataclass(slots=True)
class Fault:
    """One fault that is on. ``left``: how often it still strikes (None: until cleared)."""

    value: Any
    left: int | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a request asks for: faults to set or unset, actions to do now."""

    scope: str
    clear: bool
    faults: dict[str, Fault | None]
    actions: dict[str, Any]


def parse_change(body: dict[str, Any]) -> Change:
    """Read the body of ``POST /sim/faults``. InvalidInput names an unknown fault or a wrong value."""
    scope = str(body.get("client_id") or EVERYONE)
    change = Change(scope, bool(body.get("clear")), {}, {})
    for name, value in body.items():
        if name in ("client_id", "clear"):
            continue
        if name in ACTIONS:
            if value:
                change.actions[name] = value.get("value", True) if isinstance(value, dict) else value
        elif name in STANDING:
            change.faults[name] = _parse_fault(name, value)
        else:
            raise InvalidInput(f"没有名为 {name!r} 的故障。可用：{'、'.join((*STANDING, *ACTIONS))}")
    return change


def _parse_fault(name: str, given: Any) -> Fault | None:
    spec = given if isinstance(given, dict) else {"value": given}
    value = spec.get("value", True)
    if value is None or value is False or value == "":
        return None
    if name in NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidInput(f"故障 {name} 的值应是数字，收到 {value!r}")
    times = spec.get("times")
    if times is not None and (not isinstance(times, int) or times < 1):
        raise InvalidInput(f"故障 {name} 的 times 应是正整数，收到 {times!r}")
    return Fault(value, times, str(spec.get("path") or ""))


@dataclass(slots=True)
class Faults:
    """The faults that are on, by application; ``*`` is all of them."""

    active: dict[str, dict[str, Fault]] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        """Set and unset."""
        if change.clear:
            self.clear(change.scope)
        here = self.active.setdefault(change.scope, {})
        for name, fault in change.faults.items():
            if fault is None:
                here.pop(name, None)
            else:
                here[name] = fault
        if not here:
            self.active.pop(change.scope, None)

    def clear(self, scope: str = EVERYONE) -> None:
        """Switch all off; with a client id, only those of that application."""
        if scope == EVERYONE:
            self.active.clear()
        else:
            self.active.pop(scope, None)

    def peek(self, name: str, client_id: str) -> Any:
        """The value of a fault without striking; None when off."""
        fault = self._find(name, client_id, "")
        return fault.value if fault else None

    def take(self, name: str, client_id: str, path: str = "") -> Any:
        """The value of a fault, which strikes now; None when off."""
        if not self.active:
            return None
        fault = self._find(name, client_id, path)
        if fault is None:
            return None
        if fault.left is not None:
            fault.left -= 1
            if fault.left <= 0:
                self._drop(name, fault)
        return fault.value

    def describe(self) -> dict[str, dict[str, Any]]:
        """``{client id or *: {name: value | {value, times?, path?}}}``."""
        return {
            scope: {name: _describe(fault) for name, fault in faults.items()}
            for scope, faults in self.active.items()
        }

    def _find(self, name: str, client_id: str, path: str) -> Fault | None:
        for scope in (client_id, EVERYONE):
            fault = self.active.get(scope, {}).get(name)
            if fault and path.startswith(fault.path):
                return fault
        return None

    def _drop(self, name: str, fault: Fault) -> None:
        for scope, faults in list(self.active.items()):
            if faults.get(name) is fault:
                del faults[name]
                if not faults:
                    del self.active[scope]


def _describe(fault: Fault) -> Any:
    if fault.left is None and not fault.path:
        return fault.value
    shown: dict[str, Any] = {"value": fault.value}
    if fault.left is not None:
        shown["times"] = fault.left
    if fault.path:
        shown["path"] = fault.path
    return shown
