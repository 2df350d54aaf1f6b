"""What of the boxes goes with the retention: what is done or dead, replies before what they answer."""

from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from bifang.channels.models import OPEN, InboxRow, OutboxRow, State
from bifang.core.database.retention import Keeping

_SETTING: Final = "RETENTION_DAYS"


def _sent(before: datetime) -> "QuerySet[OutboxRow]":
    return OutboxRow.objects.filter(sent_at__lt=before).exclude(state__in=OPEN).order_by("sent_at")


def _unsent(before: datetime) -> "QuerySet[OutboxRow]":
    return OutboxRow.objects.filter(state=State.DEAD, created_at__lt=before).order_by("id")


def _handled(before: datetime) -> "QuerySet[InboxRow]":
    # Not "done": SQLite would take the index of the states, and sort all that are.
    over = InboxRow.objects.filter(handled_at__lt=before, replies=None).exclude(state__in=OPEN)
    return over.order_by("handled_at")


def _dead(before: datetime) -> "QuerySet[InboxRow]":
    """Unreadable ones were never handled."""
    dead = InboxRow.objects.filter(state=State.DEAD, received_at__lt=before, replies=None)
    return dead.order_by("id")


KEEPINGS: Final = (
    Keeping("发件箱", _SETTING, _sent, "sent_at"),
    Keeping("发件箱（死信）", _SETTING, _unsent, "created_at"),
    Keeping("收件箱", _SETTING, _handled, "handled_at"),
    Keeping("收件箱（死信）", _SETTING, _dead, "received_at"),
)
