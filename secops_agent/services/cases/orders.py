"""Orders about cases: what people do with a case as a whole, each with its actor in the history."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.channels.text.markup import plain
from bifang.core.errors import BifangError, InvalidInput
from secops_agent import says
from secops_agent.models import Alert, Case, CaseStatus, Staff
from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services import links
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.audit import history
from secops_agent.services.cases import tasks
from secops_agent.services.cases.locks import lock, lock_open, text_of, title_of
from secops_agent.services.cases.membership import Collected, demand_ids, take
from secops_agent.services.cases.reporting.clock import end_handling
from secops_agent.services.cases.views import CaseSummary, code_of, read, summaries
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.lost_messages import CASE, LostMessage, lost
from secops_agent.services.people.directory import named_by
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.messages import tell
from secops_agent.services.writing import assign as set_values

STEPS: Final = (CaseStatus.NEW, CaseStatus.WORKING, CaseStatus.CONTAINED)
_CODES: Final = 5
_TOLD: Final = ("title", "severity", "status", "verdict", "owner", "summary")


def create(
    alert_ids: Iterable[int], actor: Actor, title: str = "", severity: str = "", note: str = ""
) -> Collected:
    """A new case of these alerts; it is named after the first one unless told, and whoever makes it has it.

    Raises InvalidInput, NotFound, Conflict when none of the alerts could be taken.
    """
    ids = demand_ids(alert_ids)
    _demand_severity(severity, may_be_empty=True)
    with transaction.atomic():
        case = _make(title if title.strip() else _title_of(ids), actor, severity)
        return take(case.pk, ids, actor, note)


def open_empty(title: str, severity: str, actor: Actor) -> CaseSummary:
    """A new case without alerts: what somebody reported. Raises InvalidInput."""
    _demand_severity(severity)
    with transaction.atomic():
        return _view(_make(title, actor, severity).pk)


def _title_of(ids: tuple[int, ...]) -> str:
    rows = dict(Alert.objects.filter(pk__in=ids).values_list("pk", "title"))
    first = next((rows[pk] for pk in ids if pk in rows), None)
    if first is None:
        raise NotFound(f"没有编号为 {'、'.join(f'A{pk}' for pk in ids)} 的告警。")
    return first if first.strip() else "事件"


def _make(title: str, actor: Actor, severity: str) -> Case:
    case = Case.objects.create(
        title=title_of(title), severity=severity, owner=staff_of(actor), created_at=timezone.now(), made_by=actor.name
    )  # fmt: skip
    told = {"title": ("", case.title), "owner": ("", case.owner.name if case.owner else "")}
    history.record("case", case.pk, actor, "create", told)
    return case


def edit(case_id: int, actor: Actor, *, title: str, severity: str, text: str) -> CaseSummary:
    """Title, severity ("": as its gravest alert), what happened in a person's words. Raises InvalidInput, NotFound,
    Conflict."""
    _demand_severity(severity, may_be_empty=True)
    wanted = {"title": title_of(title), "severity": severity, "summary": text_of(text)}
    return _change(case_id, actor, "update", lambda row: wanted)


def assign(
    case_id: int,
    owner: Staff | str,
    actor: Actor,
    note: str = "",
    *,
    with_tasks: bool = True,
    with_alerts: bool = False,
) -> CaseSummary:
    """Give it to someone (a Staff, a name or a staffId), who is told; ``with_tasks``: what the one before has still to do for
    it goes along, ``with_alerts``: its alerts that are theirs and not closed. Raises NotFound, Conflict."""
    person, kept = named_by(actor, owner), text_of(note)
    with transaction.atomic():
        before = lock_open(case_id).owner
        case = _change(case_id, actor, "assign", lambda row: {"owner": person}, kept)
        if before != person:
            moved = tasks.hand_over(case_id, before, person, actor) if with_tasks and before else ()
            if with_alerts and before:
                for each in open_alerts(case_id):
                    if each.person_id == before.pk:
                        triage.assign(each.id, person, actor, kept)
            if person != staff_of(actor):
                _tell(person, case, actor, moved, kept)
    return case


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert of a case that is not closed, and who has it by name and number; None for nobody but the case's owner."""

    id: int
    person_id: int | None
    person: str | None


def open_alerts(case_id: int) -> list[OpenAlert]:
    """Those of a case. One query."""
    rows = Alert.objects.filter(case_id=case_id).exclude(status=AlertStatus.CLOSED).order_by("pk")
    return [OpenAlert(*row) for row in rows.values_list("pk", "assignee_id", "assignee__name")]


def told_along(
    found: Iterable[OpenAlert], who: str, *, owner: int | None = None, besides: int | None = None
) -> str:
    """Whose they are where the case is handed over: those of nobody are ``who``'s (in words), whom those of ``owner`` were
    assigned to, the others stay, but for those of ``besides``, of whom something else is said; "" for no open alert."""
    along, own, others = list[int](), list[int](), Counter[str]()
    for each in found:
        if each.person_id is None:
            along.append(each.id)
        elif each.person_id == owner:
            own.append(each.id)
        elif each.person_id != besides:
            others[str(each.person)] += 1
    said = [f"没有另外指派的未关闭告警 {_counted(along)}归{who}"] if along else []
    said += [f"指派给{who}的未关闭告警 {_counted(own)}"] if own else []
    said += [f"{plain(name, 40)}名下的 {number} 条不动" for name, number in others.items()]
    return "；".join(said) + "。" if said else ""


def _counted(ids: Sequence[int]) -> str:
    """2 条（A23、A24）."""
    more = "…" if len(ids) > _CODES else ""
    return f"{len(ids)} 条（{'、'.join(map(says.code, ids[:_CODES]))}{more}）"


def _tell(person: Staff, case: CaseSummary, actor: Actor, moved: Sequence[str], note: str) -> None:
    lines = [
        f"**{plain(actor.name, 40)}** 把事件 {links.code('case', case.id)}「{plain(case.title, 80)}」交给您。"
    ]
    lines += [f"未完成的任务也归您：{plain('、'.join(moved), 300)}。"] if moved else []
    lines += [along] if (along := told_along(open_alerts(case.id), "您", owner=person.pk)) else []
    lines += [f"备注：{plain(note, 500)}"] if note else []
    lines += [f"发送「{says.progress(case.id)}」查看。"]
    key = f"case:{case.id}:owner:{uuid.uuid4().hex}"
    tell(person, f"交给您的事件 {case.code}", "\n\n".join(lines), key=key)


def untold(case: CaseSummary) -> LostMessage | None:
    """What should have told whoever has it that it is theirs, and did not arrive."""
    last = OutboxRow.objects.filter(key__startswith=f"{CASE}{case.id}:owner:").order_by("-pk").first()
    if last is None or case.owner_id is None:
        return None
    theirs = Staff.objects.filter(pk=case.owner_id, staff_id=last.target.get("staff_id")).exists()
    return lost(last, f"告诉 {case.owner} 这个事件归他的消息") if theirs else None


def advance(case_id: int, status: str, actor: Actor, note: str = "") -> CaseSummary:
    """To another status before the end. Raises InvalidInput, NotFound, Conflict."""
    if status not in STEPS:
        raise InvalidInput(f"状态应为 {'、'.join(f'{each.value}（{each.label}）' for each in STEPS)} 之一。")
    return _change(case_id, actor, "update", lambda row: {"status": status}, note)


def comment(case_id: int, actor: Actor, note: str) -> CaseSummary:
    """Only a note, also on a closed case. Raises NotFound, InvalidInput."""
    kept = text_of(note)
    if not kept:
        raise InvalidInput("备注不能为空。")
    with transaction.atomic():
        lock(case_id)
        history.record("case", case_id, actor, "comment", {}, kept)
    return _view(case_id)


def reopen(case_id: int, actor: Actor, note: str = "") -> CaseSummary:
    """It was not over. Its alerts stay as they are. Raises NotFound, Conflict."""

    def act(row: Case) -> dict[str, Any]:
        if row.merged_into_id:
            into = code_of(row.merged_into_id)
            raise Conflict(f"{code_of(row.pk)} 已并入 {into}：要恢复它，请在 {into} 里把它拆出来。")
        if row.status != CaseStatus.CLOSED:
            raise Conflict(f"{code_of(row.pk)} 没有关闭，不用重新打开。")
        return {"status": CaseStatus.WORKING, "verdict": "", "closed_at": None, "closed_count": 0}

    return _change(case_id, actor, "reopen", act, note, closed=True)


@dataclass(frozen=True, slots=True)
class Closing:
    """``alerts``: how many were closed with it; ``refused``: what the others said."""

    case: CaseSummary
    alerts: int
    refused: tuple[str, ...]


def close(case_id: int, verdict: str, actor: Actor, note: str = "", *, with_alerts: bool = False) -> Closing:
    """A person's verdict ends it, and with ``with_alerts`` its open alerts. Raises InvalidInput, NotFound, Conflict.

    Of two who close it at once, only the one whose verdict stands closes the alerts.
    """
    if verdict not in Verdict.values:
        raise InvalidInput(
            f"结论应为 {'、'.join(f'{key}（{label}）' for key, label in Verdict.choices)} 之一。"
        )

    def act(row: Case) -> dict[str, Any]:
        count = Alert.objects.filter(case_id=row.pk).count()
        return {
            "status": CaseStatus.CLOSED, "verdict": verdict, "closed_at": timezone.now(), "closed_count": count,
        }  # fmt: skip

    kept = text_of(note)
    with transaction.atomic():
        _change(case_id, actor, "close", act, kept)
        end_handling(case_id, actor, timezone.now(), unless_known=True)
    done, refused = _close_alerts(case_id, verdict, actor, kept) if with_alerts else (0, ())
    return Closing(_view(case_id), done, refused)


def _close_alerts(case_id: int, verdict: str, actor: Actor, note: str) -> tuple[int, tuple[str, ...]]:
    """Each in a transaction of its own: others wait for none of them long."""
    rows = Alert.objects.filter(case_id=case_id).exclude(status=AlertStatus.CLOSED)
    done, refused = 0, []
    for pk in list(rows.order_by("pk").values_list("pk", flat=True)):
        try:
            triage.close(pk, verdict, actor, note or f"随事件 {code_of(case_id)} 关闭")
            done += 1
        except BifangError as error:
            refused.append(error.message)
    return done, tuple(refused)


def _change(
    case_id: int,
    actor: Actor,
    action: str,
    act: Callable[[Case], dict[str, Any]],
    note: str = "",
    *,
    closed: bool = False,
) -> CaseSummary:
    """One conditional update and its history, together. ``closed``: `act` says whether the state allows it."""
    kept = text_of(note)
    with transaction.atomic():
        row = lock(case_id) if closed else lock_open(case_id)
        old_status, old_owner = row.status, _owner(row)
        changes = set_values(row, act(row))
        if changes:
            new = {name: value for name, (_, value) in changes.items()}
            if not Case.objects.filter(pk=case_id, status=old_status).update(**new):
                raise Conflict(f"{code_of(case_id)} 刚刚被别人改过，请再看一次。")
        if "owner" in changes:
            changes["owner"] = (old_owner, _owner(row))
        if changes or kept:
            told = {name: change for name, change in changes.items() if name in _TOLD}
            history.record("case", case_id, actor, action, told, kept)
    return _view(case_id)


def _owner(row: Case) -> str:
    return row.owner.name if row.owner else ""


def _view(case_id: int) -> CaseSummary:
    return summaries([read(case_id)])[0]


def _demand_severity(severity: str, *, may_be_empty: bool = False) -> None:
    if severity not in Severity.values and not (may_be_empty and not severity):
        raise InvalidInput(f"级别应为 {'、'.join(Severity.values)} 之一。")
