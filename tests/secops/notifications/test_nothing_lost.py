"""Whatever comes together (storms, kills, faults, silences, a scarce quota, quiet hours): every alert is told of once in
each place of its rules, or counted, or visibly undeliverable."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from secops_agent.models import AlertMessage, AlertMessageItem, MessageState
from secops_agent.services.notifications.delivery import announcing
from secops_agent.services.notifications.matching import WINDOW

from .play import Play

FEW = 9  # messages of a crowd, so that there are many
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 9))]


@pytest.fixture
def play(database, settings, monkeypatch, request) -> Iterator[Play]:
    made = Play(request.getfixturevalue("seed"))
    monkeypatch.setattr(timezone, "now", lambda: made.now)
    settings.RATE_LIMITS = True
    made.prepare()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_alert_is_told_once_in_each_place_or_counted_or_visibly_undeliverable(play, seed):
    play.run(25)
    play.finish()
    assert not lost(play)
    assert not unfinished()
    assert_nothing_twice()
    assert max(play.busiest().values(), default=0) <= 2 * FEW


def lost(play: Play) -> list[str]:
    """What nobody was told of, and where its messages stand."""
    found = [
        f"A{alert_id} at {where}: "
        + "; ".join(
            f"{row.pk} {row.kind} {row.state} {row.shown}/{row.wanted} in {row.summary_id} {row.reason}"
            + str(
                list(
                    OutboxRow.objects.filter(key__startswith=f"note:alert:{row.pk}:").values_list(
                        "key", "state"
                    )
                )
            )
            for row in AlertMessage.objects.filter(alerts=alert_id, destination=where)
        )
        for alert_id, where in sorted(play.expected - accounted())
    ]
    print(*found, sep="\n")
    return found


def accounted() -> set[tuple[int, str]]:
    """Alert and destination: told there, its outcome unknown, counted in what was told, or undeliverable and shown so."""
    over = {MessageState.SHOWN, MessageState.ENDED, MessageState.UNKNOWN}
    rows = {row.pk: row for row in AlertMessage.objects.all()}
    told = told_rows()

    def is_told(row: AlertMessage, depth: int = 0) -> bool:
        if row.summary_id and depth < 3:
            return is_told(rows[row.summary_id], depth + 1) or row.pk in told
        return row.pk in told and row.state in over

    good = {pk: row.destination for pk, row in rows.items() if is_told(row) or _is_visibly_over(row)}
    items = AlertMessageItem.objects.filter(message__in=good).values_list("alert_id", "message_id")
    return {(alert_id, good[message_id]) for alert_id, message_id in items}


def told_rows() -> set[int]:
    """Messages of which the outbox delivered one, or does not know whether it did."""
    rows = OutboxRow.objects.filter(state__in=(State.DONE, State.UNKNOWN), key__startswith="note:")
    keys = rows.values_list("key", flat=True)
    return {int(key.split(":")[2]) for key in keys if key.split(":")[1] == "alert"}


def _is_visibly_over(row: AlertMessage) -> bool:
    if row.reason == announcing.OVER:  # it was closed before anybody could be told
        return True
    return row.state == MessageState.UNDELIVERABLE and bool(row.reason) and bool(row.target.last_error)


def unfinished() -> list[str]:
    """What still waits although nothing holds it back."""
    rows = AlertMessage.objects.filter(state__in=(MessageState.WAITING, MessageState.UNDELIVERABLE))
    return [f"{row.kind} {row.state} {row.reason}" for row in rows if row.wanted > row.shown]


def assert_nothing_twice() -> None:
    """One message for a group and place at a time; it never says the same twice in a row; a summary counts right."""
    opened: dict[tuple[str, str], list[AlertMessage]] = {}
    for row in AlertMessage.objects.filter(kind="group", burst="").order_by("opened_at", "pk"):
        opened.setdefault((row.destination, row.group_key), []).append(row)
    for rows in opened.values():
        for before, after in pairwise(rows):
            ended = before.state == MessageState.ENDED
            assert ended or after.opened_at - before.opened_at >= WINDOW, f"{before.pk} and {after.pk}"
    said: dict[str, list[str]] = {}
    delivered = OutboxRow.objects.filter(key__startswith="note:alert:", state=State.DONE).order_by("pk")
    for key, text in delivered.values_list("key", "text"):
        said.setdefault(key.split(":")[2], []).append(text)
    for texts in said.values():
        assert all(before != after for before, after in pairwise(texts)), texts
    for burst in AlertMessage.objects.exclude(burst="").exclude(sent_at=None):
        last = OutboxRow.objects.filter(key__startswith=f"note:alert:{burst.pk}:").order_by("-pk").first()
        assert last is None or counted_in(last.text) == burst.alerts.count() or burst.wanted > burst.shown
    assert max(Counter(OutboxRow.objects.values_list("key", flat=True)).values(), default=1) == 1


def counted_in(text: str) -> int:
    """How many alerts a burst's message says that it tells of."""
    return int(next(filter(None, re.search(r"×(\d+)\*\*|：(\d+) 条告警\*\*", text).groups())))
