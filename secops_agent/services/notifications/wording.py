"""What messages about alerts say, in DingTalk Markdown: short, the first line answers."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils import timezone

from bifang.channels.markup import plain
from bifang.channels.outgoing import words
from bifang.channels.ports import Suggestion
from secops_agent.models import Alert, Silence
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.privacy import mask_alerts

MARKS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵", "info": "⚪"}
OVER: Final = "✅"
_MOST_LISTED: Final = 5


def clock(moment: datetime) -> str:
    """11-26 05:20, as people here read it."""
    return f"{timezone.localtime(moment):%m-%d %H:%M}"


def gravest(alerts: Sequence[Alert]) -> str:
    """The severity of the gravest one."""
    order = list(Severity.values)
    return min((each.severity for each in alerts), key=order.index, default="info")


def title_of(alerts: Sequence[Alert]) -> str:
    """What the phone shows: 【严重】… A12."""
    first = alerts[0]
    level = AlertStatus.CLOSED.label if is_over(alerts) else Severity(gravest(alerts)).label
    more = f" 等 {len(alerts)} 条" if len(alerts) > 1 else ""
    return f"【{level}】{plain(first.title, 60)}{more} A{first.pk}"


def time_left(alerts: Sequence[Alert], now: datetime) -> str:
    """还有 30 分钟, 已超时 2 小时: of the limit that comes first among those that are not closed; "" for none."""
    limits = [each.due_at for each in alerts if each.due_at and each.status != AlertStatus.CLOSED]
    if not limits:
        return ""
    minutes = round((min(limits) - now).total_seconds() / 60)
    size = abs(minutes)
    span = f"{size} 分钟" if size < 120 else f"{size // 60} 小时" if size < 2880 else f"{size // 1440} 天"
    return f"还有 {span}" if minutes > 0 else f"已超时 {span}" if size else "已超时"


def is_over(alerts: Sequence[Alert]) -> bool:
    """Is nothing left to do?"""
    return all(each.status == AlertStatus.CLOSED for each in alerts)


def commands(alerts: Sequence[Alert]) -> tuple[Suggestion, ...]:
    """What a reader may say about the group now, each with the code of the alert that it is named after."""
    if is_over(alerts):
        return ()
    is_open = any(each.status == AlertStatus.OPEN for each in alerts)
    verbs = (*(("确认",) if is_open else ()), "指派给我", "误报", "静默", "查看")
    return tuple(Suggestion(verb, f"A{alerts[0].pk}") for verb in verbs)


def group_text(
    alerts: Sequence[Alert],
    facts: Facts,
    *,
    last: str = "",
    found: str = "",
    read: str = "",
    quiet: Silence | None = None,
    prefix: str = "",
    heard: bool = True,
) -> str:
    """One group of alerts, the first one named by its code; ``last``: what somebody did about it last, ``found``: what
    was found out about it, ``read``: what a model said of that. ``heard``: there is somebody to be answered."""
    first, level = alerts[0], gravest(alerts)
    mark = OVER if is_over(alerts) else MARKS[level]
    lines = [
        f"{prefix}{mark} **{Severity(level).label} · {plain(first.title, 120)}**",
        "",
        f"- 编号：A{first.pk}" + (f"（同组共 {len(alerts)} 条）" if len(alerts) > 1 else ""),
        f"- 资产：{'、'.join(plain(name, 40) for name in sorted(facts.asset_names)[:_MOST_LISTED]) or '未知'}",
        f"- 来源：{plain(first.source, 40)}　最近：{clock(max(each.last_seen for each in alerts))}　次数：{sum(each.count for each in alerts)}",
        f"- 状态：{state_of(alerts)}",
        *([f"- 调查：{plain(found, 200)}"] if found else []),
        *([f"- 模型：{plain(read, 200)}"] if read else []),
        *([f"- 处理：{last}"] if last else []),
        *([f"- 静默：到 {clock(quiet.ends_at)}（{plain(quiet.made_by, 30)}）"] if quiet else []),
    ]
    if first.due_at and first.status != AlertStatus.CLOSED:
        left = time_left([first], timezone.now())
        lines.append(f"- 处理时限：{clock(first.due_at)}（{left}）")
    if heard:
        said = [words(each) for each in commands(alerts)] or [f"重新打开 A{first.pk}"]
        lines += ["", f"回复（群里请 @我）：{' ｜ '.join(said)}"]
    return "\n".join(lines)


def state_of(alerts: Sequence[Alert]) -> str:
    """未处理 2、处理中 1（李四）."""
    counted = Counter(each.status for each in alerts)
    parts = [
        f"{AlertStatus(name).label}" + (f" {count}" if len(alerts) > 1 else "")
        for name, count in counted.items()
    ]
    people = dict.fromkeys(each.assignee.name for each in alerts if each.assignee)
    verdicts = dict.fromkeys(str(each.get_verdict_display()) for each in alerts if each.verdict)
    recovered = ["自动恢复"] if any(each.closed_by_source for each in alerts) else []
    told = "、".join(plain(name, 20) for name in (*people, *verdicts, *recovered))
    return "、".join(parts) + (f"（{told}）" if told else "")


def counted_text(heading: str, alerts: Sequence[Alert], notes: Sequence[str] = ()) -> str:
    """Many alerts as numbers: by severity, by rule, by source; as anybody may read it."""
    severities = Counter(each.severity for each in alerts)
    rules = Counter(each.rule_name or each.title for each in alerts)
    lines = [
        f"**{heading}：{len(alerts)} 条告警**",
        "",
        "- 级别："
        + "、".join(
            f"{MARKS[key]} {Severity(key).label} {severities[key]}"
            for key in Severity.values
            if severities[key]
        ),
        "- 最多的规则：" + "、".join(f"{plain(name, 40)} {count}" for name, count in rules.most_common(3)),
    ]
    lines += [f"- A{each.pk} {plain(each.title, 60)}" for each in worst(alerts)]
    return mask_alerts("\n".join([*lines, *notes]), [each.pk for each in worst(alerts)])


def worst(alerts: Sequence[Alert]) -> list[Alert]:
    """Those that many are named by."""
    level = gravest(alerts)
    return [each for each in alerts if each.severity == level][:_MOST_LISTED]
