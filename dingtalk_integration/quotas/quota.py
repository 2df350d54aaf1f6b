"""The monthly quotas of each organisation: how far they are used, how far they will reach, and what that leaves room for.

DingTalk meters by organisation, whose applications share both quotas: OpenAPI calls (cards and tokens included), and
Webhook and Stream messages. Used up, it refuses calls (ApiCountLimitForOrg, 90020) and withholds what people write
(errorCode 20001) until the month of its own reckoning begins anew.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from bifang.channels.allowance import FULL, Means, SendingAllowance, Step
from bifang.core.database.db import database_now
from bifang.core.database.rows import insert_many
from bifang.core.models import SystemConfig
from dingtalk_integration.config import QUOTAS
from dingtalk_integration.models import ApiUsage, QuotaLedger, QuotaState

DINGTALKS_TIME: Final = ZoneInfo("Asia/Shanghai")
# From so many percent of a quota on, this much is still said unasked.
STEPS: Final[tuple[tuple[int, Step], ...]] = ((98, "none"), (95, "digest"), (0, "full"))
REMEDY_FROM: Final = 60  # percent
MEANINGS: Final[Mapping[Step, str]] = {
    "full": "",
    "digest": "严重以下的告警合并为每小时一条汇总，卡片改为文字，余下的额度留给严重告警",
    "none": "最后 2% 只用于严重告警：其余的留到额度恢复后汇总发送",
}
REMEDIES: Final[Mapping[str, str]] = {
    QuotaLedger.CALLS: "用完后主动消息、卡片和会话地址过期后的回复都发不出去。",
    QuotaLedger.MESSAGES: "用完后钉钉不再把人们发的消息送来，机器人也就无法回答。",
}
REMEDY: Final = (
    "请在钉钉开放平台「资源管理」核对用量、购买增购包，并在系统配置中填对「钉钉版本」和「额度重置日」。"
)
LONGEST_MONTH: Final = 32  # days, and one for other time zones
PACE_DAYS: Final = 7  # the forecast goes by these last days


@dataclass(frozen=True, slots=True)
class Month:
    """From one reset to the next."""

    first: date
    resets: date

    @classmethod
    def of(cls, day: date, reset_day: int) -> "Month":
        """The month that a day lies in."""
        first = day.replace(day=reset_day)
        if first > day:
            first = (first.replace(day=1) - timedelta(days=1)).replace(day=reset_day)
        return cls(first, (first.replace(day=28) + timedelta(days=4)).replace(day=reset_day))


@dataclass(frozen=True, slots=True)
class Organisation:
    """The applications of one corporation, and what their configurations say of its quotas (0: no limit)."""

    corp_id: str
    config_ids: tuple[int, ...]
    client_ids: tuple[str, ...]
    limits: Mapping[str, int]
    reset_day: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """One quota of one organisation this month. ``told``: the percentage that people were told of."""

    corp_id: str
    ledger: QuotaLedger
    month: Month
    used: Mapping[str, int]
    limit: int
    forecast: int
    refused_at: datetime | None
    told: int
    config_ids: tuple[int, ...]
    client_ids: tuple[str, ...]

    @property
    def total(self) -> int:
        """Used so far, for all purposes."""
        return sum(self.used.values())

    @property
    def percent(self) -> int:
        """Of the quota; what DingTalk refuses is used up, whatever was counted."""
        if self.refused_at is not None:
            return max(100, self.total * 100 // self.limit) if self.limit else 100
        return self.total * 100 // self.limit if self.limit else 0

    @property
    def step(self) -> Step:
        """What is still said unasked."""
        return next(step for least, step in STEPS if self.percent >= least)

    def describe(self) -> str:
        """A sentence for operators, with what follows and what to do when it is time."""
        whose = f"企业 {self.corp_id} " if self.corp_id else ""
        quota = f"，为额度 {self.limit:,} 的 {self.percent}%" if self.limit else ""
        text = (
            f"{whose}本月（{self.month.first:%m-%d} 起）{self.ledger.label}已用 {self.total:,} 次{quota}；"
            f"照此到 {self.month.resets:%m-%d} 重置时约 {self.forecast:,} 次"
        )
        if self.refused_at is not None:
            text += "。钉钉已拒绝：额度已用完"
        notes = [MEANINGS[self.step], REMEDIES[self.ledger] + REMEDY] if self.percent >= REMEDY_FROM else []
        return "。".join([text, *(note for note in notes if note)]).removesuffix("。")


def today() -> date:
    """In DingTalk's time."""
    return database_now().astimezone(DINGTALKS_TIME).date()


def organisations() -> dict[str, Organisation]:
    """By CorpId; configurations without one count as one. The most generous edition named holds for all."""
    found: dict[str, list[SystemConfig]] = defaultdict(list)
    for config in SystemConfig.objects.current().filter(kind="dingtalk").order_by("-enabled", "pk"):
        found[str(config.params.get("corp_id") or "")].append(config)
    return {corp_id: _organisation(corp_id, configs) for corp_id, configs in found.items()}


def _organisation(corp_id: str, configs: Sequence[SystemConfig]) -> Organisation:
    decisive = max([each for each in configs if each.enabled] or configs, key=_generosity)
    return Organisation(
        corp_id, tuple(each.pk for each in configs), tuple(each.client_id for each in configs if each.client_id),
        _limits(decisive.params), int(decisive.params.get("quota_reset_day") or 1),
    )  # fmt: skip


def _generosity(config: SystemConfig) -> float:
    return _limits(config.params)[QuotaLedger.CALLS] or math.inf


def _unknown(corp_id: str) -> Organisation:
    """Its configurations are gone."""
    return Organisation(corp_id, (), (), _limits({}))


def _limits(params: Mapping[str, Any]) -> dict[str, int]:
    calls, messages = QUOTAS.get(params.get("edition") or "standard") or (
        int(params.get("monthly_calls") or 0),
        int(params.get("monthly_messages") or 0),
    )
    return {QuotaLedger.CALLS: calls, QuotaLedger.MESSAGES: messages}


def quota_usage(day: date | None = None) -> list[Standing]:
    """Both quotas of each organisation that has a configuration or was counted for."""
    day = day or today()
    found = organisations()
    spent = _spent(day, found.values())
    found |= {corp: _unknown(corp) for corp in spent.keys() - found.keys()}
    states = {
        (row.corp_id, row.ledger, row.since): row
        for row in QuotaState.objects.filter(since__gt=day - timedelta(days=LONGEST_MONTH))
    }
    return [
        _standing(one, ledger, day, spent.get(corp, {}), states)
        for corp, one in sorted(found.items())
        for ledger in QuotaLedger
    ]


_Spent = Mapping[tuple[date, str], Counter[str]]


def _spent(day: date, known: Iterable[Organisation]) -> dict[str, dict[tuple[date, str], Counter[str]]]:
    """CorpId → (day, ledger) → purpose → calls, as far back as a month and the forecast reach."""
    corps = {client_id: one.corp_id for one in known for client_id in one.client_ids}
    found: dict[str, dict[tuple[date, str], Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    rows = ApiUsage.objects.filter(
        day__gt=day - timedelta(days=LONGEST_MONTH + PACE_DAYS), day__lte=day
    ).order_by()
    for client_id, family, purpose, on, calls in rows.values_list(
        "client_id", "family", "purpose", "day"
    ).annotate(sum=Sum("calls")):
        found[corps.get(client_id, "")][on, QuotaLedger.of(family)][purpose] += calls
    return found


def _standing(
    one: Organisation, ledger: QuotaLedger, day: date, spent: _Spent,
    states: Mapping[tuple[str, str, date], QuotaState],
) -> Standing:  # fmt: skip
    month = Month.of(day, one.reset_day)
    used: Counter[str] = Counter()
    days: dict[date, int] = {}
    for (on, which), counted in spent.items():
        if which == ledger:
            days[on] = counted.total()
            used += counted if on >= month.first else Counter()
    state = states.get((one.corp_id, ledger, month.first))
    return Standing(
        corp_id=one.corp_id, ledger=ledger, month=month, used=dict(used), limit=one.limits[ledger],
        forecast=forecast(days, used.total(), day, month.resets),
        refused_at=state.refused_at if state else None, told=state.told if state else 0,
        config_ids=one.config_ids, client_ids=one.client_ids,
    )  # fmt: skip


def forecast(days: Mapping[date, int], used: int, day: date, resets: date) -> int:
    """What will be used at the reset if it goes on as in the last week (or since it was first counted)."""
    start = max(day - timedelta(days=PACE_DAYS - 1), min(days, default=day))
    pace = sum(calls for on, calls in days.items() if on >= start) / ((day - start).days + 1)
    return used + round(pace * (resets - day - timedelta(days=1)).days)


def allowances(found: list[Standing], means: Means = "calls") -> dict[int, SendingAllowance]:
    """Configuration id → what it may say unasked with this quota."""
    if not settings.RATE_LIMITS:
        return {}
    return {
        config_id: SendingAllowance(step, one.percent, _reason(one, step))
        for one in found
        if one.ledger == means and (step := one.step) != "full"
        for config_id in one.config_ids
    }


def _reason(one: Standing, step: Step) -> str:
    return f"本月{one.ledger.label}额度已用 {one.percent}%，{one.month.resets:%m-%d} 重置：{MEANINGS[step]}。"


def allowance(config_id: int, means: Means = "calls") -> SendingAllowance:
    """What other parts ask through `bifang.channels.allowance`."""
    return allowances(quota_usage(), means).get(config_id, FULL) if settings.RATE_LIMITS else FULL


def used_up() -> dict[int, Standing]:
    """Configuration id → a quota of its organisation that is used up, as soon as people were told so."""
    known = QuotaState.objects.filter(Q(told__gte=100) | Q(refused_at__isnull=False))
    if not known.filter(since__gt=timezone.localdate() - timedelta(days=LONGEST_MONTH)).exists():
        return {}  # the state of a configuration is asked for every few seconds
    return {pk: one for one in quota_usage() if one.percent >= 100 for pk in one.config_ids}


def judge(client_id: str, ledger: str, *, refused: bool) -> None:
    """DingTalk refused something because this quota is used up, or accepts it again."""
    rows = SystemConfig.objects.current().filter(kind="dingtalk", client_id=client_id).order_by("-enabled")
    corp_id = str(rows.values_list("params__corp_id", flat=True).first() or "")
    one = organisations().get(corp_id) or _unknown(corp_id)
    state = state_of(corp_id, ledger, Month.of(today(), one.reset_day).first)
    if refused:
        state.filter(refused_at=None).update(refused_at=database_now())
    else:
        state.exclude(refused_at=None).update(refused_at=None)


def state_of(corp_id: str, ledger: str, since: date) -> QuerySet[QuotaState]:
    """The row of one quota and month, as a query; it is there from now on."""
    insert_many(QuotaState, [{"corp_id": corp_id, "ledger": ledger, "since": since}], skip_existing=True)
    return QuotaState.objects.filter(corp_id=corp_id, ledger=ledger, since=since)
