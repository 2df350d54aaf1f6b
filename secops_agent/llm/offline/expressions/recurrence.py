"""Recurring times to a five-field cron expression in local time (Asia/Shanghai): 每天早上9点 → ``0 9 * * *``."""

import re
from dataclasses import dataclass

from secops_agent.llm.offline.words import pattern

from .numerals import read_integer

# The hour that a part of the day means by itself, by its first character.
_DEFAULT_HOURS = dict(zip("凌清早上中正下傍晚夜", (1, 7, 9, 10, 12, 12, 15, 18, 20, 22), strict=True))
_WEEKDAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 0, "天": 0}
_WEEKDAYS |= {str(day): day % 7 for day in range(1, 8)}
_FIXED_DAYS = {"daily": "* * *", "work": "* * 1-5", "weekend": "* * 0,6", "weekly": "* * 1"}


@dataclass(frozen=True, slots=True)
class Recurrence:
    """``cron``, where the expression ends in the text that was searched, and whether it tells the time of the day."""

    cron: str
    end: int
    timed: bool


def read_recurrence(text: str) -> Recurrence | None:
    """The recurrence at the start of the text, or None."""
    match = pattern("times.recurs").match(text)
    if not match:
        return None
    if match["interval"]:
        cron = _every(match)
        return Recurrence(cron, match.end(), timed=True) if cron else None
    times, end, timed = _clocks(text, match.end())
    days = _days(match)
    return Recurrence(f"{times} {days}", end, timed) if times and days else None


def _every(match: re.Match[str]) -> str:
    number = 30 if match["n"] == "半" else read_integer(match["n"] or "1") or 0
    if (match["unit"] == "分钟") != (match["n"] == "半"):
        return f"*/{number} * * * *" if 5 <= number <= 30 else ""
    return "0 * * * *" if number == 1 else f"0 */{number} * * *" if 1 < number <= 12 else ""


def _days(match: re.Match[str]) -> str:
    if match["days"]:
        days = _weekdays(match["days"])
        return f"* * {days}" if days and (match["days"][0] in "每逢" or "-" in days) else ""
    if match["monthly"]:
        day = 1 if match["dom"] in (None, "初") else read_integer(match["dom"])
        return f"{day} * *" if day and 1 <= day <= 31 else ""
    return next(days for name, days in _FIXED_DAYS.items() if match[name])


def _weekdays(text: str) -> str:
    bare = re.sub(r"每|逢|个|周(?!末)|星期|礼拜|\s", "", text)
    if "末" in bare:
        return "0,6"
    span = re.fullmatch(r"(\S)[到至-](\S)", bare)
    if span:
        first, final = _WEEKDAYS[span[1]], _WEEKDAYS[span[2]] or 7
        return f"{first}-{final}" if 0 < first < final <= 6 else "*" if (first, final) == (1, 7) else ""
    return ",".join(map(str, sorted({_WEEKDAYS[char] for char in bare if char in _WEEKDAYS})))


def _clocks(text: str, at: int) -> tuple[str, int, bool]:
    """``minute hour`` of one time or of two at the same minute, where it ends, and whether it was said."""
    gap, spoken = pattern("times.before_clock").match(text, at), pattern("times.clock_time")
    start = gap.end() if gap else at
    first = spoken.match(text, start)
    if not first:
        part = pattern("times.daytime").match(text, start)
        return f"0 {_DEFAULT_HOURS[part[0][0]] if part else 9}", part.end() if part else at, bool(part)
    joint = pattern("times.and").match(text, first.end())
    second = spoken.match(text, joint.end()) if joint else None
    late = gap is not None and re.search("下班|收工", gap[0])  # 下班前 5点半
    earlier = first["part"] or ("下午" if late else "")
    found = [_clock(match, earlier) for match in (first, second) if match]
    end = (second or first).end()
    sharp = pattern("times.sharp").match(text, end)
    if None in found or len({time[1] for time in found if time}) > 1:
        return "", end, True
    hours = ",".join(str(time[0]) for time in found if time)
    return f"{found[0][1] if found[0] else 0} {hours}", sharp.end() if sharp else end, True


def _clock(match: re.Match[str], earlier: str) -> tuple[int, int] | None:
    hour = read_integer(match["h"])
    quarters = {"一刻": 15, "三刻": 45}.get(match["quarter"] or "")
    minute = 30 if match["half"] else quarters or read_integer(match["m"] or match["mm"] or "0")
    if hour is None or minute is None or hour > 24 or minute > 59:
        return None
    part = (match["part"] or earlier)[:1]
    if hour == 12 and part in tuple("晚夜"):
        hour = 24  # the end of the day
    if (hour < 12 and part in tuple("下傍晚夜")) or (hour < 3 and part in tuple("中正")):
        hour += 12
    half = (match["ap"] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour % 24, minute


def on_workdays(after: str, cron: str) -> tuple[str, str]:
    """每天9点发日报，工作日就行: what stands behind the time without that, and the cron line of these days."""
    pieces = re.split(r"[,，;；。!！?？\s]+", after)
    kept = [one for one in pieces if not pattern("telling.change.workdays").fullmatch(one)]
    if len(kept) == len(pieces) or not cron.endswith(" * * *"):
        return after, cron
    return " ".join(kept), cron.removesuffix("*") + "1-5"
