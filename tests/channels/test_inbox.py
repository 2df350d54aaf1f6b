"""What is received is stored once, in order, before anyone is told."""

import asyncio
import threading

import pytest

from bifang.channels import inbox
from bifang.channels.models import InboxRow, State
from bifang.channels.ports import ReplyTarget
from bifang.channels.targets import from_ms, pack_target, unpack_target
from bifang.core import db
from tests.channels.boxes import WEBHOOK, claim, incoming, robot, store, texts_of
from tests.databases import Database

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]


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


async def test_receive_returns_after_the_commit(database: Database) -> None:
    robot_id = await db.call(robot)
    items = [incoming_of(robot_id, number) for number in range(200)]
    await asyncio.gather(*map(inbox.receive, items))
    assert await db.call(InboxRow.objects.count) == 200


def incoming_of(robot_id: int, number: int) -> inbox.Incoming:
    return inbox.Incoming(robot_id, "chat", f"m{number}", "cid", "lisi", str(number))


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
    for _ in range(db.threads().count):
        db.threads().submit(busy.wait, 30)
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
