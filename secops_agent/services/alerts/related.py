"""Related alerts: of the same asset, rule or indicator, and where an alert's indicators were seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, Value

from secops_agent.models import Alert, AlertAsset, AlertIndicator, AlertMention, AssetKey
from secops_agent.models.choices import AlertStatus, AssetType, IndicatorKind
from secops_agent.services.records.identity import FORMER

SHOWN: Final = 5  # of each kind
MOST: Final = 8
READ: Final = 300  # links that are looked at
# What names one thing in the world; a process "bash" or the account root is everywhere.
TELLING: Final = frozenset({"ip", "domain", "url", "hash"})
Observed = tuple[str, str]  # kind, value


@dataclass(frozen=True, slots=True)
class RelatedAlert:
    """Another alert (read with its assignee), and what both have in common."""

    alert: Alert
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenIndicator:
    """``others``: alerts that have it, too, at most `READ`; ``own``: the asset of ours that bears it (id, name)."""

    kind: str
    value: str
    others: int
    own: tuple[int, str] | None


def indicators_of(alert_id: int, most: int = 30) -> list[Observed]:
    """The first ones, and behind them the addresses that only its title or description names. One query."""
    own = AlertIndicator.objects.filter(alert_id=alert_id).annotate(place=Value(0))
    told = AlertMention.objects.filter(alert_id=alert_id, kind=IndicatorKind.IP).annotate(place=Value(1))
    columns = ("kind", "value", "place", "id")
    rows = own.order_by().values_list(*columns).union(told.order_by().values_list(*columns), all=True)
    return [(kind, value) for kind, value, *_ in rows.order_by("place", "id")[:most]]


def related(
    alert: Alert, asset_ids: Collection[int], observed: Sequence[Observed]
) -> tuple[list[RelatedAlert], list[SeenIndicator]]:
    """The newest of each kind, each once; and the indicators. Five queries."""
    pairs = _elsewhere(alert.pk, [value for kind, value in observed if kind in TELLING])
    shared: dict[int, list[str]] = {}
    kinds = (
        ("同一指标", [pk for pk, _ in pairs]), ("同一资产", _on(asset_ids, alert.pk)), ("同一规则", _of_rule(alert)),
    )  # fmt: skip
    for word, pks in kinds:
        for pk in list(dict.fromkeys(pks))[:SHOWN]:
            shared.setdefault(pk, []).append(word)
    rows = Alert.objects.select_related("assignee", "case__owner").in_bulk(shared)
    found = [RelatedAlert(row, tuple(shared[row.pk])) for row in rows.values()]
    found.sort(key=lambda each: (-len(each.shared), -each.alert.last_seen.timestamp()))
    return found[:MOST], _seen(observed, pairs)


def still_open(alert_id: int, values: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Address or account → the other alerts of it that are not closed, the newest first. One query."""
    rows = AlertIndicator.objects.filter(value__in=values).exclude(alert_id=alert_id)
    rows = rows.exclude(alert__status=AlertStatus.CLOSED).order_by("-alert__last_seen", "-alert_id")
    found: dict[str, list[int]] = {}
    for value, pk in rows.values_list("value", "alert_id")[:READ]:
        found.setdefault(value, []).append(pk)
    return {value: tuple(found[value]) for value in values if value in found}


@dataclass(frozen=True, slots=True)
class Concerned:
    """What an alert concerns: (name, owner, is it a person's account) of each asset, and its case as (id, title)."""

    assets: tuple[tuple[str, str, bool], ...]
    case: tuple[int, str] | None


def concerned(alert_id: int) -> Concerned:
    """One query."""
    rows = Alert.objects.filter(pk=alert_id).order_by("asset_links__id").values_list(
        "case_id", "case__title", "assets__name", "assets__owner__name", "assets__owner_text", "assets__asset_type"
    )  # fmt: skip
    found = list(rows)
    case_id, title = found[0][:2] if found else (None, "")
    assets = (
        (name, person or text or "", kind == AssetType.ACCOUNT)
        for *_, name, person, text, kind in found
        if name
    )
    return Concerned(tuple(assets), (case_id, title or "") if case_id else None)


def _elsewhere(alert_id: int, values: Sequence[str]) -> list[tuple[int, str]]:
    """(alert, value), the newest first."""
    rows = AlertIndicator.objects.filter(value__in=values).exclude(alert_id=alert_id)
    return list(rows.order_by("-id").values_list("alert_id", "value")[:READ])


def _on(asset_ids: Collection[int], alert_id: int) -> list[int]:
    rows = AlertAsset.objects.filter(asset_id__in=asset_ids).exclude(alert_id=alert_id)
    return list(rows.order_by("-alert_id").values_list("alert_id", flat=True)[: SHOWN * 2])


def _of_rule(alert: Alert) -> list[int]:
    if alert.rule_id:
        same = Q(rule_id=alert.rule_id)
    else:
        same = Q(rule_name=alert.rule_name) if alert.rule_name else Q(title=alert.title)
    rows = Alert.objects.filter(same, source=alert.source).exclude(pk=alert.pk)
    return list(rows.order_by("-last_seen", "-id").values_list("pk", flat=True)[:SHOWN])


def _seen(observed: Sequence[Observed], pairs: Sequence[tuple[int, str]]) -> list[SeenIndicator]:
    names = {value.lower() for kind, value in observed if kind in ("ip", "domain")}
    keys = AssetKey.objects.filter(value__in=names).exclude(kind=FORMER).order_by("-id")
    own = {value: (pk, name) for value, pk, name in keys.values_list("value", "asset_id", "asset__name")}
    return [
        SeenIndicator(kind, value, len({pk for pk, other in pairs if other == value}), own.get(value.lower()))
        for kind, value in observed
    ]
