"""What our calls cost of the enterprise's monthly quota, and the warning before it is used up.

DingTalk meters by calendar month and enterprise, 10 000 OpenAPI calls in the standard edition, cards included; used
up, everything but sessionWebhooks is refused (ApiCountLimitForOrg, 90020) until the next month.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import F

from bifang.core import db
from bifang.core.db import database_now
from bifang.core.models import SystemConfig
from bifang.core.rows import insert_many
from dingtalk_integration.models import ApiFamily, ApiUsage

log = logging.getLogger(__name__)
SAVE_EVERY_S: Final = 30.0  # a process that is killed forgets at most so much
WARN_AT: Final = 80  # percent
DINGTALKS_TIME: Final = ZoneInfo("Asia/Shanghai")
REMEDY: Final = (
    "用完后主动消息、卡片和会话地址过期后的回复都发不出去。请在钉钉开放平台「资源管理」核对用量、提升额度，"
    "或清空「AI 卡片模板 ID」以减少调用；实际额度不同时设置 BIFANG_DINGTALK_MONTHLY_CALLS。"
)


def current_month() -> str:
    """The month that DingTalk meters now: ``2026-11``."""
    return database_now().astimezone(DINGTALKS_TIME).strftime("%Y-%m")


@dataclass(frozen=True, slots=True)
class MonthlyUse:
    """What one enterprise's applications called this month; a ``limit`` of 0 wants no warning."""

    month: str
    corp_id: str
    calls: int
    webhooks: int
    limit: int

    @property
    def percent(self) -> int:
        """Of the quota."""
        return self.calls * 100 // self.limit if self.limit else 0

    @property
    def scarce(self) -> bool:
        """Is it time to warn?"""
        return self.percent >= WARN_AT

    def describe(self) -> str:
        """A sentence for operators, with what to do when it is time."""
        quota = f"，为额度 {self.limit} 次的 {self.percent}%" if self.limit else ""
        whose = f"企业 {self.corp_id} " if self.corp_id else ""
        text = f"{whose}本月钉钉接口已调用 {self.calls} 次{quota}；会话回复 {self.webhooks} 次（另行计量）"
        return f"{text}。{REMEDY}" if self.scarce else text


def spent() -> list[MonthlyUse]:
    """This month's use, enterprise by enterprise, the largest first; without a CorpId they count as one."""
    applications = SystemConfig.objects.current().filter(kind="dingtalk").order_by("enabled")
    corps = dict(applications.values_list("client_id", "params__corp_id"))
    month, sums = current_month(), dict[str, Counter[bool]]()
    for row in ApiUsage.objects.filter(month=month):
        counted = sums.setdefault(corps.get(row.client_id) or "", Counter())
        counted[row.family == ApiFamily.WEBHOOK] += row.calls
    limit = settings.DINGTALK_MONTHLY_CALLS
    found = [MonthlyUse(month, corp, counted[False], counted[True], limit) for corp, counted in sums.items()]
    return sorted(found, key=lambda one: -one.calls)


def add(counts: Mapping[tuple[str, str], int]) -> None:
    """Add calls by (client id, family) to this month."""
    month = current_month()
    born = [{"client_id": who, "family": family, "month": month, "calls": 0} for who, family in counts]
    with transaction.atomic():
        insert_many(ApiUsage, born, skip_existing=True)
        for (who, family), calls in counts.items():
            rows = ApiUsage.objects.filter(client_id=who, family=family, month=month)
            rows.update(calls=F("calls") + calls)


class CallCounter:
    """Counts the calls of one event loop in memory, and saves them from time to time."""

    def __init__(self, every: float = SAVE_EVERY_S) -> None:
        self._every = every
        self._counts: Counter[tuple[str, str]] = Counter()
        self._told: set[tuple[str, str, bool]] = set()

    def count(self, client_id: str, family: str) -> None:
        """One call was answered. In the loop's thread."""
        self._counts[client_id, family] += 1

    async def run(self, stop: asyncio.Event) -> None:
        """Save and warn until `stop`; what comes later is for a last `save`."""
        while not stop.is_set():
            await self.save()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every)

    async def save(self) -> None:
        """Write what was counted; kept for the next time if the database does not answer."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            await db.call(add, counts)
            counts = Counter()
            for one in await db.call(spent):
                self._warn(one)
        except Exception:
            log.exception("dingtalk 记录接口用量失败，稍后重试")
            self._counts.update(counts)

    def _warn(self, one: MonthlyUse) -> None:
        """Once a month and process when it gets scarce, and once more when it is used up."""
        key = (one.month, one.corp_id, one.percent >= 100)
        if one.scarce and key not in self._told:
            self._told.add(key)
            log.warning("dingtalk %s", one.describe())
