"""Time expressions to a start time: durations (两小时, last 24h), days, weekdays, months, dates, clocks.

A range is expressed by its start alone, because the tools take ``since_hours``.
"""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .numerals import NUMBER, read_integer, read_number
from .patterns import Pattern
from .skeletons import Kind, Skeleton

_MINUTES = {
    "分钟": 1,
    "刻钟": 15,
    "小时": 60,
    "天": 1440,
    "周": 10080,
    "月": 43200,
    "季度": 129600,
    "年": 525600,
}
_UNIT = (
    r"(?:(?P<minute>分钟|mins?(?![a-z])|minutes?)|(?P<quarterhour>刻钟)|(?P<hour>个?(?:小时|钟头)|个钟(?![头点])|h(?![a-z])|hrs?(?![a-z])|hours?)"
    r"|(?P<day>天|日(?=内|之内|以内|里|以来|的|$)|昼夜|d(?![a-z])|days?)"
    r"|(?P<week>个?(?:周(?![一二三四五六日天末])|星期(?![一二三四五六日天])|礼拜)|w(?![a-z])|weeks?)"
    r"|(?P<month>个(?P<monthhalf>半)?月|(?<=[半拉])月|months?)|(?P<quarter>个?季度)|(?P<year>年(?!\d|[一二三四五六七八九十]+月)|years?))"
)
# 一天里几点 asks for the hours of any day.
_TYPICAL = r"(?!一天到晚|一天天|一年到头)(?!一天(?:里|之?内|当?中).{0,6}(?:几点|时段|什么时候|哪))"
_DURATION = rf"{_TYPICAL}(?<![好哪])(?P<n>{NUMBER})\s*(?:个?(?P<half>半))?\s*{_UNIT}(?P<tail>半)?"
_PART = r"凌晨|清晨|大清早|清早|大早上|一大早|一早|早上|早晨|早间|上午|上半天|中午|午后|下午|下半天|傍晚|晚上|晚间|夜里|夜间|大半夜|后半夜|半夜|午夜|入夜|早|晚|晨|夜"
_PART_HOURS = {
    "凌": 0, "半": 0, "午": 12, "入": 18, "后": 0, "大": 6, "一": 6, "清": 6, "早": 6, "晨": 6, "上": 6, "中": 11, "下": 12, "傍": 17, "晚": 18, "夜": 18,
}  # fmt: skip
_CLOCK = (
    r"(?P<h>\d{1,2}|[零一二两三四五六七八九十]{1,3})\s*(?:(?:点|时(?!间|段|长|候))(?:钟|整)?(?:(?P<halfpast>半)|(?P<m>\d{1,2})分?)?"
    r"|:(?P<mm>\d{2}))"
)
_SINCE = r"(?:\s*(?:以来|至今|到现在(?:为止)?|到这会儿?|到此刻|到今天|到目前(?:为止)?|截[至止]到?(?:目前|现在)|开始(?:到现在|至今)?|起|往后|之后|以后|后(?!门|台|端|半)))?"
_FROM = r"(?:从|自从?|打从?|自打)?\s*"
_LEAD = r"(?:最近|过去|近|前|这|在?过去的|最近的|之前|(?:in |within )?(?:the )?(?:last|past)|within)\s*(?:的|这)?\s*"
_DAYS = {"大前": 3, "前": 2, "昨": 1, "今": 0, "当": 0, "本": 0}
_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6, "末": 5}
_FEASTS = {"元旦": (1, 1), "五一": (5, 1), "国庆": (10, 1), "双十一": (11, 11), "双11": (11, 11)}

_WITHIN = Pattern(
    rf"{_LEAD}{_DURATION.replace('日(?=内|之内|以内|里|以来|的|$)', '日')}(?:以来|之内|以内|内|里|中|间)?",
    re.IGNORECASE,
)
_AGO = Pattern(rf"{_FROM}{_DURATION}(?:之内|以内|内|里面|里(?!面)|以来|(?:之|以)?前){_SINCE}", re.IGNORECASE)
_BARE = Pattern(rf"(?<![a-z\d.]){_DURATION}", re.IGNORECASE)
_DAY = Pattern(
    rf"{_FROM}(?:(?P<ago>大前|前|昨|今|当|本)(?:天|日|儿(?!子)个?|(?<=[今昨])个儿?)?(?P<sep>的)?(?P<part>{_PART})?|(?P<alone>凌晨|上午|上半天|下午|下半天|早上|一大早|大清早|中午|傍晚|晚上|大半夜|半夜))"
    rf"(?:\s*{_CLOCK})?{_SINCE}"
)
_AT = Pattern(
    rf"{_FROM}(?:(?P<part>{_PART})\s*)?{_CLOCK}\s*(?:以来|至今|到现在|到这会|开始|起|之后|以后|后|(?:到|至|-|~)(?=\s*(?:{_PART})?\s*\d))"
)
_WEEK = Pattern(
    rf"{_FROM}(?P<which>上上个?|上一?个?|本|这一?个?|当)?(?:周|星期|礼拜)(?:(?P<day>[一二三四五六日天末])(?P<part>{_PART})?(?:\s*{_CLOCK})?)?(?![一二三四五六]?报(?!过|了)|期){_SINCE}"
)
_MONTH = Pattern(
    rf"{_FROM}(?:(?P<which>上上个?|上一?个?|本|这个?|当)月(?P<first>初)?|(?P<number>1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])\s*月(?:份|(?![\d一二三四五六七八九十]))){_SINCE}"
)
_DATE = Pattern(
    rf"{_FROM}(?:(?:(?P<y>20\d\d)\s*[年/.-]\s*)?(?P<mo>\d{{1,2}}|十[一二]?|[一二三四五六七八九])\s*月\s*(?P<d>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})\s*[日号]?"
    rf"|(?P<y2>20\d\d)[-/.](?P<mo2>\d{{1,2}})[-/.](?P<d2>\d{{1,2}})){_SINCE}"
)
_DAY_OF_MONTH = Pattern(
    rf"{_FROM}(?P<d>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})[号日]\s*(?:以来|至今|到现在|开始|起|之后|以后)"
)
_SPAN = Pattern(
    rf"{_FROM}(?:(?P<year>今年|本年|去年)|(?P<half>上半年|下半年)|(?P<quarter>本季度?|这个?季度|上个?季度)|(?P<feast>元旦|五一|国庆|双十一|双11)(?:节|假期|长假|期间)?){_SINCE}"
)
_NOW = Pattern(
    r"刚才|刚刚|方才|适才|刚(?=报|来的|出|产生|发生|触发|新增|弹|冒|蹦|跳出|响|进来|那[波批些条堆]|这[波批条])|just now|(?:past|last) hour",
    re.IGNORECASE,
)
_ENGLISH_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ENGLISH = Pattern(
    r"\b(?:since )?(?:(?P<w>today|yesterday|this week|last week|this month|last month)|past (?P<past>day|week|month)|(?P<part>this morning|last night)|since (?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]*)\b",
    re.IGNORECASE | re.ASCII,
)
_PERMANENT = Pattern(r"永久|永(?=封)|永远|一直封着|无限期|permanent(?:ly)?|forever", re.IGNORECASE)


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

    skeleton.take(Kind.TIME, _DATE, lambda m: _dated(m, now))
    skeleton.take(Kind.TIME, _DAY_OF_MONTH, lambda m: _day_of_month(m, now))
    skeleton.take(Kind.TIME, _WITHIN, since)
    skeleton.take(Kind.TIME, _AGO, since)
    skeleton.take(Kind.TIME, _SPAN, lambda m: _named_span(m, now))
    skeleton.take(Kind.TIME, _WEEK, lambda m: _week(m, now))
    skeleton.take(Kind.TIME, _MONTH, lambda m: _month(m, now))
    skeleton.take(Kind.TIME, _DAY, lambda m: _day(m, now))
    skeleton.take(Kind.TIME, _AT, lambda m: _past(_clock(m, now.date(), now), now))
    skeleton.take(Kind.TIME, _NOW, lambda _: Since(now - timedelta(hours=1)))
    skeleton.take(Kind.TIME, _ENGLISH, lambda m: _english(m, now))
    skeleton.take(Kind.DURATION, _BARE, _minutes)
    skeleton.take(Kind.DURATION, _PERMANENT, lambda _: 0)


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
    units = zip(
        ("minute", "quarterhour", "hour", "day", "week", "month", "quarter", "year"),
        _MINUTES.values(),
        strict=True,
    )
    size = next(minutes for name, minutes in units if match[name])
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
    if match["part"]:
        hours = 6 if match["part"].lower() == "this morning" else -6
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
