"""Audit trail: records written in the transaction of the thing itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone

from bifang.core.database.rows import NewRow, insert_many
from secops_agent.models import AuditRecord
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor

LONGEST_TEXT: Final = 8000  # characters; the rest of a longer text is not kept


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened: configuration, conversation, inbox row."""

    config_id: int | None = None
    conversation_id: str = ""
    inbox_id: int | None = None


NOWHERE: Final = Place()


def entry(
    kind: AuditKind,
    what: str,
    actor: Actor,
    *,
    place: Place = NOWHERE,
    subject: str = "",
    text: str = "",
    detail: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> NewRow:
    """An unsaved row. ``what`` is a short Chinese phrase, ``subject`` what it is about, ``text`` is private."""
    values = {
        "at": at or timezone.now(),
        "kind": kind.value,
        "what": what[:60],
        "actor_kind": actor.kind,
        "actor_id": actor.ident[:220],
        "actor_name": actor.name[:200],
        "via": actor.via[:60],
        "config_id": place.config_id,
        "conversation_id": place.conversation_id,
        "inbox_id": place.inbox_id,
        "subject": subject[:120],
        "text": text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…（共 {len(text)} 字）",
        "detail": dict(detail or {}),
    }
    return NewRow(AuditRecord, values)


def append(records: Sequence[NewRow]) -> None:
    """Add rows, in the caller's transaction."""
    insert_many(AuditRecord, [record.values for record in records])


FIELDS: Final = (
    "id", "at", "kind", "what", "actor_kind", "actor_id", "actor_name", "via", "config_id", "conversation_id",
    "inbox_id", "subject", "text", "detail",
)  # fmt: skip


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record's `FIELDS` as JSON holds them; the form that is hashed and exported."""
    return {**values, "at": values["at"].astimezone(UTC).isoformat(timespec="microseconds")}


def export(since: datetime | None = None, until: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Records by id, with their place in the chain; ``since`` ≤ at < ``until``."""
    rows = AuditRecord.objects.order_by("id")
    rows = rows.filter(at__gte=since) if since else rows
    rows = rows.filter(at__lt=until) if until else rows
    for record in rows.values(*FIELDS, "segment__number", "position").iterator(chunk_size=500):
        segment = record.pop("segment__number")
        yield {**plain(record), "segment": segment}
