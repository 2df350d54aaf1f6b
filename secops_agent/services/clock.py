"""Clock times in texts, in local time: short ones for messages and pages, exact ones for records."""

from datetime import datetime, timedelta

from django.utils import timezone


def clock(at: datetime) -> str:
    """11-26 05:20."""
    return f"{timezone.localtime(at):%m-%d %H:%M}"


def exact(at: datetime) -> str:
    """2026-11-26 05:20:07."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"


def minutes_told(minutes: float) -> str:
    """90 → 1.5 小时."""
    if minutes < 60:
        return f"{minutes:g} 分钟"
    return f"{minutes / 60:.3g} 小时" if minutes < 48 * 60 else f"{minutes / 1440:.3g} 天"


def span_told(minutes: int | None) -> str:
    """How long a block is to stand: 30 天; 0: 永久; None: nobody said, and the device decides."""
    if minutes is None:
        return "按设备默认（可能一直封到有人解除）"
    return minutes_told(minutes) if minutes else "永久"


def until_told(minutes: int) -> str:
    """120 → 2 小时; what comes from a moment that was said, with that: 到 12-01 09:00（9.8 小时）."""
    if minutes < 60 or minutes % 30 == 0:
        return minutes_told(minutes)
    end = timezone.localtime() + timedelta(minutes=minutes)
    return f"到 {end:%m-%d %H:%M}（{minutes / 60:.2g} 小时）"


def left_told(due: datetime, now: datetime) -> str:
    """还剩 1 小时 12 分, 已超时 3 天 4 小时: of every time limit, to the nearest minute."""
    left = timedelta(minutes=round((due - now).total_seconds() / 60))
    if not left:
        return "已超时" if due <= now else "还剩不到 1 分钟"
    return f"还剩 {span(left)}" if due > now else f"已超时 {span(-left)}"


def span(length: timedelta) -> str:
    """29 天 3 小时, 1 小时 12 分, 4 小时."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, rest = divmod(minutes, 1440)
    hours, rest = divmod(rest, 60)
    if not days and not hours:
        return f"{rest} 分钟"
    parts = (days, "天"), (hours, "小时"), (0 if days else rest, "分")
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
