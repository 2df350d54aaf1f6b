"""Filters of alerts: the conditions of every list, count and statistic, declared and asked of the database once."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone

from bifang.core.database.rows import Among
from bifang.core.errors import InvalidInput
from secops_agent.kit.listing import Condition, Listing
from secops_agent.models import Alert, AlertAsset, AlertIndicator, AssetKey, IndicatorHit
from secops_agent.models import Case as Incident
from secops_agent.models.choices import AlertStatus, IndicatorKind, Severity, Verdict
from secops_agent.services.alerts.queries import clocks
from secops_agent.services.alerts.queries.clocks import CLOCKS, Clock
from secops_agent.services.alerts.queries.urgency import OPEN_CASE, UNCLOSED, most_urgent, unattended
from secops_agent.services.alerts.queries.words import Keyword
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.audit import history
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.networks import inside
from secops_agent.services.sla import RiskClock, overdue
from secops_agent.services.source_names import spelled

RULE: Final = Coalesce(NullIf("rule_name", Value("")), NullIf("rule_id", Value("")), "title")
NOBODY: Final = 0  # among ``assignees``: nobody has it
TECHNIQUE: Final = re.compile(r"[Tt][0-9]{4}(?:\.[0-9]{3})?")
# What closed an alert, where that is told apart; "" where it is open.
ENDED: Final = {
    "person": "人",
    "token": "接口",
    "rule": "抑制规则",
    "source": "来源报告恢复",
    "other": "毕方，或没有记录",
}
HOW_ENDED: Final = Case(
    When(~Q(status=AlertStatus.CLOSED), then=Value("")),
    When(closed_by__isnull=False, then=Value("person")),
    When(~Q(closed_via=""), then=Value("token")),
    When(suppressed_by__isnull=False, then=Value("rule")),
    When(closed_by_source=True, then=Value("source")),
    default=Value("other"),
    output_field=CharField(),
)
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_NETWORK: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}(?:/(?:[89]|[12][0-9]|3[0-2]))?"
CURSOR_ORDERS: Final = {
    "-last_seen": ("-last_seen", "-id"),
    "last_seen": ("last_seen", "id"),
}  # one index, both ways
ALERTS: Final = Listing((
    Condition(
        "keyword", "搜索", page="q", api="keyword",
        told="标题、规则、来源、说明（前 2000 字）中的任意一段文字，或一个完整的指标（IP、域名、哈希）。"
             "说明、账号和邮箱只有「分析」角色或审计员搜得到。",
    ),
    Condition("severities", "级别", "choice", page="severity", api="severity", several=True, choices=dict(Severity.choices), facet="all"),
    Condition("statuses", "状态", "choice", page="status", api="status", several=True, choices=dict(AlertStatus.choices), facet="all"),
    Condition(
        "assignees", "处理人", "row", "处理人的编号。", page="assignee", api="assignee_id", several=True, least=NOBODY, facet="found"
    ),
    Condition("closers", "关闭人", "row", "关闭人的编号。", page="closer", api="closed_by_id", several=True, facet="found"),
    Condition("ended", "由谁关闭", "choice", page="ended", several=True, choices=ENDED, facet="found"),
    Condition("sources", "来源", told="来源，完整匹配，不分大小写，例如 wazuh。", page="source", api="source", several=True, facet="found"),
    Condition("rules", "规则", page="rule", several=True, longest=500, facet="found"),
    Condition("assets", "资产", "row", page="asset", several=True, facet="found"),
    Condition("verdicts", "结论", "choice", page="verdict", api="verdict", several=True, choices=dict(Verdict.choices), facet="found"),
    Condition("lists", "命中情报", "row", page="list", several=True, facet="found"),
    Condition("asset", "资产", told="资产的名称、IP、域名或编号；不存在时返回 404。", api="asset"),
    Condition("technique", "技术", "shape", "ATT&CK 技术编号，含子技术，例如 T1110。", api="technique", shape=TECHNIQUE.pattern),
    Condition(
        "address", "地址", "shape", "IPv4 地址或网段（最宽 /8）：告警的可观察对象或涉及的资产在里面，例如 10.0.0.0/24。",
        api="address", shape=_NETWORK,
    ),
    Condition("unassigned", "没有处理人", "flag", "只看没有处理人的。", api="unassigned"),
    Condition("overdue", "已超时", "flag", "只看超过处理时限的。", api="overdue"),
    Condition("at_risk", "快超时", "flag", "只看快超过处理时限的：还剩八分之一，没有超过。", api="at_risk"),
    Condition("listed", "命中情报", "flag", "只看命中情报清单的。", api="listed"),
    Condition("stored_before", "入库早于", "moment", "入库时间不晚于。", api="stored_before"),
    Condition("idle_since", "没有人动", "moment", "入库时间不晚于它，而且那以后没有人动过：只算人和接口令牌做的。", api="idle_since"),
    Condition("clock", "时间", "choice", "since 和 until 指什么时间：最近发生、首次发生、关闭。", api="time_of", choices=CLOCKS),
    Condition("since", "从", "moment", "时间不早于。", api="since"),
    Condition("until", "到", "moment", "时间早于。", api="until"),
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Empty values do not filter. ``since`` (inclusive) and ``until`` (exclusive) are of ``clock``.

    ``keyword``: part of title, rule, source or description, or an indicator; ``private``: who asks may read private parts,
    without which fewer of these are searched (`words.Keyword`). ``assets``: ids; ``asset``: a name, IP or id.
    ``technique``: an ATT&CK id, with its sub-techniques. ``address``: an observable or an address of their assets, or a network
    around one. ``on``: an asset like this is concerned. ``lists``: of indicators, that name something in them; ``listed``: any
    does. ``overdue``, ``at_risk``, ``pressing`` (either): as `sla` defines them; ``due_before``: due from now until then.
    ``stored_before``: it came in by then; ``idle_since``: that, and nobody has done anything about it since. ``mine``: the asker's own rows of 人员.
    ``among``: these alerts only. ``is_spelled``: the sources are written as they are stored.
    Only for lists: ``order`` (`CURSOR_ORDERS`, `ordered`), ``limit``, ``cursor``.
    """

    severities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    clock: Clock = "seen"
    keyword: str = ""
    private: bool = False
    asset: str = ""
    assets: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    technique: str = ""
    address: str = ""
    on: AssetFilter | None = None
    verdicts: tuple[str, ...] = ()
    assignees: tuple[int, ...] = ()
    closers: tuple[int, ...] = ()
    ended: tuple[str, ...] = ()
    mine: tuple[int, ...] | None = None
    unassigned: bool = False
    overdue: bool = False
    at_risk: bool = False
    pressing: bool = False
    due_before: datetime | None = None
    stored_before: datetime | None = None
    idle_since: datetime | None = None
    listed: bool = False
    lists: tuple[int, ...] = ()
    among: tuple[int, ...] | None = None
    is_spelled: bool = False
    order: str = "-last_seen"
    limit: int = 20
    cursor: str = ""

    @property
    def sought(self) -> Keyword:
        """The keyword, as this person may look for it."""
        return Keyword(self.keyword.strip(), self.private)


def matching(wanted: AlertFilter, clock: RiskClock | None = None) -> "QuerySet[Alert]":
    """The alerts, in no order and whatever the keyword (`search`). Raises NotFound for an unknown asset, InvalidInput."""
    columns = {
        "severity__in": wanted.severities, "status__in": wanted.statuses, "verdict__in": wanted.verdicts, "source__in": wanted.sources if wanted.is_spelled else spelled(wanted.sources),
        "rule__in": wanted.rules, "closed_by__in": wanted.closers,
    }  # fmt: skip
    rows = Alert.objects.alias(rule=RULE) if wanted.rules else Alert.objects.all()
    if wanted.ended:
        rows = rows.alias(how=HOW_ENDED).filter(how__in=wanted.ended)
    rows = rows.filter(**{name: values for name, values in columns.items() if values})
    rows = rows.filter(clocks.within(wanted.clock, wanted.since, wanted.until))
    for condition in (*_of_people(wanted), *_of_time(wanted, clock), *_of_contents(wanted)):
        rows = rows.filter(condition)
    return rows


def in_hand(people: Collection[int]) -> Q:
    """One of these has them in hand. By two indexes: as one condition it would have every open alert read."""
    rows = Alert.objects.order_by().values("pk")
    cases = Incident.objects.filter(OPEN_CASE, owner__in=people)
    assigned, owned = (
        rows.filter(assignee__in=people),
        rows.filter(assignee=None, status__in=UNCLOSED, case__in=cases),
    )
    return Q(pk__in=assigned.union(owned, all=True))


def _of_people(wanted: AlertFilter) -> Iterator[Q]:
    if wanted.mine is not None:
        yield in_hand(wanted.mine)
    if wanted.unassigned:
        yield unattended()
    if wanted.assignees:
        yield (unattended() if NOBODY in wanted.assignees else Q()) | in_hand(wanted.assignees)


def _of_time(wanted: AlertFilter, clock: RiskClock | None) -> Iterator[Q]:
    clock = clock or RiskClock(timezone.now())
    if wanted.overdue:
        yield overdue(clock.now)
    if wanted.at_risk:
        yield clock.at_risk
    if wanted.pressing:
        yield clock.pressing
    if wanted.due_before:
        yield Q(status__in=UNCLOSED, due_at__gt=clock.now, due_at__lte=wanted.due_before)
    if wanted.stored_before:
        yield Q(created_at__lte=wanted.stored_before)
    if wanted.idle_since:
        yield Q(created_at__lte=wanted.idle_since) & history.untouched("alert", wanted.idle_since)


def _of_contents(wanted: AlertFilter) -> Iterator[Q]:
    if wanted.among is not None:
        yield Q(Among(wanted.among))
    if wanted.listed:
        yield Q(pk__in=hits_in_force().order_by().values("alert_id"))
    if wanted.lists:
        yield Q(pk__in=named_by(wanted.lists).values("alert_id"))
    if wanted.technique:
        yield _using(wanted.technique)
    if wanted.address.strip():
        yield _at(wanted.address)
    if wanted.on:
        yield _concerning(inventory.matching(wanted.on).values("pk"))
    named = inventory.meant(wanted.asset) if wanted.asset.strip() else ()
    if assets := named or wanted.assets:
        yield _concerning(assets)


def _concerning(assets: "Collection[int] | QuerySet[Any, Any]") -> Q:
    return Q(pk__in=AlertAsset.objects.filter(asset_id__in=assets).values("alert_id"))


def named_by(lists: Collection[int]) -> "QuerySet[IndicatorHit]":
    """What entries of these lists of indicators name in alerts."""
    return hits_in_force().filter(entry__list__in=lists).order_by()


def ordered(rows: "QuerySet[Alert]", order: str) -> "QuerySet[Alert]":
    """As `CURSOR_ORDERS` have it; "oldest": by the first occurrence; "most": by how often; "due": by time limit; "urgent": the worst first."""
    if order in CURSOR_ORDERS:
        return rows.order_by(*CURSOR_ORDERS[order])
    if order == "oldest":
        return rows.order_by("first_seen", "id")
    if order == "most":
        return rows.order_by("-count", "-last_seen", "-id")
    if order == "due":
        return rows.order_by(F("due_at").asc(nulls_last=True), "-last_seen", "-id")
    return most_urgent(rows)


def _using(technique: str) -> Q:
    """T1110 and T1110.001, not T1110x. Raises InvalidInput."""
    said = technique.strip().upper()
    if not TECHNIQUE.fullmatch(said):
        raise InvalidInput(f"「{technique[:30]}」不是 ATT&CK 技术编号；例如 T1110 或 T1110.001。")
    return Q(techniques__icontains=f'"{said}"') | Q(techniques__icontains=f'"{said}.')


def _at(address: str) -> Q:
    """By an observable of the alert, or by an address of what it concerns. Raises InvalidInput."""
    observed = AlertIndicator.objects.filter(inside(address), kind=IndicatorKind.IP)
    own = AssetKey.objects.filter(inside(address), kind="ip").values("asset_id")
    return Q(pk__in=observed.values("alert_id")) | _concerning(own)
