"""Outline of a report on a period: its figures, lines and words as a document."""

from dataclasses import replace
from typing import Final

from secops_agent.models import ActionState, CaseStatus
from secops_agent.models.choices import Importance, Severity, Verdict
from secops_agent.services import links
from secops_agent.services.alerts.timing import TimeTaken
from secops_agent.services.clock import clock, minutes_told
from secops_agent.services.reports.charts import charts
from secops_agent.services.reports.conclusions import conclude, days_told
from secops_agent.services.reports.documents import SAME, Document, ReportLine, ReportSection, filled
from secops_agent.services.reports.figures import (
    ActionTold,
    AlertFigures,
    CaseTold,
    Counts,
    FlawFigures,
    LateFlaw,
    NoisyRule,
    PeriodReport,
    WorkFigures,
    total,
)

_SEVERITY: Final = {value: str(label) for value, label in Severity.choices}
_VERDICT: Final = {value: str(label) for value, label in Verdict.choices}
_ACTION: Final = {value: str(label) for value, label in ActionState.choices}
_STATUS: Final = {value: str(label) for value, label in CaseStatus.choices}
_IMPORTANCE: Final = {value: str(label) for value, label in Importance.choices}
_NONE: Final = "没有数据"
_LONGEST_NAME: Final = 40
_COUNTED: Final = (
    "新增按首次发生时间；关闭按关闭时间，含来源恢复的；未关闭、已超时为期末。用时从入库算起，关闭用时不含来源恢复的。"
    "时限达成＝期内按时关闭÷（按时关闭＋期内超过时限未关闭）。已被利用按 KEV 目录，数期末还没有修复的发现，期末以后才发现的不算，和生成报告时不同的两个都写；重要资产为核心和高。"
    "值班告警为当班时段首次发生的严重和高危告警。"
)


def document(report: PeriodReport) -> Document:
    """What is read of it."""
    every = sections(report)
    absent = "、".join(each.title for each in every if not each.lines and each.listed)
    return Document(
        title=f"安全{report.period.title}",
        span=f"{clock(report.period.start)} 至 {clock(report.period.end)}",
        made_at=report.made_at,
        conclusion=conclude(report),
        headline=headline(report),
        sections=every,
        notes=(
            f"▲▼ 与上一期（{report.period.before.title}）相比。",
            f"这一期没有：{absent}。" if absent else "",
            _COUNTED,
        ),
        charts=charts(report) if report.figures.alerts.new else (),
        link=links.record("securityreport", report.pk) if report.pk else "",
    )


def headline(report: PeriodReport) -> tuple[ReportLine, ...]:
    """What everybody wants to know first."""
    now, before, course = report.figures, report.earlier, report.figures.course
    ticks = now.alerts.course
    return (
        _number("新增告警", total(now.alerts.new), total(before.alerts.new), "条", *(each.new for each in ticks)),
        _number("已关闭", total(now.alerts.closed), total(before.alerts.closed), "条", *(each.closed for each in ticks)),
        _number("未关闭", total(now.alerts.open), total(before.alerts.open), "条", *(each.open for each in course)),
        _number("已超时", total(now.alerts.overdue), total(before.alerts.overdue), "条", *(each.overdue for each in course)),
        _now_too(_number("已被利用的发现", now.flaws.kev_findings, before.flaws.kev_findings, "个", *(each.kev for each in course)),
                 now.flaws.kev_findings, now.flaws.kev_now),
    )  # fmt: skip


def sections(report: PeriodReport) -> tuple[ReportSection, ...]:
    """Everything else; those about which there is nothing to say have no lines."""
    now, before = report.figures, report.earlier
    more = now.all_cases - len(now.cases)
    return (
        ReportSection("事件", (
            *map(_case, now.cases), *([ReportLine("另有", f"{more} 个")] if more else []),
        ), listed=True),
        ReportSection("本期才超过处理时限的告警", tuple(
            ReportLine(each.owner or "未分配", f"{each.alerts} 条，其中 {each.open} 条还没有关闭") for each in now.alerts.missed
        ), listed=True),
        ReportSection("超过修复时限的漏洞", tuple(map(_late, now.flaws.late)), listed=True),
        ReportSection("处置动作和批准人", tuple(map(_action, now.work.told)), listed=True),
        ReportSection("封禁台账", tuple(ReportLine(word, f"{number} 个") for word, number in now.work.blocks), listed=True),
        ReportSection("误报最多的规则", (*(ReportLine(_short(each.rule), each.told) for each in now.alerts.wrong), *map(_mistaken, now.alerts.mistaken)), listed=True),
        ReportSection("风险最高的资产", tuple(
            ReportLine(
                _short(each.name) + (f"（重要性{_IMPORTANCE[each.importance]}）" if each.importance else ""),
                f"{each.alerts} 条，其中严重和高危 {each.grave} 条",
            )
            for each in now.alerts.assets
        ), listed=True),
        ReportSection("告警", filled(_alert_lines(now.alerts, before.alerts))),
        ReportSection("漏洞与资产", filled(_flaw_lines(now.flaws, before.flaws))),
        ReportSection("处置与值班", filled(_work_lines(now.work, before.work))),
    )  # fmt: skip


def _case(each: CaseTold) -> ReportLine:
    owner = f"负责人 {each.owner}" if each.owner else "没有负责人"
    told = (
        _SEVERITY.get(each.severity),
        _STATUS[each.status],
        _VERDICT.get(each.verdict),
        owner,
        f"{each.alerts} 条告警",
    )
    return ReportLine(f"{each.code} {_short(each.title)}", "，".join(filter(None, told)))


def _late(each: LateFlaw) -> ReportLine:
    told = (
        _SEVERITY[each.severity], "已被利用（KEV）" if each.kev else "", f"{each.assets} 台资产", f"超时最久{days_told(each.days)}",
        f"负责人 {each.owner}" if each.owner else "没有负责人",
    )  # fmt: skip
    return ReportLine(_short(each.name), "，".join(filter(None, told)))


def _action(each: ActionTold) -> ReportLine:
    people = f"{each.asker} 提出，{each.approver} 批准"
    return ReportLine(
        each.at, f"{_short(each.summary, 2 * _LONGEST_NAME)}（{_ACTION[each.state]}；{people}）"
    )


def _mistaken(each: NoisyRule) -> ReportLine:
    share = f"{each.dismissed / each.alerts:.0%}"
    return ReportLine(_short(each.name), f"{each.alerts} 条里 {each.dismissed} 条是误报或正常行为（{share}）")


def _alert_lines(now: AlertFigures, before: AlertFigures) -> tuple[ReportLine, ...]:
    by_source = f"来源恢复 {now.recovered}" if now.recovered else ""
    by_rule = f"（{_listed(now.suppressions)}）" if now.suppressions else ""
    return (
        _counted("新增", now.new, before.new, "条"),
        ReportLine("来源", _listed(now.sources)),
        ReportLine("最吵的规则", _listed(tuple((each.name, each.alerts) for each in now.rules))),
        _counted("已关闭", now.closed, before.closed, "条"),
        ReportLine("结论", "、".join(filter(None, (_listed(now.verdicts, _VERDICT, empty=""), by_source)))),
        ReportLine("规则抑制", f"{now.suppressed} 条{by_rule}，不算已关闭" if now.suppressed else ""),
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
        _now_too(_counted("未修复", now.open, before.open, "个"), total(now.open), now.open_now),
        _counted("已超时", now.overdue, before.overdue, "个"),
        _now_too(
            ReportLine(
                "已被利用（KEV）",
                f"{now.kev_findings} 个，涉及资产 {now.kev_assets} 台，其中重要资产 {now.kev_important} 台",
                change(now.kev_findings, before.kev_findings),
            ),
            now.kev_findings,
            now.kev_now,
        ),
        *([ReportLine("重要资产上的已被利用", exploited)] if exploited else []),
        _number("新增资产", now.new_assets, before.new_assets, "台"),
    )


def _work_lines(now: WorkFigures, before: WorkFigures) -> tuple[ReportLine, ...]:
    decided, earlier = (each.approved + each.rejected + each.expired for each in (now, before))
    acted, acted_before = total(now.actions), total(before.actions)
    duty = "、".join(f"{each.name} {each.hours:g} 小时 {each.alerts} 条" for each in now.duty)
    verdicts = f"{decided} 项（批准 {now.approved}、拒绝 {now.rejected}、过期 {now.expired}）"
    return (
        ReportLine("处置审批", verdicts if decided or earlier else "", change(decided, earlier)),
        ReportLine("处置动作", _listed(now.actions, _ACTION), change(acted, acted_before)),
        _number("毕方调查告警", now.investigations, before.investigations, "条"),
        ReportLine(
            "静默", f"{now.silences} 项，留存消息 {now.held} 条", change(now.silences, before.silences)
        ),
        _number("无人处理而升级", now.escalations, before.escalations, "次"),
        ReportLine("值班", duty),
    )


def change(now: float, before: float, unit: str = "") -> str:
    """▲3 for 5 after 2."""
    step = round(now - before, 1)
    return f"{'▲' if step > 0 else '▼'}{abs(step):g}{unit}" if step else SAME


def _number(label: str, now: int, before: int, unit: str, *course: int) -> ReportLine:
    return ReportLine(label, f"{now} {unit}", change(now, before), course)


def _now_too(line: ReportLine, then: int, now: int | None) -> ReportLine:
    """With what 工作台 counts, where that is another number: found or mended after the end of the period."""
    return line if now in (None, then) else replace(line, change=f"{line.change}；现在 {now} 个")


def _counted(label: str, now: Counts, before: Counts, unit: str) -> ReportLine:
    parts = f"（{_listed(now, _SEVERITY)}）" if now else ""
    return ReportLine(label, f"{total(now)} {unit}{parts}", change(total(now), total(before)))


def _listed(counts: Counts, labels: dict[str, str] | None = None, *, empty: str = "无") -> str:
    known = labels or {}
    return "、".join(f"{known.get(key) or _short(key) or '其他'} {number}" for key, number in counts) or empty


def _short(name: str, most: int = _LONGEST_NAME) -> str:
    line = " ".join(name.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _taken(label: str, now: TimeTaken | None, before: TimeTaken | None) -> ReportLine:
    if now is None:
        return ReportLine(label, _NONE)
    value = f"中位 {minutes_told(now.median)}，平均 {minutes_told(now.mean)}（{now.count} 条）"
    if before is None:
        return ReportLine(label, value)
    step = round(now.median - before.median, 1)
    return ReportLine(label, value, f"{'▲' if step > 0 else '▼'}{minutes_told(abs(step))}" if step else SAME)


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
