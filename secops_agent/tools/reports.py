"""security_report: 日报, 周报, 月报. Every number comes from the database."""

from dataclasses import asdict
from typing import Any, Final, Literal

from django.utils import timezone

from secops_agent.services import reports
from secops_agent.services.reports import PERIODS, SecurityReport
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.markdown import SEVERITY, STATUS, VERDICT, counts, duration, moment

Facts = list[tuple[str, str]]
_NAMES: Final = {
    "today": "日报", "yesterday": "日报", "this_week": "周报", "last_week": "周报", "this_month": "月报",
    "last_month": "月报",
}  # fmt: skip


class ReportPeriod(Arguments):
    """Arguments of security_report."""

    period: Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"] = argument(
        "哪一段时间", labels=PERIODS, default="today"
    )


def security_report(asker: Asker, given: ReportPeriod) -> ToolResult:
    """The numbers of one period; "ok" even when nothing happened, for that is the news."""
    report = reports.security_report(given.period, asker.now)
    query = f"时间={report.label}（{moment(report.start)} 至 {moment(report.end)}）"
    return ToolResult("ok", query, render_report(report), _data(report))


def _data(report: SecurityReport) -> dict[str, Any]:
    return {name: value for name, value in asdict(report).items() if name not in ("start", "end")}


def render_report(report: SecurityReport) -> str:
    """A report in DingTalk markdown."""
    start, end = timezone.localtime(report.start), timezone.localtime(report.end)
    title = (
        f"**安全{_NAMES[report.period]}（{report.label}）** {start:%Y-%m-%d %H:%M} 至 {end:%Y-%m-%d %H:%M}"
    )
    alerts, flaws = _alert_facts(report), _flaw_facts(report)
    return "\n".join([title, "", "**告警**", "", *_listed(alerts), "", "**漏洞与资产**", "", *_listed(flaws)])


def _alert_facts(report: SecurityReport) -> Facts:
    return [
        ("新增告警", f"**{report.alerts}** 条{_trend(report)}"),
        ("级别", counts(report.by_severity, SEVERITY)),
        ("状态", counts(report.by_status, STATUS)),
        ("来源", counts(report.by_source)),
        ("最多的规则", counts(report.top_rules)),
        ("最多的资产", counts(report.top_assets)),
        (
            "已关闭",
            f"{report.closed} 条（{counts(report.by_verdict, VERDICT)}）" if report.closed else "0 条",
        ),
        ("平均接手用时", _minutes(report.minutes_to_acknowledge)),
        ("平均关闭用时", _minutes(report.minutes_to_close)),
        (
            "目前未关闭",
            f"{sum(number for _, number in report.backlog)} 条（{counts(report.backlog, SEVERITY)}）",
        ),
        ("已超时", f"{report.overdue_alerts} 条"),
    ]


def _flaw_facts(report: SecurityReport) -> Facts:
    return [
        ("新发现问题", f"{report.new_findings} 个（{counts(report.new_findings_by_severity, SEVERITY)}）"),
        ("已修复", f"{report.gone_findings} 个"),
        ("目前未修复", f"{report.open_findings} 个，其中在野利用 {report.open_kev_findings} 个"),
        ("已超时", f"{report.overdue_findings} 个"),
        ("新增资产", f"{report.new_assets} 台"),
    ]


def _listed(facts: Facts) -> list[str]:
    return [f"- {name}：{value}" for name, value in facts if value]


def _minutes(value: float | None) -> str:
    return duration(value) if value is not None else "没有数据"


def _trend(report: SecurityReport) -> str:
    change = report.alerts - report.previous_alerts
    if not change:
        return "，与前一段同样时长持平"
    return f"，比前一段同样时长{'多' if change > 0 else '少'} {abs(change)} 条（{report.previous_alerts} 条）"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "security_report",
        "生成安全报告",
        "日报、周报、月报：告警、处置用时、漏洞和资产的数字。照原样引用其中的数字，不要自己计算。",
        ReportPeriod,
        security_report,
    ),
)
