"""What was changed, by whom, when: rows are only added."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from secops_agent.models import History
from secops_agent.services.actors import Actor

Changes = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change; ``changes`` is field → (old, new), ``actor`` the name of who did it."""

    at: datetime
    actor_kind: str
    actor: str
    via: str
    action: str
    changes: dict[str, tuple[Any, Any]]
    note: str


def entry(
    entity: str,
    entity_id: int,
    actor: Actor,
    action: str,
    changes: Changes,
    note: str = "",
    at: datetime | None = None,
) -> History:
    """An unsaved row, for those who add many at once."""
    return History(
        entity=entity,
        entity_id=entity_id,
        at=at or timezone.now(),
        actor_kind=actor.kind,
        actor_id=actor.ident,
        actor_name=actor.name,
        via=actor.via,
        action=action,
        changes={name: [_plain(old), _plain(new)] for name, (old, new) in changes.items()},
        note=note,
    )


def record(entity: str, entity_id: int, actor: Actor, action: str, changes: Changes, note: str = "") -> None:
    """Add one row, in the caller's transaction."""
    entry(entity, entity_id, actor, action, changes, note).save(force_insert=True)


def entries(entity: str, entity_id: int, limit: int = 50) -> tuple[HistoryEntry, ...]:
    """The newest changes of something, newest first."""
    rows = History.objects.filter(entity=entity, entity_id=entity_id).order_by("-id")[:limit]
    return tuple(_views(rows))


def _views(rows: Iterable[History]) -> Iterable[HistoryEntry]:
    for row in rows:
        changes = {name: (old, new) for name, (old, new) in row.changes.items()}
        yield HistoryEntry(row.at, row.actor_kind, row.actor_name, row.via, row.action, changes, row.note)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
