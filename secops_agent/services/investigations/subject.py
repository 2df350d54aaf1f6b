"""Subject of an investigation: the alert, and the moment whose knowledge counts."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from secops_agent.models import Alert, AlertAsset, AlertIndicator, Asset
from secops_agent.services.faults import NotFound

MOST_ASSETS: Final = 5
MOST_INDICATORS: Final = 12
PRECEDENTS: Final = timedelta(days=90)
Observed = tuple[str, str]  # kind, value


@dataclass(frozen=True)
class Examined:
    """``at``: what was known at that moment counts, and nothing later. ``replayed``: it lies in the past."""

    alert: Alert
    at: datetime
    assets: tuple[Asset, ...]
    indicators: tuple[Observed, ...]
    replayed: bool = field(default=False)

    @cached_property
    def rule(self) -> Q:
        """The alerts of the same detection rule."""
        alert = self.alert
        if alert.rule_id:
            return Q(source=alert.source, rule_id=alert.rule_id)
        if alert.rule_name:
            return Q(source=alert.source, rule_name=alert.rule_name)
        return Q(source=alert.source, title=alert.title)

    @property
    def others(self) -> "QuerySet[Alert]":
        """Every other alert that was stored by then."""
        return Alert.objects.filter(created_at__lte=self.at).exclude(pk=self.alert.pk)

    def verdict_of(self, verdict: str, closed_at: datetime | None) -> str:
        """What people had found another alert to be by then; "" if nothing yet."""
        return verdict if verdict and closed_at is not None and closed_at <= self.at else ""


def read(alert_id: int, at: datetime | None = None) -> Examined:
    """The alert as it is, or with ``at`` as far as it was known then. Raises NotFound."""
    alert = Alert.objects.select_related("assignee").filter(pk=alert_id).first()
    if alert is None:
        raise NotFound(f"没有编号为 {alert_id} 的告警。")
    linked = AlertAsset.objects.filter(alert_id=alert_id).order_by("pk").values("asset_id")[:MOST_ASSETS]
    assets = Asset.objects.select_related("owner").filter(
        pk__in=list(linked.values_list("asset_id", flat=True))
    )
    observed = AlertIndicator.objects.filter(alert_id=alert_id).order_by("pk").values_list("kind", "value")
    return Examined(
        alert,
        at or timezone.now(),
        tuple(assets.order_by("pk")),
        tuple(observed[:MOST_INDICATORS]),
        at is not None,
    )
