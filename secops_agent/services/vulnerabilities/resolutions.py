"""Resolutions of findings: what people decide, for one or many, until when, who works on them, and what ends by itself."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Finding, History, Staff
from secops_agent.models.choices import FindingDecision, FindingState, VexJustification
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.switches import refuse_when_read_only
from secops_agent.services.vulnerabilities.states import ALONE, DECIDED, SECOND, is_active, needs_second

JOB: Final = f"{__name__}.expire"
MOST: Final = 500  # each is a transaction with its history: more would keep the browser waiting
DAY: Final = timedelta(days=1)
LONGEST: Final = 366 * DAY  # a risk is accepted for a year, then looked at again
USUAL: Final = 90 * DAY  # where nothing is said
NEEDS_SECOND: Final = f"不能由一个人决定（{SECOND}）：请在网页「发现」或聊天里提出。"
_ROUND: Final = 500
UNDO_FOR: Final = timedelta(minutes=10)
TOGETHER: Final = timedelta(seconds=30)  # between two decisions that were one act
_DECIDING: Final = ("decide", "undo", "expire", "vex")
_OVER: Final = "接受风险的期限已到，恢复为待处理。"
_ALONE: Final = f"这个决定没有经过两个人，恢复为待处理。{SECOND}。"
_SEEN: Final = "标为「已修复」以后，扫描仍然发现它，恢复为待处理。"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A decision, "" to withdraw it. ``until`` of an accepted risk (None: for good), ``justification`` of "not affected".

    ``asked_by``: who asked for what somebody else approved; without it the actor decides alone.
    """

    decision: str
    note: str = ""
    until: datetime | None = None
    justification: str = ""
    asked_by: str = ""

    @property
    def label(self) -> str:
        """In words."""
        return str(FindingDecision(self.decision).label) if self.decision else "撤回决定"


@dataclass(frozen=True, slots=True)
class Resolved:
    """How many were decided, and of the others how many for which reason."""

    done: int
    refused: Mapping[str, int]


def check(wanted: Resolution) -> None:
    """Raises InvalidInput that says what is missing."""
    if wanted.decision and wanted.decision not in FindingDecision.values:
        raise InvalidInput(f"处理决定应为空或 {'、'.join(FindingDecision.values)} 之一。")
    if wanted.until is not None:
        if wanted.decision != FindingDecision.ACCEPTED:
            raise InvalidInput("只有「接受风险」可以写到哪一天为止。")
        if not timezone.now() < wanted.until <= timezone.now() + LONGEST:
            raise InvalidInput("接受风险的日期应在今天之后、一年以内：到期以后再决定一次。")
    if wanted.decision == FindingDecision.NOT_AFFECTED:
        if wanted.justification not in VexJustification.values:
            raise InvalidInput(f"「不受影响」要写理由，应为 {'、'.join(VexJustification.values)} 之一。")
    elif wanted.justification:
        raise InvalidInput("只有「不受影响」可以选不受影响的理由。")


def settle(finding_id: int, wanted: Resolution, actor: Actor) -> None:
    """Decide one. Raises InvalidInput, NotFound, Conflict, ReadOnly."""
    refuse_when_read_only()
    check(wanted)
    with transaction.atomic():
        row = _lock(finding_id)
        if _same(row, wanted):
            raise Conflict(f"发现 {finding_id} 已经是这个决定。")
        if (
            not wanted.asked_by
            and Finding.objects.filter(needs_second(wanted.decision), pk=finding_id).exists()
        ):
            raise Conflict(f"发现 {finding_id} {NEEDS_SECOND}")
        _write(row, wanted, actor, "decide")


def end_of(day: date) -> datetime:
    """The end of that day, which is included."""
    return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


def _lock(finding_id: int) -> Finding:
    row = Finding.objects.select_for_update().filter(pk=finding_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {finding_id} 的发现。")
    return row


def assign(finding_id: int, person: Staff, actor: Actor) -> None:
    """Give one to somebody. Raises NotFound, Conflict for what is theirs or needs nobody, ReadOnly."""
    refuse_when_read_only()
    with transaction.atomic():
        row = _lock(finding_id)
        if not row.active:
            raise Conflict(f"发现 {finding_id} 已经不需要处理。")
        if row.assignee_id == person.pk:
            raise Conflict(f"发现 {finding_id} 已经由 {person.name} 处理。")
        before = row.assignee.name if row.assignee else ""
        Finding.objects.filter(pk=finding_id).update(assignee=person)
        history.record("finding", finding_id, actor, "assign", {"assignee": (before, person.name)})


def _same(row: Finding, wanted: Resolution) -> bool:
    return (row.decision, row.until, row.justification) == (
        wanted.decision,
        wanted.until,
        wanted.justification,
    )


def _write(row: Finding, wanted: Resolution, actor: Actor, action: str) -> None:
    """In the caller's transaction, of a row that is locked."""
    before = {name: getattr(row, name) for name in DECIDED}
    after: dict[str, Any] = {
        "decision": wanted.decision, "justification": wanted.justification, "until": wanted.until,
        "decided_at": timezone.now() if wanted.decision else None, "seconded": bool(wanted.decision and wanted.asked_by),
    }  # fmt: skip
    row.decision = wanted.decision
    changed = Finding.objects.filter(pk=row.pk, decision=before["decision"], until=before["until"])
    if not changed.update(**after, active=is_active(row)):
        raise Conflict(f"发现 {row.pk} 刚刚被别人改过，请再看一次。")
    told = {
        name: (before[name], after[name])
        for name in DECIDED
        if name not in ("decided_at", "seconded") and before[name] != after[name]
    }
    asked = f"{wanted.asked_by} 提出。" if wanted.asked_by else ""
    history.record("finding", row.pk, actor, action, told, f"{asked}{wanted.note}")


def adopt(row: Finding, wanted: Resolution, actor: Actor) -> bool:
    """Decide as a supplier says, in the caller's transaction, of a locked row; never where a person ever decided."""
    asked = History.objects.filter(entity="finding", entity_id=row.pk, action="decide")
    if _same(row, wanted) or asked.exists():
        return False
    _write(row, wanted, actor, "vex")
    return True


def settle_many(ids: Sequence[int], wanted: Resolution, actor: Actor) -> Resolved:
    """Decide each in a transaction of its own; at most `MOST`. Raises InvalidInput, ReadOnly if none can be."""
    check(wanted)
    return _each(ids, lambda pk: settle(pk, wanted, actor))


def assign_many(ids: Sequence[int], person: Staff, actor: Actor) -> Resolved:
    """As `settle_many`, of whom they are given to."""
    return _each(ids, lambda pk: assign(pk, person, actor))


def _each(ids: Sequence[int], act: Callable[[int], None]) -> Resolved:
    refuse_when_read_only()
    if len(ids) > MOST:
        raise InvalidInput(f"一次最多 {MOST} 条：请先缩小范围。")
    done, refused = 0, Counter[str]()
    for pk in dict.fromkeys(ids):
        try:
            act(pk)
            done += 1
        except BifangError as error:
            refused[error.message.replace(f"发现 {pk} ", "").replace(f"编号为 {pk} 的", "这个编号的")] += 1
    return Resolved(done, dict(refused))


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody decided last, of how many, in words. ``last``: the newest entry of the history, which names it."""

    last: int
    findings: tuple[int, ...]
    label: str


def undoable(actor: Actor) -> Decided | None:
    """What this person decided last, while it can be taken back: the same decision with the same words, made together."""
    since = timezone.now() - UNDO_FOR
    mine = History.objects.filter(entity="finding", action__in=("decide", "undo"), at__gt=since)
    rows = list(mine.filter(actor_kind=actor.kind, actor_id=actor.ident).order_by("-pk")[:MOST])
    same: list[History] = []
    for row in rows:
        if row.action == "undo" or (
            same and (_given(row) != _given(same[0]) or same[-1].at - row.at > TOGETHER)
        ):
            break
        same.append(row)
    if not same:
        return None
    newest = same[0].changes.get("decision", ("", ""))[1]
    return Decided(same[0].pk, tuple(row.entity_id for row in same), Resolution(newest).label)


def _given(row: History) -> tuple[Any, ...]:
    """What was decided, without what it was before."""
    return row.note, {name: new for name, (_, new) in row.changes.items()}


def undo(last: int, actor: Actor) -> Resolved:
    """Put back what is still as this person decided it. Raises Conflict once that is over, InvalidInput, ReadOnly."""
    found = undoable(actor)
    if found is None or found.last != last:
        raise Conflict(f"已经撤销过，或超过了 {UNDO_FOR.seconds // 60} 分钟：需要的话请再决定一次。")
    return _each(found.findings, lambda pk: _put_back(pk, actor))


def _put_back(finding_id: int, actor: Actor) -> None:
    with transaction.atomic():
        row = _lock(finding_id)
        acts = History.objects.filter(entity="finding", entity_id=finding_id, action__in=_DECIDING)
        last = acts.latest("pk")
        if last.action != "decide" or (last.actor_kind, last.actor_id) != (actor.kind, actor.ident):
            raise Conflict(f"发现 {finding_id} 后来又被决定过，没有撤销。")
        old = {name: before for name, (before, _) in last.changes.items()}
        until = old.get("until", row.until)
        wanted = Resolution(
            old.get("decision", row.decision), "撤销刚才的决定", parse_datetime(until) if isinstance(until, str) else until,
            old.get("justification", row.justification),
        )  # fmt: skip
        if Finding.objects.filter(needs_second(wanted.decision), pk=finding_id).exists():
            raise Conflict(f"发现 {finding_id} {NEEDS_SECOND}")
        _write(row, wanted, actor, "undo")


def expire() -> int:
    """Open again what was accepted until now, what was "fixed" but is seen again, and what one person put aside before
    it took two; returns how many."""
    now, system = timezone.now(), Actor.system("expiry")
    over = Q(decision=FindingDecision.ACCEPTED, until__lte=now)
    seen = Q(decision=FindingDecision.FIXED, last_seen__gt=F("decided_at")) & ~Q(state=FindingState.GONE)
    found = 0
    for due, note in ((over, _OVER), (seen, _SEEN), (ALONE, _ALONE)):
        for pk in Finding.objects.filter(due).order_by("pk").values_list("pk", flat=True)[:_ROUND]:
            with transaction.atomic():
                row = Finding.objects.select_for_update(of=("self",)).filter(due, pk=pk).first()
                if row is not None:  # nobody has decided again meanwhile
                    _write(row, Resolution("", note), system, "expire")
                    found += 1
    return found
