"""What somebody does to one alert or to many at once, and taking it back while nobody has touched them since."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.dateparse import parse_datetime

from bifang.core.db import database_now
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Alert, Staff, TriageBatch
from secops_agent.models.choices import Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.switches import refuse_when_read_only

MOST: Final = 1000  # each is a transaction with its history: more would keep the browser waiting
LONGEST_NOTE: Final = 2000
UNDO_FOR: Final = timedelta(minutes=10)
ACTS: Final[Mapping[str, str]] = {
    "acknowledge": "确认", "assign": "指派", "unassign": "取消指派", "close": "关闭", "reopen": "重新打开",
}  # fmt: skip
_COLUMNS: Final = (
    "status", "verdict", "assignee_id", "acknowledged_at", "closed_at", "closed_count", "closed_by_source",
)  # fmt: skip
_TIMES: Final = ("acknowledged_at", "closed_at")
_LEFT: Final = (
    "status",
    "verdict",
    "assignee_id",
    "acknowledged_at",
    "closed_at",
)  # what tells that somebody was here


@dataclass(frozen=True, slots=True)
class TriageAct:
    """What is to be done; ``verdict`` of a close, ``person`` of an assignment."""

    name: str
    note: str = ""
    verdict: str = ""
    person: Staff | None = None

    @property
    def label(self) -> str:
        """关闭（误报）, 指派给李四."""
        if self.name == "close" and self.verdict in Verdict.values:
            return f"关闭（{Verdict(self.verdict).label}）"
        return f"指派给{self.person.name}" if self.name == "assign" and self.person else ACTS[self.name]


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of it: the alerts that changed, and of the others how many for which reason."""

    done: tuple[int, ...]
    refused: Mapping[str, int]
    batch: TriageBatch | None = None


@dataclass(slots=True)
class _Work:
    done: dict[int, Any] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)


def carry_out(act: TriageAct, ids: Sequence[int], actor: Actor, user_id: int) -> BatchOutcome:
    """Do it to each, in a transaction of its own. Raises InvalidInput, ReadOnly if it can be done to none."""
    refuse_when_read_only()
    do, work = _doing(act, actor), _Work()
    try:
        for pk in dict.fromkeys(ids):
            try:
                work.done[pk] = _step(pk, do)
            except BifangError as error:
                work.refused[_reason(error.message, pk)] += 1
    finally:  # what was done can be undone, whatever happened then
        batch = _keep(act, work.done, user_id) if work.done else None
    return BatchOutcome(tuple(work.done), dict(work.refused), batch)


def _doing(act: TriageAct, actor: Actor) -> Callable[[int], object]:
    match act.name:
        case "acknowledge":
            return lambda pk: triage.acknowledge(pk, actor, act.note)
        case "assign":
            person = act.person
            if person is None or not person.active:
                raise InvalidInput("请先选择处理人。")
            return lambda pk: triage.assign(pk, person, actor, act.note)
        case "unassign":
            return lambda pk: triage.unassign(pk, actor, act.note)
        case "close":
            if act.verdict not in Verdict.values:
                raise InvalidInput("请选择结论。")
            return lambda pk: triage.close(pk, act.verdict, actor, act.note)
        case "reopen":
            return lambda pk: triage.reopen(pk, actor, act.note)
    raise InvalidInput("没有这个操作。")


def _step(pk: int, do: Callable[[int], object]) -> list[dict[str, Any]]:
    """[before, after], read under the lock under which it was done."""
    with transaction.atomic():
        before = _state(pk)
        do(pk)
        return [before, _state(pk)]


def _state(pk: int) -> dict[str, Any]:
    row = Alert.objects.select_for_update().filter(pk=pk).values(*_COLUMNS).first()
    if row is None:
        raise NotFound(f"没有编号为 {pk} 的告警。")
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _reason(text: str, pk: int) -> str:
    """One reason for all: without the number of the alert."""
    return text.replace(f"告警 {pk} ", "告警").replace(f"编号为 {pk} 的", "这个编号的")


def _keep(act: TriageAct, done: Mapping[int, Any], user_id: int) -> TriageBatch:
    now = database_now()
    TriageBatch.objects.filter(at__lt=now - UNDO_FOR).delete()
    some = f"A{next(iter(done))}" if len(done) == 1 else f"{len(done)} 条告警"
    rows = {str(pk): states for pk, states in done.items()}
    return TriageBatch.objects.create(user_id=user_id, at=now, text=f"已{act.label} {some}"[:200], rows=rows)


def undoable(user_id: int) -> TriageBatch | None:
    """What this person did last, if it can still be undone."""
    rows = TriageBatch.objects.filter(user_id=user_id).defer("rows").order_by("-pk")
    last = rows.first()
    is_fresh = last is not None and last.undone_at is None and last.at > database_now() - UNDO_FOR
    return last if is_fresh else None


def undo(batch_id: int, actor: Actor, user_id: int) -> BatchOutcome:
    """Put back what is still as this person left it; once. Raises NotFound, Conflict, ReadOnly."""
    refuse_when_read_only()
    now = database_now()
    mine = TriageBatch.objects.filter(pk=batch_id, user_id=user_id)
    batch = mine.first()
    if batch is None:
        raise NotFound("没有可以撤销的操作：只能撤销自己刚做的。")
    if not mine.filter(undone_at=None, at__gt=now - UNDO_FOR).update(undone_at=now):
        minutes = UNDO_FOR.seconds // 60
        raise Conflict(f"已经撤销过，或超过了 {minutes} 分钟，不能再撤销；需要的话请重新打开告警。")
    people = set(Staff.objects.filter(pk__in=_people(batch.rows.values())).values_list("pk", flat=True))
    work = _Work()
    for key, (before, after) in batch.rows.items():
        try:
            triage.restore(
                int(key), _read(before, people), {name: _read(after, None)[name] for name in _LEFT}, actor
            )
            work.done[int(key)] = None
        except BifangError as error:
            work.refused[_reason(error.message, int(key))] += 1
    return BatchOutcome(tuple(work.done), dict(work.refused))


def _people(rows: Iterable[Any]) -> set[int]:
    return {before["assignee_id"] for before, _ in rows if before["assignee_id"] is not None}


def _read(state: Mapping[str, Any], people: set[int] | None) -> dict[str, Any]:
    """As the columns have it; ``people``: those who are still listed."""
    values = {name: state[name] for name in _COLUMNS}
    values |= {name: parse_datetime(state[name]) for name in _TIMES if state[name]}
    if people is not None and values["assignee_id"] not in people:
        values["assignee_id"] = None
    return values
