"""Calls that wake people: which a person permits, what has been used of each kind and its limits, how they are told of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from bifang.core.models import SystemConfig
from secops_agent.chat_config import call_limits
from secops_agent.models import (
    CALL_COUNTED,
    CallMeans,
    CallState,
    LoudestCall,
    NotificationTarget,
    WakeCall,
)
from secops_agent.services.chats import label_of
from secops_agent.services.clock import clock
from secops_agent.services.on_call.shifts import ZONE

# The platform that each kind belongs to, by the first word of it.
PLATFORMS: Final[Mapping[str, str]] = {"ding": "dingtalk", "urgent": "feishu"}
LOUDNESS: Final = tuple(LoudestCall.values)
FAILED: Final = (CallState.REFUSED, CallState.UNKNOWN)
LATELY: Final = timedelta(days=7)


def platform_of(means: str) -> str:
    """The kind of configuration that can call so."""
    return PLATFORMS[means.partition("_")[0]]


def means_of_platform(kind: str) -> list[CallMeans]:
    """What a kind of configuration can call by, from quiet to loud."""
    return [each for each in CallMeans if platform_of(each) == kind]


def permitted(means: str, loudest: str) -> str:
    """The same, no louder than a person permits; "" for nothing."""
    platform, _, loud = means.partition("_")
    allowed = min(LOUDNESS.index(loud), LOUDNESS.index(loudest))
    return f"{platform}_{LOUDNESS[allowed]}" if allowed else ""


@dataclass(frozen=True, slots=True)
class Used:
    """One kind of call of one configuration: today and this month, in Beijing, and the limits (0: never)."""

    means: CallMeans
    today: int
    day_limit: int
    month: int
    month_limit: int

    @property
    def refusal(self) -> str:
        """Why there may not be another one now; "" if there may."""
        if self.today >= self.day_limit:
            return f"今天的{self.means.label}已用 {self.today} 次，上限 {self.day_limit} 次。"
        if self.month >= self.month_limit:
            return f"本月的{self.means.label}已用 {self.month} 次，上限 {self.month_limit} 次。"
        return ""

    def __str__(self) -> str:
        return f"{self.means.label}今天 {self.today}/{self.day_limit}、本月 {self.month}/{self.month_limit}"


def usage(config: SystemConfig, now: datetime) -> list[Used]:
    """Every kind that the configuration can call by. One query."""
    day = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = WakeCall.objects.filter(config=config, state__in=CALL_COUNTED, called_at__gte=day.replace(day=1))
    counted = {
        means: (today, month)
        for means, today, month in rows.order_by()
        .values_list("means")
        .annotate(today=Count("pk", filter=Q(called_at__gte=day)), month=Count("pk"))
    }
    limits = call_limits(config.params)
    return [
        Used(each, today, limits[loud][0], month, limits[loud][1])
        for each in means_of_platform(config.kind)
        for loud in (each.partition("_")[2],)
        for today, month in (counted.get(each.value, (0, 0)),)
    ]


def refusal(config: SystemConfig, means: str, now: datetime) -> str:
    """Why this configuration may not call so now; "" if it may."""
    if not settings.RATE_LIMITS:
        return ""
    return next(each.refusal for each in usage(config, now) if each.means == means)


def words_of(call: WakeCall) -> str:
    """10:02 用 DING 电话叫 李四：已发出."""
    why = f"（{call.reason.rstrip('。')}）" if call.state in FAILED and call.reason else ""
    at = call.called_at or call.created_at
    return f"{clock(at)} 用 {call.get_means_display()}叫 {call.staff.name}：{call.get_state_display()}{why}"


def failures(since: datetime, **only: object) -> "QuerySet[WakeCall]":
    """Calls that came to nothing, the newest first."""
    rows = WakeCall.objects.filter(state__in=FAILED, created_at__gt=since, **only)
    return rows.select_related("staff", "config").order_by("-pk")


def problems_of(target: NotificationTarget, now: datetime) -> Iterator[str]:
    """What came of the last calls of a target, while the last one of each kind did not come through."""
    rows = WakeCall.objects.filter(message__target=target, created_at__gt=now - LATELY).select_related(
        "staff"
    )
    last = {
        row.means: row for row in rows.exclude(state__in=(CallState.STOPPED, CallState.JOINED)).order_by("pk")
    }
    return (words_of(row) for row in last.values() if row.state in FAILED)


def standing(config: SystemConfig, now: datetime) -> tuple[bool, str]:
    """For the check command: is the last call of every kind well, and a line about them."""
    used = "；".join(map(str, usage(config, now)))
    rows = WakeCall.objects.filter(config=config, created_at__gt=now - LATELY).select_related("staff")
    last = {row.means: row for row in rows.exclude(state=CallState.STOPPED).order_by("pk")}
    broken = [words_of(row) for row in last.values() if row.state in FAILED]
    return not broken, "；".join(broken) or used


def fits(config: SystemConfig | None, means: str) -> str:
    """Why a target of this configuration cannot be called so; "" if it can."""
    if config is None or config.kind == platform_of(means):
        return ""
    return f"{CallMeans(means).label}不能由{label_of(config)}配置「{config.name}」呼叫"
