"""Lost messages: what Bifang said unasked and what did not arrive, told where it is missed and sent again from there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from bifang.channels.queues import outbox
from bifang.core.errors import InvalidInput
from secops_agent.models import AlertMessage
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.audit.changes import keep
from secops_agent.services.notifications.delivery import reaching

CASE: Final = "note:case:"
HANDOVER: Final = "note:handover:"
SHOWN_FOR: Final = timedelta(days=1)  # a handover; the next one tells what there is then
_LOST: Final = (State.DEAD, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class LostMessage:
    """``pk``: its row in the outbox; ``text``: what did not arrive, and why."""

    pk: int
    text: str


def lost(row: OutboxRow, what: str) -> LostMessage | None:
    """A row of the outbox as what did not arrive; None if it did, or still may."""
    if row.state not in _LOST:
        return None
    return LostMessage(row.pk, f"{what}{row.standing}：{row.last_error[:200] or '没有原因'}")


def lost_handovers() -> Iterator[LostMessage]:
    """Of the last day, the newest first."""
    rows = OutboxRow.objects.filter(state__in=_LOST, key__startswith=HANDOVER)
    for row in rows.filter(created_at__gt=timezone.now() - SHOWN_FOR).order_by("-pk"):
        place = "群里" if row.target and row.target["is_group"] else "单聊"
        if found := lost(row, f"{row.title}（{place}）"):
            yield found


def tell_again(rows: "QuerySet[AlertMessage]", actor: Actor) -> int:
    """Those messages about alerts that could not be delivered are tried at once; returns how many."""
    ids = list(rows.order_by().values_list("pk", flat=True))
    with transaction.atomic():
        if done := reaching.try_again(ids):
            keep(actor, f"立即重试 {done} 条告警消息", "alertmessage", {"ids": ids[:200], "done": done})
    return done


def send_again(outbox_id: int, actor: Actor) -> None:
    """Put it back into its queue. Raises InvalidInput if it is not one of these, or arrived meanwhile."""
    rows = OutboxRow.objects.filter(pk=outbox_id)
    row = rows.first()
    with transaction.atomic():
        if row is None or not row.key.startswith((CASE, HANDOVER)) or not outbox.resend(rows):
            raise InvalidInput("这条消息已经送到，或正在重发。")
        known = lost(row, f"「{row.title}」")
        told = {"title": row.title, "lost": known.text if known else ""}
        keep(actor, "重新发送消息", f"outboxrow:{outbox_id}", told)
        if row.key.startswith(CASE):
            history.record(
                "case", int(row.key.split(":")[2]), actor, "comment", {}, f"再发一次。{told['lost']}"
            )
