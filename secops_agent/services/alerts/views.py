"""Views of alerts: frozen values for tools, pages and the API."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from secops_agent.models import Alert, AlertIndicator, AlertMention, AssetKey, Silence
from secops_agent.models.choices import IndicatorKind
from secops_agent.services.assets.views import AssetRef
from secops_agent.services.audit.history import HistoryEntry
from secops_agent.services.intelligence.matching import ListedView
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.matching import LinkedAssets, facts_of, linked_assets
from secops_agent.services.privacy import (
    NEEDS_ROLE,
    is_personal,
    mask,
    people_of,
    private,
    public,
)
from secops_agent.services.sla import is_overdue


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """One line of a list. ``assignee`` is the name of `Alert.handler`, "" for nobody; ``by_case``: has it as owner of its case."""

    id: int
    title: str
    severity: str
    status: str
    verdict: str
    source: str
    rule_id: str
    rule_name: str
    confidence: int | None
    assets: tuple[AssetRef, ...]
    assignee: str
    assignee_id: int | None
    first_seen: datetime
    last_seen: datetime
    count: int
    due_at: datetime | None
    overdue: bool
    silenced_until: datetime | None = None
    outcome: str = ""
    way: str = ""
    by_case: bool = False


@dataclass(frozen=True, slots=True)
class AlertOrigin:
    """IPs among an alert's observables that are not its own assets', and accounts, which are private."""

    addresses: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndicatorView:
    """An observable; accounts and e-mail addresses are private parts."""

    kind: str
    value: str

    @property
    def is_private(self) -> bool:
        """Is it left out for who may not read private parts?"""
        return is_personal(self.kind, self.value)


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """Everything about one alert. ``recurred``: occurrences since it was closed; ``finding``: what an
    investigation came to, in a line; ``listed``: what lists of indicators say of its observables; ``suppressed_by``: the
    rule that closed it; ``mentions``: observables that only its title or description names."""

    summary: AlertSummary
    description: str
    indicators: tuple[IndicatorView, ...]
    techniques: tuple[str, ...]
    references: tuple[str, ...]
    acknowledged_at: datetime | None
    closed_at: datetime | None
    recurred: int
    closed_by: str = ""
    finding: str = ""
    listed: tuple[ListedView, ...] = ()
    suppressed_by: str = ""
    mentions: tuple[IndicatorView, ...] = ()
    raw: Mapping[str, Any] | None = private(None)
    history: tuple[HistoryEntry, ...] = field(default=())


def without_private(detail: AlertDetail) -> AlertDetail:
    """The view for those whose role may not read private parts. Titles stay as the source wrote them."""
    hidden = people_of([detail.summary.id])
    names = {each.lower() for each in hidden}
    return replace(
        public(detail),
        description=mask(detail.description, hidden, NEEDS_ROLE),
        finding=mask(detail.finding, hidden, NEEDS_ROLE),
        mentions=tuple(each for each in detail.mentions if each.value.lower() not in names),
        history=tuple(each.masked(hidden, NEEDS_ROLE) for each in detail.history),
    )


def summaries(rows: Sequence[Alert]) -> list[AlertSummary]:
    """Views of rows that were read with their assignee; one query for the assets of all."""
    now, linked = timezone.now(), linked_assets(rows)
    quiet = silenced_until(rows, silences.active(now), linked)
    return [
        _summary(row, tuple(AssetRef(*each[:3]) for each in linked.get(row.pk, ())), now, quiet.get(row.pk))
        for row in rows
    ]


def silenced_until(
    rows: Sequence[Alert], active: Sequence[Silence], linked: LinkedAssets
) -> dict[int, datetime]:
    """Alert id → until when one of the ``active`` silences holds its messages back."""
    if not active:
        return {}
    facts = facts_of(rows, linked=linked)
    found = ((row.pk, silences.covering(active, row, facts[row.pk])) for row in rows)
    return {pk: silence.ends_at for pk, silence in found if silence}


def _summary(row: Alert, assets: tuple[AssetRef, ...], now: datetime, quiet: datetime | None) -> AlertSummary:
    return AlertSummary(
        id=row.pk,
        title=row.title,
        severity=row.severity,
        status=row.status,
        verdict=row.verdict,
        source=row.source,
        rule_id=row.rule_id,
        rule_name=row.rule_name,
        confidence=row.confidence,
        assets=assets,
        assignee=row.handler.name if row.handler else "",
        assignee_id=row.handler.pk if row.handler else None,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        count=row.count,
        due_at=row.due_at,
        overdue=is_overdue(row, now),
        silenced_until=quiet,
        outcome=row.outcome,
        way=row.way,
        by_case=bool(row.handler and not row.assignee_id),
    )


def origins_of(alert_ids: Collection[int]) -> dict[int, AlertOrigin]:
    """Alert id → where it came from or went to, and by which accounts; one query."""
    own = AssetKey.objects.filter(
        kind="ip", value=OuterRef("value"), asset__alert_links__alert_id=OuterRef("alert_id")
    )
    kinds = (IndicatorKind.IP, IndicatorKind.ACCOUNT)
    rows = AlertIndicator.objects.filter(alert_id__in=alert_ids, kind__in=kinds).exclude(Exists(own))
    found: dict[int, tuple[list[str], list[str]]] = {}
    for pk, kind, value in rows.order_by("id").values_list("alert_id", "kind", "value"):
        found.setdefault(pk, ([], []))[kind == IndicatorKind.ACCOUNT].append(value)
    return {pk: AlertOrigin(tuple(addresses), tuple(accounts)) for pk, (addresses, accounts) in found.items()}


def indicator_views(alert_id: int) -> tuple[IndicatorView, ...]:
    """The observables of an alert."""
    rows = AlertIndicator.objects.filter(alert_id=alert_id).order_by("id")
    return tuple(IndicatorView(kind, value) for kind, value in rows.values_list("kind", "value"))


def mention_views(alert_id: int) -> tuple[IndicatorView, ...]:
    """The observables that its title and description name."""
    rows = AlertMention.objects.filter(alert_id=alert_id).order_by("id")
    return tuple(IndicatorView(kind, value) for kind, value in rows.values_list("kind", "value"))
