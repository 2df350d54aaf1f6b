"""Clock times in texts, in local time: short ones for messages and pages, exact ones for records."""

from datetime import datetime

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
