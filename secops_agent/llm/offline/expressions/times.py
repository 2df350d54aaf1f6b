"""Time expressions to a start time: durations (两小时, last 24h), days, weekdays, months, dates, clocks.

A day, week or month that is over has an end as well; every other range reaches to now.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial

from secops_agent.llm.offline.words import load, pattern

from .numerals import read_integer, read_number
from .skeletons import Kind, Skeleton, mark

_VALUES = load("times")["values"]
_MINUTES: dict[str, float] = _VALUES["minutes"]
_PART_HOURS: dict[str, int] = _VALUES["part_hours"]
_PART_LASTS: dict[str, int] = _VALUES["part_lasts"]
_WEEKDAYS: dict[str, int] = _VALUES["weekdays"]
_FEASTS: dict[str, tuple[int, int]] = _VALUES["feasts"]
_PERIODS: dict[str, str] = _VALUES["periods"]

_NIGHT_ENDS = 6  # o'clock

_JOINED = re.compile(rf"({mark(Kind.TIME)})\s*(?:到|至|-|~|—+)\s*({mark(Kind.TIME)})")


@dataclass(frozen=True, slots=True)
class Since:
    """A start, and an end if it is over; ``period`` is the name that reports use when it is exactly such a period."""

    start: datetime
    period: str = ""
    end: datetime | None = None

    def hours(self, now: datetime) -> int:
        """Whole hours back from ``now``, rounded up, at least one."""
        return max(1, math.ceil(round((now - self.start).total_seconds() / 3600, 4)))

    def hours_after(self, now: datetime) -> int | None:
        """Whole hours from the end to ``now``, rounded down; None if it is not over for an hour."""
        passed = (now - self.end).total_seconds() if self.end else 0.0
        return int(round(passed / 3600, 4)) or None


def take_times(skeleton: Skeleton, now: datetime) -> None:
    """Mark every time range (``Since``) and every bare duration (minutes; 0 is for ever)."""
    readers: tuple[tuple[str, Callable[[re.Match[str], datetime], Since | None]], ...] = (
        ("meridiem", _last_clock), ("iso_date", _dated), ("slashed", _dated), ("date", _dated), ("day_of_month", _day_of_month), ("within", _ago), ("ago", _ago),
        ("feast", lambda match, now: _past_date(0, *_FEASTS[match["feast"]], now)), ("day", _day), ("at", lambda match, now: _past(_clock(match, now.date(), match["part"] or "", now), now)), ("now", lambda _, now: Since(now - timedelta(hours=1))),
    )  # fmt: skip
    skeleton.take(Kind.TIME, pattern("times.between"), partial(_between, now=now))
    for name, read in readers:
        skeleton.take(Kind.TIME, pattern(f"times.{name}"), partial(_read, read, now))
    skeleton.take(Kind.TIME, _JOINED, partial(_joined, skeleton))
    skeleton.take(Kind.DURATION, pattern("times.bare"), _minutes)
    skeleton.take(Kind.DURATION, pattern("times.permanent"), lambda _: 0)


def _joined(skeleton: Skeleton, match: re.Match[str]) -> Since | None:
    """周一到周三, 昨天到今天: from the one to the end of the other."""
    first, last = (skeleton.entities[char].value for char in match.groups())
    return Since(first.start, end=last.end) if first.start < last.start else None


def _read(
    read: Callable[[re.Match[str], datetime], Since | None], now: datetime, match: re.Match[str]
) -> Since | None:
    """昨天以来, 从昨天, 昨天到今天 have no end."""
    found = read(match, now)
    if match.groupdict().get("d3"):
        return found
    said = match.string[match.start() : match.end() + 2]
    return replace(found, end=None) if found and pattern("times.open_end").search(said) else found


def _minutes(match: re.Match[str]) -> int | None:
    number = read_number(match["n"])
    if number is None:
        return None
    halves = 0.5 if match["half"] or match["tail"] or match["monthhalf"] else 0.0
    size = next(minutes for name, minutes in _MINUTES.items() if match[name])
    total = (number + halves) * size
    return math.ceil(round(total, 6)) if 0 < total <= 10 * 525600 else None


def _ago(match: re.Match[str], now: datetime) -> Since:
    length = _minutes(match) or 60
    return Since(now - timedelta(minutes=length), _PERIODS.get(str(length), ""))


def _day(match: re.Match[str], now: datetime) -> Since | None:
    """昨晚, 上周五下午3点, 本月: the start of the named unit, then the day, the part and the clock within it."""
    if match["alone"]:
        name, part, hour = "day_0", match["alone"], match["h2"]
    else:
        found = pattern("times.named").match(match.string, match.start("name"))
        name, part, hour = (found.lastgroup or "") if found else "", match["part"] or "", match["h"]
    unit, back = name.split("_")
    first = _start_of(unit, int(back), now.date())
    weekday = match["weekday"] if unit == "week" else None
    day = first + timedelta(days=_WEEKDAYS[weekday]) if weekday else first
    midnight = datetime.combine(day, time(), now.tzinfo)
    start = _clock(match, day, part, now) if hour else None
    start = start or midnight + timedelta(hours=_PART_HOURS[part[0].lower()] if part else 0)
    length = timedelta(days=1 + (weekday == "末"))
    if weekday and start >= now:
        return Since(
            start - timedelta(days=7), end=None if part or hour else start + length - timedelta(days=7)
        )
    if part and not hour and (start < now or _is_night(part, now)):
        return _part(part[0].lower(), start, now)
    start = start if start < now else min(midnight, now - timedelta(minutes=1))
    if part or hour:
        return Since(start)
    following = int(back) + (1 if unit == "half" else -1)
    after = day + length if weekday or unit == "day" else _start_of(unit, following, now.date())
    end = datetime.combine(after, time(), now.tzinfo) if after <= now.date() else None
    return Since(start, "" if weekday else _PERIODS.get(name, ""), end)


def _is_night(part: str, now: datetime) -> bool:
    """Is it the night that is going on?"""
    return part[:1] in ("晚", "夜") and now.hour < _NIGHT_ENDS


def _part(part: str, start: datetime, now: datetime) -> Since:
    """A part of a day: 昨晚 in the morning reaches to now, 今晚 at one in the morning began yesterday, 今天凌晨 is today."""
    start -= timedelta(days=1) * (start >= now)
    over = start + timedelta(hours=_PART_LASTS[part])
    if over <= now and not (part in "晚夜半后" and now - over < timedelta(hours=6)):
        return Since(start, end=over)
    return Since(
        start, _PERIODS["day_0"] if start == datetime.combine(now.date(), time(), now.tzinfo) else ""
    )


def _between(match: re.Match[str], now: datetime) -> Since | None:
    """昨天下午3点到5点, 2到6点: the day and the part of it carry over; what is not yet is meant of yesterday."""
    first, last = match["first"], match["last"]
    clocked = pattern("times.clock").search(first)
    named = pattern("times.day").match(first[: clocked.start()] if clocked else first.rstrip("0123456789"))
    said = _day(named, now) if named and named["name"] else None
    day = said.start.date() if said else now.date()
    part = _part_of(first) or _part_of(last) * first.isdigit()
    start = _moment(first if clocked else f"{first}点", day, part, now)
    end = _moment(last, day, _part_of(last) or part, now)
    if start is None or end is None:
        return None
    end += timedelta(days=1) * (end <= start)
    back = timedelta(days=1) * (start >= now and said is None)
    return Since(start - back, end=end - back if end - back < now else None)


def _part_of(text: str) -> str:
    found = pattern("times.part").search(text)
    return found.group() if found else ""


def _moment(text: str, day: date, part: str, now: datetime) -> datetime | None:
    """晚上12点 is the end of the day, and 24:00 too."""
    found = pattern("times.clock").search(text)
    at = _clock(found, day, part, now) if found else None
    midnight = at and at.hour == 12 and part[:1] in tuple("晚夜半")
    return at + timedelta(hours=12) if at and midnight else at


def clock_of(text: str, day: datetime) -> datetime | None:
    """The hour that the text tells, on that day: 明早九点以后."""
    found = pattern("times.clock").search(text)
    return _clock(found, day.date(), _part_of(text[: found.start()]), day) if found else None


def _start_of(unit: str, back: int, today: date) -> date:
    """The first day of the unit that began so many units ago; halves count on from this year's first."""
    if unit == "day":
        return today - timedelta(days=back)
    if unit == "week":
        return today - timedelta(days=today.weekday() + 7 * back)
    if unit == "half":
        return date(today.year + back // 2, 1 + 6 * (back % 2), 1)
    length = {"month": 1, "quarter": 3, "year": 12}[unit]
    months = today.year * 12 + (today.month - 1) // length * length - back * length
    return date(months // 12, months % 12 + 1, 1)


def _clock(match: re.Match[str], day: date, part: str, now: datetime) -> datetime | None:
    said = {name.rstrip("2"): value for name, value in match.groupdict().items() if value}
    hour = read_integer(said["h"])
    minute = 30 if "halfpast" in said or "half" in said else int(said.get("m") or said.get("mm") or 0)
    if hour is None or hour > 23 or minute > 59:
        return None
    if hour < 5 and part[:1] in tuple("晚夜"):
        day += timedelta(days=1)  # 昨晚两点 is this morning
    elif hour < 12 and part[:1] in tuple("下傍晚夜"):
        hour += 12
    return datetime.combine(day, time(hour, minute), now.tzinfo)


def _last_clock(match: re.Match[str], now: datetime) -> Since | None:
    """Since 8pm: the last time that it was."""
    part = "下" if match["ap"].lower() == "p" else ""
    at = _clock(match, now.date(), part, now)
    if at is None:
        return None
    return Since(at if at < now else at - timedelta(days=1))


def _dated(match: re.Match[str], now: datetime) -> Since | None:
    said = {name.removesuffix("2"): value for name, value in match.groupdict().items() if value}
    month, day = read_integer(said["mo"]), read_integer(said.get("d", "1"))
    found = _past_date(int(said.get("y", 0)), month or 0, day or 0, now)
    if found is None:
        return None
    if "d" not in said:
        return _month(found, now)
    days = (read_integer(said.get("d3", "")) or day or 0) - (day or 0) + 1
    end = found.start + timedelta(days=max(days, 1))
    return replace(found, end=end if end <= now else None)


def _month(found: Since, now: datetime) -> Since:
    """11月 is the whole of it, by the name that reports have for it."""
    after = datetime.combine(_start_of("month", -1, found.start.date()), time(), now.tzinfo)
    names = {_start_of("month", back, now.date()): f"month_{back}" for back in (0, 1)}
    name = names.get(found.start.date(), "")
    return Since(found.start, _PERIODS.get(name, ""), after if after <= now else None)


def _past_date(year: int, month: int, day: int, now: datetime) -> Since | None:
    """The last such day that has begun; without a year that of this year or of the last."""
    try:
        found = date(year or now.year, month, day)
        found = found.replace(year=now.year - 1) if not year and found > now.date() else found
    except ValueError:
        return None
    return _past(datetime.combine(found, time(), now.tzinfo), now)


def _past(start: datetime | None, now: datetime) -> Since | None:
    return Since(start) if start and start < now else None


def _day_of_month(match: re.Match[str], now: datetime) -> Since | None:
    day = read_integer(match["d"])
    first = _start_of("month", int((day or 0) > now.day), now.date())
    try:
        start = datetime.combine(first.replace(day=day or 0), time(), now.tzinfo)
    except ValueError:
        return None
    return Since(start, end=start + timedelta(days=1) if match["only"] else None)
