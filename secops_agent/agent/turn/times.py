"""Times of a model's offers: lengths, moments and recurrences, beside those that the asker typed."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from secops_agent.llm.offline.expressions.ends import find_window, read_until
from secops_agent.llm.offline.expressions.moments import read_moment
from secops_agent.llm.offline.expressions.recurrence import read_recurrence
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.expressions.times import take_times
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.offers import LENGTHS
from secops_agent.llm.understanding.telling import NOW

MOMENTS: Final = ("at", "clock", "start", "due", "until")
TIMES: Final = (*LENGTHS, *MOMENTS, "cron", "later_minutes")
_SOME: Final = re.compile(
    r"\d\s*(?:h|m|d|小时|分|天|周|月|点|个)|[一二两三四五六七八九十半几]\s*(?:个)?\s*(?:小时|分|天|周|月|钟头)|到\s*(?=[\d一二两三四五六七八九十今明后周下年])|[明后今]天|周[一二三四五六日天末]|今晚|下班|年底"
    r"|每|天天|工作日|周末|月[初底]|\d[:：]\d\d|[早晚]上|中午|[上下]午|[早晚][\d一二三四五六七八九十]|待会|一会|稍后|[\d一二三四五六七八九十]\s*点|\d\s*[ap]m|daily|weekly|every",
    re.IGNORECASE,
)  # words of a time, whether or not code can read them
_DATE: Final = re.compile(r"20\d\d-\d\d-\d\d")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)")
_AT_ONCE: Final = re.compile("现在|马上|立刻|立即|这就|即刻")
_PART: Final = re.compile("[凌早上中下晚夜傍晨]|[ap]m", re.IGNORECASE)
_DAY: Final = 24 * 60  # minutes
_MONTH: Final = 20 * 24 * 60  # minutes; lengths above it are of months of any length
_NEAR: Final = 2  # minutes
_NIGHT: Final = 5  # before this hour some call the day that has begun 明天
_BEFORE: Final = re.compile("[班会饭工]之?以?前$")


_LONGER: Final = re.compile(
    "[再续顺]延|延长|延期|再(?:多封|加)(?=[\\d一二两三四五六七八九十半])|(?<![持继连后陆手])续(?=[封期到\\d])"
)  # what is left of it, data tells
_AT: Final = ("at", "start")  # when something is done, and not until when


class SpokenTimes:
    """What ``typed`` tells of times at ``now``; ``order``: the arguments of the offer that it changes."""

    def __init__(self, typed: str, minutes: frozenset[int], order: Mapping[str, Any], now: datetime) -> None:
        self._typed, self._now, self._order = typed, now, order
        spoken = list(_moments(typed, now))
        self._moments = [at for at, *_ in spoken]
        self._days = {at.date() for at, _, clear in spoken if not clear}  # 到明天 may be any time of it
        self._clocks = {
            (at.hour * 60 + at.minute + more) % _DAY
            for at, either, _ in spoken
            for more in (0, either * _DAY // 2)
        }
        starts = pattern("times.starts").finditer(typed)
        found = [one for match in starts if (one := read_recurrence(typed[match.start() :]))]
        self._crons = [one.cron for one in found]
        self._apart = not any(one.timed for one in found)
        said = Skeleton(typed.replace("提前", ""), {})
        take_times(said, now)
        lengths = {*minutes, *(int(one.value) for one in said.found(Kind.DURATION))}
        ends = [until] if (until := read_until(typed, now)) else []
        ends += [round((at - now).total_seconds() / 60) for at in self._moments]
        self._moments += [now + timedelta(minutes=one) for one in (*lengths, *ends[:1]) if one]
        if window := find_window(typed, now):
            self._moments.append(window[0])
            ends.append(window[1])
        self._clocks |= {at.hour * 60 + at.minute for at in self._moments}
        self._lengths = {*lengths, *ends}

    def allow(self, name: str, value: Any) -> bool:
        """Was this value of the argument typed, or is there a time in the words that code cannot read, so that people have to look?"""
        if value == NOW:
            return _AT_ONCE.search(self._typed) is not None or not (self._moments or self._crons)
        unread = not self._readable(name) or (
            name in MOMENTS and "提前" in self._typed
        )  # before what, data tells
        if self.is_said(name, value) or (unread and _SOME.search(self._typed) is not None):
            return True
        longer = name in ("minutes", "duration_minutes") and _LONGER.search(self._typed) is not None
        return longer and self._is_longer(int(value or 0))

    def _is_longer(self, minutes: int) -> bool:
        """By what may be left: 再延三天."""
        return any(one <= minutes < one + _MONTH for one in self._lengths if one)

    def is_said(self, name: str, value: Any) -> bool:
        """Does code read it in the words?"""
        if name == "cron":
            return self._recurs(str(value))
        if name in MOMENTS:
            return self._is_moment(str(value)) or (name not in _AT and self._is_day(str(value)))
        if value is None:
            return False
        minutes = abs(int(value)) * (60 if name == "until_hours" else 1)
        if not minutes:
            return 0 in self._lengths
        if minutes < _MONTH and (self._now + timedelta(minutes=minutes)).date() in self._days:
            return True
        far = 60 if name == "until_hours" else _NEAR
        return any(abs(minutes - one) <= (one // 8 if one > _MONTH else far) for one in self._lengths)

    def _readable(self, name: str) -> bool:
        return bool(self._moments or self._crons if name in (*MOMENTS, "cron") else self._lengths)

    def _is_moment(self, value: str) -> bool:
        """The same minute; or its clock on a day that was said or that the open offer has; of a date alone its day."""
        day, clock = _DATE.search(value), _CLOCK.search(value)
        waits = _DATE.search(str(self._order.get("at", "")))
        days = {f"{at:%Y-%m-%d}" for at in self._moments} | ({waits[0]} if waits else set())
        if (day and day[0] not in days) or not (day or clock):
            return False
        return clock is None or int(clock[1]) * 60 + int(clock[2]) in self._clocks

    def _is_day(self, value: str) -> bool:
        """到后天: whatever hour of the day that was said."""
        day = _DATE.search(value)
        return day is not None and day[0] in {str(one) for one in self._days}

    def _recurs(self, value: str) -> bool:
        """Days and clock of what was said, or of the open offer; a clock may stand apart: 每天发日报，八点半的."""
        known = [*self._crons, *([str(self._order["cron"])] if self._order.get("cron") else [])]
        fields = value.split()
        if len(fields) != 5:
            return False
        minute, hour, *days = fields
        of_days = any(_plain(one.split()[2:]) == _plain(days) for one in known)
        of_clock = any(one.split()[:2] == [minute, hour] for one in known)
        clocks = [
            int(one) * 60 + int(minute) for one in hour.split(",") if one.isdigit() and minute.isdigit()
        ]
        return of_days and (of_clock or (self._apart and bool(clocks) and {*clocks} <= self._clocks))


def _moments(typed: str, now: datetime) -> Iterator[tuple[datetime, bool, bool]]:
    """All that stand in it, each from where its words begin; may it be in the afternoon as well (四点), and was
    more than a day said?"""
    place = 0
    while place < len(typed):
        moment = read_moment(typed, place, now)
        if moment:
            words = typed[moment.start : moment.end]
            either = _PART.search(words) is None
            yield moment.at, either, moment.clear
            if _BEFORE.search(words):  # 下班前 is read as half an hour earlier, and may be 下班
                yield moment.at + timedelta(minutes=30), either, moment.clear
            if now.hour < _NIGHT and words.startswith("明") and (same := moment.at - timedelta(days=1)) > now:
                yield same, either, moment.clear  # 明早, to who has not slept
        place = moment.end if moment else place + 1


def _plain(days: list[str]) -> list[str]:
    names = dict(zip(("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"), "1234560", strict=True))
    spelled = [
        re.sub("[A-Za-z]{3}", lambda m: names.get(m[0].upper(), m[0]), one).replace("7", "0")
        for one in days[2:]
    ]
    return [*days[:2], *(",".join(sorted(one.split(","))) for one in spelled)]
