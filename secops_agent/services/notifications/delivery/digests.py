"""Digests: messages that the quota or 不主动说话 held back, one with their numbers for each destination as soon as there is room."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from bifang.channels.allowance import SendingAllowance, allowance
from bifang.channels.queues import outbox
from bifang.core.database.db import database_now
from bifang.core.database.rows import lock_idle
from secops_agent import says
from secops_agent.models import Alert, AlertMessage, AlertMessageItem, MessageState
from secops_agent.services.notifications.delivery import progress, reaching, wording
from secops_agent.services.notifications.targets import means_of
from secops_agent.services.switches import SILENT

HOURLY: Final = timedelta(hours=1)
LOOK_AGAIN: Final = timedelta(minutes=5)  # while nothing may be sent
ROUND: Final = 40


def hold(row: AlertMessage, spare: SendingAllowance, now: datetime) -> None:
    """Have the destination's next digest tell of this message instead. In the caller's transaction."""
    wait = LOOK_AGAIN if spare.step == "none" else HOURLY
    progress.hold(row, f"额度：{spare.reason}", _open_digest(row, now + wait, now))


def hold_silent(row: AlertMessage, now: datetime) -> None:
    """The same while 不主动说话 is on: its digest is told as soon as that is off."""
    progress.hold(row, SILENT, _open_digest(row, now, now))


def _open_digest(row: AlertMessage, due_at: datetime, now: datetime) -> AlertMessage:
    """The digest that is not told yet; held, so that it is not told before it knows of this message."""
    waiting = AlertMessage.objects.filter(
        destination=row.destination, kind="digest", state__in=(MessageState.WAITING, MessageState.UNDELIVERABLE)
    )  # fmt: skip
    if connection.features.has_select_for_update:
        waiting = waiting.select_for_update()
    return waiting.order_by("pk").first() or AlertMessage.objects.create(
        target_id=row.target_id, staff_id=row.staff_id, destination=row.destination, group_key="digest", kind="digest", opened_at=now,
        due_at=due_at, wanted=0,
    )  # fmt: skip


def tell_digests() -> int:
    """Tell the digests that are due; returns how many. Raises DatabaseError."""
    now = database_now()
    due = progress.due(now).filter(kind="digest")
    if not due.exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        return sum(_tell(row, now) for row in list(lock_idle(due)[:ROUND]))


def _tell(row: AlertMessage, now: datetime) -> bool:
    spare = allowance(row.target.config_id, means_of(row.target))
    if spare.step == "none":
        _wait(row, f"额度：{spare.reason}", now)
        return False
    address = reaching.address_of(row, now)
    if address is None:
        return False
    silent = AlertMessage.objects.filter(summary=row, reason=SILENT).exists()
    heading = "「不主动说话」期间没有逐条发送" if silent else "额度所限，没有逐条发送"
    text = wording.counted_text(heading, _alerts(row), ("", f"发送「{says.ALERTS}」查看列表。"))
    outbox.notify(
        address.config_id, address.target, text, key=f"alert:{row.pk}:{row.wanted}", title=f"汇总：{heading}"
    )
    AlertMessage.objects.filter(pk=row.pk).update(
        state=MessageState.ENDED, shown=row.wanted, sent_at=now, reason=""
    )
    return True


def _wait(row: AlertMessage, reason: str, now: datetime) -> None:
    AlertMessage.objects.filter(pk=row.pk).update(
        state=MessageState.WAITING, reason=reason[:300], due_at=now + LOOK_AGAIN
    )


def _alerts(row: AlertMessage) -> list[Alert]:
    """Of the messages held back, and of those that a silence held back counted."""
    held = Q(message__summary=row) | Q(message__summary__summary=row)
    return list(Alert.objects.filter(pk__in=AlertMessageItem.objects.filter(held).values("alert_id")))


def waiting() -> int:
    """How many messages wait for a digest."""
    rows = AlertMessage.objects.filter(summary__kind="digest")
    return rows.exclude(summary__state=MessageState.ENDED).count()
