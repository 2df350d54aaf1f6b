"""Spread of an observable: its alerts by asset and rule, the accounts beside it, and how they were judged."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from secops_agent.models import Alert, AlertAsset, AlertIndicator, AlertMention
from secops_agent.models.choices import AlertStatus, AssetType, IndicatorKind
from secops_agent.services.alerts.queries.filters import RULE
from secops_agent.services.alerts.queries.mentioned import naming
from secops_agent.services.audit.history import closing_notes

MOST: Final = 1000  # links between alerts and assets, the newest
_URLS: Final = 50
_JUDGED: Final = 100


@dataclass(frozen=True, slots=True)
class HostSpread:
    """One asset with its alerts: how many, the ids of the newest, from when to when."""

    id: int
    name: str
    alerts: tuple[int, ...]
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """Alerts that were closed with one verdict: the ids, the newest first; who closed that one, with what note."""

    verdict: str
    ids: tuple[int, ...]
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Spread:
    """``hosts`` the most alerts first; ``open``: alerts that are not closed; ``judged`` the newest first; ``accounts`` are private."""

    open: int
    hosts: tuple[HostSpread, ...]
    rules: tuple[tuple[str, int], ...]
    accounts: tuple[str, ...]
    judged: tuple[Judged, ...]


_CELLS = ("pk", "rule", "status", "verdict", "assignee__name", "first_seen", "last_seen", "assets__pk", "assets__name")  # fmt: skip


def spread_of(rows: "QuerySet[Alert]") -> Spread:
    """Three queries."""
    told = rows.annotate(rule=RULE).order_by("-last_seen", "-id")
    cells = told.values_list(*_CELLS)
    hosts: dict[tuple[int, str], list[tuple[int, datetime, datetime]]] = {}
    rules: dict[int, str] = {}
    judged: dict[int, tuple[str, str]] = {}
    unclosed = set[int]()
    for pk, rule, status, verdict, by, first, last, asset_id, name in cells[:MOST]:
        rules[pk] = rule
        if name:
            hosts.setdefault((asset_id, name), []).append((pk, first, last))
        if status != AlertStatus.CLOSED:
            unclosed.add(pk)
        elif verdict:
            judged[pk] = verdict, by or ""
    people = AlertIndicator.objects.filter(alert_id__in=list(rules), kind=IndicatorKind.ACCOUNT)
    accounts = Counter(people.values_list("value", flat=True))
    return Spread(
        len(unclosed),
        _hosts(hosts),
        tuple(Counter(rules.values()).most_common()),
        tuple(name for name, _ in accounts.most_common()),
        _judged(judged),
    )


def _judged(found: Mapping[int, tuple[str, str]]) -> tuple[Judged, ...]:
    """By verdict; one query for the notes."""
    by: dict[str, list[int]] = {}
    for pk, (verdict, _) in found.items():
        by.setdefault(verdict, []).append(pk)
    notes = closing_notes([ids[0] for ids in by.values()])
    return tuple(
        Judged(verdict, tuple(ids), found[ids[0]][1], notes.get(ids[0], "")) for verdict, ids in by.items()
    )


def hosts_with(seen: "QuerySet[AlertIndicator]") -> dict[str, tuple[HostSpread, ...]]:
    """Value → the machines and systems that alerts with it concern, no person's account. One query."""
    kinds = [
        each for each in AssetType.values if each != AssetType.ACCOUNT
    ]  # exclude() would drop alerts whole
    cells = seen.filter(alert__assets__asset_type__in=kinds)
    columns = (
        "value",
        "alert__assets__pk",
        "alert__assets__name",
        "alert_id",
        "alert__first_seen",
        "alert__last_seen",
    )
    found: dict[str, dict[tuple[int, str], list[tuple[int, datetime, datetime]]]] = {}
    for value, asset_id, name, *when in cells.order_by("-alert__last_seen", "-alert_id").values_list(
        *columns
    )[:MOST]:
        found.setdefault(value, {}).setdefault((asset_id, name), []).append(tuple(when))
    return {value: _hosts(hosts) for value, hosts in found.items()}


def hosts_of_hashes(alert_id: int, hashes: Collection[str]) -> dict[str, tuple[HostSpread, ...]]:
    """Each hash of the alert → the machines beside its own that have it, too; () for none. Two queries, none without a hash."""
    if not hashes:
        return {}
    own = set(AlertAsset.objects.filter(alert_id=alert_id).values_list("asset_id", flat=True))
    found = hosts_with(AlertIndicator.objects.filter(kind=IndicatorKind.HASH, value__in=hashes))
    return {each: tuple(host for host in found.get(each, ()) if host.id not in own) for each in hashes}


def _hosts(found: Mapping[tuple[int, str], list[tuple[int, datetime, datetime]]]) -> tuple[HostSpread, ...]:
    """The most alerts first."""
    return tuple(sorted((_host(*key, each) for key, each in found.items()), key=lambda one: -len(one.alerts)))


def _host(asset_id: int, name: str, found: list[tuple[int, datetime, datetime]]) -> HostSpread:
    ids, firsts, lasts = zip(*found, strict=True)
    return HostSpread(asset_id, name, ids, min(firsts), max(lasts))


def urls_at(domain: str) -> set[str]:
    """The URLs of alerts whose host it is; one look into each index for http and https."""
    begins = [f"{scheme}://{domain}" for scheme in ("http", "https")]
    # "@" follows "/", ":" and "?" in the order of characters.
    span = Q(value__gte=begins[0], value__lt=f"{begins[0]}@") | Q(
        value__gte=begins[1], value__lt=f"{begins[1]}@"
    )
    found: Iterable[str] = (
        value
        for model in (AlertIndicator, AlertMention)
        for value in model._default_manager.filter(span).values_list("value", flat=True)[:_URLS]
    )
    return {value for value in found if urlsplit(value).hostname == domain}


def alerts_under(domain: str, *, private: bool) -> tuple[int, ...] | None:
    """The alerts that have a domain or an address of a page under it; None: no page is known, the domain is looked for as it is."""
    name = domain.lower().rstrip(".")
    urls = urls_at(name) if "." in name and " " not in name else set()
    if not urls:
        return None
    rows = Alert.objects.filter(pk__in=RawSQL(*naming({name, *urls}, private=private)))  # noqa: S611 - our own statement
    return tuple(rows.order_by("-last_seen").values_list("pk", flat=True)[:MOST])


def closed_before(rule: str, assets: Collection[int], alert_id: int) -> tuple[Judged, ...]:
    """How alerts of the same rule on the same assets were judged, the last verdict first. Two queries."""
    rows = Alert.objects.alias(rule=RULE).filter(
        rule=rule, status=AlertStatus.CLOSED, asset_links__asset_id__in=assets
    )
    told = rows.exclude(pk=alert_id).exclude(verdict="").distinct().order_by("-closed_at", "-id")
    found = told.values_list("pk", "verdict", "assignee__name")[:_JUDGED]
    return _judged({pk: (verdict, by or "") for pk, verdict, by in found})
