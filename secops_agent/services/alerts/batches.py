"""Batch actions on alerts: one act of a person on one alert or many, and its undo while nobody has touched them since."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from bifang.channels.text.markup import plain
from bifang.core.database.db import database_clock, database_now
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Alert, CaseStatus, Staff, TriageBatch
from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.audit.history import ACTIONS
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.notifications.matching import wait_for_more
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.messages import tell
from secops_agent.services.switches import refuse_when_read_only

T = TypeVar("T")
MOST: Final = 1000  # each is a transaction with its history: more would keep the browser waiting
LONGEST_NOTE: Final = 2000
UNDO_FOR: Final = timedelta(minutes=10)
_NAMED: Final = 10
JUST_NOW: Final = timedelta(minutes=1)
TOGETHER_S: Final = 2.0  # of the seconds for which what became of an alert is held back (`matching.UNDO`)
ACTS: Final[Mapping[str, str]] = {
    name: ACTIONS[name] for name in ("acknowledge", "assign", "unassign", "close", "reopen")
}
_DO: Final[Mapping[str, Callable[..., object]]] = {
    "acknowledge": triage.acknowledge, "assign": triage.assign, "unassign": triage.unassign, "close": triage.close,
    "reopen": triage.reopen, "severity": triage.set_severity,
}  # fmt: skip
_COLUMNS: Final = (
    "status", "verdict", "assignee_id", "acknowledged_at", "closed_at", "closed_by_id", "closed_count",
    "closed_by_source", "closed_via", "severity", "due_at", "sla_told", "reported_severity",
)  # fmt: skip
_PEOPLE: Final = ("assignee_id", "closed_by_id")
_TIMES: Final = ("acknowledged_at", "closed_at", "due_at")
_LEFT: Final = (
    "status",
    "verdict",
    "assignee_id",
    "acknowledged_at",
    "closed_at",
    "severity",
)  # what tells that somebody was here


@dataclass(frozen=True, slots=True)
class TriageAct:
    """What is to be done; ``verdict`` of a close, ``person`` of an assignment, ``severity`` of a change of it."""

    name: str
    note: str = ""
    verdict: str = ""
    person: Staff | None = None
    severity: str = ""

    @property
    def label(self) -> str:
        """关闭（误报）, 指派给李四."""
        if self.name == "close" and self.verdict in Verdict.values:
            return f"关闭（{Verdict(self.verdict).label}）"
        if self.name == "severity":
            return (
                f"改级别为{Severity(self.severity).label}" if self.severity in Severity.values else "改级别"
            )
        return f"指派给{self.person.name}" if self.name == "assign" and self.person else ACTS[self.name]


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of it: the alerts that changed, and of the others how many for which reason; ``left``: why, of each."""

    done: tuple[int, ...]
    refused: Mapping[str, int]
    batch: TriageBatch | None = None
    left: Mapping[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class OneAct:
    """What is done to many at once: told as one, however long it takes. ``done``: id → what it was before and is now."""

    done: dict[int, Any] = field(default_factory=dict)
    left: dict[int, str] = field(default_factory=dict)
    _put_off_at: float = field(default_factory=time.monotonic)

    @property
    def refused(self) -> Mapping[str, int]:
        """How many for which reason."""
        return Counter(_reason(text, pk) for pk, text in self.left.items())

    def add(self, pk: int, states: Any = None) -> None:
        """One of them is done."""
        self.done[pk] = states
        if time.monotonic() - self._put_off_at > TOGETHER_S:
            wait_for_more(list(self.done))
            self._put_off_at = time.monotonic()


@dataclass(frozen=True, slots=True)
class Doer:
    """Whose act it is: a Django user's on the pages, somebody's of 人员 in a chat. Nobody undoes another's."""

    user_id: int | None = None
    staff_id: int | None = None

    def batches(self) -> "QuerySet[TriageBatch]":
        """Those of this person."""
        return TriageBatch.objects.filter(Q(user_id=self.user_id), Q(staff_id=self.staff_id))


def carry_out(act: TriageAct, ids: Sequence[int], actor: Actor, doer: Doer) -> BatchOutcome:
    """Do it to each, in a transaction of its own. Raises InvalidInput, ReadOnly if it can be done to none."""
    refuse_when_read_only()
    do, work = _doing(act, actor), OneAct()
    try:
        for pk in dict.fromkeys(ids):
            try:
                work.add(pk, step(pk, partial(do, pk))[1])
            except BifangError as error:
                work.left[pk] = error.message
    finally:  # what was done can be undone, whatever happened then
        said = f"已{act.label}"
        batch = keep(said, work.done, doer, actor, act.note) if work.done and doer != Doer() else None
    return BatchOutcome(tuple(work.done), dict(work.refused), batch, work.left)


def in_open_cases(ids: Collection[int]) -> dict[int, list[int]]:
    """Number of a case that is not closed → which of these alerts are of it. One query."""
    rows = Alert.objects.filter(pk__in=ids, case__isnull=False).exclude(case__status=CaseStatus.CLOSED)
    found: dict[int, list[int]] = {}
    for case_id, pk in rows.order_by("case_id", "pk").values_list("case_id", "pk"):
        found.setdefault(case_id, []).append(pk)
    return found


def told_of_cases(found: Mapping[int, Sequence[int]]) -> str:
    """E3（A1、A2）、E5（A9）."""
    return "、".join(f"E{case}（{_codes(pks)}）" for case, pks in found.items())


def _codes(pks: Sequence[int]) -> str:
    return "、".join(f"A{pk}" for pk in pks[:_NAMED]) + (f" 等 {len(pks)} 条" if len(pks) > _NAMED else "")


def _doing(act: TriageAct, actor: Actor) -> Callable[[int], object]:
    """Raises InvalidInput for what lacks what it takes."""
    if act.name == "assign" and (act.person is None or not act.person.active):
        raise InvalidInput("请先选择处理人。")
    if act.name == "close" and act.verdict not in Verdict.values:
        raise InvalidInput("请选择结论。")
    if act.name not in _DO:
        raise InvalidInput("没有这个操作。")
    takes: dict[str, dict[str, Any]] = {
        "assign": {"assignee": act.person},
        "close": {"verdict": act.verdict},
        "severity": {"severity": act.severity},
    }
    return partial(_DO[act.name], actor=actor, note=act.note, **takes.get(act.name, {}))


def step(pk: int, do: Callable[[], T]) -> tuple[T, list[dict[str, Any]]]:
    """What came of it, and [before, after], read under the lock under which it was done. Raises NotFound."""
    with transaction.atomic():
        before = _state(pk)
        found = do()
        return found, [before, _state(pk)]


def _state(pk: int) -> dict[str, Any]:
    row = Alert.objects.select_for_update().filter(pk=pk).values(*_COLUMNS).first()
    if row is None:
        raise NotFound(f"没有编号为 {pk} 的告警。")
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _reason(text: str, pk: int) -> str:
    """One reason for all: without the number of the alert."""
    return text.replace(f"告警 {pk} ", "告警").replace(f"编号为 {pk} 的", "这个编号的")


def keep(said: str, done: Mapping[int, Any], doer: Doer, actor: Actor, note: str = "") -> TriageBatch:
    """Keep what was done, so that it can be undone, and tell whom it concerns. ``said``: 已确认; ``done``: id → [before, after]."""
    _tell_owners(said, done, actor, note)
    now = database_now()
    TriageBatch.objects.filter(at__lt=now - UNDO_FOR).delete()
    some = f"A{next(iter(done))}" if len(done) == 1 else f"{len(done)} 条告警"
    rows = {str(pk): states for pk, states in done.items()}
    return TriageBatch.objects.create(
        user_id=doer.user_id, staff_id=doer.staff_id, at=now, text=f"{said} {some}"[:200], rows=rows
    )


def _tell_owners(said: str, done: Mapping[int, Any], actor: Actor, note: str) -> None:
    """Out of whose hands another took several at once hears of it, once."""
    theirs: dict[int, list[int]] = {}
    for pk, (before, after) in done.items():
        taken = after["status"] == AlertStatus.CLOSED or after["assignee_id"] != before["assignee_id"]
        if taken and before["assignee_id"] and before["status"] != AlertStatus.CLOSED:
            theirs.setdefault(before["assignee_id"], []).append(pk)
    several = {owner: pks for owner, pks in theirs.items() if len(pks) > 1}
    mine = staff_of(actor) if several else None
    for person in Staff.objects.filter(pk__in=several.keys() - {mine.pk if mine else 0}):
        pks = several[person.pk]
        why = f"\n\n原因：{plain(note, 300)}" if note.strip() else ""
        text = f"**{plain(actor.name, 40)}** {said}您名下的 {len(pks)} 条告警：{_codes(pks)}。{why}"
        with transaction.atomic():
            tell(person, f"您名下的 {len(pks)} 条告警{said}", text, key=f"batch:{uuid.uuid4().hex}")


def undoable(user_id: int, alert_id: int | None = None) -> TriageBatch | None:
    """What this person did last, if it can still be undone; beside an alert that it was not done to only while it is what
    they have just done."""
    lately = TriageBatch.objects.filter(user_id=user_id, at__gt=database_clock() - UNDO_FOR)
    rows = lately.order_by("-pk")
    last = (rows if alert_id else rows.defer("rows")).first()
    if last is None or last.undone_at is not None:
        return None
    here = alert_id is None or str(alert_id) in last.rows
    return last if here or rows.filter(pk=last.pk, at__gt=database_clock() - JUST_NOW).exists() else None


def last_of(doer: Doer, alert_ids: Collection[int] = ()) -> list[TriageBatch]:
    """What this person did last, or last to any of these alerts, newest first: the same act that was said again, as
    more came into a group, is one. That it can still be undone is for `undo` to see."""
    wanted = {str(pk) for pk in alert_ids}
    found: list[TriageBatch] = []
    for batch in doer.batches().filter(at__gt=database_clock() - UNDO_FOR).order_by("-pk"):
        if wanted and wanted.isdisjoint(batch.rows):
            continue
        if found and (batch.undone_at, _said(batch)) != (found[0].undone_at, _said(found[0])):
            break
        found.append(batch)
        if not wanted:
            break
    return found


def told(same: Sequence[TriageBatch]) -> str:
    """已按误报关闭 30 条告警: batches of the same act as one."""
    number = len({pk for batch in same for pk in batch.rows})
    return same[0].text if len(same) == 1 else f"{_said(same[0])} {number} 条告警"


def _said(batch: TriageBatch) -> str:
    """已确认: the act of it, without the alerts."""
    return batch.text.split(" ", 1)[0]


def undo(batch_id: int, actor: Actor, doer: Doer) -> BatchOutcome:
    """Put back what is still as this person left it; once. Raises NotFound, Conflict, ReadOnly."""
    refuse_when_read_only()
    now = database_now()
    mine = doer.batches().filter(pk=batch_id)
    batch = mine.first()
    if batch is None:
        raise NotFound("没有可以撤销的操作：只能撤销自己刚做的。")
    if not mine.filter(undone_at=None, at__gt=now - UNDO_FOR).update(undone_at=now):
        minutes = UNDO_FOR.seconds // 60
        raise Conflict(f"已经撤销过，或超过了 {minutes} 分钟，不能再撤销；需要的话请重新打开告警。")
    people = set(Staff.objects.filter(pk__in=_people(batch.rows.values())).values_list("pk", flat=True))
    work = OneAct()
    for key, (before, after) in batch.rows.items():
        try:
            left = _read(after, None)
            shown: dict[str, Any] = {name: left[name] for name in _LEFT if name in left}
            triage.restore(int(key), _read(before, people), shown, actor)
            work.add(int(key))
        except BifangError as error:
            work.left[int(key)] = error.message
    return BatchOutcome(tuple(work.done), dict(work.refused), left=work.left)


def _people(rows: Iterable[Any]) -> set[int]:
    return {before[name] for before, _ in rows for name in _PEOPLE if before.get(name) is not None}


def _read(state: Mapping[str, Any], people: set[int] | None) -> dict[str, Any]:
    """As the columns have it; ``people``: those who are still listed."""
    values = {name: state[name] for name in _COLUMNS if name in state}
    values |= {name: parse_datetime(state[name]) for name in _TIMES if state.get(name)}
    gone = [name for name in _PEOPLE if people is not None and values.get(name) not in people]
    return values | dict.fromkeys(gone)
