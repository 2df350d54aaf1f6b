"""Views of indicator lists and their entries, for the API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from secops_agent.models import IndicatorList, ListedIndicator
from secops_agent.services.faults import NotFound
from secops_agent.services.intelligence import comparing
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.pages import Page, cut


@dataclass(frozen=True, slots=True)
class ListView:
    """``compared``: per cent of the stored alerts that have been compared with it; ``hits``: alerts."""

    id: int
    name: str
    origin: str
    enabled: bool
    default_days: int | None
    severity: str
    hits: int
    compared: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry."""

    id: int
    kind: str
    value: str
    note: str
    origin: str
    expires_at: datetime | None


def search_lists(limit: int = 20, cursor: str = "") -> Page[ListView]:
    """By name. Raises InvalidInput."""
    return cut(IndicatorList.objects.all(), ("name", "id"), limit, cursor, _lists)


def search_entries(list_id: int, limit: int = 20, cursor: str = "") -> Page[EntryView]:
    """The newest first. Raises NotFound, InvalidInput."""
    if not IndicatorList.objects.filter(pk=list_id).exists():
        raise NotFound(f"没有编号为 {list_id} 的情报清单。")
    return cut(ListedIndicator.objects.filter(list_id=list_id), ("-id",), limit, cursor, _entries)


def _lists(rows: Iterable[IndicatorList]) -> list[ListView]:
    mine = list(rows)
    hits = hits_in_force().filter(entry__list__in=mine).order_by().values_list("entry__list")
    counted = dict(hits.annotate(number=Count("alert_id", distinct=True)))
    return [
        ListView(
            row.pk, row.name, row.origin, row.enabled, row.default_days, row.severity, counted.get(row.pk, 0),
            comparing.progress(row).percent, row.updated_at,
        )
        for row in mine
    ]  # fmt: skip


def _entries(rows: Iterable[ListedIndicator]) -> list[EntryView]:
    return [EntryView(row.pk, row.kind, row.value, row.note, row.origin, row.expires_at) for row in rows]
