"""Conclusions: three sentences written from the figures alone: what changed, what is worst, what must be decided."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from secops_agent.models import CaseStatus
from secops_agent.models.choices import Severity
from secops_agent.services.reports.alert_counting import GRAVE
from secops_agent.services.reports.figures import CaseTold, Counts, PeriodReport, total

_BEFORE: Final = {"daily": "前一天", "weekly": "上一周", "monthly": "上个月"}
MOST_WORST: Final = 2
MOST_DECISIONS: Final = 3
MANY: Final = 5  # alerts of a rule, before half of them being none says something


def conclude(report: PeriodReport) -> tuple[str, str, str]:
    """The three. Every number in them is one of the report's."""
    worst = "；其次，".join(islice(_worst(report), MOST_WORST))
    decisions = "；".join(islice(_decisions(report), MOST_DECISIONS))
    return (
        _changed(report),
        f"最要紧：{worst}。"
        if worst
        else "没有特别要紧的：没有未关闭的严重、高危事件，没有超时的告警和漏洞。",
        f"需要决定：{decisions}。" if decisions else "没有需要决定的事。",
    )


def _changed(report: PeriodReport) -> str:
    now, before = report.figures.alerts, report.earlier.alerts
    new, left = total(now.new), total(now.open)
    if not (new or left or total(now.closed)):
        return f"没有新增告警，也没有未关闭的（{_than(report)}新增 {total(before.new)} 条）。"
    grave = f"，其中严重和高危 {_grave(now.new)} 条" if _grave(now.new) else ""
    return (
        f"新增告警 {new} 条，{_compared(new, total(before.new), _than(report))}{grave}；关闭 {total(now.closed)} 条，"
        f"还有 {left} 条没有关闭，{_compared(left, total(before.open), _than(report))}。"
    )


def _than(report: PeriodReport) -> str:
    return _BEFORE[report.period.kind] + ("" if report.period.whole else "同一时段")


def _compared(now: int, before: int, than: str) -> str:
    """比前一天多 4 条（20%)."""
    if now == before:
        return f"和{than}一样"
    share = f"（{abs(now - before) / before:.0%}）" if before else ""
    return f"比{than}{'多' if now > before else '少'} {abs(now - before)} 条{share}"


def _grave(counts: Counts) -> int:
    return sum(number for severity, number in counts if severity in GRAVE)


def _worst(report: PeriodReport) -> Iterator[str]:
    """The worst first."""
    alerts, flaws = report.figures.alerts, report.figures.flaws
    cases = [each for each in report.figures.cases if each.open and each.severity in GRAVE]
    cases.sort(
        key=lambda each: each.status == CaseStatus.CONTAINED
    )  # what nobody has under control stands first
    yield from map(_case, cases[:1])
    for flaw in flaws.exploited[:1]:
        used = "，有勒索软件在用" if flaw.ransomware else ""
        yield f"已被利用的 {flaw.vuln_id}：{flaw.assets} 台重要资产上没有修复{used}"
    if late := _grave(alerts.overdue):
        yield f"{late} 条严重和高危告警已超过处理时限"
    for late_flaw in flaws.late[:1]:
        yield f"{late_flaw.name}：{late_flaw.assets} 台资产超过修复时限{days_told(late_flaw.days)}"
    yield from (
        f"{each.name}：新增 {each.grave} 条严重和高危告警" for each in alerts.assets[:1] if each.grave
    )


def _case(case: CaseTold) -> str:
    owner = f"负责人 {case.owner}" if case.owner else "没有负责人"
    facts = (
        str(Severity(case.severity).label),
        str(CaseStatus(case.status).label),
        owner,
        f"{case.alerts} 条告警",
    )
    return f"事件 {case.code}「{case.title}」（{'，'.join(facts)}）"


def _decisions(report: PeriodReport) -> Iterator[str]:
    """What waits for somebody's word, the dearest first."""
    alerts, flaws, work = report.figures.alerts, report.figures.flaws, report.figures.work
    if overdue := total(flaws.overdue):
        oldest = f"（其中最久{days_told(max(each.days for each in flaws.late))}）" if flaws.late else ""
        yield f"{overdue} 个漏洞超过修复时限{oldest}，限期修复还是接受风险"
    if overdue := total(alerts.overdue):
        left = max(alerts.missed, key=lambda each: each.open, default=None)
        whose = f"{left.owner}名下" if left and left.owner else "未分配的"
        most = "最多，还" if len(alerts.missed) > 1 else ""
        most = f"（其中本期才超时的，{whose}{most}有 {left.open} 条）" if left and left.open else ""
        yield f"各级别共 {overdue} 条超时告警由谁处理完{most}"
    yield from (f"事件 {each.code} 交给谁" for each in report.figures.cases if each.open and not each.owner)
    if work.expired:
        yield f"{work.expired} 项处置申请过期没有人决定，要不要重新提出"
    for rule in alerts.mistaken:
        if rule.alerts >= MANY and rule.dismissed * 2 >= rule.alerts:
            yield f"规则「{rule.name}」{rule.alerts} 条里 {rule.dismissed} 条是误报或正常行为，要不要调整"


def days_told(days: int) -> str:
    """Of a limit that has passed."""
    return f" {days} 天" if days else "不到 1 天"
