"""Reply rows: in order in each conversation, each sent once, refused ones shown."""

import pytest

from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import Delivered, Reply, ReplyTarget, TurnResult
from bifang.channels.queues import inbox, outbox
from bifang.channels.queues.claims import Remit
from bifang.channels.queues.outbox import Sent
from tests.channels.boxes import answered, claim, incoming, outbox_row, replied, store, texts_of
from tests.databases import Database

pytestmark = [pytest.mark.both_databases("every test"), pytest.mark.usefixtures("database")]


def take(owner: str = "me", room: int = 100) -> list[str]:
    return texts_of(outbox.claim(owner, room))


@pytest.mark.slow
def test_replies_of_a_turn_are_claimed_together_and_in_order(database: Database) -> None:
    parts = answered("一", "二", "三")
    assert texts_of(parts) == ["一", "二", "三"]
    assert take() == [], "they are in somebody's hands"


def test_reply_behind_another_workers_waits_for_it(database: Database) -> None:
    (first,) = answered("一", owner="other")
    assert answered("二", owner="me") == [], "not ours to send yet"
    assert take() == []
    outbox.mark_sent([Sent(first, Delivered("webhook"))])
    assert take() == ["二"]


def test_other_conversations_do_not_wait(database: Database) -> None:
    answered("一", owner="other")
    assert texts_of(answered("二", where="cid2")) == ["二"]


def test_claim_takes_what_waits_in_each_conversation_in_order(database: Database) -> None:
    for where in ("cid1", "cid2"):
        replied("一", "二", where=where)
    assert take() == ["一", "二", "一", "二"]
    assert take() == []


def test_group_mentions_the_asker_and_shares_one_order(database: Database) -> None:
    groups = [
        incoming(sender=who, target=ReplyTarget("cidG", True, who, "dingx"), where="cidG")
        for who in ("lisi", "wangwu")
    ]
    store(*groups)
    private = Reply("悄悄", target=ReplyTarget("cidP", False, "lisi", "dingx"))
    finished = [(turn, TurnResult((Reply("答"), private))) for turn in claim()]
    assert all(inbox.finish(finished))
    parts = outbox.claim("me", 10)
    in_group = [part for part in parts if part.target.is_group]
    assert [part.at_staff_id for part in in_group] == ["lisi", "wangwu"]
    assert len({part.order_key for part in in_group}) == 1
    assert {part.at_staff_id for part in parts if not part.target.is_group} == {""}


def test_sent_part_forgets_its_webhook(database: Database) -> None:
    (part,) = answered("答")
    outbox.mark_sent([Sent(part, Delivered("group", "key-1"))])
    row = outbox_row(part)
    assert (row.state, row.route, row.receipt, row.webhook, row.owner) == (
        State.DONE,
        "group",
        "key-1",
        None,
        "",
    )
    assert row.sent_at is not None


def test_failed_attempt_keeps_the_row_in_hand(database: Database) -> None:
    (part,) = answered("答")
    assert outbox.mark_waiting(part, "钉钉暂时不可用")
    row = outbox_row(part)
    assert (row.state, row.attempts, row.last_error) == (State.CLAIMED, 1, "钉钉暂时不可用")
    assert outbox.ours(part).exists()


def test_stale_claim_writes_nothing(database: Database) -> None:
    (part,) = answered("答", owner="old")
    outbox.let_go([part])
    (again,) = outbox.claim("new", 10)
    before = OutboxRow.objects.values().get()
    assert not outbox.ours(part).exists()
    assert not outbox.mark_waiting(part, "x")
    assert not outbox.mark_dead(part, "x")
    assert outbox.let_go([part]) == 0
    assert OutboxRow.objects.values().get() == before
    assert outbox.ours(again).exists()


def test_dead_part_blocks_no_one_and_can_be_sent_again(database: Database) -> None:
    first, second = answered("一", "二")
    assert outbox.mark_dead(first, "机器人不在群里")
    outbox.let_go([second])
    assert take() == ["二"]
    assert outbox.resend(OutboxRow.objects.all()) == 1
    row = outbox_row(first)
    assert (row.state, row.attempts, row.last_error) == (State.PENDING, 0, "机器人不在群里")
    assert outbox.resend(OutboxRow.objects.all()) == 0


def test_key_is_unique_and_stable_in_a_turn(database: Database) -> None:
    first, second = answered("一", "二")
    assert first.key != second.key
    outbox.let_go([first])
    (again,) = outbox.claim("me", 10)
    assert again.key == first.key


def test_only_the_configurations_asked_for(database: Database) -> None:
    replied("答")
    (row,) = OutboxRow.objects.all()
    assert outbox.claim("me", 10, Remit(config_id=row.config_id + 1)) == []
    assert len(outbox.claim("me", 10, Remit(config_id=row.config_id))) == 1
