"""An end that was said, in minutes from now: 到明天早上, 到周五, 到12月31日, 到下班, 到18点."""

import re
from datetime import datetime, timedelta
from typing import Final

from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.words import pattern

_HOURS: Final = dict(zip("凌早上中下晚夜", (6, 9, 12, 12, 18, 20, 23), strict=True))
_DAYS: Final = {"今": 0, "明": 1, "后": 2, "大": 3}
_WEEK: Final = "一二三四五六日"
_MORNING, _EVENING = 9, 18  # the hours of a day that is only named: 到明天, 到周五


def read_until(text: str, now: datetime) -> int | None:
    """Minutes from ``now``, which is aware; None without an end that lies ahead. 到下班 is six in the evening."""
    found = pattern("times.until").search(text)
    day = _day(found, now) if found else None
    if found is None or day is None:
        return None
    end = day.replace(hour=_hour(found), minute=30 if found["half"] else 0, second=0, microsecond=0)
    if end <= now and not (found["day"] or found["month"]):
        end += timedelta(days=7 if found["week"] else 1)
    minutes = int((end - now).total_seconds() // 60)
    return minutes if minutes > 0 else None


def _hour(found: re.Match[str]) -> int:
    part = (found["part"] or (found["day"] or "")[1:].strip("天后") or found["late"] or "")[:1]  # 今晚10点
    said = read_integer(found["hour"] or "")
    if said is None:
        return _HOURS.get(part, _MORNING if found["day"] else _EVENING)
    return min(said + 12 * (said < 12 and part in ("下", "晚", "夜")), 23)


def _day(found: re.Match[str], now: datetime) -> datetime | None:
    """The day that was said; today if only an hour was."""
    if found["day"]:
        return now + timedelta(days=_DAYS[found["day"][0]])
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
