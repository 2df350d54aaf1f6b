"""Who works on a row until when, and how a dead worker's rows come free."""

import fcntl
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels import leases, outbox, upkeep
from bifang.channels.leases import Owner
from bifang.channels.models import InboxRow, OutboxRow, State, Worker
from tests.channels.boxes import answered, claim, incoming, store
from tests.databases import Database

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]
GONE = timedelta(seconds=1)


@pytest.fixture
def owner(database: Database) -> Iterator[Owner]:
    taken = leases.take_name()
    yield taken
    taken.close()


def test_living_process_is_not_dead(owner: Owner) -> None:
    assert leases.dead_owners() == []
    assert owner.path.exists()


def test_process_without_its_lock_is_dead_at_once(owner: Owner) -> None:
    fcntl.flock(owner.lock, fcntl.LOCK_UN)
    assert leases.dead_owners() == [owner.name]
    assert not owner.path.exists()
    assert leases.dead_owners() == []


def test_rows_of_the_dead_wait_again_and_the_try_counts(database: Database) -> None:
    store(incoming())
    claim("dead")
    (part,) = answered("答", where="cid2", owner="dead")
    assert leases.release(["dead"]) == 2
    row = InboxRow.objects.get(conversation_id="cid1")
    assert (row.state, row.attempts, row.owner, row.lease) == (State.PENDING, 1, "", "")
    assert OutboxRow.objects.get(pk=part.outbox_id).state == State.PENDING
    assert leases.release(["dead"]) == 0


def test_orderly_stop_does_not_count_the_try(owner: Owner) -> None:
    store(incoming())
    claim(owner.name)
    claim("another")
    leases.renew(owner, {}, running=1, waiting=0)
    assert leases.release_unfinished(owner.name) == 1
    row = InboxRow.objects.get()
    assert (row.state, row.attempts) == (State.PENDING, 0)
    assert not Worker.objects.exists()


def test_lease_runs_out_only_when_it_is_not_renewed(owner: Owner) -> None:
    rows = store(incoming(), incoming(where="cid2"))
    claim(owner.name)
    InboxRow.objects.update(leased_until=timezone.now() - GONE)
    leases.renew(owner, {InboxRow: [rows[0].pk]}, running=2, waiting=0)
    assert leases.release_expired() == 1
    states = dict(InboxRow.objects.values_list("pk", "state"))
    assert states == {rows[0].pk: State.LEASED, rows[1].pk: State.PENDING}


def test_row_taken_over_is_not_renewed(owner: Owner) -> None:
    (row,) = store(incoming())
    claim(owner.name)
    InboxRow.objects.update(leased_until=timezone.now() - GONE)
    leases.release_expired()
    claim("another")
    before = InboxRow.objects.get().leased_until
    leases.renew(owner, {InboxRow: [row.pk]}, running=1, waiting=0)
    assert InboxRow.objects.get().leased_until == before


def test_heartbeat_shows_the_worker(owner: Owner) -> None:
    for running in (1, 2):
        leases.renew(owner, {}, running=running, waiting=3)
    worker = Worker.objects.get()
    assert (worker.owner, worker.running, worker.waiting) == (owner.name, 2, 3)
    Worker.objects.update(heartbeat_at=timezone.now() - leases.FORGET_AFTER - GONE)
    leases.forget_dead_workers()
    assert not Worker.objects.exists()


def test_leases_are_unique_and_sort_by_time(database: Database) -> None:
    now = leases.database_now()
    assert leases.new_lease(now) != leases.new_lease(now)
    assert leases.new_lease(now) < leases.new_lease(now + GONE)
    assert abs(now - timezone.now()) < timedelta(minutes=1)


def test_expired_webhooks_are_erased(database: Database) -> None:
    store(incoming())
    answered("答", where="cid2")
    for box in (InboxRow, OutboxRow):
        box.objects.update(webhook_expires_at=timezone.now() - GONE)
    upkeep.tidy()
    assert not InboxRow.objects.filter(webhook__isnull=False).exists()
    assert not OutboxRow.objects.filter(webhook__isnull=False).exists()


@pytest.mark.parametrize(("days", "drops"), [(0, False), (7, True), (9, False)])
def test_retention_drops_what_is_done_and_older_than_the_setting(
    database: Database, settings: Any, days: int, drops: bool
) -> None:
    settings.RETENTION_DAYS = days
    old = timezone.now() - timedelta(days=8)
    store(incoming("还没处理"), incoming("处理过", where="cid2"))
    (part,) = answered("答", where="cid3")
    outbox.mark_sent([outbox.Sent(part, outbox.Delivered("webhook"))])
    InboxRow.objects.filter(text="处理过").update(state=State.DONE)
    InboxRow.objects.update(received_at=old)
    OutboxRow.objects.update(created_at=old)
    upkeep.tidy()
    if not drops:
        assert (InboxRow.objects.count(), OutboxRow.objects.count()) == (3, 1)
        return
    assert list(InboxRow.objects.values_list("text", flat=True)) == ["还没处理"]
    assert not OutboxRow.objects.exists()


@pytest.mark.parametrize(
    ("mine", "others", "count"), [("", ["", "7"], 3), ("7", ["", "7"], 3), ("7", ["8"], 1), ("7", [], 1)]
)
def test_heartbeat_tells_how_many_work_for_the_same(mine: str, others: list[str], count: int) -> None:
    mine_owner, *colleagues = (leases.take_name(scope) for scope in (mine, *others))
    for one in colleagues:
        leases.renew(one, {}, running=0, waiting=0)
    assert leases.renew(mine_owner, {}, running=0, waiting=0) == count
    Worker.objects.update(heartbeat_at=timezone.now() - leases.LEASE - GONE)
    assert leases.renew(mine_owner, {}, running=0, waiting=0) == 1, "the silent ones are not counted"
    for one in (mine_owner, *colleagues):
        one.close()
