"""A moment ahead, as an end or a beginning: 到明天早上, 到周五, 到12月31日, 到下班, 明早6点, 周三前."""

import math
import re
from datetime import datetime, timedelta
from typing import Final

from secops_agent.llm.offline.words import pattern

from .moments import read_moment

_HOURS: Final = {"凌": 6, "早": 9, "上": 12, "中": 12, "晚": 20, "夜": 23}
_EARLY: Final = 5  # before this hour 明早 is the morning that comes
_LONGEST: Final = 16  # characters of a moment
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
    for border in re.finditer(r"\s*(?:到|至|[-~—]+)\s*", text):
        firsts = (
            read_moment(text, place, now)
            for place in range(max(0, border.start() - _LONGEST), border.start())
        )
        first = next((one for one in firsts if one and one.timed and one.end == border.start()), None)
        if first is None or first.at <= now:
            continue
        noon = first.at.hour == 12 and re.search("[晚夜]", text[: first.end])  # 今晚割接，12点到4点
        start = first.at + timedelta(hours=12) if noon else first.at
        last = read_moment(text, border.end(), start)
        if last and last.timed:
            return start, int((last.at - start).total_seconds() // 60), text[first.start : last.end]
    return None
