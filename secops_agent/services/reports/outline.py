"""Outline of a report: the same lines in DingTalk, on the page and in the PDF. Plain text: who shows it escapes it."""

from dataclasses import dataclass
from typing import Final

from secops_agent.models import ActionState
from secops_agent.models.choices import Importance, Severity, Verdict
from secops_agent.services.alerts.timing import TimeTaken
from secops_agent.services.reports.figures import (
    AlertFigures,
    Counts,
    FlawFigures,
    PeriodReport,
    WorkFigures,
    total,
)

_SEVERITY: Final = {value: str(label) for value, label in Severity.choices}
_VERDICT: Final = {value: str(label) for value, label in Verdict.choices}
_ACTION: Final = {value: str(label) for value, label in ActionState.choices}
_IMPORTANCE: Final = {value: str(label) for value, label in Importance.choices}
_NONE: Final = "没有数据"
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class ReportLine:
    """``change`` against the period before: ▲3, ▼3, ＝, or "" where there is nothing to compare."""

    label: str
    value: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class ReportSection:
    """Lines under a heading."""

    title: str
    lines: tuple[ReportLine, ...]


def headline(report: PeriodReport) -> tuple[ReportLine, ...]:
    """What everybody wants to know first."""
    now, before = report.figures.alerts, report.earlier.alerts
    return (
        _number("新增告警", total(now.new), total(before.new), "条"),
        _number("已关闭", total(now.closed), total(before.closed), "条"),
        _number("未关闭", total(now.open), total(before.open), "条"),
        _number("已超时", total(now.overdue), total(before.overdue), "条"),
    )


def sections(report: PeriodReport) -> tuple[ReportSection, ...]:
    """Everything else."""
    now, before = report.figures, report.earlier
    return (
        ReportSection("告警", _alert_lines(now.alerts, before.alerts)),
        ReportSection("最吵的规则", tuple(
            ReportLine(_short(each.name), f"{each.alerts} 条，其中误报或正常 {each.dismissed} 条") for each in now.alerts.rules
        )),
        ReportSection("告警最多的资产", tuple(
            ReportLine(
                _short(each.name) + (f"（重要性{_IMPORTANCE[each.importance]}）" if each.importance else ""),
                f"{each.alerts} 条，其中严重和高危 {each.grave} 条",
            )
            for each in now.alerts.assets
        )),
        ReportSection("漏洞与资产", _flaw_lines(now.flaws, before.flaws)),
        ReportSection("处置与值班", _work_lines(now.work, before.work)),
    )  # fmt: skip


def notes(report: PeriodReport) -> str:
    """How the numbers are counted, said once."""
    return (
        f"▲▼ 与上一期（{report.period.before.title}）相比。新增按首次发生时间；关闭按关闭时间，含来源恢复的；"
        "未关闭、已超时为期末。用时从入库算起，关闭用时不含来源恢复的。"
        "时限达成＝期内按时关闭÷（按时关闭＋期内超过时限未关闭）。已被利用按 KEV 目录，重要资产为核心和高。"
        "值班告警为当班时段首次发生的严重和高危告警。"
    )


def _alert_lines(now: AlertFigures, before: AlertFigures) -> tuple[ReportLine, ...]:
    by_source = (f"来源恢复 {now.recovered}",) if now.recovered else ()
    closed = (*by_source, *((f"规则抑制 {now.suppressed}（不算已关闭）",) if now.suppressed else ()))
    return (
        _counted("新增", now.new, before.new, "条"),
        ReportLine("来源", _listed(now.sources)),
        _counted("已关闭", now.closed, before.closed, "条"),
        ReportLine("结论", "、".join((*filter(None, (_listed(now.verdicts, _VERDICT, empty=""),)), *closed)) or "无"),
        _counted("未关闭", now.open, before.open, "条"),
        _counted("已超时", now.overdue, before.overdue, "条"),
        _taken("确认用时（MTTA）", now.acknowledging, before.acknowledging),
        _taken("关闭用时（MTTR）", now.closing, before.closing),
        _kept(now, before),
    )  # fmt: skip


def _flaw_lines(now: FlawFigures, before: FlawFigures) -> tuple[ReportLine, ...]:
    exploited = "、".join(
        f"{each.vuln_id} {each.assets} 台" + ("（勒索）" if each.ransomware else "") for each in now.exploited
    )
    return (
        _counted("新发现", now.new, before.new, "个"),
        _number("已修复", now.gone, before.gone, "个"),
        _counted("未修复", now.open, before.open, "个"),
        _counted("已超时", now.overdue, before.overdue, "个"),
        ReportLine(
            "已被利用（KEV）",
            f"{now.kev_findings} 个，涉及资产 {now.kev_assets} 台，其中重要资产 {now.kev_important} 台",
            change(now.kev_findings, before.kev_findings),
        ),
        *([ReportLine("重要资产上的已被利用", exploited)] if exploited else []),
        _number("新增资产", now.new_assets, before.new_assets, "台"),
    )


def _work_lines(now: WorkFigures, before: WorkFigures) -> tuple[ReportLine, ...]:
    """Only what there was, now or before."""
    decided, earlier = (each.approved + each.rejected + each.expired for each in (now, before))
    acted, acted_before = total(now.actions), total(before.actions)
    duty = "、".join(f"{each.name} {each.hours:g} 小时 {each.alerts} 条" for each in now.duty)
    verdicts = f"{decided} 项（批准 {now.approved}、拒绝 {now.rejected}、过期 {now.expired}）"
    lines = (
        (decided or earlier, ReportLine("处置审批", verdicts, change(decided, earlier))),
        (acted or acted_before, ReportLine("处置动作", _listed(now.actions, _ACTION), change(acted, acted_before))),
        (
            now.silences or before.silences,
            ReportLine("静默", f"{now.silences} 项，留存消息 {now.held} 条", change(now.silences, before.silences)),
        ),
        (now.escalations or before.escalations, _number("无人处理而升级", now.escalations, before.escalations, "次")),
        (duty, ReportLine("值班", duty)),
    )  # fmt: skip
    return tuple(line for some, line in lines if some)


def change(now: float, before: float, unit: str = "") -> str:
    """▲3 for 5 after 2."""
    step = round(now - before, 1)
    return f"{'▲' if step > 0 else '▼'}{abs(step):g}{unit}" if step else "＝"


def _number(label: str, now: int, before: int, unit: str) -> ReportLine:
    return ReportLine(label, f"{now} {unit}", change(now, before))


def _counted(label: str, now: Counts, before: Counts, unit: str) -> ReportLine:
    parts = f"（{_listed(now, _SEVERITY)}）" if now else ""
    return ReportLine(label, f"{total(now)} {unit}{parts}", change(total(now), total(before)))


def _listed(counts: Counts, labels: dict[str, str] | None = None, *, empty: str = "无") -> str:
    known = labels or {}
    return "、".join(f"{known.get(key) or _short(key) or '其他'} {number}" for key, number in counts) or empty


def _short(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"


def _taken(label: str, now: TimeTaken | None, before: TimeTaken | None) -> ReportLine:
    if now is None:
        return ReportLine(label, _NONE)
    value = f"中位 {minutes_told(now.median)}，平均 {minutes_told(now.mean)}（{now.count} 条）"
    if before is None:
        return ReportLine(label, value)
    step = round(now.median - before.median, 1)
    return ReportLine(label, value, f"{'▲' if step > 0 else '▼'}{minutes_told(abs(step))}" if step else "＝")


def minutes_told(minutes: float) -> str:
    """90 → 1.5 小时."""
    if minutes < 60:
        return f"{minutes:g} 分钟"
    return f"{minutes / 60:.3g} 小时" if minutes < 48 * 60 else f"{minutes / 1440:.3g} 天"


def _kept(now: AlertFigures, before: AlertFigures) -> ReportLine:
    percent, earlier = kept_percent(now), kept_percent(before)
    if percent is None:
        return ReportLine("时限达成", _NONE)
    value = f"{percent:g}%（{now.kept}/{now.kept + now.broken}）"
    return ReportLine("时限达成", value, change(percent, earlier, " 个百分点") if earlier is not None else "")


def kept_percent(alerts: AlertFigures) -> float | None:
    """Of the limits that were kept or broken, those kept."""
    both = alerts.kept + alerts.broken
    return round(100 * alerts.kept / both, 1) if both else None
