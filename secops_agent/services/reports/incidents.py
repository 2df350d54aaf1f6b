"""Incident reports: one case for people outside of it, without accounts, addresses and numbers of people."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.utils import timezone

from bifang.channels.text.markup import literal
from secops_agent.models import Action, CaseStatus
from secops_agent.models.choices import AlertStatus, AssetType, IndicatorKind, Severity, Verdict
from secops_agent.services.cases import timeline, views
from secops_agent.services.cases.timeline import CaseMoment
from secops_agent.services.cases.views import CaseDetail
from secops_agent.services.clock import exact
from secops_agent.services.privacy import mask, public
from secops_agent.services.reports.outline import ReportLine, ReportSection

MOST_ACTIONS: Final = 500  # that are looked through for those about this case
_NONE: Final = "—"
_NOTE: Final = "账号、邮箱等个人信息不写进报告。"


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """Plain text: who shows it escapes it. Sections without lines are left out."""

    title: str
    made_at: datetime
    text: str
    headline: tuple[ReportLine, ...]
    sections: tuple[ReportSection, ...]
    notes: str = _NOTE


def incident_report(case_id: int) -> IncidentReport:
    """As the case stands. Raises NotFound."""
    detail = views.get(case_id, private=True)
    hidden = views.private_values([case_id])
    shown, moments = public(detail), timeline.moments(detail, private=True)
    sections = (
        ReportSection("影响的资产", tuple(_asset_lines(shown))),
        ReportSection("告警", tuple(_alert_lines(shown))),
        ReportSection("经过", tuple(_moment_line(each) for each in reversed(moments))),
        ReportSection("结论与决定", tuple(_decision_lines(shown, moments))),
        ReportSection("处置动作", tuple(_action_lines(shown))),
        ReportSection(
            "指标",
            tuple(ReportLine(str(IndicatorKind(each.kind).label), each.value) for each in shown.indicators),
        ),
        ReportSection("未完成的任务", tuple(_task_lines(shown))),
    )
    return IncidentReport(
        title=mask(f"事件 {shown.summary.code} {shown.summary.title}", hidden),
        made_at=timezone.now(),
        text=mask(shown.text, hidden),
        headline=_headline(shown),
        sections=tuple(_masked(section, hidden) for section in sections if section.lines),
    )


def _masked(section: ReportSection, hidden: tuple[str, ...]) -> ReportSection:
    lines = (
        replace(each, label=mask(each.label, hidden), value=mask(each.value, hidden))
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


def as_markdown(report: IncidentReport) -> str:
    """The same as a file to keep or to send on."""
    parts = [f"# {literal(report.title)}", f"生成于 {exact(report.made_at)}。{report.notes}"]
    facts = (
        f"{each.label}：{each.value}" + (f"（{each.change}）" if each.change else "")
        for each in report.headline
    )
    parts.append("；".join(literal(fact) for fact in facts))
    parts += (
        ["## 小结", "\n\n".join(literal(line) for line in report.text.splitlines() if line.strip())]
        if report.text
        else []
    )
    for section in report.sections:
        lines = (f"- {literal(each.label)}：{literal(each.value)}" for each in section.lines)
        parts += [f"## {section.title}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"
