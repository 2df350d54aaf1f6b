"""Progress of a message about alerts: due, left to another one that counts it, told."""

from datetime import datetime
from typing import Any, Final

from django.db.models import F, QuerySet

from secops_agent.models import AlertMessage, Burst, MessageState

MADE_GOOD: Final = "曾无法送达，已补发："  # how the reason of one that arrived later begins
PICTURED: Final = (Burst.NONE, Burst.RULE)  # what goes on: may be a card, follows its alerts


def due(now: datetime) -> "QuerySet[AlertMessage]":
    """Messages that have something to tell now, the longest waiting first, with where they go."""
    rows = AlertMessage.objects.filter(wanted__gt=F("shown"), due_at__lte=now).order_by("due_at", "pk")
    return rows.select_related("target__rule", "target__config", "target__staff", "target__schedule", "staff")


def trace_of(message_id: int) -> str:
    """The name of its trace: what is sent for it has it, too (`bifang.channels.ports.Part.trace`)."""
    return f"note:alert:{message_id}"


def card_of(row: AlertMessage) -> str:
    """The one card of a message. A new database counts from 1 again, and DingTalk remembers: the time is part of it."""
    return f"alert:{row.pk}:{row.opened_at:%y%m%d%H%M%S%f}"


def hold(row: AlertMessage, reason: str, summary: AlertMessage) -> None:
    """Have another message count this one. In the caller's transaction."""
    row.state, row.reason, row.summary, row.shown = MessageState.HELD, reason[:300], summary, row.wanted
    row.save(update_fields=["state", "reason", "summary", "shown"])
    AlertMessage.objects.filter(pk=summary.pk).update(wanted=F("wanted") + 1)


def end(row: AlertMessage, reason: str) -> None:
    """There is nothing to say any more, and nothing was said."""
    AlertMessage.objects.filter(pk=row.pk).update(
        state=MessageState.ENDED, shown=row.wanted, reason=reason[:300]
    )


def mark(row: AlertMessage, ended: bool, sent_at: datetime | None) -> None:
    """It says what there was to say."""
    values: dict[str, Any] = {
        "state": MessageState.ENDED if ended else MessageState.SHOWN, "shown": row.wanted, "sent_at": sent_at,
        "digest": row.digest, "level": row.level, "reason": _past(row), "told_to": row.told_to, "told_at": row.told_at,
    }  # fmt: skip
    AlertMessage.objects.filter(pk=row.pk).update(**values)


def _past(row: AlertMessage) -> str:
    """Why it had not arrived at first; "" if nothing was wrong."""
    if row.state == MessageState.UNDELIVERABLE and row.reason:
        return f"{MADE_GOOD}{row.reason.removeprefix(MADE_GOOD)}"[:300]
    return row.reason if row.reason.startswith(MADE_GOOD) else ""
