"""What is received is stored once, in order, before anyone is told."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from bifang.channels.models import InboxRow, State
from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.queues.targets import from_ms, pack_target, to_ms, unpack_target
from bifang.core.database import db
from tests.channels.boxes import WEBHOOK, claim, finish, incoming, robot, store, texts_of
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = [pytest.mark.both_databases("every test"), pytest.mark.usefixtures("database")]


@pytest.mark.slow
def test_same_message_is_stored_once(database: Database) -> None:
    item = incoming("第一次")
    store(item)
    inbox.store([incoming("又一次", external_id=item.external_id), incoming("别的")])
    assert sorted(InboxRow.objects.values_list("text", flat=True)) == ["别的", "第一次"]


def test_same_message_twice_in_one_batch_is_stored_once(database: Database) -> None:
    item = incoming()
    inbox.store([item, item, item])
    assert InboxRow.objects.count() == 1


def test_identity_has_configuration_and_kind(database: Database) -> None:
    store(incoming(external_id="one"))
    inbox.store([incoming(external_id="one", kind="event", target=None)])
    assert InboxRow.objects.count() == 2


def test_redelivery_after_the_answer_changes_nothing(database: Database) -> None:
    item = incoming()
    store(item)
    InboxRow.objects.update(state=State.DONE)
    inbox.store([item])
    assert InboxRow.objects.get().state == State.DONE


def test_webhook_is_sealed(database: Database) -> None:
    (row,) = store(incoming())
    assert row.webhook is not None
    assert "hidden" not in row.webhook.token
    (turn,) = claim()
    assert turn.target is not None
    assert turn.target.webhook == WEBHOOK


def test_unreadable_is_a_dead_letter_with_its_reason(database: Database) -> None:
    (row,) = store(incoming(unreadable=b"\xed\xa0\x80\x00", reason="读不懂"))
    assert (row.state, row.last_error) == (State.DEAD, "读不懂")
    assert row.unreadable is not None
    assert claim() == []


@pytest.mark.slow
async def test_receive_returns_after_the_commit(database: Database) -> None:
    robot_id = await db.call(robot)
    items = [incoming_of(robot_id, number) for number in range(200)]
    await asyncio.gather(*map(inbox.receive, items))
    assert await db.call(InboxRow.objects.count) == 200


def incoming_of(robot_id: int, number: int) -> inbox.Incoming:
    return inbox.Incoming(robot_id, "chat", f"m{number}", "cid", "lisi", str(number))


@pytest.mark.slow
async def test_order_of_arrival_is_the_order_of_the_rows(database: Database) -> None:
    robot_id = await db.call(robot)
    waiting = []
    for number in range(200):
        waiting.append(asyncio.create_task(inbox.receive(incoming_of(robot_id, number))))
        await asyncio.sleep(0.001 if number % 7 else 0.01)
    await asyncio.gather(*waiting)

    def texts() -> list[str]:
        return list(InboxRow.objects.order_by("pk").values_list("text", flat=True))

    assert await db.call(texts) == [str(number) for number in range(200)]


async def test_bad_row_harms_no_other(database: Database) -> None:
    robot_id = await db.call(robot)
    good, bad = incoming_of(robot_id, 1), incoming_of(robot_id + 999, 2)
    results = await asyncio.gather(inbox.receive(good), inbox.receive(bad), return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [False, True]
    assert await db.call(InboxRow.objects.count) == 1


async def test_cancelled_item_is_not_stored_and_not_waited_for(database: Database) -> None:
    robot_id = await db.call(robot)
    busy = threading.Event()
    db.promptly(lambda: busy.wait(30) and None)
    kept, dropped = (asyncio.create_task(inbox.receive(incoming_of(robot_id, n))) for n in (1, 2))
    await asyncio.sleep(0)
    dropped.cancel()
    await asyncio.sleep(0)
    busy.set()
    await kept
    assert await db.call(InboxRow.objects.count) == 1


def test_urgent_does_not_wait_behind_the_same_sender(database: Database) -> None:
    store(incoming("查一下"), incoming("确认 3", urgent=True))
    assert texts_of(claim()) == ["查一下", "确认 3"]


def now_ms() -> int:
    return round(time.time() * 1000)


def next_texts() -> list[str]:
    """Claim what may be answered now, and answer it."""
    turns = claim()
    for turn in turns:
        finish(turn)
    return texts_of(turns)


def test_what_was_said_first_is_answered_first(database: Database) -> None:
    now = now_ms()
    store(incoming("三", said_ms=now + 2), incoming("一", said_ms=now), incoming("二", said_ms=now))
    store(incoming("别人", sender="wangwu", said_ms=now + 9))
    assert next_texts() == ["一", "别人"]
    assert [next_texts(), next_texts(), next_texts()] == [["二"], ["三"], []]


def test_what_arrives_late_is_next_and_never_beside_what_runs(database: Database) -> None:
    now = now_ms()
    store(incoming("二", said_ms=now + 1), incoming("三", said_ms=now + 2))
    (running,) = claim()
    store(incoming("一", said_ms=now))
    assert claim("another") == []
    finish(running)
    assert [next_texts(), next_texts()] == [["一"], ["三"]]


def test_beside_another_process_a_message_waits_for_what_was_said_before_it(database: Database) -> None:
    now = to_ms(timezone.now())
    store(incoming("二", said_ms=now + 1), incoming("停止", said_ms=now + 1, urgent=True))
    assert texts_of(inbox.claim("me", 100, shared=True)) == ["停止"]
    store(incoming("一", said_ms=now))  # by the other, which was busy
    InboxRow.objects.update(received_at=timezone.now() - inbox.SETTLED)
    assert texts_of(inbox.claim("me", 100, shared=True)) == ["一"]


@pytest.mark.only_postgresql
def test_a_commit_that_takes_long_is_not_overtaken_by_what_came_later(database: Database) -> None:
    """On two machines: the later message is seen, and can be claimed, only when the one before it can."""
    first, second, elsewhere = incoming("一"), incoming("二"), incoming("别处", where="cid2")
    holding, commit = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            inbox.store([first])
            holding.set()
            commit.wait(60)
        connections.close_all()

    def after() -> None:
        holding.wait(60)
        inbox.store([second])
        connections.close_all()

    machines = [threading.Thread(target=work) for work in (slowly, after)]
    for machine in machines:
        machine.start()
    try:
        holding.wait(60)
        wait_until(
            lambda: waits_for_a_lock() or InboxRow.objects.exists(),
            within=30,
            what="the second, there or waiting",
        )
        store(elsewhere)
        assert next_texts() == ["别处"]
    finally:
        commit.set()
        for machine in machines:
            machine.join(60)
    assert [next_texts(), next_texts()] == [["一"], ["二"]]


def waits_for_a_lock() -> bool:
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = {here}"
        )
        return bool(cursor.fetchone()[0])


def test_a_clock_that_is_ahead_holds_nothing_up(database: Database) -> None:
    store(incoming("一"))
    InboxRow.objects.update(received_at=timezone.now() + timedelta(minutes=5))
    assert texts_of(inbox.claim("me", 100, shared=True)) == ["一"]


@pytest.mark.parametrize("absent", [0, 10**30, -(10**30)])
def test_time_that_cannot_be_is_bounded(database: Database, absent: int) -> None:
    (row,) = store(incoming(said_ms=absent))
    assert abs(row.said_ms - to_ms(row.received_at)) == (inbox.CLOCKS_APART_MS if absent else 0)


@pytest.mark.parametrize("odd", [0, 10**30, -(10**30)])
def test_time_that_no_calendar_holds_is_none(database: Database, odd: int) -> None:
    assert from_ms(odd) is None


def test_target_survives_its_columns(database: Database) -> None:
    target = ReplyTarget("cid", True, "lisi", "dingx", WEBHOOK, 1_700_000_000_123)
    columns = pack_target(target, "here")
    assert "hidden" not in str(columns["target"])
    assert (
        unpack_target(columns["target"], columns["webhook"], columns["webhook_expires_at"], "here") == target
    )
    assert unpack_target(None, None, None, "") is None
