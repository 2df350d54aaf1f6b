"""Recurring events of calendars, within a year: every so many days, or weeks on some weekdays. Anything else is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.services.on_call.shifts import ZONE

AHEAD: Final = 366  # days from now
_BACK: Final = timedelta(days=AHEAD * 5)
_KNOWN: Final = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"})
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_REFUSED: Final = "只支持每天、每周（可以指定星期几）的重复"


@dataclass(frozen=True, slots=True)
class Times:
    """When an event begins: ``rule`` as iCalendar spells it (upper case, lists of values), {} for once."""

    start: datetime
    rule: Mapping[str, Any]
    excepted: tuple[date, ...] = ()


def expand(times: Times, now: datetime) -> Iterator[datetime]:
    """The starts up to a year from now, at the same local time each day. Raises InvalidInput for rules it cannot keep."""
    if not times.rule:
        yield times.start
        return
    if not set(times.rule) <= _KNOWN or _one(times.rule, "FREQ") not in ("DAILY", "WEEKLY"):
        raise InvalidInput(_REFUSED)
    if times.start < now - _BACK:
        raise InvalidInput("开始得太早")
    left = _number(times.rule, "COUNT", 1 << 30)
    last = min(
        times.start.date() + timedelta(days=AHEAD * 6), now.astimezone(ZONE).date() + timedelta(days=AHEAD)
    )
    until, skipped = _until(times.rule), {_local(each) for each in times.excepted}
    for day in _days(times, last):
        start = datetime.combine(day, times.start.timetz(), ZONE)
        if left <= 0 or (until is not None and start > until):
            return
        left -= 1
        if start not in skipped and day not in skipped:
            yield start


def _days(times: Times, last: date) -> Iterator[date]:
    first, weekly = times.start.date(), _one(times.rule, "FREQ") == "WEEKLY"
    interval = _number(times.rule, "INTERVAL", 1)
    wanted = _weekdays(times.rule) or (frozenset({first.weekday()}) if weekly else frozenset(range(7)))
    monday = first - timedelta(days=first.weekday())
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        passed = (day - monday).days // 7 if weekly else number
        if passed % interval == 0 and day.weekday() in wanted:
            yield day


def _one(rule: Mapping[str, Any], name: str) -> Any:
    value = rule.get(name)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _number(rule: Mapping[str, Any], name: str, default: int) -> int:
    value = _one(rule, name)
    if value is None:
        return default
    if not isinstance(value, int) or not 1 <= value <= 10_000:
        raise InvalidInput(_REFUSED)
    return value


def _weekdays(rule: Mapping[str, Any]) -> frozenset[int]:
    given = rule.get("BYDAY") or []
    names = [str(each).upper() for each in (given if isinstance(given, list) else [given])]
    if not set(names) <= set(_WEEKDAYS):
        raise InvalidInput(_REFUSED)
    return frozenset(_WEEKDAYS.index(each) for each in names)


def _until(rule: Mapping[str, Any]) -> datetime | None:
    value = _one(rule, "UNTIL")
    if value is None:
        return None
    found = _local(value)
    return found if isinstance(found, datetime) else datetime.combine(found, datetime.max.time(), ZONE)


def _local(value: Any) -> date:
    if isinstance(value, datetime):
        return value.replace(tzinfo=ZONE) if value.tzinfo is None else value.astimezone(ZONE)
    if isinstance(value, date):
        return value
    raise InvalidInput(_REFUSED)
