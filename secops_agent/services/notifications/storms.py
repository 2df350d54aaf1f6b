"""Too many new messages for one destination: one summary counts them, goes on, and says when it is over."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from bifang.channels import outbox
from bifang.channels.allowance import allowance
from bifang.core.db import database_now
from bifang.core.rows import lock_idle
from secops_agent.models import Alert, AlertMessage, AlertMessageItem, MessageState, TargetKind
from secops_agent.services.notifications import digests, notices, progress, reaching, wording
from secops_agent.services.notifications.targets import means_of

STORM: Final = 100  # new messages to one destination …
STORM_OF_ROBOT: Final = 15  # DingTalk blocks a custom robot after 20
STORM_SPAN: Final = timedelta(seconds=60)  # … within this time are one summary
CALM: Final = timedelta(seconds=120)  # without a new message the storm is over
PAUSE: Final = timedelta(seconds=60)  # between two summaries
ANNOUNCED: Final = ("group", "escalation")
_OVER: Final = (MessageState.ENDED, MessageState.HELD)  # told to its end, or left to a digest


def _storm_size(row: AlertMessage) -> int:
    return STORM_OF_ROBOT if row.target.kind == TargetKind.WEBHOOK else STORM


def open_storms(rows: Iterable[AlertMessage], now: datetime) -> dict[str, AlertMessage]:
    """The open storm of each destination of these that has one, begun if there are too many new messages."""
    sizes = {row.destination: _storm_size(row) for row in rows}
    found = {}
    for destination, size in sizes.items():
        rows = AlertMessage.objects.filter(destination=destination)
        storm = rows.filter(kind="storm").exclude(state__in=_OVER).order_by("-pk").first()
        recent = rows.filter(kind__in=ANNOUNCED, opened_at__gt=now - STORM_SPAN).exclude(
            summary__kind__in=("digest", "silence")
        )
        late = progress.due(now).filter(Q(shown=0) | ~Q(sla=""), destination=destination, kind__in=ANNOUNCED)
        for crowd in (recent, late):
            if storm is None and crowd[:size].count() >= size:
                storm = _begin_storm(crowd[0], now)
        if storm is not None:
            found[destination] = storm
    return found


def _begin_storm(like: AlertMessage, now: datetime) -> AlertMessage:
    return AlertMessage.objects.create(
        target_id=like.target_id, staff_id=like.staff_id, destination=like.destination, group_key="storm", kind="storm", opened_at=now,
        due_at=now + timedelta(seconds=2), wanted=0,
    )  # fmt: skip


def tell_storms() -> int:
    """Tell how storms go on, and when they are over; returns how many were told of."""
    now = database_now()
    open_storms = AlertMessage.objects.filter(kind="storm").exclude(state__in=_OVER)
    if not open_storms.exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        rows = open_storms.select_related("target__config", "target__staff", "target__schedule", "staff")
        told = [row for row in lock_idle(rows) if _tell_storm(row, now)]
    return len(told)


def _tell_storm(row: AlertMessage, now: datetime) -> bool:
    held = AlertMessage.objects.filter(summary=row)
    last = held.order_by("-opened_at").values_list("opened_at", flat=True).first() or row.opened_at
    over = now - max(last, row.opened_at) > CALM
    if not over and (
        row.wanted == row.shown or (row.sent_at and now - row.sent_at < PAUSE) or row.due_at > now
    ):
        return False
    alerts = list(
        Alert.objects.filter(pk__in=AlertMessageItem.objects.filter(message__in=held).values("alert_id"))
    )
    if not alerts:  # all of it was silenced, or deleted
        progress.mark(row, over, row.sent_at)
        return False
    spare = allowance(row.target.config_id, means_of(row.target))
    if spare.scarce and wording.gravest(alerts) != "critical":
        digests.hold(row, spare, now)
        return True
    address = reaching.address_of(row, now)
    if address is None:
        return False
    escalated = held.filter(kind="escalation").exists()
    heading = notices.prefix_of(escalated) + ("告警风暴已平息，期间共" if over else "告警风暴")
    text = wording.counted_text(heading, alerts, ("", "发送「告警」查看列表。"))
    outbox.notify(
        address.config_id, address.target, text, key=f"storm:{row.pk}:{row.wanted}:{int(over)}", title=heading,
        card=progress.card_of(row),
    )  # fmt: skip
    progress.mark(row, over, now)
    return True
