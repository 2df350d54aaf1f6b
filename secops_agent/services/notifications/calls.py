"""Calls that wake people: which a person permits, what has been used of each kind and its limits, how they are told of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from bifang.channels.checks.configuration import ChannelTrial
from bifang.core.configuration.trials import CheckStep, Failure, Skip, in_thread
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
PLATFORMS: Final[Mapping[str, str]] = {"ding": "dingtalk", "urgent": "feishu", "gateway": ""}
GATEWAY_TOOL: Final = "wake_call"
LOUDNESS: Final = tuple(LoudestCall.values)
FAILED: Final = (CallState.REFUSED, CallState.UNKNOWN)
LATELY: Final = timedelta(days=7)


def platform_of(means: str) -> str:
    """The kind of configuration that can call so; "" for the company's own gateway, which is a carrier of `GATEWAY_TOOL`."""
    return PLATFORMS[means.partition("_")[0]]


def means_of_platform(kind: str) -> list[CallMeans]:
    """What a kind of configuration can call by, from quiet to loud."""
    return [each for each in CallMeans if platform_of(each) == kind]


def permitted(means: str, loudest: str) -> str:
    """The same, no louder than a person permits; "" for nothing."""
    platform, _, loud = means.partition("_")
    found = f"{platform}_{LOUDNESS[min(LOUDNESS.index(loud), LOUDNESS.index(loudest))]}"
    return found if found in CallMeans.values else ""


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


def usage(config: SystemConfig, now: datetime, means: Sequence[CallMeans] = ()) -> list[Used]:
    """Of these kinds of call, else of every kind that the configuration can call by. One query."""
    day = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = WakeCall.objects.filter(config=config, state__in=CALL_COUNTED, called_at__gte=day.replace(day=1))
    called = list(rows.values_list("means", "called_at"))
    limits, found = call_limits(config.params), []
    for kind in means or means_of_platform(config.kind):
        times = [at for each, at in called if each == kind and at is not None]
        a_day, a_month = limits[kind.partition("_")[2]]
        found.append(Used(kind, sum(at >= day for at in times), a_day, len(times), a_month))
    return found


def refusal(config: SystemConfig, means: str, now: datetime) -> str:
    """Why this configuration may not call so now; "" if it may."""
    if not settings.RATE_LIMITS:
        return ""
    return usage(config, now, [CallMeans(means)])[0].refusal


def words_of(call: WakeCall) -> str:
    """10:02 用 DING 电话叫 李四：已发出."""
    why = f"（{call.reason.rstrip('。')}）" if call.state in FAILED and call.reason else ""
    at = call.called_at or call.created_at
    return f"{clock(at)} 用 {call.get_means_display()}叫 {call.staff.name}：{call.standing}{why}"


def problems_of(target: NotificationTarget, now: datetime) -> Iterator[str]:
    """What came of the last calls of a target, while the last one of each kind did not come through."""
    return _failed(WakeCall.objects.filter(message__target=target), now)


def _failed(rows: "QuerySet[WakeCall]", now: datetime) -> Iterator[str]:
    rows = rows.filter(created_at__gt=now - LATELY).exclude(state__in=(CallState.STOPPED, CallState.JOINED))
    last = {row.means: row for row in rows.select_related("staff").order_by("pk")}
    return (words_of(row) for row in last.values() if row.state in FAILED)


async def check_calls(subject: ChannelTrial) -> str:
    """Did the last call of each kind come through, and how many are left?"""
    config = subject.row
    used, broken = await in_thread(lambda: _standing(config))
    if broken:
        raise Failure("；".join(broken))
    if not used:
        raise Skip("没有通知规则用它叫人")
    return used


def _standing(config: SystemConfig) -> tuple[str, list[str]]:
    if not config.pk or not NotificationTarget.objects.filter(config=config).exclude(by="").exists():
        return "", []
    now = timezone.now()
    return "；".join(map(str, usage(config, now))), list(_failed(WakeCall.objects.filter(config=config), now))


CALLS_STEP: Final[CheckStep[Any]] = CheckStep(
    "calls", "叫人", check_calls,
    "按写明的原因处理：版本、权限、增购包、上限（系统配置的高级设置）；再到「我的」页试拨一次。",
)  # fmt: skip


def fits(config: SystemConfig | None, means: str) -> str:
    """Why a target of this configuration cannot be called so; "" if it can."""
    if config is None or platform_of(means) in ("", config.kind):
        return ""
    return f"{CallMeans(means).label}不能由{label_of(config)}配置「{config.name}」呼叫"
