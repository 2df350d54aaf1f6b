"""Views of assets: frozen values for tools, pages and the API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from secops_agent.models import Asset, AssetKey
from secops_agent.services.audit.history import HistoryEntry


@dataclass(frozen=True, slots=True)
class AssetRef:
    """Just enough to name it."""

    id: int
    name: str
    asset_type: str = ""


@dataclass(frozen=True, slots=True)
class AssetSummary:
    """One line of a list. ``owner`` is the person's name, else what the source says."""

    id: int
    name: str
    asset_type: str
    ips: tuple[str, ...]
    owner: str
    owner_id: int | None
    importance: str
    environment: str
    tags: tuple[str, ...]
    source: str
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class KeyView:
    """A name or address of an asset."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class AssetDetail:
    """Everything about one asset. ``open_alerts`` and ``open_findings`` are (severity, number), gravest first."""

    summary: AssetSummary
    keys: tuple[KeyView, ...]
    description: str
    sources: tuple[str, ...]
    first_seen: datetime
    open_alerts: tuple[tuple[str, int], ...]
    open_findings: tuple[tuple[str, int], ...]
    kev_findings: int
    components: int
    history: tuple[HistoryEntry, ...]


def summaries(rows: Iterable[Asset]) -> list[AssetSummary]:
    """Views of rows that were read with their owner."""
    return [
        AssetSummary(
            id=row.pk,
            name=row.name,
            asset_type=row.asset_type,
            ips=tuple(row.ips),
            owner=row.owner.name if row.owner else row.owner_text,
            owner_id=row.owner_id,
            importance=row.importance,
            environment=row.environment,
            tags=tuple(row.tags),
            source="、".join(row.sources),
            last_seen=row.last_seen,
        )
        for row in rows
    ]


def key_views(rows: Sequence[AssetKey]) -> tuple[KeyView, ...]:
    """The keys of an asset, each once."""
    return tuple(KeyView(row.kind, row.value) for row in rows)
