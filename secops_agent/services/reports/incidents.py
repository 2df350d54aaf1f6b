"""Incident reports: one case for people outside of it, without accounts, addresses and numbers of people."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from django.utils import timezone

from secops_agent.models import Action, Alert, CaseStatus, ReportStage
from secops_agent.models.choices import AlertStatus, AssetType, IndicatorKind, Severity, Verdict
from secops_agent.services.cases import timeline, views
from secops_agent.services.cases.reporting import clock as reporting_clock
from secops_agent.services.cases.timeline import CaseMoment
from secops_agent.services.cases.views import CaseDetail, CaseSummary, CaseTaskView
from secops_agent.services.clock import clock, exact
from secops_agent.services.privacy import mask, public
from secops_agent.services.reports.alert_counting import worst_of
from secops_agent.services.reports.conclusions import alert_told, short
from secops_agent.services.reports.documents import Document, ReportLine, ReportSection

MOST_ACTIONS: Final = 500  # that are looked through for those about this case
_NONE: Final = "—"
_HIDDEN: Final = "〔个人信息〕"
_NAMED: Final = 3  # assets in its conclusion
_DUTY: Final = "值班人员"
_NOTE: Final = "账号、邮箱等个人信息不写进报告。"


def incident_report(case_id: int) -> Document:
    """As the case stands. Raises NotFound."""
    detail = views.get(case_id, private=True)
    hidden = views.private_values([case_id])
    shown, moments = public(detail), timeline.moments(detail, private=True)
    actions = tuple(_action_lines(shown))
    sections = (
        ReportSection("小结", (ReportLine("小结", shown.text),) if shown.text else ()),
        ReportSection("报告时钟", tuple(_reporting_lines(case_id))),
        ReportSection("影响的资产", tuple(_asset_lines(shown))),
        ReportSection("告警", tuple(_alert_lines(shown))),
        ReportSection("经过", tuple(_moment_line(each) for each in reversed(moments))),
        ReportSection("结论与决定", tuple(_decision_lines(shown, moments))),
        ReportSection("处置动作和批准人", actions),
        ReportSection(
            "指标",
            tuple(ReportLine(str(IndicatorKind(each.kind).label), each.value) for each in shown.indicators),
        ),
        ReportSection("未完成的任务", tuple(_task_lines(shown))),
    )
    return Document(
        title=mask(f"事件 {shown.summary.code} {shown.summary.title}", hidden, _HIDDEN),
        span=_span(shown),
        made_at=timezone.now(),
        conclusion=tuple(
            mask(each, hidden, _HIDDEN) for each in _conclude(shown, len(actions), moments, hidden)
        ),
        headline=_headline(shown),
        sections=tuple(_masked(section, hidden) for section in sections if section.lines),
        notes=(_NOTE,),
    )


def _reporting_lines(case_id: int) -> Iterable[ReportLine]:
    """The clock, and who reported what to whom and when."""
    if view := reporting_clock.standing(case_id):
        yield ReportLine("时钟", view.line(timezone.now()))
        for each in view.entries:
            yield ReportLine(
                str(ReportStage(each.stage).label),
                f"{exact(each.at)} {each.reported_by} 报{each.body}，{each.reference or '没有回执'}",
            )


def _span(detail: CaseDetail) -> str:
    """From its first alert to its end, or until now."""
    first = min((each.first_seen for each in detail.alerts), default=detail.summary.created_at)
    return f"{clock(first)} 至{f' {clock(detail.summary.closed_at)}' if detail.summary.closed_at else '今'}"


def _conclude(
    detail: CaseDetail, actions: int, moments: Sequence[CaseMoment], hidden: tuple[str, ...]
) -> Iterable[str]:
    """What it is and what changed last, how it stands and what of it is worst, and who must decide or do what. What is cut short
    has ``hidden`` masked before: half of a name would not be found."""
    case, tasks = detail.summary, [each for each in detail.tasks if each.done_at is None]
    names = "、".join(each.name for each in detail.assets[:_NAMED])
    where = (
        f"，影响 {len(detail.assets)} 台资产（{names}{'等' if len(detail.assets) > _NAMED else ''}）"
        if names
        else ""
    )
    verdict = f"，结论是{Verdict(case.verdict).label}" if case.verdict else ""
    yield f"{Severity(case.severity).label if case.severity else '未定'}级别的事件，{_span(detail)}，{case.alerts} 条告警{where}。{_latest(moments, hidden)}"
    yield (
        f"现在{CaseStatus(case.status).label}{verdict}，{f'负责人 {case.owner}' if case.owner else '没有负责人'}；"
        f"{case.open_alerts} 条告警没有关闭{_worst(case, hidden)}，执行过 {actions} 项处置动作。"
    )
    wanted = [] if case.owner or case.is_closed else [f"{_DUTY}：事件 {case.code} 交给谁"]
    tasks.sort(key=lambda each: not each.is_late)
    wanted += [_undone(each, case.owner, hidden) for each in tasks[:_NAMED]]
    wanted += [f"还有 {len(tasks) - _NAMED} 项任务没有完成"] if len(tasks) > _NAMED else []
    yield f"需要决定：{'；'.join(wanted)}。" if wanted else "没有等待决定的事，任务都已完成。"


def _latest(moments: Sequence[CaseMoment], hidden: tuple[str, ...]) -> str:
    for each in moments[:1]:
        told = short(mask(_moment_line(each).value, hidden, _HIDDEN)).rstrip("。")
        return f"最近一次变化：{exact(each.at)} {told}。"
    return ""


def _worst(case: CaseSummary, hidden: tuple[str, ...]) -> str:
    for each in worst_of(Alert.objects.filter(case=case.id))[:1]:
        return f"，最要紧的是{alert_told(replace(each, title=mask(each.title, hidden, _HIDDEN)))}"
    return ""


def _undone(task: CaseTaskView, owner: str, hidden: tuple[str, ...]) -> str:
    due = f"（期限 {exact(task.due_at)}{'，已经过了' if task.is_late else ''}）" if task.due_at else ""
    return (
        f"{task.assignee or owner or _DUTY}：任务「{short(mask(task.text, hidden, _HIDDEN))}」没有完成{due}"
    )


def _masked(section: ReportSection, hidden: tuple[str, ...]) -> ReportSection:
    lines = (
        replace(each, label=mask(each.label, hidden, _HIDDEN), value=mask(each.value, hidden, _HIDDEN))
        for each in section.lines
    )
    return replace(section, lines=tuple(lines))


def _headline(detail: CaseDetail) -> tuple[ReportLine, ...]:
    case = detail.summary
    severity = str(Severity(case.severity).label) if case.severity else _NONE
    verdict = str(Verdict(case.verdict).label) if case.verdict else ""
    return (
        ReportLine("级别", severity),
        ReportLine("状态", str(CaseStatus(case.status).label), verdict),
        ReportLine("负责人", case.owner or "没有"),
        ReportLine("告警", f"{case.alerts} 条", f"{case.open_alerts} 条未关闭"),
    )


def _asset_lines(detail: CaseDetail) -> Iterable[ReportLine]:
    for each in detail.assets:
        facts = (
            str(AssetType(each.asset_type).label),
            "、".join(each.ips),
            f"负责人 {each.owner}" if each.owner else "",
        )
        yield ReportLine(each.name, "，".join(fact for fact in facts if fact))


def _alert_lines(detail: CaseDetail) -> Iterable[ReportLine]:
    for each in detail.alerts:
        state = str(AlertStatus(each.status).label)
        verdict = f"（{Verdict(each.verdict).label}）" if each.verdict else ""
        where = "、".join(asset.name for asset in each.assets)
        facts = (
            str(Severity(each.severity).label),
            where,
            f"{exact(each.first_seen)} 起 {each.count} 次",
            state + verdict,
        )
        yield ReportLine(f"A{each.id} {each.title}", "，".join(fact for fact in facts if fact))


def _moment_line(each: CaseMoment) -> ReportLine:
    changes = "；".join(_change(*change) for change in each.changes)
    who = f"{each.actor} " if each.actor else ""
    told = "。".join(part for part in (f"{who}{each.subject} {each.what}", changes, each.note) if part)
    return ReportLine(exact(each.at), told)


def _change(label: str, old: str, new: str) -> str:
    return f"{label}：{new}" if old == _NONE else f"{label}：{old} → {new}"


def _decision_lines(detail: CaseDetail, moments: Iterable[CaseMoment]) -> Iterable[ReportLine]:
    for each in moments:
        verdict = next((new for label, _, new in each.changes if label == "结论" and new != _NONE), "")
        if verdict:
            yield ReportLine(f"{each.subject} {each.actor}", f"{verdict}，{exact(each.at)}。{each.note}")


def _action_lines(detail: CaseDetail) -> Iterable[ReportLine]:
    """Actions since the first alert that name one of its assets, their addresses or its indicators."""
    since = min((each.first_seen for each in detail.alerts), default=detail.summary.created_at)
    known = {each.value for each in detail.indicators}
    for asset in detail.assets:
        known |= {asset.name, *asset.ips}
    for row in Action.objects.filter(created_at__gte=since).order_by("created_at")[:MOST_ACTIONS]:
        if known & {str(value) for value in row.arguments.values()}:
            told = f"{row.summary}。{row.get_state_display()}，{row.asker} 提出，{row.approver} 批准"
            yield ReportLine(f"{exact(row.created_at)} {row.title}", told)


def _task_lines(detail: CaseDetail) -> Iterable[ReportLine]:
    for each in detail.tasks:
        if each.done_at is None:
            due = f"期限 {exact(each.due_at)}" if each.due_at else ""
            yield ReportLine(
                each.text, "，".join(fact for fact in (each.assignee or "没有执行人", due) if fact)
            )
