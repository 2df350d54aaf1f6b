"""Matching of observables with lists, in as few queries as there are kinds of indicators."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from secops_agent.models import IndicatorHit, IndicatorList, ListedIndicator
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.services.reading import values_by
from secops_agent.services.records.indicators import spellings

COMPARED: Final = frozenset({"ip", "domain", "url", "hash", "email", "account"})
Observed = tuple[str, str]  # kind, value


@dataclass(frozen=True, slots=True)
class ListInForce:
    """An enabled list, as far as comparing with it needs."""

    pk: int
    name: str
    severity: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchedEntry:
    """An entry that holds, and its list."""

    pk: int
    list: ListInForce
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class ListedView:
    """What a list says of something, as people read it. Its texts are data that somebody else wrote.

    ``observed``: the value of ours that was found by it.
    """

    list: str
    kind: str
    value: str
    note: str
    origin: str
    expires_at: datetime | None
    observed: Observed

    @property
    def is_private(self) -> bool:
        """Is it left out in a group?"""
        return self.observed[0] in PRIVATE_INDICATORS


def lists_in_force(list_id: int | None = None, *, protects: bool = False) -> list[ListInForce]:
    """The enabled lists, or that one if it is; one query. ``protects``: those of what must not be blocked, which hit nothing."""
    names = ["id", "name", "severity", "prefixes"]
    rows = values_by(IndicatorList, names, enabled=[True], protects=[protects])
    return [
        ListInForce(pk, name, severity, tuple(prefixes))
        for pk, name, severity, prefixes in rows
        if list_id in (None, pk)
    ]


def named(
    observed: Collection[Observed], lists: Iterable[ListInForce], now: datetime
) -> dict[Observed, list[MatchedEntry]]:
    """Observable → the entries that name it. One query for every 500 spellings."""
    known = {each.pk: each for each in lists}
    prefixes = {prefix for each in known.values() for prefix in each.prefixes}
    asked: dict[Observed, list[Observed]] = {}  # as an entry spells it → ours
    for each in observed if known else ():
        for spelling in spellings(*each, prefixes):
            asked.setdefault(spelling, []).append(each)
    found: dict[Observed, list[MatchedEntry]] = {}
    names = ["id", "list", "kind", "value", "expires_at"]
    rows = values_by(ListedIndicator, names, value={value for _, value in asked})
    for pk, list_id, kind, value, expires_at in rows:
        if list_id in known and (expires_at is None or expires_at > now):
            for each in asked.get((kind, value), ()):
                found.setdefault(each, []).append(MatchedEntry(pk, known[list_id], kind, value))
    return found


def holding(now: datetime | None = None, path: str = "") -> Q:
    """Of entries (or of what leads to them by ``path``): those that hold."""
    entry = f"{path}__" if path else ""
    fresh = Q(**{f"{entry}expires_at": None}) | Q(**{f"{entry}expires_at__gt": now or timezone.now()})
    return fresh & Q(**{f"{entry}list__enabled": True})


def hits_in_force(alert_ids: Collection[int] | None = None) -> QuerySet[IndicatorHit]:
    """What counts now, of these alerts or of all."""
    rows = IndicatorHit.objects.filter(holding(path="entry"), entry__list__protects=False)
    return rows if alert_ids is None else rows.filter(alert_id__in=alert_ids)


def hits_of(alert_id: int, most: int = 30) -> list[ListedView]:
    """What the lists say of an alert; one query."""
    rows = hits_in_force([alert_id]).select_related("entry__list").order_by("pk")[:most]
    return [_view(row.entry, (row.kind, row.value)) for row in rows]


def look_up(kind: str, value: str, most: int = 20) -> list[ListedView]:
    """What the lists say of a value, whether or not an alert names it."""
    kind = "ip" if kind == "cidr" else kind
    found = named([(kind, value)], lists_in_force(), timezone.now()).get((kind, value), [])
    rows = ListedIndicator.objects.select_related("list").in_bulk([each.pk for each in found[:most]])
    return [_view(rows[each.pk], (kind, value)) for each in found[:most] if each.pk in rows]


def _view(row: ListedIndicator, observed: Observed) -> ListedView:
    return ListedView(
        row.list.name, row.kind, row.value, row.note, row.origin or row.list.origin, row.expires_at, observed
    )


def by_list(found: Mapping[Observed, list[MatchedEntry]]) -> dict[str, list[Observed]]:
    """List name → what of ours it names."""
    told: dict[str, list[Observed]] = {}
    for observed, entries in found.items():
        for entry in entries:
            told.setdefault(entry.list.name, []).append(observed)
    return told
