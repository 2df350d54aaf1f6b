"""Time expressions to a start time: durations (两小时, last 24h), days, weekdays, months, dates, clocks.

A range is expressed by its start alone, because the tools take ``since_hours``.
"""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .numerals import read_integer, read_number
from .skeletons import Kind, Skeleton
from .words import pattern

# Minutes of a unit, by the name of its group.
_MINUTES = {"minute": 1, "quarterhour": 15, "hour": 60, "day": 1440, "week": 10080, "month": 43200}
_MINUTES |= {"quarter": 129600, "year": 525600}
# The first character of a part of the day: when it begins.
_PART_HOURS = dict(zip("凌半午入后大一清早晨上中下傍晚夜", (0, 0, 12, 18, 0, 6, 6, 6, 6, 6, 6, 11, 12, 17, 18, 18), strict=True))
_DAYS = {"大前": 3, "前": 2, "昨": 1, "今": 0, "当": 0, "本": 0}
_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6, "末": 5}
_FEASTS = {"元旦": (1, 1), "五一": (5, 1), "国庆": (10, 1), "双十一": (11, 11), "双11": (11, 11)}
_ENGLISH_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Since:
    """A start; ``period`` is the name that reports use when the expression is exactly such a period."""

    start: datetime
    period: str = ""

    def hours(self, now: datetime) -> int:
        """Whole hours back from ``now``, rounded up, at least one."""
        return max(1, math.ceil(round((now - self.start).total_seconds() / 3600, 4)))


def take_times(skeleton: Skeleton, now: datetime) -> None:
    """Mark every time range (``Since``) and every bare duration (minutes; 0 is for ever)."""

    def since(match: re.Match[str]) -> Since:
        return _ago(_minutes(match), now)

    skeleton.take(Kind.TIME, pattern("times.date"), lambda m: _dated(m, now))
    skeleton.take(Kind.TIME, pattern("times.day_of_month"), lambda m: _day_of_month(m, now))
    skeleton.take(Kind.TIME, pattern("times.within"), since)
    skeleton.take(Kind.TIME, pattern("times.ago"), since)
    skeleton.take(Kind.TIME, pattern("times.span"), lambda m: _named_span(m, now))
    skeleton.take(Kind.TIME, pattern("times.week"), lambda m: _week(m, now))
    skeleton.take(Kind.TIME, pattern("times.month"), lambda m: _month(m, now))
    skeleton.take(Kind.TIME, pattern("times.day"), lambda m: _day(m, now))
    skeleton.take(Kind.TIME, pattern("times.at"), lambda m: _past(_clock(m, now.date(), now), now))
    skeleton.take(Kind.TIME, pattern("times.now"), lambda _: Since(now - timedelta(hours=1)))
    skeleton.take(Kind.TIME, pattern("times.english"), lambda m: _english(m, now))
    skeleton.take(Kind.DURATION, pattern("times.bare"), _minutes)
    skeleton.take(Kind.DURATION, pattern("times.permanent"), lambda _: 0)


def _ago(minutes: int | None, now: datetime) -> Since:
    """A span of exactly a day, a week or a month also has a report's name."""
    names = {1440: "today", 10080: "this_week", 43200: "this_month"}
    length = minutes or 60
    return Since(now - timedelta(minutes=length), names.get(length, ""))


def _minutes(match: re.Match[str]) -> int | None:
    number = read_number(match["n"])
    if number is None:
        return None
    halves = 0.5 if match["half"] or match["tail"] or match["monthhalf"] else 0.0
    size = next(minutes for name, minutes in _MINUTES.items() if match[name])
    total = (number + halves) * size
    return math.ceil(total) if 0 < total <= 10 * 525600 else None


def _midnight(day: date, now: datetime) -> datetime:
    return datetime.combine(day, time(), now.tzinfo)


def _past(start: datetime | None, now: datetime, period: str = "") -> Since | None:
    return Since(start, period) if start is not None and start < now else None


def _clock(match: re.Match[str], day: date, now: datetime) -> datetime | None:
    hour = read_integer(match["h"])
    minute = 30 if match["halfpast"] else int(match["m"] or match["mm"] or 0)
    if hour is None or hour > 23 or minute > 59:
        return None
    part = match["part"] or ""
    if hour < 12 and part[:1] in ("下", "傍", "晚", "夜"):
        hour += 12
    return datetime.combine(day, time(hour, minute), now.tzinfo)


def _day(match: re.Match[str], now: datetime) -> Since | None:
    ago, part = match["ago"], match["part"] or match["alone"]
    if not _is_day(match.group(), ago, part):
        return None
    day = now.date() - timedelta(days=_DAYS[ago or "今"])
    midnight = _midnight(day, now)
    if match["h"]:
        return _past(_clock(match, day, now), now)
    if part:
        start = midnight + timedelta(hours=_PART_HOURS[part[0]])
        return _past(start, now) or _past(midnight, now)
    period = {"今": "today", "当": "today", "本": "today", "昨": "yesterday"}.get(ago, "")
    return Since(min(midnight, now - timedelta(minutes=1)), period)


def _is_day(text: str, ago: str | None, part: str | None) -> bool:
    """前, 今, 当 alone are no days: they need 天, 日 or (昨, 今 only) a part of the day."""
    if ago is None or re.search(r"[前昨今当本](?:天|日|儿)|[今昨]个", text):
        return True
    return ago in ("昨", "今") and part is not None


def _named(name: str, now: datetime) -> Since:
    today = _midnight(now.date(), now)
    monday = today - timedelta(days=now.weekday())
    first = today.replace(day=1)
    starts = {
        "today": today,
        "yesterday": today - timedelta(days=1),
        "this_week": monday,
        "last_week": monday - timedelta(days=7),
        "this_month": first,
        "last_month": (first - timedelta(days=1)).replace(day=1),
    }
    return Since(min(starts[name], now - timedelta(minutes=1)), name)


def _english(match: re.Match[str], now: datetime) -> Since | None:
    if match["w"]:
        return _named(match["w"].lower().replace(" ", "_"), now)
    if match["past"]:
        return _ago({"day": 1440, "week": 10080, "month": 43200}[match["past"].lower()], now)
    today = _midnight(now.date(), now)
    if match["half"]:
        hours = 6 if match["half"].lower() == "this morning" else -6
        return _past(today + timedelta(hours=hours), now)
    back = (now.weekday() - _ENGLISH_DAYS.index(match["weekday"].lower())) % 7
    return Since(today - timedelta(days=back))


def _week(match: re.Match[str], now: datetime) -> Since | None:
    which, weekday = match["which"] or "", match["day"]
    if not which and not weekday:
        return None
    back = 2 if which.startswith("上上") else int(which.startswith("上"))
    monday = _midnight(now.date() - timedelta(days=now.weekday() + 7 * back), now)
    if weekday:
        start = _within_day(match, monday + timedelta(days=_WEEKDAYS[weekday]), now)
        return Since(start if start < now else start - timedelta(days=7))
    return Since(monday, {0: "this_week", 1: "last_week"}.get(back, ""))


def _within_day(match: re.Match[str], midnight: datetime, now: datetime) -> datetime:
    """周六, 周六晚上, 周六晚上九点: when it began."""
    if match["h"]:
        return _clock(match, midnight.date(), now) or midnight
    return midnight + timedelta(hours=_PART_HOURS[match["part"][0]] if match["part"] else 0)


def _month(match: re.Match[str], now: datetime) -> Since | None:
    which = match["which"] or ""
    first = _midnight(now.date().replace(day=1), now)
    if match["number"]:
        return _dated_in_past(None, match["number"], "1", now)
    for _ in range(2 if which.startswith("上上") else int(which.startswith("上"))):
        first = (first - timedelta(days=1)).replace(day=1)
    period = "" if which.startswith("上上") else "last_month" if which.startswith("上") else "this_month"
    return Since(first, period)


def _dated(match: re.Match[str], now: datetime) -> Since | None:
    year, month, day = match["y"] or match["y2"], match["mo"] or match["mo2"], match["d"] or match["d2"]
    return _dated_in_past(year, month, day, now)


def _dated_in_past(year: str | None, month: str, day: str, now: datetime) -> Since | None:
    numbers = read_integer(month), read_integer(day)
    if numbers[0] is None or numbers[1] is None:
        return None
    try:
        found = date(int(year or now.year), numbers[0], numbers[1])
        if not year and found > now.date():
            found = found.replace(year=now.year - 1)
    except ValueError:
        return None
    return _past(_midnight(found, now), now)


def _day_of_month(match: re.Match[str], now: datetime) -> Since | None:
    day = read_integer(match["d"])
    if day is None or not 1 <= day <= 28:
        return None
    found = now.date().replace(day=day)
    if found > now.date():
        found = (found.replace(day=1) - timedelta(days=1)).replace(day=day)
    return _past(_midnight(found, now), now)


def _named_span(match: re.Match[str], now: datetime) -> Since | None:
    if match["feast"]:
        month, day = _FEASTS[match["feast"]]
        return _dated_in_past(None, str(month), str(day), now)
    if match["half"]:
        return _dated_in_past(None, "1" if match["half"].startswith("上") else "7", "1", now)
    if match["year"]:
        year = now.year - int(match["year"] == "去年")
        return Since(_midnight(date(year, 1, 1), now))
    first = now.date().replace(month=(now.month - 1) // 3 * 3 + 1, day=1)
    if match["quarter"].startswith("上"):
        before = first - timedelta(days=1)
        first = before.replace(month=(before.month - 1) // 3 * 3 + 1, day=1)
    return Since(_midnight(first, now))
