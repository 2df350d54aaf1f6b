"""A moment ahead, as an end or a beginning: 到明天早上, 到周五, 到12月31日, 到下班, 明早6点, 周三前."""

import math
import re
from datetime import datetime, timedelta
from typing import Final

from secops_agent.llm.offline.words import pattern

from .numerals import read_integer

_HOURS: Final = dict(zip("凌早上中下晚夜", (6, 9, 12, 12, 18, 20, 23), strict=True))
_DAYS: Final = {"今": 0, "明": 1, "后": 2, "大": 3}
_WEEK: Final = "一二三四五六日"
_EARLY: Final = 5  # 今晚2点 is before this hour of the next day
_MORNING, _EVENING = 9, 18  # the hours of a day that is only named: 到明天, 到周五


def read_until(text: str, now: datetime) -> int | None:
    """Minutes from ``now``, which is aware, rounded up; None without an end that lies ahead. 到下班 is six in the evening."""
    found = pattern("times.until").search(text)
    day = _day(found, now) if found else None
    if found is None or day is None:
        return None
    end = day.replace(hour=0, minute=30 if found["half"] else 0, second=0, microsecond=0)
    end += timedelta(hours=_hour(found))
    if end <= now and not (found["day"] or found["month"]):
        end += timedelta(days=7 if found["week"] else 1)
    minutes = math.ceil((end - now).total_seconds() / 60)
    return minutes if minutes > 0 else None


def moment_in(minutes: int, now: datetime) -> datetime:
    """The whole minute that these minutes, which were rounded up, reach."""
    return (now + timedelta(minutes=minutes)).replace(second=0, microsecond=0)


def find_ahead(text: str, now: datetime) -> tuple[datetime, str, str] | None:
    """The first moment ahead that the text tells by a clock or a part of a day, with what stands before and behind it."""
    for at in range(len(text)):
        found = pattern("times.until").match(f"到{text[at:]}")
        clear = found and (found["hour"] or found["part"] or found["late"])
        if found and clear and (minutes := read_until(found[0], now)):
            return moment_in(minutes, now), text[:at], text[at + found.end() - 1 :]
    return None


def find_window(text: str, now: datetime) -> tuple[datetime, int, str] | None:
    """今晚12点到4点, 14点到16点: when a span ahead begins, how many minutes it lasts, and its words."""
    found = pattern("times.window").search(text)
    first, last = (read_integer(found[name]) if found else None for name in ("first", "last"))
    if found is None or first is None or last is None or max(first, last) > 24:
        return None
    night = re.search("晚|夜|凌晨", text[: found.end()]) is not None
    late = first < 12 and ((night and first >= 6) or "下午" in text)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = next((days for word, days in _DAYS.items() if re.search(f"{word}[天早晚夜]", text)), 0)
    start = day + timedelta(
        days=ahead,
        hours=first + 12 * late + (24 if night and first < 6 else 12 if night and first == 12 else 0),
    )
    start += timedelta(days=start <= now)
    end = start.replace(hour=0) + timedelta(hours=last)
    end += timedelta(hours=12 * (end <= start and last < 12 and late and not found["next"]))
    end += timedelta(days=end <= start)
    return start, int((end - start).total_seconds() // 60), found[0]


def _hour(found: re.Match[str]) -> int:
    """The hours from the beginning of the day: 24 and more for 今晚12点 and 今晚2点."""
    part = (found["part"] or (found["day"] or "")[1:].strip("天后") or found["late"] or "")[:1]  # 今晚10点
    said = read_integer(found["hour"] or "")
    if said is None:
        return _HOURS.get(part, _MORNING if found["day"] else _EVENING)
    if part in ("晚", "夜") and (said == 12 or said < _EARLY):
        return 24 + said % 12
    if part == "凌":
        return said % 12
    return min(said + 12 * (said < 12 and part in ("下", "晚", "夜")), 24)


def _day(found: re.Match[str], now: datetime) -> datetime | None:
    """The day that was said; today if only an hour was."""
    if found["day"]:
        at_night = (
            found["day"] == "明早" and now.hour < _EARLY
        )  # the one that comes: the night is not over yet
        return now + timedelta(days=_DAYS[found["day"][0]] - at_night)
    if found["week"]:
        wanted = _WEEK.index(found["week"].replace("天", "日").replace("末", "六"))
        ahead = (wanted - now.weekday()) % 7 if not found["next"] else wanted - now.weekday() + 7
        return now + timedelta(days=ahead)
    if found["end"]:
        first = (now.replace(day=28, month=12 if found["end"][0] == "年" else now.month)) + timedelta(days=4)
        return first.replace(day=1) - timedelta(days=1)
    if found["month"]:
        return _date(now, int(found["month"]), int(found["dom"]))
    return now if found["hour"] or found["part"] or found["late"] else None


def _date(now: datetime, month: int, day: int) -> datetime | None:
    try:
        said = now.replace(month=month, day=day)
        return said if said.date() >= now.date() else said.replace(year=now.year + 1)
    except ValueError:
        return None
