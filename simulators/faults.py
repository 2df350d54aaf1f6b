"""Faults that can be switched on and off while a simulator runs: what is on, for whom, how often it still strikes.

Which faults there are is a table of each simulator (`FaultNames`).
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from bifang.core.errors import InvalidInput

EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class FaultNames:
    """The faults of one simulator. ``scope``: the field that names an application; ``actions`` are done once, now."""

    scope: str
    standing: frozenset[str]
    actions: frozenset[str]
    numbers: frozenset[str]


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


def read_change(names: FaultNames, body: dict[str, Any]) -> Change:
    """Read the body of ``POST /sim/faults``. InvalidInput names an unknown fault or a wrong value."""
    scope = str(body.get(names.scope) or EVERYONE)
    change = Change(scope, bool(body.get("clear")), {}, {})
    for name, value in body.items():
        if name in (names.scope, "clear"):
            continue
        if name in names.actions:
            if value:
                change.actions[name] = value.get("value", True) if isinstance(value, dict) else value
        elif name in names.standing:
            change.faults[name] = _parse_fault(names, name, value)
        else:
            raise InvalidInput(
                f"没有名为 {name!r} 的故障。可用：{'、'.join(sorted(names.standing | names.actions))}"
            )
    return change


def _parse_fault(names: FaultNames, name: str, given: Any) -> Fault | None:
    spec = given if isinstance(given, dict) else {"value": given}
    value = spec.get("value", True)
    if value is None or value is False or value == "":
        return None
    if name in names.numbers and (isinstance(value, bool) or not isinstance(value, int | float)):
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

    async def stall(self, kind: str, scope: str, stopping: asyncio.Event, path: str = "") -> None:
        """Do ``KIND_hang`` (until the simulator stops) and ``KIND_delay_s``."""
        if self.take(f"{kind}_hang", scope, path):
            await stopping.wait()
        delay = self.take(f"{kind}_delay_s", scope, path)
        if delay:
            await asyncio.sleep(float(delay))

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
