"""Recording of changes: what people change beside the chat goes to the audit trail, in its transaction, without secrets."""

from collections.abc import Mapping
from typing import Any

from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import append, entry


def keep(actor: Actor, what: str, subject: str, detail: Mapping[str, Any], text: str = "") -> None:
    """Write one down. ``text`` is a person's note."""
    append([entry(AuditKind.CHANGE, what, actor, subject=subject, text=text, detail=detail)])
