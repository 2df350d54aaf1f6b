"""Rows are in one process's hands at a time; a token that is stale changes nothing; statements search by index."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Reply, TurnResult
from bifang.channels.queues import claims, inbox, outbox
from bifang.core.database.db import database_now
from tests.channels.boxes import claim, finish, incoming, store
from tests.databases import Database
from tests.deadline import wait_until

GONE = timedelta(seconds=1)
both = pytest.mark.both_databases


@both
def test_tokens_are_unique_and_sort_by_time(database: Database) -> None:
    now = database_now()
    assert claims.new_token(now) != claims.new_token(now)
    assert claims.new_token(now) < claims.new_token(now + GONE)
    assert abs(now - timezone.now()) < timedelta(minutes=1)


@both
def test_claim_that_nobody_renews_comes_free(database: Database) -> None:
    rows = store(incoming(), incoming(where="cid2"))
    claim("me")
    InboxRow.objects.update(claimed_until=timezone.now() - GONE)
    claims.renew(InboxRow, "me", [rows[0].pk])
    assert claims.release_expired(InboxRow) == 1
    states = dict(InboxRow.objects.values_list("pk", "state"))
    assert states == {rows[0].pk: State.CLAIMED, rows[1].pk: State.PENDING}


@both
def test_row_taken_over_is_not_renewed(database: Database) -> None:
    (row,) = store(incoming())
    claim("me")
    InboxRow.objects.update(claimed_until=timezone.now() - GONE)
    claims.release_expired(InboxRow)
    claim("another")
    before = InboxRow.objects.get().claimed_until
    claims.renew(InboxRow, "me", [row.pk])
    assert InboxRow.objects.get().claimed_until == before
    assert claims.held_by(InboxRow, "me", [row.pk]) == set()
    assert claims.held_by(InboxRow, "another", [row.pk]) == {row.pk}


@both
def test_only_the_holder_of_the_token_finishes_a_row(database: Database) -> None:
    store(incoming("一"), incoming("二"), incoming("三", sender="wangwu"))
    first, third = claim()
    held = [(first.inbox_id, first.token), (third.inbox_id, first.token + "x")]
    assert claims.finish(InboxRow, held, handled_at=timezone.now()) == {first.inbox_id}
    states = dict(InboxRow.objects.values_list("text", "state"))
    assert states == {"一": State.DONE, "二": State.PENDING, "三": State.CLAIMED}
    assert claims.finish(InboxRow, held, handled_at=timezone.now()) == set()
    assert claims.finish(InboxRow, []) == set()


def arrive() -> None:
    inbox.store([incoming(f"{number}", where=f"cid{number}") for number in range(40)])


STATEMENTS: dict[str, tuple[Callable[[], Any], str]] = {
    "claim a turn": (lambda: inbox.claim("me", 10), "inbox_open"),
    "claim a reply": (lambda: outbox.claim("me", 10), "outbox_open"),
    "finish": (lambda: claims.finish(InboxRow, [(1, "token")]), "INTEGER PRIMARY KEY"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_searches_by_index(name: str) -> None:
    run, index = STATEMENTS[name]
    arrive()
    seen: list[str] = []  # with their values
    connection.ensure_connection()
    connection.connection.set_trace_callback(seen.append)
    run()
    connection.connection.set_trace_callback(None)
    query = next(one for one in seen if "UPDATE" in one)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        steps = [row[-1] for row in cursor.fetchall()]
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN channels_") for step in steps), steps


def scans(index: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", [index])
        return int(cursor.fetchone()[0])


@pytest.mark.slow
@pytest.mark.only_postgresql
@pytest.mark.usefixtures("database")
def test_what_is_ahead_of_a_message_or_a_reply_is_found_by_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
    before = scans("inbox_open"), scans("outbox_open")
    arrive()
    for turn in claim():
        assert finish(turn, "答")
    # The server counts about once a second.
    wait_until(lambda: scans("inbox_open") > before[0], within=10, what="a scan of inbox_open")
    wait_until(lambda: scans("outbox_open") > before[1], within=10, what="a scan of outbox_open")


@both
def test_what_waits_behind_a_reply_comes_along(database: Database) -> None:
    store(incoming())
    (turn,) = claim()
    inbox.finish([(turn, TurnResult(tuple(Reply(str(number)) for number in range(5))))])
    assert [part.text for part in outbox.claim("me", 1)] == list("01234")
    assert outbox.claim("other", 10) == []
    assert set(OutboxRow.objects.values_list("owner", flat=True)) == {"me"}
