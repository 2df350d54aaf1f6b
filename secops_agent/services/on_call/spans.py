"""Spans of time as people write them: 今天, 今晚, 下周, 本月, 12.8, 周三, 2026-11-27, 2026-11-27 20:00, 2026-11-27/2026-11-30."""

import re
from datetime import date, datetime, timedelta
from typing import Final

from bifang.core.errors import InvalidInput
from secops_agent.services.on_call.shifts import LONGEST, ZONE

Span = tuple[datetime, datetime]
_DAYS: Final = {
    "昨天": -1,
    "今天": 0,
    "今日": 0,
    "明天": 1,
    "明日": 1,
    "后天": 2,
    "大后天": 3,
}
_NIGHTS: Final = {"今晚": 0, "今夜": 0, "明晚": 1, "后天晚上": 2}
_DUSK, _DAWN = timedelta(hours=18), timedelta(hours=6)
_MONTHS: Final = {"本月": 0, "这个月": 0, "下月": 1, "下个月": 1}
_WEEKS: Final = {"上周": -1, "本周": 0, "这周": 0, "这星期": 0, "下周": 1, "下星期": 1, "下下周": 2}
_WEEKDAY: Final = re.compile(r"(上|本|这|下下|下)?(?:周|星期|礼拜)([一二三四五六日天])")
_DATE: Final = re.compile(r"(?:(\d{1,2})\s*[月./]\s*)?(\d{1,2})\s*[日号]|(\d{1,2})[./-](\d{1,2})")
_BETWEEN: Final = re.compile(r"\s*(?:和|与|跟|、|,|，|及)\s*")
_NUMBERS: Final = {word: number for number, word in enumerate("一二三四五六日")} | {"天": 6}
FARTHEST: Final = timedelta(days=20 * 366)  # from now; beyond, it was a slip, and the calendar ends somewhere
HELP: Final = "请写 今天、明天、下周、周三、11月27日、2026-11-27、2026-11-27 20:00 或 2026-11-27/2026-11-30。"


def read_span(text: str, now: datetime) -> Span:
    """[start, end) of what is meant, in Asia/Shanghai; a moment is a minute. Raises InvalidInput."""
    try:
        start, end = _span(text.strip(), now.astimezone(ZONE))
        near = abs(start - now) < FARTHEST
    except OverflowError:
        near = False
    if not near:
        raise InvalidInput(f"时间「{text[:30]}」离现在太远。{HELP}")
    if end - start > LONGEST:
        raise InvalidInput(f"时间「{text[:30]}」太长，最多 {LONGEST.days} 天。{HELP}")
    return start, end


def _span(words: str, local: datetime) -> Span:
    if words in ("", "现在", "当前", "目前", "now"):
        return _minute(local)
    if words in _DAYS:
        return _day(local.date() + timedelta(days=_DAYS[words]))
    if words in _WEEKS:
        return _week(local.date() + timedelta(weeks=_WEEKS[words]))
    if match := _WEEKDAY.fullmatch(words):
        return _day(_weekday(match[1] or "", _NUMBERS[match[2]], local.date()))
    if words in _NIGHTS:
        day = _day(local.date() + timedelta(days=_NIGHTS[words]))[0]
        return day + _DUSK, day + timedelta(days=1) + _DAWN
    if words in _MONTHS:
        return _month(local.year, local.month + _MONTHS[words])
    if match := _DATE.fullmatch(words):
        return _day(_date(int(match[1] or match[3] or 0), int(match[2] or match[4]), local.date()))
    return _written(words)


def read_days(text: str, now: datetime) -> list[date]:
    """The days of one or several of these: 周三, 周三和周五, 下周. Raises InvalidInput."""
    spans = [read_span(words, now) for words in _BETWEEN.split(text.strip()) if words]
    return [
        day for start, end in spans for n in range(max((end - start).days, 1)) if (day := start.date() + timedelta(n))
    ]  # fmt: skip


def _date(month: int, number: int, today: date) -> date:
    """The next such day: this year's or the next one's, this month's or the next one's. Raises InvalidInput."""
    try:
        day = date(today.year, month or today.month, number)
        if day >= today:
            return day
        if month:
            return day.replace(year=today.year + 1)
        return day.replace(year=today.year + today.month // 12, month=today.month % 12 + 1)
    except ValueError:
        raise InvalidInput(f"没有这一天。{HELP}") from None


def _weekday(week: str, number: int, today: date) -> date:
    """周三 is the next one that is not past; 下周三 that of the next week."""
    monday = today - timedelta(days=today.weekday())
    day = monday + timedelta(days=number, weeks={"上": -1, "下": 1, "下下": 2}.get(week, 0))
    return day + timedelta(weeks=1) if not week and day < today else day


def _written(words: str) -> Span:
    try:
        if "/" in words:
            first, _, last = words.partition("/")
            return _day(date.fromisoformat(first.strip()))[0], _day(date.fromisoformat(last.strip()))[1]
        if len(words) == len("2026-11-27"):
            return _day(date.fromisoformat(words))
        at = datetime.fromisoformat(words)
    except ValueError:
        raise InvalidInput(f"看不懂时间「{words[:30]}」。{HELP}") from None
    return _minute(at.replace(tzinfo=ZONE) if at.tzinfo is None else at.astimezone(ZONE))


def _minute(at: datetime) -> Span:
    return at, at + timedelta(minutes=1)


def _day(day: date) -> Span:
    start = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return start, start + timedelta(days=1)


def _month(year: int, month: int) -> Span:
    """That month; the thirteenth is the first of the next year."""
    first = [datetime(year + (n - 1) // 12, (n - 1) % 12 + 1, 1, tzinfo=ZONE) for n in (month, month + 1)]
    return first[0], first[1]


def _week(day: date) -> Span:
    start = _day(day - timedelta(days=day.weekday()))[0]
    return start, start + timedelta(weeks=1)
