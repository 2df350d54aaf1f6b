"""The statements of every message find their rows by index, and change none but their own."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bifang.channels import inbox, statements
from bifang.channels.models import InboxRow, State
from tests.channels.boxes import Hands, claim, finish, incoming, store
from tests.deadline import wait_until

STATEMENTS: dict[str, tuple[Callable[[], Any], str]] = {
    "arriving": (lambda: statements.keys_with_open_rows(["a", "b"]), "inbox_open"),
    "replying": (lambda: statements.keys_waiting_elsewhere(["a", "b"], "me"), "outbox_open"),
    "handled": (lambda: statements.mark_handled([(1, "lease")], timezone.now()), "INTEGER PRIMARY KEY"),
    "delivered": (lambda: statements.mark_delivered([1, 2], "webhook", ""), "INTEGER PRIMARY KEY"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_searches_by_index(name: str) -> None:
    run, index = STATEMENTS[name]
    seen: list[str] = []  # with their values
    connection.ensure_connection()
    connection.connection.set_trace_callback(seen.append)
    run()
    connection.connection.set_trace_callback(None)
    (query,) = seen
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        steps = [row[-1] for row in cursor.fetchall()]
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN channels_") for step in steps), steps


@pytest.mark.django_db
def test_only_the_holder_of_the_lease_marks_a_row_as_handled() -> None:
    store(incoming("一"), incoming("二"), incoming("三", sender="wangwu"))
    first, third = claim()
    ours = statements.mark_handled(
        [(first.inbox_id, first.lease), (third.inbox_id, "another")], timezone.now()
    )
    assert ours == {first.inbox_id}
    states = dict(InboxRow.objects.values_list("text", "state"))
    assert states == {"一": State.DONE, "二": State.PENDING, "三": State.LEASED}
    assert statements.mark_handled([(first.inbox_id, first.lease)], timezone.now()) == set()
    assert statements.mark_handled([], timezone.now()) == set()


def scans(index: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", [index])
        return int(cursor.fetchone()[0])


@pytest.mark.only_postgresql
@pytest.mark.usefixtures("database")
def test_what_is_ahead_of_a_message_or_a_reply_is_found_by_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
    before = scans("inbox_open"), scans("outbox_open")
    hands = Hands()
    inbox.hand_over_to(hands)
    try:
        inbox.store([incoming("一"), incoming("二", where="cid2")])
    finally:
        inbox.hand_over_to(None)
    assert finish(hands.turns[0], "答")
    # The server counts about once a second.
    wait_until(lambda: scans("inbox_open") > before[0], within=10, what="a scan of inbox_open")
    wait_until(lambda: scans("outbox_open") > before[1], within=10, what="a scan of outbox_open")
