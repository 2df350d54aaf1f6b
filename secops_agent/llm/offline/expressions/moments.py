"""One moment, as people say when something is to be done once: 明早8点, 下周一接班前, 半小时后, 12月7号早上九点, 三点."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from secops_agent.llm.offline.words import pattern

from .numerals import read_integer, read_number

_DAYS: Final = {"今": 0, "明": 1, "后": 2, "大": 3, "昨": -1, "前": -2}
_WEEK: Final = "一二三四五六日"
_PARTS: Final = dict(
    zip("凌清早晨上中下傍晚夜半一", (6, 7, 8, 8, 10, 12, 15, 18, 20, 23, 23, 8), strict=True)
)
_EVENTS: Final = {
    "上": 9,
    "接": 9,
    "交": 9,
    "换": 9,
    "晨": 9,
    "早": 9,
    "午": 12,
    "下": 18,
    "散": 18,
    "收": 18,
}
_UNITS: Final = {"分钟": 1, "刻钟": 15, "小时": 60, "钟头": 60, "钟": 60, "天": 1440}
_LATE: Final = ("下", "傍", "晚", "夜", "半")
_MORNING: Final = 9  # of a day that is only named
_DAWN: Final = 6  # 今晚2点 is before it, 明天三点 behind noon
_NIGHT: Final = 4  # before it 三点 is in the night that comes
_LONGEST: Final = 10 * 366 * 1440  # minutes ahead; nobody means more
_SOON: Final = 10  # minutes
_EARLY: Final = timedelta(minutes=30)  # 下班前
_FAR: Final = timedelta(days=300)  # a date that far ahead is meant of this year, and is over


@dataclass(frozen=True, slots=True)
class SpokenMoment:
    """``at``, aware, perhaps over; where its words begin and end in the text; ``clear``: an hour, a part of a day or an event was said;
    ``timed``: not only a part of a day."""

    at: datetime
    start: int
    end: int
    clear: bool = True
    timed: bool = True


def read_moment(text: str, start: int, now: datetime) -> SpokenMoment | None:
    """The moment whose words begin at this place of the text; None for none."""
    found = pattern("times.moment").match(text, start)
    if found is None or not found[0].strip():
        return None
    if found["n"] or found["soon"]:
        minutes = min(_minutes(found), _LONGEST)
        return SpokenMoment(_whole(now + timedelta(minutes=minutes)), start, found.end()) if minutes else None
    day = _day(found, now)
    if day is None or not any(
        found[name] for name in ("hour", "part", "event", "day", "week", "month", "dom2", "end")
    ):
        return None
    at = _clocked(found, day, now)
    named = found["day"] or found["week"] or found["month"]
    clear = (
        found["hour"] or found["event"] or (named and (found["part"] or (found["day"] or "天")[-1] != "天"))
    )
    timed = bool(found["hour"] or found["event"])
    return SpokenMoment(at, start, found.end(), bool(clear), timed) if at else None


def _minutes(found: re.Match[str]) -> int:
    if found["soon"]:
        return _SOON
    number = read_number(found["n"]) or 0
    half = 0.5 if found["half2"] or found["tail"] else 0
    return round((number + half) * _UNITS[found["unit"]])


def _whole(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _day(found: re.Match[str], now: datetime) -> datetime | None:
    """Some moment of the day that was said; today if none was."""
    if found["day"] and found["day"][0] != "上":
        return now + timedelta(days=_DAYS[found["day"][0]])
    if found["day"]:
        return now - timedelta(days=now.weekday() + 7 - _WEEK.index(found["day"][-1].replace("天", "日")))
    if found["week"]:
        wanted = _WEEK.index(found["week"].replace("天", "日").replace("末", "六"))
        weeks = len(found["next"] or "")
        return now + timedelta(
            days=wanted - now.weekday() + 7 * weeks if weeks else (wanted - now.weekday()) % 7
        )
    if found["end"]:
        first = now.replace(day=28, month=12 if found["end"][0] == "年" else now.month) + timedelta(days=4)
        return first.replace(day=1) - timedelta(days=1)
    if found["month"] or found["dom2"]:
        return _dated(found, now)
    return now


def _dated(found: re.Match[str], now: datetime) -> datetime | None:
    day = read_integer(found["dom"] or found["dom2"]) or 0
    try:
        if found["dom2"]:
            said = now.replace(day=day)
            following = (now.replace(day=1) + timedelta(days=32)).replace(day=day)
            return said if said.date() >= now.date() else following
        said = now.replace(year=int(found["year"] or now.year), month=int(found["month"]), day=day)
        ahead = said if found["year"] or said.date() >= now.date() else said.replace(year=now.year + 1)
    except ValueError:
        return None
    return said if ahead - now > _FAR else ahead


def _clocked(found: re.Match[str], day: datetime, now: datetime) -> datetime | None:
    """The hour of that day; of an hour alone the next that people mean."""
    named = any(found[name] for name in ("day", "week", "month", "dom2", "end"))
    after_work = "下" if (found["event"] or "")[:1] in tuple("下散收") else ""  # 下班前 5点半
    part = (found["part"] or (found["day"] or "")[1:].strip("天儿个后") or after_work)[:1]
    hour, minute = _hour(found, part, named=named, now=now)
    if hour is None or minute > 59:
        return None
    at = day.replace(hour=0, minute=minute, second=0, microsecond=0) + timedelta(hours=hour)
    at -= (
        _EARLY
        if found["event"] and not found["hour"] and (found["edge"] or "").endswith("前")
        else timedelta()
    )
    if at > now or (found["day"] and found["day"][0] not in "今"):
        return at
    if found["week"] and not found["next"]:
        return at + timedelta(days=7)
    if named:
        return at
    half = at + timedelta(hours=12)
    spoken = not part and 0 < hour < 12 and now.hour >= _NIGHT
    return half if spoken and half > now else at + timedelta(hours=24)


def _hour(found: re.Match[str], part: str, *, named: bool, now: datetime) -> tuple[int | None, int]:
    said = read_integer(found["hour"] or "")
    quarters = {"一刻": 15, "三刻": 45}.get(found["quarter"] or "", 0)
    minute = 30 if found["half"] else quarters or read_integer(found["minute"] or found["mm"] or "0") or 0
    if said is None and found["event"]:
        return _EVENTS[found["event"][0]], 0
    if said is None:
        return _PARTS.get(part, _MORNING), 0
    if said > 24:
        return None, minute
    if part in ("晚", "夜", "半") and (said == 12 or (said < _DAWN and part != "半")):
        return 24 + said % 12, minute
    if part in ("凌", "半"):
        return said % 12, minute
    if part == "中" and said < 3:
        return said + 12, minute
    if said < 12 and (part in _LATE or (named and not part and 0 < said < _DAWN)):
        return said + 12, minute
    return said, minute
