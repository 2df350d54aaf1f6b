"""Recurring times to a five-field cron expression in local time (Asia/Shanghai): 每天早上9点 → ``0 9 * * *``."""

import re
from dataclasses import dataclass

from .numerals import INTEGER, read_integer
from .patterns import Pattern

_PART = r"凌晨|清晨|清早|早上|早晨|早间|上午|中午|正午|下午|傍晚|晚上|晚间|夜里|夜间|早|晚"
_DEFAULT_HOURS = {
    "凌": 1,
    "清": 7,
    "早": 9,
    "上": 10,
    "中": 12,
    "正": 12,
    "下": 15,
    "傍": 18,
    "晚": 20,
    "夜": 22,
}
_CLOCK = rf"(?P<part{{i}}>{_PART})?\s*(?:的)?\s*(?P<h{{i}}>\d{{1,2}}|[零一二两三四五六七八九十]{{1,3}})\s*(?:[点时](?:钟|整)?(?:(?P<half{{i}}>半)|(?P<quarter{{i}}>一刻|三刻)|(?P<m{{i}}>\d{{1,2}}|[零一二三四五六七八九十]{{1,3}})分?)?|:(?P<mm{{i}}>\d{{2}}))(?:\s*(?P<ap{{i}}>[ap])m(?![a-z]))?"
_TIME = rf"(?:{_CLOCK.replace('{i}', '')}(?:\s*(?:和|、|,|，|与|及)\s*{_CLOCK.replace('{i}', '2')})?|(?P<only>{_PART}))"
_BEFORE_CLOCK = r"(?:上班|下班|晨会|早会|开会|午饭|收工|交班|接班|换班)(?:前|时|后)?\s*(?=(?:\d{1,2}|[零一二两三四五六七八九十]{1,3})\s*[点时:])"
_DAY = r"[一二三四五六日天末]"
_WEEKDAYS = rf"(?P<days>(?:{_DAY}|[1-7](?![\d:点时]))(?:\s*(?:、|,|，|和|与|到|至|-)?\s*(?:周|星期)?{_DAY})*)"
_WHEN = (
    rf"(?:(?P<daily>每天|每日|天天|每一天|每个?(?=早上|晚上|上午|下午|中午|凌晨|早|晚))|(?P<work>每?个?(?:工作日|上班日)(?:每天)?)|(?P<weekend>每?个?周末)|(?:每?个?|每?逢)(?:周|星期|礼拜){_WEEKDAYS}|"
    rf"(?P<weekly>每周|每星期|每个星期)|(?:每个?月)(?:的)?\s*(?P<dom>{INTEGER}|初)?\s*(?:日|号)?)\s*(?:的|,|，)?\s*(?:{_BEFORE_CLOCK})?(?:{_TIME})?"
)
_EVERY = r"每(?:隔|过)?\s*(?P<n>\d{1,2}|[一二两三四五六七八九十]{1,3}|半)?\s*个?(?P<unit>小时|钟头|分钟)"
_PATTERN = Pattern(rf"(?:{_EVERY}|{_WHEN})(?:整|准时|定时)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """``cron``, where the expression ends in the text that was searched, and whether it tells the time of the day."""

    cron: str
    end: int
    timed: bool


def read_recurrence(text: str) -> Recurrence | None:
    """The recurrence at the start of the text, or None."""
    match = _PATTERN.match(text)
    if not match:
        return None
    cron = _every(match) if match["unit"] else _when(match)
    timed = bool(match["unit"] or match["h"] or match["only"])
    return Recurrence(cron, match.end(), timed) if cron else None


def _every(match: re.Match[str]) -> str:
    if match["n"] == "半":
        return "*/30 * * * *" if match["unit"] != "分钟" else ""
    number = read_integer(match["n"] or "1") or 0
    if match["unit"] == "分钟":
        return f"*/{number} * * * *" if 5 <= number <= 30 else ""
    return "0 * * * *" if number == 1 else f"0 */{number} * * *" if 1 < number <= 12 else ""


def _when(match: re.Match[str]) -> str:
    clock = _clocks(match)
    if not clock:
        return ""
    if match["daily"]:
        return f"{clock} * * *"
    if match["work"]:
        return f"{clock} * * 1-5"
    if match["weekend"]:
        return f"{clock} * * 0,6"
    if match["days"] or match["weekly"]:
        days = _weekdays(match["days"] or "一")
        return f"{clock} * * {days}" if days and (match.group()[0] in "每逢" or "-" in days) else ""
    day = 1 if match["dom"] in (None, "初") else read_integer(match["dom"])
    return f"{clock} {day} * *" if day and 1 <= day <= 31 else ""


def _clocks(match: re.Match[str]) -> str:
    """``minute hour`` of one or two times; the part of the day gives a default hour."""
    if not match["h"]:
        return f"0 {_DEFAULT_HOURS[match['only'][0]] if match['only'] else 9}"
    first = _clock(match, "")
    second = _clock(match, "2") if match["h2"] else None
    if first is None or (match["h2"] and (second is None or second[1] != first[1])):
        return ""
    return f"{first[1]} {first[0]},{second[0]}" if second else f"{first[1]} {first[0]}"


def _clock(match: re.Match[str], suffix: str) -> tuple[int, int] | None:
    hour = read_integer(match[f"h{suffix}"])
    minutes = match[f"m{suffix}"] or match[f"mm{suffix}"] or "0"
    minute = (
        30
        if match[f"half{suffix}"]
        else {"一刻": 15, "三刻": 45}.get(match[f"quarter{suffix}"] or "", read_integer(minutes))
    )
    if hour is None or minute is None or hour > 24 or minute > 59:
        return None
    part = (match[f"part{suffix}"] or match["part"] or "")[:1]
    if (hour < 12 and part in ("下", "傍", "晚", "夜")) or (part in ("中", "正") and hour < 3):
        hour += 12
    half = (match[f"ap{suffix}"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0) if 1 <= hour <= 12 else hour
    return hour % 24, minute


def _weekdays(text: str) -> str:
    numbers = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 0, "天": 0}
    numbers |= {str(day): day % 7 for day in range(1, 8)}
    bare = re.sub(r"周(?!末)|星期|礼拜|\s", "", text)
    if "末" in bare:
        return "0,6"
    span = re.fullmatch(rf"({_DAY})[到至-]({_DAY})", bare)
    if span:
        first, final = numbers[span[1]], numbers[span[2]] or 7
        return f"{first}-{final}" if 0 < first < final <= 6 else "*" if (first, final) == (1, 7) else ""
    days = sorted({numbers[char] for char in bare if char in numbers})
    return ",".join(map(str, days))
