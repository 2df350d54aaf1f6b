"""Texts of messages about alerts, in DingTalk Markdown: short, the first line answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from django.utils import timezone

from bifang.channels.ports import Suggestion
from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models import Alert, Silence
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services import links
from secops_agent.services.clock import clock, left_told
from secops_agent.services.outcomes import course
from secops_agent.services.privacy import mask_alerts

MARKS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵", "info": "⚪"}
OVER: Final = "✅"
_MOST_LISTED: Final = 5


def rank(level: str) -> int:
    """The gravest first; what is none comes last."""
    order = list(Severity.values)
    return order.index(level) if level in order else len(order)


def gravest(alerts: Sequence[Alert]) -> str:
    """The severity of the gravest one."""
    return min((each.severity for each in alerts), key=rank, default="info")


def title_of(alerts: Sequence[Alert]) -> str:
    """What the phone shows: 【严重】… A12."""
    first = alerts[0]
    more = f" 等 {len(alerts)} 条" if len(alerts) > 1 else ""
    return f"{level_of(alerts)}{plain(first.title, 60)}{more} A{first.pk}"


def level_of(alerts: Sequence[Alert]) -> str:
    """【严重】, or that all of it is closed."""
    return f"【{AlertStatus.CLOSED.label if is_over(alerts) else Severity(gravest(alerts)).label}】"


def time_left(alerts: Sequence[Alert], now: datetime) -> str:
    """As `left_told`: of the limit that comes first among those that are not closed; "" for none."""
    limits = [each.due_at for each in alerts if each.due_at and each.status != AlertStatus.CLOSED]
    return left_told(min(limits), now) if limits else ""


def is_over(alerts: Sequence[Alert]) -> bool:
    """Is nothing left to do?"""
    return all(each.status == AlertStatus.CLOSED for each in alerts)


def commands(alerts: Sequence[Alert]) -> tuple[Suggestion, ...]:
    """What a reader may say about the group now, each with the code of the alert that it is named after."""
    if is_over(alerts):
        return ()
    is_open = any(each.status == AlertStatus.OPEN for each in alerts)
    pk = alerts[0].pk
    acknowledge = (says.acknowledge(pk),) if is_open else ()
    return (*acknowledge, says.take(pk), says.close(pk, "false_positive"), says.silence(pk), says.show(pk))


def group_text(
    alerts: Sequence[Alert],
    assets: Sequence[str],
    *,
    seen: str = "",
    last: str = "",
    found: str = "",
    called: str = "",
    limit: str = "",
    read: str = "",
    despite: str = "",
    quiet: Silence | None = None,
    prefix: str = "",
    heard: bool = True,
) -> str:
    """One group of alerts, the first one named by its code; ``seen``: indicators beside ``way``, ``last``: what somebody did about it last, ``found``: what
    was found out about it, ``called``: who was called, ``read``: what a model said of that,
    ``despite``: what it happened after. ``heard``: there is somebody to be answered."""
    first, level = alerts[0], gravest(alerts)
    mark = OVER if is_over(alerts) else MARKS[level]
    about = "" if first.description.strip() in ("", first.title) else first.description
    lines = [
        f"{prefix}{mark} **{Severity(level).label} · {plain(first.title, 120)}**",
        "",
        f"- 编号：A{first.pk}" + (f"（同组共 {len(alerts)} 条）" if len(alerts) > 1 else ""),
        f"- 资产：{'、'.join(assets[:_MOST_LISTED]) or '未知'}",
        *([f"- 方向：{way}"] if (way := course(first.way, first.outcome)) else []),
        *([f"- 指标：{seen}"] if seen else []),
        *([f"- 说明：{plain(about, 100)}"] if about else []),
        f"- 来源：{plain(first.source, 40)}　最近：{clock(max(each.last_seen for each in alerts))}　次数：{sum(each.count for each in alerts)}",
        f"- 状态：{state_of(alerts)}",
        *([f"- 调查：{plain(found, 200)}"] if found else []),
        *([f"- 注意：{despite}"] if despite else []),
        *([f"- 模型：{plain(read, 200)}"] if read else []),
        *([f"- 处理：{last}"] if last else []),
        *([f"- 呼叫：{plain(called, 400)}"] if called else []),
        *([f"- 报告时钟：{plain(limit, 200)}"] if limit else []),
        *_quiet(quiet, level),
    ]
    if first.due_at and first.status != AlertStatus.CLOSED:
        left = time_left([first], timezone.now())
        lines.append(f"- 处理时限：{clock(first.due_at)}（{left}）")
    if heard and is_over(alerts):
        lines += ["", f"回复：{says.reopen(first.pk)}"]
    return "\n".join(lines)


def update_text(alerts: Sequence[Alert], last: str) -> str:
    """What became of a group that was told of in full: ✅ A12 …：已关闭（误报）。李四 关闭，结论：误报（11-26 05:20）."""
    first, again = alerts[0], f"　回复：{says.reopen(alerts[0].pk)}" if is_over(alerts) else ""
    mark = OVER if is_over(alerts) else "👤"
    return (
        f"{mark} {links.code('alert', first.pk)} {plain(first.title, 60)}：{state_of(alerts)}。{last}{again}"
    )


def _quiet(quiet: Silence | None, level: str) -> list[str]:
    """Until when; and why it is told all the same."""
    if quiet is None:
        return []
    known = quiet.get_worst_display()
    graver = "" if quiet.takes(level) else f"，设置时最高只有{known}，这次是{Severity(level).label}，照常通知"
    return [f"- 静默：到 {clock(quiet.ends_at)}（{plain(quiet.made_by, 30)}）{graver}"]


def burst_text(
    alerts: Sequence[Alert],
    name: str,
    places: str,
    *,
    found: str = "",
    last: str = "",
    called: str = "",
    limit: str = "",
    quiet: Silence | None = None,
    prefix: str = "",
    heard: bool = True,
) -> str:
    """Many alerts of one detection rule, ``name``; ``places`` says from where and on what."""
    first, level = alerts[0], gravest(alerts)
    by_time = sorted(alerts, key=lambda each: (each.first_seen, each.pk))
    mark = OVER if is_over(alerts) else MARKS[level]
    lines = [
        f"{prefix}{mark} **{Severity(level).label} · {plain(name, 80)} ×{len(alerts)}**",
        "",
        f"- {places}",
        f"- 第一条：A{by_time[0].pk} {clock(by_time[0].first_seen)}　最近：{clock(max(each.last_seen for each in alerts))}",
        f"- 状态：{state_of(alerts)}",
        *([f"- 级别：{levels_of(alerts)}"] if len({each.severity for each in alerts}) > 1 else []),
        *([f"- 调查：{plain(found, 200)}"] if found else []),
        *([f"- 处理：{last}"] if last else []),
        *([f"- 呼叫：{plain(called, 400)}"] if called else []),
        *([f"- 报告时钟：{plain(limit, 200)}"] if limit else []),
        *_quiet(quiet, level),
    ]
    if heard:
        again = f"：{says.reopen(first.pk)}" if is_over(alerts) else "："
        lines += ["", f"A{first.pk} 代表全部 {len(alerts)} 条{again}"]
    return "\n".join(lines)


def levels_of(alerts: Sequence[Alert]) -> str:
    """🔴 严重 2、🟠 高危 38."""
    counted = Counter(each.severity for each in alerts)
    named = [(key, MARKS[key], Severity(key).label) for key in Severity.values if counted[key]]
    return "、".join(f"{mark} {label} {counted[key]}" for key, mark, label in named)


def happened_text(heading: str, alerts: Sequence[Alert], counted: Mapping[str, int]) -> str:
    """What became of many alerts that were told of already: 李四 关闭，结论：重复（120 条）."""
    listed = sorted(counted.items(), key=lambda pair: -pair[1])[:_MOST_LISTED]
    codes = "、".join(links.code("alert", each.pk) for each in alerts[:_MOST_LISTED])
    more = f" 等 {len(alerts)} 条" if len(alerts) > _MOST_LISTED else ""
    return "\n".join([
        f"**{heading}：{len(alerts)} 条告警**", "", *(f"- {said}：{number} 条" for said, number in listed),
        f"- 状态：{state_of(alerts)}", f"- {codes}{more}",
    ])  # fmt: skip


def state_of(alerts: Sequence[Alert]) -> str:
    """未处理 2、处理中 1（李四）."""
    counted = Counter(each.status for each in alerts)
    parts = [
        f"{AlertStatus(name).label}" + (f" {count}" if len(alerts) > 1 else "")
        for name, count in counted.items()
    ]
    people = dict.fromkeys(each.handler.name for each in alerts if each.handler)
    verdicts = dict.fromkeys(str(each.get_verdict_display()) for each in alerts if each.verdict)
    recovered = ["自动恢复"] if any(each.closed_by_source for each in alerts) else []
    told = "、".join(plain(name, 20) for name in (*people, *verdicts, *recovered))
    return "、".join(parts) + (f"（{told}）" if told else "")


def counted_text(heading: str, alerts: Sequence[Alert], notes: Sequence[str] = ()) -> str:
    """Many alerts as numbers: by severity, by rule, by source; as anybody may read it."""
    rules = Counter(each.rule_name or each.title for each in alerts)
    lines = [
        f"**{heading}：{len(alerts)} 条告警**",
        "",
        f"- 级别：{levels_of(alerts)}",
        "- 最多的规则：" + "、".join(f"{plain(name, 40)} {count}" for name, count in rules.most_common(3)),
        f"- 状态：{state_of(alerts)}",
    ]
    lines += [f"- {links.code('alert', each.pk)} {plain(each.title, 60)}" for each in worst(alerts)]
    return mask_alerts("\n".join([*lines, *notes]), [each.pk for each in worst(alerts)])


def worst(alerts: Sequence[Alert]) -> list[Alert]:
    """Those that many are named by."""
    level = gravest(alerts)
    return [each for each in alerts if each.severity == level][:_MOST_LISTED]
