"""Conclusions: three sentences written from the figures alone: what changed, what is worst, who must decide what."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from secops_agent.models import CaseStatus
from secops_agent.models.choices import Severity
from secops_agent.services.reports.alert_counting import GRAVE
from secops_agent.services.reports.figures import AlertTold, CaseTold, Counts, PeriodReport, total

_BEFORE: Final = {"daily": "前一天", "weekly": "上一周", "monthly": "上个月"}
MOST_DECISIONS: Final = 3
MANY: Final = 5  # alerts of a rule, before half of them being none says something
_MOVED: Final = 3  # alerts of a rule, more or less than before, that say something
_NAMED: Final = 2  # hosts of one thing
_RANKS: Final = ("", "其次，", "再次，")
_LEADER: Final = "安全负责人"
_LONGEST: Final = 40  # characters of a title


def conclude(report: PeriodReport) -> tuple[str, str, str]:
    """The three. Every number and name in them is one of the report's."""
    worst = "；".join(f"{rank}{each}" for rank, each in zip(_RANKS, _worst(report), strict=False))
    decisions = "；".join(islice(_decisions(report), MOST_DECISIONS))
    return (
        _changed(report),
        f"最要紧：{worst}。"
        if worst
        else "没有特别要紧的：没有未关闭的严重、高危事件和告警，没有超时的告警和漏洞。",
        f"需要决定：{decisions}。" if decisions else "没有需要决定的事。",
    )


def _changed(report: PeriodReport) -> str:
    now, before = report.figures.alerts, report.earlier.alerts
    new, left = total(now.new), total(now.open)
    if not (new or left or total(now.closed)):
        return f"没有新增告警，也没有未关闭的（{_than(report)}新增 {total(before.new)} 条）。"
    grave = f"，其中严重和高危 {_grave(now.new)} 条" if _grave(now.new) else ""
    return (
        f"新增告警 {new} 条，{_compared(new, total(before.new), _than(report))}{grave}{_moved(report)}{_begun(report)}；关闭 {total(now.closed)} 条，"
        f"还有 {left} 条没有关闭，{_compared(left, total(before.open), _than(report))}。"
    )


def _moved(report: PeriodReport) -> str:
    """The rule that made most of the change."""
    for rule in report.figures.alerts.moved[:1]:
        if abs(rule.now - rule.before) >= _MOVED:
            way = "增加" if rule.now > rule.before else "减少"
            return f"，{way}最多的是规则「{short(rule.name)}」（{rule.now} 条，{_than(report)} {rule.before} 条）"
    return ""


def _begun(report: PeriodReport) -> str:
    """The cases that began in it and are open."""
    names = [f"{each.code}「{short(each.title)}」" for each in report.figures.cases if each.new and each.open]
    more = f" 等 {len(names)} 个" if len(names) > _NAMED else ""
    return f"；新建事件 {'、'.join(names[:_NAMED])}{more}" if names else ""


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
    told = {each.code for each in cases[:1]}
    yield from islice((alert_told(each) for each in alerts.worst if each.case not in told), 1)
    for flaw in flaws.exploited[:1]:
        used = "，有勒索软件在用" if flaw.ransomware else ""
        where = (
            f"{named(flaw.hosts, flaw.assets)}（重要资产，{_owned(flaw.owner)}）"
            if flaw.hosts
            else f"{flaw.assets} 台重要资产"
        )
        yield f"已被利用的 {flaw.vuln_id}：{where}上没有修复{used}"
    if late := _grave(alerts.overdue):
        yield f"{late} 条严重和高危告警已超过处理时限"
    for late_flaw in flaws.late[:1]:
        where = named(late_flaw.hosts, late_flaw.assets)
        yield f"{late_flaw.name}：{where}（{_owned(late_flaw.owner)}）超过修复时限{days_told(late_flaw.days)}"
    yield from (
        f"{each.name}：新增 {each.grave} 条严重和高危告警" for each in alerts.assets[:1] if each.grave
    )


def alert_told(alert: AlertTold) -> str:
    """告警 A3「…」（在 file-01 上，没有人处理；严重、24 小时内发生过）."""
    owner = f"处理人 {alert.owner}" if alert.owner else "没有人处理"
    where = f"在 {named(alert.hosts, len(alert.hosts))} 上，" if alert.hosts else ""
    why = alert.why.replace("、没人处理", "")
    return f"告警 {alert.code}「{short(alert.title)}」（{where}{owner}；{why}）"


def named(hosts: Sequence[str], number: int) -> str:
    """Web-01、web-02 等 4 台; only how many where no names are known."""
    names = "、".join(hosts[:_NAMED])
    more = f" 等 {number} 台" if number > len(hosts[:_NAMED]) else ""
    return f"{names}{more}" if names else f"{number} 台资产"


def _case(case: CaseTold) -> str:
    facts = (
        str(Severity(case.severity).label) if case.severity else "",
        str(CaseStatus(case.status).label),
        _owned(case.owner),
        f"{case.alerts} 条告警",
    )
    return f"事件 {case.code}「{short(case.title)}」（{'，'.join(filter(None, facts))}）"


def _owned(owner: str) -> str:
    return f"负责人 {owner}" if owner else "没有负责人"


def _decisions(report: PeriodReport) -> Iterator[str]:
    """Who has to give a word on what, the dearest first."""
    alerts, work = report.figures.alerts, report.figures.work
    duty = f"值班的 {work.on_call}" if work.on_call else "值班人员"
    yield from islice((f"{duty}：告警 {each.code} 交给谁" for each in alerts.worst if not each.owner), 1)
    yield from _late_flaws(report)
    yield from (
        f"{duty}：事件 {each.code} 交给谁" for each in report.figures.cases if each.open and not each.owner
    )
    yield from _late_alerts(report, duty)
    if work.expired:
        yield f"提出人：{work.expired} 项处置申请过期没有人决定，要不要重新提出"
    for rule in alerts.rules:
        if rule.alerts >= MANY and rule.dismissed * 2 >= rule.alerts:
            yield f"{_LEADER}：规则「{short(rule.name)}」{rule.alerts} 条里 {rule.dismissed} 条是误报或正常行为，要不要调整"


def _late_flaws(report: PeriodReport) -> Iterator[str]:
    flaws = report.figures.flaws
    overdue = total(flaws.overdue)
    for first in flaws.late[:1]:
        more = f"，共 {overdue} 个发现超过修复时限" if overdue > 1 else ""
        where = f"（{named(first.hosts, first.assets)}，超时{days_told(first.days)}）"
        yield f"{first.owner or _LEADER}：{first.name}{where}限期修复还是接受风险{more}"
    if overdue and not flaws.late:  # a report that was kept before these had names
        yield f"{_LEADER}：{overdue} 个发现超过修复时限，限期修复还是接受风险"


def _late_alerts(report: PeriodReport, duty: str) -> Iterator[str]:
    alerts = report.figures.alerts
    if not (overdue := total(alerts.overdue)):
        return
    left = max(alerts.missed, key=lambda each: each.open, default=None)
    number = left.open if left else 0
    if left and number and left.owner:
        yield f"{left.owner}：名下本期超时的 {number} 条告警自己做完还是转交（全部超时的 {overdue} 条）"
    else:
        whose = f"，其中本期才超时、没有人处理的 {number} 条" if number else ""
        yield f"{duty}：{overdue} 条超时告警由谁处理完{whose}"


def days_told(days: int) -> str:
    """Of a limit that has passed."""
    return f" {days} 天" if days else "不到 1 天"


def short(name: str) -> str:
    """One line that is not too long."""
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
