"""Merging cases: two become one, and a merged one can be separated again."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, Case, CaseStatus, CaseTask
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.cases.locks import demand_open, lock_open, locked, text_of, title_of
from secops_agent.services.cases.membership import alert_codes, demand_ids, move, move_all
from secops_agent.services.cases.views import CaseRef, code_of, read, ref_of, unknown
from secops_agent.services.faults import Conflict
from secops_agent.services.people.eligibility import staff_of


def merge(case_id: int, into_id: int, actor: Actor, note: str = "") -> CaseRef:
    """One open case into another: alerts and tasks move, the timeline is read on, it is closed. Returns the other.

    Raises InvalidInput, NotFound, Conflict.
    """
    if case_id == into_id:
        raise InvalidInput("不能把事件并入它自己：请选择另一个事件。")
    note = text_of(note)
    with transaction.atomic():
        row, into = _both(case_id, into_id)
        demand_open(row)
        demand_open(into)
        alerts, tasks = move_all(case_id, into_id), _move_tasks(case_id, into_id)
        moved = {"alerts": alerts, "tasks": tasks, "status": row.status}
        end: dict[str, Any] = {
            "status": CaseStatus.CLOSED, "closed_at": timezone.now(), "closed_count": len(alerts), "merged_into": into,
            "moved": moved,
        }  # fmt: skip
        if not Case.objects.filter(pk=case_id, status=row.status, merged_into=None).update(**end):
            raise Conflict(f"{code_of(case_id)} 刚刚被别人改过，请再看一次。")
        _tell(case_id, into_id, alerts, tasks, actor, note)
    return ref_of(into)


def _both(case_id: int, other_id: int) -> tuple[Case, Case]:
    rows = locked([case_id, other_id])
    for pk in (case_id, other_id):
        if pk not in rows:
            raise unknown(pk)
    return rows[case_id], rows[other_id]


def _move_tasks(old: int, new: int) -> list[int]:
    ids = list(CaseTask.objects.filter(case_id=old).order_by("pk").values_list("pk", flat=True))
    CaseTask.objects.filter(pk__in=ids).update(case_id=new)
    return ids


def _tell(case_id: int, into_id: int, alerts: list[int], tasks: list[int], actor: Actor, note: str) -> None:
    into = {"into": ("", code_of(into_id)), "alerts": (alert_codes(alerts), "")}
    history.record("case", case_id, actor, "absorb", into, note)
    came = {
        "from": ("", code_of(case_id)),
        "alerts": ("", alert_codes(alerts)),
        "tasks": ("", str(len(tasks))),
    }
    history.record("case", into_id, actor, "merge", came, note)


def separate(case_id: int, actor: Actor, note: str = "", *, from_id: int | None = None) -> CaseRef:
    """Undo a merging: what came from the case and is still in the other goes back. ``from_id``: where it is thought
    to be. Raises NotFound, Conflict."""
    into_id, note = from_id or read(case_id).merged_into_id, text_of(note)
    if into_id is None:
        raise Conflict(f"{code_of(case_id)} 没有并入别的事件，不能拆出。")
    with transaction.atomic():
        row, into = _both(case_id, into_id)
        if row.merged_into_id != into_id:
            raise Conflict(
                f"{code_of(case_id)} 没有并入 {code_of(into_id)}（可能刚刚被别人拆出），没有改动。"
            )
        demand_open(into)
        alerts = list(
            Alert.objects.filter(pk__in=row.moved.get("alerts", ()), case=into).order_by("pk").values_list("pk", flat=True)
        )  # fmt: skip
        Case.objects.filter(pk=case_id, merged_into=into).update(
            status=row.moved.get("status", CaseStatus.WORKING), closed_at=None, closed_count=0, merged_into=None, moved={}
        )  # fmt: skip
        move(alerts, into_id, case_id, actor)
        CaseTask.objects.filter(pk__in=row.moved.get("tasks", ()), case=into).update(case=row)
        told = {"from": ("", code_of(into_id)), "alerts": ("", alert_codes(alerts))}
        history.record("case", case_id, actor, "split", told, note)
        gone = {"into": ("", code_of(case_id)), "alerts": (alert_codes(alerts), "")}
        history.record("case", into_id, actor, "split", gone, note)
    row.refresh_from_db()
    return ref_of(row)


def split(case_id: int, alert_ids: Iterable[int], actor: Actor, title: str, note: str = "") -> CaseRef:
    """Chosen alerts of an open case into a new one. Raises InvalidInput, NotFound, Conflict."""
    ids, wanted, note = demand_ids(alert_ids), title_of(title), text_of(note)
    with transaction.atomic():
        lock_open(case_id)
        if not Alert.objects.filter(case_id=case_id).exclude(pk__in=ids).exists():
            raise InvalidInput("拆分后原来的事件至少要留一条告警：全部都要拆走的话，改它的标题就行。")
        new = Case.objects.create(
            title=wanted, owner=staff_of(actor), created_at=timezone.now(), made_by=actor.name
        )
        move(ids, case_id, new.pk, actor, note)
        told = {"title": ("", wanted), "from": ("", code_of(case_id)), "alerts": ("", alert_codes(ids))}
        history.record("case", new.pk, actor, "create", told, note)
        gone = {"into": ("", code_of(new.pk)), "alerts": (alert_codes(ids), "")}
        history.record("case", case_id, actor, "split", gone, note)
    return ref_of(new)
