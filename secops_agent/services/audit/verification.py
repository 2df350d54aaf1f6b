"""Verification of the audit chain: it is computed again, and what differs is named.

It finds what who can write to the database, but has neither the encryption key nor the data directory, may have done:
records and segments edited, removed, inserted, exchanged; the end cut off or rolled back (`head`); days moved; drops
that retention did not make.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import F, Q
from django.utils import timezone

from bifang.core.errors import BifangError
from secops_agent.models import AuditRecord, AuditSegment
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.audit import head, seals
from secops_agent.services.audit.seals import GENESIS, SealStanding, first_digest, next_digest
from secops_agent.services.audit.trail import FIELDS

UNSEALED_FOR: Final = timedelta(minutes=10)
REMOVAL: Final = timedelta(hours=2)  # of the records of a dropped segment: the job goes on every hour
DROPPED: Final = "按保留期清除审计段 "  # what the record of a drop is called, before the segment's number


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Something is not as it was sealed; ``segment`` 0: outside of any. ``unreadable``: a lost key explains it, too."""

    segment: int
    text: str
    unreadable: bool = False


class ChainVerdict(enum.StrEnum):
    """What the faults come to."""

    WHOLE = "完整"
    UNREADABLE = "无法校验"
    TOUCHED = "被动过"


NO_KEY: Final = (
    "封条用现有的加密密钥打不开，其余没有发现改动。多半是密钥没有一起恢复：放回封存时的密钥（数据目录的 encryption.key "
    "或 BIFANG_ENCRYPTION_KEY）再校验一次。密钥一直没有换过的话，就是封条被毁了。"
)
NEVER_DROPPED: Final = "还没有封存完的段不会按保留期清除：记录是被人删掉的。"
UNPROVEN_DROP: Final = (
    "没有能打开的封条证明它是按保留期清除的，链上别的封条却打得开：多半是记录被删掉、封条被毁。"
    "如果丢过密钥、换了新密钥接着封存，把旧密钥也放回 encryption.key（一行一把）再校验一次。"
)
UNKNOWN_HEAD: Final = ChainFault(0, "链上没有给出的摘要：末尾的记录被截去，或整条链被重写。")


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. ``head`` is the chain's last value, ``compared`` what this host had kept of it."""

    segments: int
    records: int
    dropped: int
    unsealed: int
    head: str
    compared: str
    faults: tuple[ChainFault, ...]


@dataclass(frozen=True, slots=True)
class SegmentCheck:
    """A segment that was computed again. ``number``: its place in the chain. ``heads``: every value that it passed."""

    number: int
    faults: tuple[ChainFault, ...]
    heads: frozenset[str]


def verdict(found: int, touched: int) -> ChainVerdict:
    """Of so many faults, of which so many no lost key explains."""
    return ChainVerdict.TOUCHED if touched else ChainVerdict.UNREADABLE if found else ChainVerdict.WHOLE


def touched(faults: Sequence[ChainFault]) -> int:
    """How many of them no lost key explains."""
    return sum(not fault.unreadable for fault in faults)


def verify(expected_head: str = "", keep_days: int = 0, now: datetime | None = None) -> Report:
    """Compute the whole chain again. ``expected_head``: a digest written down earlier, which must be on it.

    ``keep_days``: what was dropped before that age was not dropped by retention.
    """
    now = now or timezone.now()
    checks = list(verify_segments(keep_days=keep_days, now=now))
    faults = [fault for check in checks for fault in check.faults]
    if expected_head and not any(expected_head in check.heads for check in checks):
        faults.append(UNKNOWN_HEAD)
    return conclude(faults, now)


def verify_segments(
    after: int = 0, keep_days: int = 0, now: datetime | None = None
) -> Iterator[SegmentCheck]:
    """Compute the segments behind the first ``after`` ones again, one at a time, each against the one before it."""
    now = now or timezone.now()
    previous, day = GENESIS, date.min
    youngest = timezone.localdate(now) - timedelta(days=keep_days)
    for number, key in enumerate(AuditSegment.objects.order_by("number").values_list("pk", flat=True), 1):
        segment = AuditSegment.objects.filter(pk=key).first()  # as it is now: the sealer goes on meanwhile
        if segment is None:
            yield SegmentCheck(number, (ChainFault(number, "这一段在校验时被移除。"),), frozenset())
            continue
        if number > after:
            heads = set[str]()
            faults = [
                *(ChainFault(number, text) for text in _place_faults(segment, number, previous, day)),
                *own_faults(segment, heads, now),
            ]
            if segment.dropped_at is not None and (
                segment.day > youngest or _dropped_too_early(segment, segment.dropped_at, keep_days)
            ):
                faults.append(ChainFault(number, "还在保留期内就被清除了。"))
            yield SegmentCheck(number, tuple(faults), frozenset(heads))
        previous, day = segment.digest, segment.day


def conclude(faults: Sequence[ChainFault], now: datetime | None = None) -> Report:
    """The report on a chain whose segments have these faults, with what is wrong outside of them."""
    compared, found = _head_faults()
    rows = list(AuditSegment.objects.order_by("number").values_list("count", "dropped_at", "digest"))
    return Report(
        segments=len(rows),
        records=sum(count for count, dropped, _ in rows if dropped is None),
        dropped=sum(dropped is not None for _, dropped, _ in rows),
        unsealed=AuditRecord.objects.filter(segment=None).count(),
        head=rows[-1][2] if rows else GENESIS,
        compared=compared,
        faults=(*faults, *_drop_faults(), *_unproven_faults(), *found, *_late_faults(now or timezone.now())),
    )


def own_faults(
    segment: AuditSegment, heads: set[str] | None = None, now: datetime | None = None
) -> list[ChainFault]:
    """What is wrong within a segment, its place in the chain aside. Adds to ``heads`` the values that it passed."""
    heads = set() if heads is None else heads
    found = _seal_faults(segment)
    if segment.dropped_at is None:
        texts = _row_faults(segment, heads)
    else:
        heads.add(segment.digest)
        texts = _left_faults(segment, now or timezone.now())
    return [*found, *(ChainFault(segment.number, text) for text in texts)]


def _place_faults(segment: AuditSegment, number: int, previous: str, day: date) -> Iterator[str]:
    if segment.number != number:
        yield f"缺少第 {number} 段（接着的是第 {segment.number} 段）。"
    if segment.previous != previous:
        yield "与上一段的摘要对不上：上一段被改过或被移除。"
    if segment.day < day:
        yield f"日期 {segment.day} 早于上一段的 {day}：日期被改过。"


def _seal_faults(segment: AuditSegment) -> list[ChainFault]:
    said = {
        SealStanding.UNREADABLE: "封条用现有的加密密钥打不开：密钥与封存时的不一致，或封条被毁。",
        SealStanding.FORGED: "封条与这一段不符：日期、条数、摘要或状态被改过。",
    }
    own = seals.standing(segment)
    if own is not SealStanding.GOOD:
        return [ChainFault(segment.number, said[own], own is SealStanding.UNREADABLE)]
    if segment.dropped_at is None:
        return []
    said[SealStanding.FORGED] = "清除没有封条：不是按保留期清除的。"
    drop = seals.drop_standing(segment)
    return (
        []
        if drop is SealStanding.GOOD
        else [ChainFault(segment.number, said[drop], drop is SealStanding.UNREADABLE)]
    )


def _left_faults(segment: AuditSegment, now: datetime) -> list[str]:
    """Its removal may still go on."""
    over = segment.dropped_at is not None and segment.dropped_at < now - REMOVAL
    if over and AuditRecord.objects.filter(segment=segment).exists():
        return ["已按保留期清除的段里还有记录：清除没有做完，或又添了记录。"]
    return []


def _dropped_too_early(segment: AuditSegment, at: datetime, keep_days: int) -> bool:
    """By its own words; a sealed drop is believed, whatever was the retention of its time."""
    due = segment.day + timedelta(days=keep_days)
    return timezone.localdate(at) <= due and not seals.drop_is_proven(segment)


def _row_faults(segment: AuditSegment, heads: set[str]) -> list[str]:
    digest, count = first_digest(segment.previous, segment.number, segment.day), 0
    rows = AuditRecord.objects.filter(segment=segment, position__lte=segment.count).order_by("position")
    for row in rows.values(*FIELDS, place=F("position")).iterator(chunk_size=500):
        count += 1
        position = row.pop("place")
        if position != count:
            return [f"第 {count} 条缺失或多余（这里是第 {position} 条，记录 {row['id']}）。"]
        digest = next_digest(digest, position, row)
        heads.add(digest)
    beyond = Q(position=None) | Q(position__gt=F("segment__count"))  # as counted now: the sealer goes on
    extra = AuditRecord.objects.filter(beyond, segment=segment).count()
    if count != segment.count or extra:
        return [f"应有 {segment.count} 条记录，实际 {count + extra} 条：有记录被删除或插入。"]
    return [] if digest == segment.digest else ["记录的内容与封存时不一致：有记录被修改或调换。"]


def _drop_faults() -> list[ChainFault]:
    """Every drop has its record, unless that has been dropped since."""
    dropped = [
        (row.number, row.day, row.dropped_at)
        for row in AuditSegment.objects.exclude(dropped_at=None).order_by("number")
        if row.dropped_at
    ]
    if not dropped:
        return []
    told = AuditRecord.objects.filter(kind=AuditKind.CHANGE, what__startswith=DROPPED, actor_kind="system")
    known = set(told.filter(at__gte=min(at for _, _, at in dropped) - REMOVAL).values_list("what", flat=True))
    last = max(day for _, day, _ in dropped)
    return [
        ChainFault(number, f"没有「{DROPPED}{number}」的记录：不是按保留期清除的。")
        for number, _, at in dropped
        if timezone.localdate(at) > last and f"{DROPPED}{number}" not in known
    ]


def _unproven_faults() -> list[ChainFault]:
    """Drops that are not retention's, although a lost key would explain their seals: the key is there, or no drop can be."""
    rows = list(AuditSegment.objects.order_by("-number"))
    unproven = [row for row in rows if row.dropped_at is not None and seals.drop_is_unreadable(row)]
    faults = [ChainFault(row.number, NEVER_DROPPED) for row in unproven if row is rows[0] or not row.closed]
    if unproven and any(seals.opens(row) for row in rows):
        faults += [ChainFault(row.number, UNPROVEN_DROP) for row in reversed(unproven)]
    return faults


def _late_faults(now: datetime) -> list[ChainFault]:
    late = AuditRecord.objects.filter(segment=None, at__lt=now - UNSEALED_FOR).count()
    if not late:
        return []
    last = AuditSegment.objects.order_by("-number").first()
    waiting = last is not None and seals.standing(last) is SealStanding.UNREADABLE
    why = "打不开上一段的封条，先不封存" if waiting else "封存任务没有运行，或记录是事后补写的"
    return [ChainFault(0, f"{late} 条记录早该封存却没有：{why}。", waiting)]


def _head_faults() -> tuple[str, list[ChainFault]]:
    try:
        kept = head.read()
        if kept is None:
            return "本机没有记下链尾（工作进程封存时记下）：末尾没有对照。", []
        if head.lies_on_the_chain(kept):
            return f"已对照本机记下的链尾：{kept}。", []
        return "", [ChainFault(0, head.missing(kept))]
    except BifangError as error:
        return "", [ChainFault(0, error.message)]
