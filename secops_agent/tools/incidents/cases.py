"""list_cases, get_case: incidents of several alerts, how they stand and what is left to do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, Literal

from django.db.models import QuerySet
from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import CaseStatus, Proposal
from secops_agent.services.audit.history import EMPTY
from secops_agent.services.cases import search, timeline, views
from secops_agent.services.cases.reporting import clock
from secops_agent.services.cases.reporting.clock import ReportingView
from secops_agent.services.cases.search import GOING_ON, CaseFilter
from secops_agent.services.cases.timeline import CaseMoment
from secops_agent.services.cases.views import CaseDetail, CaseSummary, CaseTaskView
from secops_agent.services.decisions.views import seen_by
from secops_agent.services.faults import NotFound
from secops_agent.services.people.eligibility import listed
from secops_agent.services.reports.periods import PERIODS
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import (
    colleague,
    idle_argument,
    levels,
    older_argument,
    severity_argument,
    since_argument,
    span,
    span_of_period,
    told,
    told_age,
    told_levels,
    until_argument,
)
from secops_agent.tools.incidents.alerts import fields_of
from secops_agent.tools.incidents.alerts import state as alert_state
from secops_agent.tools.markdown import SEVERITY, VERDICT, ago, foot, joined, moment, page
from secops_agent.tools.masking import for_reader

STATUS: Final = {value: str(label) for value, label in CaseStatus.choices}
_SCOPES: Final = {"open": "进行中", "mine": "我负责的", "closed": "已关闭", "all": "全部"}
_ROWS: Final = 20
_ALERTS, _MOMENTS, _NOTES, _TASKS, _INDICATORS, _READ = 5, 4, 4, 10, 8, 40
_TOLD: Final = ("添加任务", "完成任务", "加入告警", "新建")  # what stands above already


class ListCases(Arguments):
    """Arguments of list_cases."""

    scope: Literal["open", "mine", "closed", "all"] | None = argument(
        "哪些；不填只看进行中的", labels=_SCOPES, default=None
    )
    keyword: str = argument("标题或小结里的词", default="")
    severity: str = severity_argument()
    owner: str = argument("负责人的姓名或员工 ID；我", default="")
    unassigned: bool | None = argument("只看没有负责人的", default=None)
    period: Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"] | None = (
        argument("新建在哪一天、周、月", labels=PERIODS, default=None)
    )
    since_hours: int | None = since_argument()
    until_hours: int | None = until_argument()
    older_days: int | None = older_argument()
    idle_days: int | None = idle_argument()


class GetCase(Arguments):
    """Arguments of get_case: the number of a case, or of an alert that belongs to it."""

    case_id: int | None = argument("事件编号", default=None, minimum=1, maximum=2**62)
    alert_id: int | None = argument("告警编号：看它属于哪个事件", default=None, minimum=1, maximum=2**62)


def list_cases(asker: Asker, given: ListCases) -> ToolResult:
    """The newest first."""
    wanted, query = _wanted(asker, given)
    found = search.search(wanted)
    if not found.items:
        return ToolResult("no_data", query, "\n".join(["没有符合条件的事件。", *foot(query)]), [])
    lines = [_line(case, asker) for case in found.items]
    text = page("事件", len(lines), found.total_text, lines, query)
    first = found.items[0]
    if given.keyword and len(found.items) == 1:  # it was described, and is the one that is meant
        text = "\n".join([text, "", *_told(views.get(first.id, private=True), clock.standing(first.id))])
    result = ToolResult(
        "ok", query, text, [case.id for case in found.items], steps=(says.progress(first.id),), fields=_fields(found.items)
    )  # fmt: skip
    if not asker.hides_private:
        return result
    return for_reader(result, asker, views.private_values(case.id for case in found.items))


def _wanted(asker: Asker, given: ListCases) -> tuple[CaseFilter, str]:
    """Which cases, and that in Chinese. Raises NotFound for a person, InvalidInput."""
    scope, now = given.scope or "open", asker.now
    time = (
        span_of_period(given.period, now) if given.period else span(given.since_hours, given.until_hours, now)
    )
    owner = colleague(given.owner, asker.person) if given.owner else None
    ends = [now - timedelta(days=given.older_days)] if given.older_days else []
    wanted = CaseFilter(
        statuses={"closed": (CaseStatus.CLOSED,), "all": ()}.get(scope, GOING_ON),
        severities=levels(given.severity),
        owner_ids=(owner.pk,) if owner else (_mine(asker),) if scope == "mine" else (),
        unowned=bool(given.unassigned),
        since=time.since,
        until=min([*ends, *filter(None, [time.until])], default=None),
        idle_since=now - timedelta(days=given.idle_days) if given.idle_days else None,
        keyword=given.keyword,
        private=not asker.hides_private,
        limit=_ROWS,
    )
    owned = "没有" if given.unassigned else plain(owner.name, 40) if owner else ""
    conditions = {
        "范围": _SCOPES[scope], "级别": told_levels(wanted.severities), "负责人": owned, "新建时间": time.told,
        **told_age(given.older_days, given.idle_days, "天"), "关键字": plain(given.keyword, 60),
    }  # fmt: skip
    return wanted, told(**conditions)


def _mine(asker: Asker) -> int:
    row = listed(asker.person.corp_id, asker.person.staff_id)
    if row is None:
        raise NotFound("您不在人员名单中，没有您负责的事件。")
    return row.pk


def _fields(cases: tuple[CaseSummary, ...]) -> tuple[str, ...]:
    return tuple(value for case in cases for value in (case.title, case.owner) if value)


def _line(case: CaseSummary, asker: Asker) -> str:
    said = joined(
        [
            SEVERITY.get(case.severity, ""), state(case), plain(case.title, 80), _owner(case),
            f"{case.alerts} 条告警" + (f"（{case.open_alerts} 条未关闭）" if case.open_alerts else ""),
            f"{case.open_tasks} 个任务未完成" if case.open_tasks else "", ago(case.created_at, asker.now),
        ]
    )  # fmt: skip
    return f"- **{case.code}** {said}"


def state(case: CaseSummary) -> str:
    """Status, and the verdict of a closed one, or where it went."""
    if case.merged_into:
        return f"已并入 {views.code_of(case.merged_into)}"
    label = STATUS.get(case.status, case.status)
    return f"{label}（{VERDICT.get(case.verdict, case.verdict)}）" if case.verdict else label


def _owner(case: CaseSummary) -> str:
    return f"负责人 {plain(case.owner, 20)}" if case.owner else "没有负责人"


def get_case(asker: Asker, given: GetCase) -> ToolResult:
    """One case, by its number or by one of its alerts, as the asker may read it here."""
    if given.case_id is None and given.alert_id is None:
        raise InvalidInput(f"请写事件编号，例如「{says.progress(says.NUMBER)}」，或告警编号。")
    case_id, query = given.case_id, f"事件编号={given.case_id}"
    if case_id is None:
        query = f"告警编号={given.alert_id}"
        ref = views.cases_of([given.alert_id or 0]).get(given.alert_id or 0)
        if ref is None:
            said = f"告警 {given.alert_id} 不属于任何事件（或没有这条告警）。"
            return ToolResult("no_data", query, "\n".join([said, *foot(query)]))
        case_id = ref.id
    detail, due = views.get(case_id, private=True), clock.standing(case_id)
    owner = {"person": detail.summary.owner} if detail.summary.owner_id else {}
    data: dict[str, Any] = {
        "case_id": case_id,
        "alerts": _rows(detail),
        "subject": owner,
    }
    fields = (
        *_fields((detail.summary,)),
        *fields_of(detail.alerts),
        *(each.value for each in detail.indicators),
        *(moment(due.due_at).split() if due and due.due_at else ()),  # until when it is to be reported
    )
    asked = seen_by((asker.person.corp_id,))
    result = ToolResult(
        "ok", query, "\n".join([*_told(detail, due), *_recent(detail, asked)]), data, fields=fields
    )
    if not asker.hides_private:
        return result
    return for_reader(result, asker, views.private_values([case_id]))


def _rows(detail: CaseDetail) -> list[int]:
    """The alerts, where all are shown: of more nobody has seen which 都 or 最后一条 means."""
    return [alert.id for alert in detail.alerts] if len(detail.alerts) <= _ALERTS else []


def _told(detail: CaseDetail, due: ReportingView | None) -> Iterator[str]:
    case = detail.summary
    stand = joined([SEVERITY.get(case.severity, ""), state(case), _owner(case)])
    yield from (f"**事件 {case.code}：{stand}**", "", plain(case.title, 200), "")
    if due:
        yield f"- 报告时钟：{plain(due.line(timezone.now()), 300)}"
    yield f"- 告警：{case.alerts} 条，{case.open_alerts} 条未关闭"
    for alert in detail.alerts[:_ALERTS]:
        stand = alert_state(alert) + (f"，{plain(alert.assignee, 20)}" if alert.assignee else "")
        yield f"  - A{alert.id} {plain(alert.title, 60)}（{SEVERITY.get(alert.severity, '')}，{stand}）"
    if case.alerts > _ALERTS:
        yield f"  - 另有 {case.alerts - _ALERTS} 条"
    if detail.assets:
        yield f"- 资产：{'、'.join(plain(each.name, 40) for each in detail.assets[:_ALERTS])}"
    if detail.indicators:
        named = "、".join(plain(each.value, 80) for each in detail.indicators[:_INDICATORS])
        more = f" 等 {len(detail.indicators)} 个" if len(detail.indicators) > _INDICATORS else ""
        yield f"- 指标：{named}{more}"
    if detail.text:
        yield f"- 小结：{plain(detail.text, 300)}"
    if case.tasks:
        yield f"- 任务：{case.tasks} 个，{case.open_tasks} 个没有完成"
    yield from (f"  - {_task(each)}" for each in detail.tasks[:_TASKS])


def _task(each: CaseTaskView) -> str:
    """What is to be done, by whom and until when; what was done, by whom and when."""
    if each.done_at:
        return f"已完成：{plain(each.text, 100)}（{plain(each.done_by, 20)} {moment(each.done_at)}）"
    due = f"，期限 {moment(each.due_at)}" + ("，已过期" if each.is_late else "") if each.due_at else ""
    return f"没有完成：{plain(each.text, 100)}（{plain(each.assignee, 20) or '没有执行人'}{due}）"


def _recent(detail: CaseDetail, asked: QuerySet[Proposal]) -> Iterator[str]:
    """The notes first, which are what people look for; then what was done last, and when alerts came in."""
    told = timeline.moments(detail, _READ, private=True, asked=asked)
    notes = [each for each in told if each.kind == "note"][:_NOTES]
    others = [each for each in told if each.kind != "note" and each.what not in _TOLD][:_MOMENTS]
    for heading, moments in (("备注", notes), ("最近", others)):
        if moments:
            yield from ("", f"**{heading}**", "")
        for each in moments:
            said = [moment(each.at), each.subject, plain(each.actor, 20)]
            said += [plain(each.note, 200)] if each.kind == "note" else [plain(each.what, 60), _changed(each)]
            yield f"- {joined(said)}"


def _changed(each: CaseMoment) -> str:
    """状态 新建 → 已控制, and a note."""
    changes = "、".join(
        f"{label} {new}" if old == EMPTY else f"{label} {old} → {new}" for label, old, new in each.changes
    )
    return joined([plain(changes, 100), plain(each.note, 100)])


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_cases",
        "查询事件",
        "列出事件（几条告警合并处理的安全事件）：状态、负责人、告警数、未完成的任务。",
        ListCases,
        list_cases,
    ),
    reading(
        "get_case",
        "查看事件",
        "一个事件的进展：告警、资产、任务、最近做了什么；也可以按告警编号查它属于哪个事件。",
        GetCase,
        get_case,
    ),
)
