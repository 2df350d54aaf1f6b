"""What the buttons on a case's page do, each through its service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from bifang.core.errors import InvalidInput
from secops_agent.models import CaseStatus, Staff
from secops_agent.models.choices import Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.cases import membership, merging, orders, tasks
from secops_agent.services.cases.views import code_of


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """What is told; ``case_id``: the case to go on with, if it is another one."""

    text: str
    case_id: int | None = None
    refused: tuple[str, ...] = ()


Act = Callable[[int, QueryDict, Actor], CaseOutcome]


def numbers(values: list[str]) -> list[int]:
    """Keys of rows from fields that are repeated or hold several, separated by commas; what is none is left out."""
    words = (word.strip() for value in values for word in value.split(","))
    return [int(word) for word in words if word.isdecimal() and len(word) < 16]


def _number(data: QueryDict, name: str) -> int:
    found = numbers([data.get(name, "")])
    if not found:
        raise InvalidInput("请先选择。")
    return found[0]


def _person(data: QueryDict) -> Staff:
    row = Staff.objects.filter(pk__in=numbers([data.get("person", "")]), active=True).first()
    if row is None:
        raise InvalidInput("请先选择人员。")
    return row


def _moment(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput("期限的写法不对：例如 2026-11-30T18:00。")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def _note(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    orders.comment(case_id, actor, data.get("note", ""))
    return CaseOutcome("已添加备注。")


def _advance(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    case = orders.advance(case_id, data.get("status", ""), actor)
    return CaseOutcome(f"{case.code} 现在是「{CaseStatus(case.status).label}」。")


def _assign(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    case = orders.assign(case_id, _person(data), actor)
    return CaseOutcome(f"{case.code} 已交给 {case.owner}。")


def _edit(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    orders.edit(
        case_id, actor, title=data.get("title", ""), severity=data.get("severity", ""), text=data.get("summary", "")
    )  # fmt: skip
    return CaseOutcome("已保存。")


def _close(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    with_alerts = data.get("with_alerts") == "1"
    done = orders.close(
        case_id, data.get("verdict", ""), actor, data.get("note", ""), with_alerts=with_alerts
    )
    verdict = Verdict(done.case.verdict).label
    together = f"，{done.alerts} 条告警一起关闭" if with_alerts else ""
    return CaseOutcome(f"{done.case.code} 已关闭，结论：{verdict}{together}。", refused=done.refused)


def _reopen(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    orders.reopen(case_id, actor, data.get("note", ""))
    return CaseOutcome(f"{code_of(case_id)} 已重新打开。它的告警保持原样。")


def _add_task(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    person = _person(data) if data.get("person") else None
    tasks.add(case_id, data.get("text", ""), actor, person, _moment(data.get("due", "")))
    return CaseOutcome("已添加任务。")


def _finish_task(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    tasks.finish(case_id, _number(data, "task"), actor)
    return CaseOutcome("任务已完成。")


def _resume_task(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    tasks.resume(case_id, _number(data, "task"), actor)
    return CaseOutcome("任务恢复为未完成。")


def _drop_task(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    tasks.drop(case_id, _number(data, "task"), actor)
    return CaseOutcome("任务已删除，历史里还能看到它。")


def _collect(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    return CaseOutcome(membership.collect(case_id, numbers(data.getlist("alerts")), actor).text)


def _part(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    ids = numbers(data.getlist("alerts"))
    membership.part(case_id, ids, actor)
    return CaseOutcome(f"已从 {code_of(case_id)} 移出 {len(ids)} 条告警。")


def _split(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    ids = numbers(data.getlist("alerts"))
    new = merging.split(case_id, ids, actor, data.get("title", ""))
    return CaseOutcome(f"{len(ids)} 条告警已从 {code_of(case_id)} 拆到 {new.code}。", new.id)


def _merge(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    into = merging.merge(case_id, _number(data, "into"), actor)
    return CaseOutcome(f"{code_of(case_id)} 已并入 {into.code}。需要时可以在这里拆出。", into.id)


def _separate(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    apart = merging.separate(_number(data, "case"), actor, from_id=case_id)
    return CaseOutcome(f"{apart.code} 已从 {code_of(case_id)} 拆出，恢复为合并以前的样子。", apart.id)


ACTS: Final[Mapping[str, Act]] = {
    "note": _note, "advance": _advance, "assign": _assign, "edit": _edit, "close": _close, "reopen": _reopen,
    "add_task": _add_task, "finish_task": _finish_task, "resume_task": _resume_task, "drop_task": _drop_task,
    "collect": _collect, "part": _part, "split": _split, "merge": _merge, "separate": _separate,
}  # fmt: skip
