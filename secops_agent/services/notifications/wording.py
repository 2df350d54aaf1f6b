"""What messages about alerts say, in DingTalk Markdown: short, the first line answers."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils import timezone

from secops_agent.models import Alert
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services.notifications.conditions import Facts

MARKS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵", "info": "⚪"}
_MOST_LISTED: Final = 5
_HARMLESS: Final = str.maketrans(
    {"[": "［", "]": "］", "<": "＜", ">": "＞", "`": "'", "*": "＊", "|": "¦", "#": "＃"}
)


def plain(text: str, limit: int) -> str:
    """Text of unknown origin on one line, without the signs of Markdown."""
    line = " ".join(text.split()).translate(_HARMLESS)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def gravest(alerts: Sequence[Alert]) -> str:
    """The severity of the gravest one."""
    order = list(Severity.values)
    return min((each.severity for each in alerts), key=order.index, default="info")


def title_of(alerts: Sequence[Alert]) -> str:
    """What the phone shows: 【严重】… A12."""
    first = alerts[0]
    level = Severity(gravest(alerts)).label
    more = f" 等 {len(alerts)} 条" if len(alerts) > 1 else ""
    return f"【{level}】{plain(first.title, 60)}{more} A{first.pk}"


def time_left(alerts: Sequence[Alert], now: datetime) -> str:
    """还有 30 分钟, 已超时 2 小时: of the limit that comes first among those that are not closed; "" for none."""
    limits = [each.due_at for each in alerts if each.due_at and each.status != AlertStatus.CLOSED]
    if not limits:
        return ""
    minutes = round((min(limits) - now).total_seconds() / 60)
    size = abs(minutes)
    words = f"{size} 分钟" if size < 120 else f"{size // 60} 小时" if size < 2880 else f"{size // 1440} 天"
    return f"还有 {words}" if minutes > 0 else f"已超时 {words}" if size else "已超时"


def group_text(alerts: Sequence[Alert], facts: Facts, *, prefix: str = "") -> str:
    """One group of alerts, the first one named by its code."""
    first, level = alerts[0], gravest(alerts)
    seen = timezone.localtime(max(each.last_seen for each in alerts))
    lines = [
        f"{prefix}{MARKS[level]} **{Severity(level).label} · {plain(first.title, 120)}**",
        "",
        f"- 编号：A{first.pk}" + (f"（同组共 {len(alerts)} 条）" if len(alerts) > 1 else ""),
        f"- 资产：{'、'.join(plain(name, 40) for name in sorted(facts.asset_names)[:_MOST_LISTED]) or '未知'}",
        f"- 来源：{plain(first.source, 40)}　最近：{seen:%m-%d %H:%M}　次数：{sum(each.count for each in alerts)}",
        f"- 状态：{state_of(alerts)}",
    ]
    if first.due_at and first.status != AlertStatus.CLOSED:
        left = time_left([first], timezone.now())
        lines.append(f"- 处理时限：{timezone.localtime(first.due_at):%m-%d %H:%M}（{left}）")
    if any(each.status == AlertStatus.OPEN for each in alerts):
        lines += ["", f"回复：确认 A{first.pk} ｜ 误报 A{first.pk} ｜ 静默 A{first.pk} 1小时"]
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
    told = "、".join(plain(name, 20) for name in (*people, *verdicts))
    return "、".join(parts) + (f"（{told}）" if told else "")


def counted_text(heading: str, alerts: Sequence[Alert], notes: Sequence[str] = ()) -> str:
    """Many alerts as numbers: by severity, by rule, by source."""
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
    worst = [each for each in alerts if each.severity == gravest(alerts)][:_MOST_LISTED]
    lines += [f"- A{each.pk} {plain(each.title, 60)}" for each in worst]
    return "\n".join([*lines, *notes])
