"""Filters of alerts: the conditions that list and statistics share, in chat and API."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertAsset, AlertIndicator, AssetKey
from secops_agent.models.choices import IndicatorKind
from secops_agent.services.alerts.queries import clocks
from secops_agent.services.alerts.queries.clocks import Clock
from secops_agent.services.alerts.queries.words import Keyword
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.networks import inside
from secops_agent.services.sla import SlaLimits, overdue

TECHNIQUE: Final = re.compile(r"[Tt]\d{4}(?:\.\d{3})?")


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Empty values do not filter. ``since`` (inclusive) and ``until`` (exclusive) are of ``clock``.

    ``keyword``: part of title, rule, source or description, or an indicator; ``private``: who asks may read private parts,
    without which fewer of these are searched (`words.Keyword`). ``asset``: name, IP or id.
    ``technique``: an ATT&CK id, with its sub-techniques. ``address``: an observable or an address of their assets, or a network
    around one. ``on``: an asset like this is concerned. ``listed``: something in them is on a list of indicators in force.
    ``overdue``, ``at_risk``: as `sla` defines them.
    Only for lists: ``urgent`` (gravest first, then by time limit), ``order``, ``limit``, ``cursor``.
    """

    severities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    clock: Clock = "seen"
    keyword: str = ""
    private: bool = False
    asset: str = ""
    asset_id: int | None = None
    source: str = ""
    technique: str = ""
    address: str = ""
    on: AssetFilter | None = None
    verdicts: tuple[str, ...] = ()
    assignee_id: int | None = None
    unassigned: bool = False
    overdue: bool = False
    at_risk: bool = False
    urgent: bool = False
    listed: bool = False
    order: str = "-last_seen"
    limit: int = 20
    cursor: str = ""

    @property
    def sought(self) -> Keyword:
        """The keyword, as this person may look for it."""
        return Keyword(self.keyword.strip(), self.private)


def matching(wanted: AlertFilter) -> "QuerySet[Alert]":
    """The alerts, in no order and whatever the keyword (`search`). Raises NotFound for an unknown asset, InvalidInput."""
    conditions = {
        "severity__in": wanted.severities,
        "status__in": wanted.statuses,
        "verdict__in": wanted.verdicts,
        "source": wanted.source,
        "assignee_id": wanted.assignee_id,
    }
    rows = Alert.objects.filter(**{name: value for name, value in conditions.items() if value})
    rows = rows.filter(clocks.within(wanted.clock, wanted.since, wanted.until))
    if wanted.unassigned:
        rows = rows.filter(assignee=None)
    if wanted.overdue:
        rows = rows.filter(overdue(timezone.now()))
    if wanted.at_risk:
        rows = rows.filter(SlaLimits().at_risk(timezone.now()))
    if wanted.listed:
        rows = rows.filter(pk__in=hits_in_force().order_by().values("alert_id"))
    if wanted.technique:
        rows = rows.filter(_using(wanted.technique))
    if wanted.address.strip():
        rows = rows.filter(_at(wanted.address))
    if wanted.on:
        like = inventory.matching(wanted.on).values("pk")
        rows = rows.filter(pk__in=AlertAsset.objects.filter(asset_id__in=like).values("alert_id"))
    asset_id = wanted.asset_id or (inventory.require(wanted.asset).id if wanted.asset.strip() else None)
    if asset_id:
        rows = rows.filter(pk__in=AlertAsset.objects.filter(asset_id=asset_id).values("alert_id"))
    return rows


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
    concerned = AlertAsset.objects.filter(asset_id__in=own).values("alert_id")
    return Q(pk__in=observed.values("alert_id")) | Q(pk__in=concerned)
