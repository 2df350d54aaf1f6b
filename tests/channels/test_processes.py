"""Processes: their names, their heartbeat, and what becomes of a dead one's rows; what maintenance erases."""

import fcntl
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import InboxRow, OutboxRow, State, Worker
from bifang.channels.queues.claims import HOLD, Remit
from bifang.channels.workers import maintenance, processes
from bifang.channels.workers.processes import Owner
from tests.channels.boxes import answered, claim, incoming, store
from tests.databases import Database

pytestmark = [pytest.mark.both_databases("every test"), pytest.mark.usefixtures("database")]
GONE = timedelta(seconds=1)
ALL, ONE = Remit("dingtalk"), Remit("dingtalk", 7)


@pytest.fixture
def owner(database: Database) -> Iterator[Owner]:
    taken = processes.take_name()
    yield taken
    taken.close()


def test_living_process_is_not_dead(owner: Owner) -> None:
    assert processes.dead_owners() == []
    assert owner.path.exists()


def test_process_without_its_lock_is_dead_at_once(owner: Owner) -> None:
    fcntl.flock(owner.lock, fcntl.LOCK_UN)
    assert processes.dead_owners() == [owner.name]
    assert not owner.path.exists()
    assert processes.dead_owners() == []


def test_rows_of_the_dead_wait_again_and_the_try_counts(database: Database) -> None:
    store(incoming())
    claim("dead")
    (part,) = answered("答", where="cid2", owner="dead")
    assert processes.release_dead(["dead"]) == 2
    row = InboxRow.objects.get(conversation_id="cid1")
    assert (row.state, row.attempts, row.owner, row.token) == (State.PENDING, 1, "", "")
    assert OutboxRow.objects.get(pk=part.outbox_id).state == State.PENDING
    assert processes.release_dead(["dead"]) == 0


def test_orderly_stop_does_not_count_the_try(owner: Owner) -> None:
    store(incoming())
    claim(owner.name)
    claim("another")
    processes.beat(owner, running=1, waiting=0)
    assert processes.release_unfinished(owner.name) == 1
    row = InboxRow.objects.get()
    assert (row.state, row.attempts) == (State.PENDING, 0)
    assert not Worker.objects.exists()


def test_heartbeat_shows_the_worker(owner: Owner) -> None:
    for running in (1, 2):
        processes.beat(owner, running=running, waiting=3)
    worker = Worker.objects.get()
    assert (worker.owner, worker.running, worker.waiting) == (owner.name, 2, 3)
    Worker.objects.update(heartbeat_at=timezone.now() - processes.FORGET_AFTER - GONE)
    processes.forget_dead()
    assert not Worker.objects.exists()


def test_expired_webhooks_are_erased(database: Database) -> None:
    store(incoming())
    answered("答", where="cid2")
    for box in (InboxRow, OutboxRow):
        box.objects.update(webhook_expires_at=timezone.now() - GONE)
    maintenance.tidy()
    assert not InboxRow.objects.filter(webhook__isnull=False).exists()
    assert not OutboxRow.objects.filter(webhook__isnull=False).exists()


@pytest.mark.parametrize(
    ("mine", "others", "count"),
    [
        (ALL, [ALL, ONE], 3),
        (ONE, [ALL, ONE], 3),
        (ONE, [Remit("dingtalk", 8)], 1),
        (ONE, [], 1),
        (ALL, [Remit("feishu"), Remit("feishu", 9)], 1),
        (ALL, [Remit()], 2),
    ],
)
def test_heartbeat_tells_how_many_work_for_the_same(mine: Remit, others: list[Remit], count: int) -> None:
    mine_owner, *colleagues = (processes.take_name(scope) for scope in (mine, *others))
    for one in colleagues:
        processes.beat(one, running=0, waiting=0)
    assert processes.beat(mine_owner, running=0, waiting=0) == count
    Worker.objects.update(heartbeat_at=timezone.now() - HOLD - GONE)
    assert processes.beat(mine_owner, running=0, waiting=0) == 1, "the silent ones are not counted"
    for one in (mine_owner, *colleagues):
        one.close()
