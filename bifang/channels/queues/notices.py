"""Tells people whose message waits that it was received: once, with the reason."""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from bifang.channels.models import OPEN, InboxRow, OutboxRow, State
from bifang.channels.ports import Reply, Turn
from bifang.channels.queues import outbox
from bifang.channels.queues.claims import new_token
from bifang.channels.queues.inbox import turn_of
from bifang.channels.queues.targets import target_key
from bifang.core.database.db import database_now
from bifang.core.errors import BifangError

PATIENCE = timedelta(seconds=5)  # whoever waits longer is told
A_ROUND = 100  # people told at once
CROWDED = 5  # replies that wait in one conversation: one more would arrive after the answer
QUEUED = "已收到，正在排队：前面还有 {ahead} 条消息，轮到后会马上回复，请不用重发。"
MAINTENANCE = "已收到。毕方正在维护，维护结束后会回复这条消息，请不用重发。"


def tell_waiting(*, maintenance: bool) -> int:
    """Write a notice for each person in each conversation who waits and was not told; returns how many."""
    now = database_now()
    waiting = InboxRow.objects.filter(state=State.PENDING, kind="chat", told_at=None, target__isnull=False)
    if not maintenance:
        waiting = waiting.filter(Q(attempts=0), received_at__lt=now - PATIENCE)
    heads: dict[str, InboxRow] = {}
    for row in waiting.order_by("pk")[:A_ROUND]:
        heads.setdefault(row.order_key, row)  # the oldest of each person
    if not heads:
        return 0
    told = _told(list(heads))
    token = new_token(now)  # not one for all times: a message that is processed again may wait again
    turns = [
        turn for key, row in heads.items() if key not in told and (turn := _turn(row, token)) is not None
    ]
    with transaction.atomic():
        untold = _untold([turn.inbox_id for turn in turns])
        turns = [turn for turn in turns if turn.inbox_id in untold]
        InboxRow.objects.filter(order_key__in=list(heads), told_at=None, state=State.PENDING).update(
            told_at=now
        )
        outbox.add(_notices(turns, maintenance), now)
    return len(turns)


def _told(order_keys: list[str]) -> set[str]:
    """People who were told about an earlier message that still waits."""
    rows = InboxRow.objects.filter(order_key__in=order_keys, state=State.PENDING, told_at__isnull=False)
    return set(rows.values_list("order_key", flat=True))


def _untold(ids: list[int]) -> set[int]:
    """Those that no other process has told meanwhile; locked, so that none does."""
    rows = InboxRow.objects.filter(pk__in=ids, told_at=None, state=State.PENDING)
    if connection.features.has_select_for_update:
        rows = rows.select_for_update()
    return set(rows.values_list("pk", flat=True))


def _turn(row: InboxRow, token: str) -> Turn | None:
    row.token = token
    try:
        return turn_of(row)
    except BifangError:
        return None  # claiming it will show the reason


def _notices(turns: list[Turn], maintenance: bool) -> list[tuple[Turn, tuple[Reply, ...]]]:
    if maintenance:
        return [(turn, (Reply(MAINTENANCE, title="维护中"),)) for turn in turns]
    ahead = dict(_ahead([turn.inbox_id for turn in turns])) if turns else {}
    return [
        (turn, (Reply(QUEUED.format(ahead=ahead[turn.inbox_id]), title="排队中"),))
        for turn in turns
        if not _crowded(turn)
    ]


def _ahead(ids: list[int]) -> list[tuple[int, int]]:
    """Inbox id → open messages that came before it, running ones included."""
    first = min(ids)
    before = InboxRow.objects.filter(state__in=OPEN, pk__lt=first).count()
    between = sorted(
        InboxRow.objects.filter(state__in=OPEN, pk__gte=first, pk__lte=max(ids)).values_list("pk", flat=True)
    )
    place = {pk: number for number, pk in enumerate(between)}
    return [(pk, before + place.get(pk, 0)) for pk in ids]


def _crowded(turn: Turn) -> bool:
    target = turn.target
    if target is None:
        return True
    key = target_key(turn.config_id, target)
    return OutboxRow.objects.filter(order_key=key, state__in=OPEN)[:CROWDED].count() >= CROWDED


def waiting_since() -> datetime | None:
    """When the oldest message that waits was received; None if none waits."""
    return (
        InboxRow.objects.filter(state=State.PENDING, kind="chat")
        .order_by("pk")
        .values_list("received_at", flat=True)
        .first()
    )
