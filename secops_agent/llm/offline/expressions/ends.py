"""A moment ahead, as an end or a beginning: 到明天早上, 到周五, 到12月31日, 到下班, 明早6点, 周三前."""

import math
import re
from datetime import datetime, timedelta
from typing import Final

from secops_agent.llm.offline.words import pattern

from .moments import read_moment
from .numerals import read_integer

_HOURS: Final = {"凌": 6, "早": 9, "上": 12, "中": 12, "晚": 20, "夜": 23}
_DAYS: Final = {"今": 0, "明": 1, "后": 2, "大": 3}
_EARLY: Final = 5  # before this hour 明早 is the morning that comes
_MORNING, _EVENING = 9, 18  # the hours of a day that is only named: 到明天, 到周五


def read_until(text: str, now: datetime) -> int | None:
    """Minutes from ``now``, which is aware, rounded up; None without an end that lies ahead. 到下班 is six in the evening."""
    for border in pattern("times.until_from").finditer(text):
        said = re.sub(
            "(?<=[班会饭工])(?:之|以)?前", "", text[border.end() :].lstrip()
        )  # 下班前 ends when work does
        if found := read_moment(said, 0, now):
            end = found.at if found.timed else found.at.replace(hour=_last_hour(said[: found.end]))
            if said.startswith("明早") and now.hour < _EARLY:
                end -= timedelta(days=1)
            minutes = math.ceil((end - now).total_seconds() / 60)
            return minutes if minutes > 0 else None
    return None


def _last_hour(said: str) -> int:
    """Until when a day, or a part of one, is meant whose hour is not said."""
    part = next((char for char in said if char in _HOURS), "")
    return _HOURS.get(part, _MORNING if said[:1] in ("今", "明", "后", "大") else _EVENING)


def moment_in(minutes: int, now: datetime) -> datetime:
    """The whole minute that these minutes, which were rounded up, reach."""
    return (now + timedelta(minutes=minutes)).replace(second=0, microsecond=0)


def find_window(text: str, now: datetime) -> tuple[datetime, int, str] | None:
    """今晚12点到4点, 14点到16点: when a span ahead begins, how many minutes it lasts, and its words."""
    found = pattern("times.window").search(text)
    first, last = (read_integer(found[name]) if found else None for name in ("first", "last"))
    if found is None or first is None or last is None or max(first, last) > 24:
        return None
    night = re.search("晚|夜|凌晨", text[: found.end()]) is not None
    late = first < 12 and ((night and first >= 6) or "下午" in text)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = next(
        (days for word, days in _DAYS.items() if re.search(f"{word}[天早晚夜]", text[: found.end("first")])),
        0,
    )
    start = day + timedelta(
        days=ahead,
        hours=first + 12 * late + (24 if night and first < 6 else 12 if night and first == 12 else 0),
    )
    start += timedelta(days=start <= now)
    end = start.replace(hour=0) + timedelta(hours=last)
    end += timedelta(hours=12 * (end <= start and last < 12 and late and not found["next"]))
    end += timedelta(days=end <= start)
    return start, int((end - start).total_seconds() // 60), found[0]
