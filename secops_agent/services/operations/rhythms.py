"""Rhythms of sources: how much comes at which hour of the week, learned of four weeks; and what is unlike it.

Hours are Beijing's. A holiday is a Sunday, a working weekend a Wednesday, and neither is learned of.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from secops_agent.models import SourceTrouble
from secops_agent.services.clock import clock
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.on_call.working_days import WorkingDays

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
LEARNED: Final = timedelta(days=28)
YOUNG: Final = timedelta(days=7)  # it has no rhythm yet
MISSED: Final = 10  # records that should have come, before nothing is silence
QUIET_HOURS: Final = 2
ENOUGH: Final = 100  # records a day, below which less of them says nothing
LITTLE: Final = 0.1  # of what is usual
LONGER: Final = 1.5  # than its longest pause
GARBLED: Final = 0.2  # so much of it, at least twice as much as usual
READ: Final = 20  # records, below which a share says nothing
SUNDAY, WEDNESDAY = 6, 2


@dataclass(frozen=True, slots=True)
class HourCount:
    """What came in the hour that begins ``at``."""

    at: datetime
    taken: int
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Unlike:
    """What is unlike the rhythm, in words that follow the source's name."""

    trouble: SourceTrouble
    words: str


@dataclass(frozen=True, slots=True)
class Rhythm:
    """``usual``: records by hour of the week; ``pause``: the longest time without any; ``unreadable``: the usual share."""

    usual: Mapping[int, float]
    pause: timedelta
    unreadable: float

    @property
    def a_day(self) -> float:
        """On the average."""
        return sum(self.usual.values()) / 7

    def expected(self, start: datetime, end: datetime, days: WorkingDays) -> list[float]:
        """In each whole hour after that of the start in which anything is."""
        first, last = int(start.timestamp() // 3600) + 1, int(end.timestamp() // 3600)
        hours = (datetime.fromtimestamp(each * 3600, ZONE) for each in range(first, last))
        return [usual for each in hours if (usual := self.usual.get(slot(each, days), 0.0))]


def slot(at: datetime, days: WorkingDays) -> int:
    """The hour of the week, from 0 on Monday, as which an hour counts."""
    local = at.astimezone(ZONE)
    weekday, working = local.weekday(), days.is_working(local.date())
    if working != (weekday < 5):
        weekday = WEDNESDAY if working else SUNDAY
    return weekday * 24 + local.hour


def learn(
    tallies: Sequence[HourCount], first_seen: datetime, now: datetime, days: WorkingDays
) -> Rhythm | None:
    """None for a source that is too young. ``tallies``: of the last four weeks, in order."""
    start = max(now - LEARNED, first_seen)
    if now - start < YOUNG:
        return None
    counts = {each.at: each.taken + each.unreadable for each in tallies if each.at >= start - HOUR}
    by_slot: dict[int, list[int]] = defaultdict(list)
    at = start.replace(minute=0, second=0, microsecond=0)
    while at + HOUR <= now:
        local = at.astimezone(ZONE)
        if days.is_working(local.date()) == (local.weekday() < 5):
            by_slot[slot(at, days)].append(counts.get(at, 0))
        at += HOUR
    active = sorted(at for at, count in counts.items() if count)
    pauses = [later - earlier for earlier, later in pairwise(active)]
    taken, unreadable = sum(each.taken for each in tallies), sum(each.unreadable for each in tallies)
    share = unreadable / (taken + unreadable) if taken + unreadable else 0.0
    usual = {each: median(found) for each, found in by_slot.items()}
    return Rhythm(usual, max(pauses, default=timedelta(0)), share)


def judge(
    rhythm: Rhythm, tallies: Sequence[HourCount], last_seen: datetime, now: datetime, days: WorkingDays
) -> Unlike | None:
    """What is unlike now; None for nothing."""
    if silence := _silence(rhythm, last_seen, now, days):
        return silence
    day = [each for each in tallies if now - DAY <= each.at and each.taken + each.unreadable]
    taken, unreadable = sum(each.taken for each in day), sum(each.unreadable for each in day)
    came = taken + unreadable
    share = unreadable / came if came else 0.0
    if came >= READ and share >= max(GARBLED, 2 * rhythm.unreadable):
        return Unlike(SourceTrouble.GARBLED, f"的格式变了：最近 24 小时的 {came:,} 条里 {share:.0%} 读不懂")
    usual = rhythm.expected(now - DAY - HOUR, now, days)
    expected, trickles = sum(usual), 2 * len(day) >= len(usual)  # else it was away, and is back
    if expected >= ENOUGH and came < LITTLE * expected and trickles:
        words = f"最近 24 小时只有平时的 {came / expected:.0%}（{came:,} 条，平时约 {expected:,.0f} 条）"
        return Unlike(SourceTrouble.LOW, words)
    return None


def _silence(rhythm: Rhythm, last_seen: datetime, now: datetime, days: WorkingDays) -> Unlike | None:
    missed = rhythm.expected(last_seen, now, days)
    quiet = now - last_seen
    regular = sum(missed) >= MISSED and len(missed) >= QUIET_HOURS  # one hour a week may come late
    if not regular and not (rhythm.pause and quiet > LONGER * rhythm.pause + QUIET_HOURS * HOUR):
        return None
    usual = (
        f"平时每天约 {about(rhythm.a_day)} 条" if rhythm.a_day >= 1 else f"平时最多隔 {span(rhythm.pause)}"
    )
    return Unlike(SourceTrouble.SILENT, f"{span(quiet)}没有数据（最近一条 {clock(last_seen)}，{usual}）")


def judge_floor(
    floor: int, tallies: Sequence[HourCount], last_seen: datetime, first_seen: datetime, now: datetime
) -> Unlike | None:
    """What an administrator expects a day, of a source that is there for a day."""
    came = sum(each.taken + each.unreadable for each in tallies if now - DAY <= each.at)
    if came >= floor or now - first_seen < DAY:
        return None
    if not came:
        words = f"{span(now - last_seen)}没有数据（最近一条 {clock(last_seen)}，应当每天至少 {floor:,} 条）"
        return Unlike(SourceTrouble.SILENT, words)
    return Unlike(SourceTrouble.LOW, f"最近 24 小时只有 {came:,} 条（应当至少 {floor:,} 条）")


def about(number: float) -> str:
    """2,869 → 2,900: what is usual changes a little by the minute, and a reader compares."""
    return f"{round(number, 2 - len(f'{number:.0f}')):,.0f}"


def span(time: timedelta) -> str:
    """3 天, 5 小时."""
    hours = time / HOUR
    return f"{hours / 24:.0f} 天" if hours >= 48 else f"{max(hours, 1):.0f} 小时"
