"""How results look in DingTalk: short headings, one thing a line. Text from outside cannot format or link."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.models.choices import AlertStatus, AssetType, Importance, IndicatorKind, Severity, Verdict
from secops_agent.services.clock import left_told

SEVERITY: Final = {value: str(label) for value, label in Severity.choices}
IMPORTANCE: Final = {value: str(label) for value, label in Importance.choices}
STATUS: Final = {value: str(label) for value, label in AlertStatus.choices}
VERDICT: Final = {value: str(label) for value, label in Verdict.choices}
ASSET_TYPE: Final = {value: str(label) for value, label in AssetType.choices}
INDICATOR: Final = {value: str(label) for value, label in IndicatorKind.choices}
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


def moment(at: datetime | None) -> str:
    """11-24 10:30; with the year when it is another one; 未知 for None."""
    if at is None:
        return "未知"
    local = timezone.localtime(at)
    return f"{local:%m-%d %H:%M}" if local.year == timezone.localtime().year else f"{local:%Y-%m-%d %H:%M}"


def read_moment(text: str) -> datetime | None:
    """2026-12-01 09:30, local; None for "". Raises InvalidInput."""
    try:
        local = timezone.get_current_timezone()
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=local) if text else None
    except ValueError:
        raise InvalidInput(f"看不懂时间「{plain(text, 40)}」：请写成 2026-12-01 09:30 这样。") from None


def ago(at: datetime, now: datetime) -> str:
    """How long ago, for the first day; else the moment."""
    past = now - at
    if past >= _DAY or past < timedelta(0):
        return moment(at)
    return f"{roughly(past)}前" if past >= _MINUTE else "刚刚"


def roughly(length: timedelta) -> str:
    """3 天, 5 小时, 20 分钟: rounded down."""
    minutes = int(length.total_seconds() // 60)
    if minutes >= 1440:
        return f"{minutes // 1440} 天"
    return f"{minutes // 60} 小时" if minutes >= 60 else f"{minutes} 分钟"


def limit_told(due_at: datetime | None, now: datetime) -> str:
    """How long it is over its limit, or what is left of the last day."""
    if due_at is None or due_at - now > _DAY:
        return ""
    return left_told(due_at, now)


def counts(pairs: Iterable[tuple[str, int]], labels: dict[str, str] | None = None) -> str:
    """严重 2、高危 5; 无 for nothing."""
    known = labels or {}
    return (
        "、".join(f"{known.get(value) or plain(value, 40) or '其他'} {count}" for value, count in pairs)
        or "无"
    )


def joined(parts: Iterable[str]) -> str:
    """The parts that say something, with a dot between."""
    return " · ".join(part for part in parts if part)


def page(
    title: str,
    shown: int,
    total: str,
    lines: Sequence[str],
    query: str,
    *,
    offset: int = 0,
    beside: str = "",
    summary: str = "",
) -> str:
    """A list: heading with the numbers and what it leaves out, what they are, the lines, what was asked."""
    part = f"（显示前 {shown} 条）" if str(shown) != total else ""
    part = f"（第 {offset + 1}–{offset + shown} 条）" if offset else part
    heading = f"**{title}：共 {total} 条**{part}" + (f"，{beside}" if beside else "")
    about = ["", f"其中 {summary}"] if summary else []
    return "\n".join([heading, *about, "", *lines, *foot(query)])


def foot(query: str, *notes: str) -> list[str]:
    """The last lines: what exactly was asked, and notes."""
    lines = [note for note in (f"> 查询条件：{query}" if query else "", *notes) if note]
    return ["", "\n\n".join(lines)] if lines else []
