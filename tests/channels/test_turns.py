"""Turns: claimed in order, finished once, failed with a limit; a stale claim changes nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.channels.queues import claims, inbox
from bifang.channels.queues.claims import Remit
from bifang.channels.queues.inbox import MAX_ATTEMPTS
from bifang.channels.workers import processes
from bifang.core.database.rows import NewRow
from secops_agent.models.automation.conversation import ConversationMessage
from tests.channels.boxes import claim, finish, incoming, store, texts_of
from tests.databases import Database

pytestmark = [pytest.mark.both_databases("every test"), pytest.mark.usefixtures("database")]


def test_one_sender_waits_for_the_turn_before(database: Database) -> None:
    store(incoming("一"), incoming("二"), incoming("别人的", "wangwu"), incoming("别处的", where="cid2"))
    (first, *others) = claim()
    assert texts_of([first, *others]) == ["一", "别人的", "别处的"]
    assert claim("someone else") == []
    finish(first, "答")
    assert texts_of(claim("someone else")) == ["二"]


def test_failed_turn_keeps_its_place(database: Database) -> None:
    store(incoming("一"), incoming("二"))
    (first,) = claim()
    assert inbox.fail(first, "模型没有回答", permanent=False)
    assert claim() == [], "neither before its time, nor the next one in its place"
    InboxRow.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    (again,) = claim()
    assert (again.text, again.attempt) == ("一", 2)


def test_full_house_still_takes_what_is_urgent(database: Database) -> None:
    store(incoming("一"), incoming("二", "wangwu"), incoming("停止", urgent=True))
    assert texts_of(claim(room=1)) == ["一", "停止"]
    assert claim(room=0) == []


def test_only_the_configurations_asked_for(database: Database) -> None:
    (row,) = store(incoming())
    assert inbox.claim("me", 10, Remit(config_id=row.config_id + 1)) == []
    assert len(inbox.claim("me", 10, Remit(config_id=row.config_id))) == 1


def test_answer_memory_and_done_are_one_transaction(database: Database) -> None:
    store(incoming())
    (turn,) = claim()
    values = {"key": "k", "role": "user", "speaker": "李四", "content": "你好", "created_at": timezone.now()}
    said, nonsense = (
        NewRow(ConversationMessage, row) for row in (values, values | {"content": None, "created_at": None})
    )
    finished = (turn, TurnResult((Reply("答"),), (said, nonsense)))
    with pytest.raises(Exception, match=r"(?i)null"):
        inbox.finish([finished])
    assert InboxRow.objects.get().state == State.CLAIMED
    assert not OutboxRow.objects.exists()
    assert not ConversationMessage.objects.exists()
    inbox.finish([(turn, TurnResult((Reply("答"),), (said,)))])
    assert InboxRow.objects.get().state == State.DONE
    assert (OutboxRow.objects.count(), ConversationMessage.objects.count()) == (1, 1)


def taken_over() -> tuple[Turn, Turn]:
    """A turn whose claim ran out, and the same turn in the hands of another worker."""
    store(incoming())
    (old,) = claim("old")
    InboxRow.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert claims.release_expired(InboxRow) == 1
    (new,) = claim("new")
    assert (new.inbox_id, new.attempt) == (old.inbox_id, 2)
    return old, new


def row() -> dict[str, Any]:
    return InboxRow.objects.values().get()


def test_worker_with_a_stale_claim_changes_nothing(database: Database) -> None:
    old, new = taken_over()
    before = row()
    assert finish(old, "过期的答案", owner="old") is None
    assert inbox.fail(old, "过期的失败", permanent=True) is False
    assert row() == before
    assert not OutboxRow.objects.exists()
    parts = finish(new, "答案", owner="new")
    assert parts is not None
    assert texts_of(parts) == ["答案"]
    # And after the other has finished, too.
    assert finish(old, "过期的答案", owner="old") is None
    assert OutboxRow.objects.count() == 1


def test_stale_turn_in_a_batch_leaves_the_others(database: Database) -> None:
    old, _ = taken_over()
    store(incoming("别的", where="cid2"))
    (good,) = claim("old")
    assert inbox.finish([(turn, TurnResult((Reply("答"),))) for turn in (old, good)]) == [False, True]
    assert OutboxRow.objects.get().inbox_id == good.inbox_id


def said(turn: Turn, number: int) -> NewRow:
    values = {"key": turn.sender_id, "role": "user", "content": str(number), "created_at": timezone.now()}
    return NewRow(ConversationMessage, values)


def test_rows_of_many_turns_keep_their_order_and_stale_ones_leave_none(database: Database) -> None:
    old, _ = taken_over()
    store(*(incoming(f"问 {n}", f"p{n}", f"cid{n}") for n in range(30)))
    turns = claim("old")
    replies = tuple(Reply(f"第 {n} 部分") for n in range(4))
    done = [(turn, TurnResult(replies, (said(turn, 0), said(turn, 1)))) for turn in [*turns, old]]
    inbox.finish(done[::-1])
    assert not OutboxRow.objects.filter(inbox_id=old.inbox_id).exists()
    found = list(ConversationMessage.objects.order_by("pk").values_list("key", "content"))
    assert found == [(turn.sender_id, number) for turn in turns[::-1] for number in "01"]
    sent = OutboxRow.objects.filter(inbox_id=turns[7].inbox_id).order_by("pk")
    assert [row.text for row in sent] == [reply.text for reply in replies]


def test_last_attempt_is_a_dead_letter_and_the_sender_is_told(database: Database) -> None:
    store(incoming("难题"), incoming("下一题"))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        InboxRow.objects.update(not_before=None)
        (turn,) = claim()
        assert turn.attempt == attempt
        inbox.fail(turn, "内部错误", permanent=False)
    dead = InboxRow.objects.get(text="难题")
    assert (dead.state, dead.last_error) == (State.DEAD, "内部错误")
    assert "没能处理：内部错误" in OutboxRow.objects.get().text
    assert texts_of(claim()) == ["下一题"], "a dead letter blocks no one"


def test_permanent_failure_is_not_tried_again(database: Database) -> None:
    store(incoming())
    (turn,) = claim()
    assert inbox.fail(turn, "配置缺少密钥", permanent=True)
    assert InboxRow.objects.get().state == State.DEAD


def test_message_that_kills_its_worker_is_not_tried_for_ever(database: Database) -> None:
    store(incoming("毒药"))
    for _ in range(MAX_ATTEMPTS):
        assert len(claim("victim")) == 1
        processes.release_dead(["victim"])
    assert claim("victim") == []
    dead = InboxRow.objects.get()
    assert dead.state == State.DEAD
    assert "多次中断" in dead.last_error
    told = OutboxRow.objects.get()
    assert "没能处理：处理过程多次中断" in told.text
    assert (told.state, told.target["staff_id"], told.webhook is not None) == (State.PENDING, "lisi", True)
    assert claim("victim") == []
    assert OutboxRow.objects.count() == 1


def test_dead_event_tells_nobody(database: Database) -> None:
    store(incoming("", kind="event"))
    for _ in range(MAX_ATTEMPTS):
        claim("victim")
        processes.release_dead(["victim"])
    assert claim("victim") == []
    assert InboxRow.objects.get().state == State.DEAD
    assert not OutboxRow.objects.exists()


def test_unreadable_webhook_is_a_dead_letter_not_a_crash(database: Database) -> None:
    from bifang.core.secrets.sealed import Sealed

    store(incoming("坏的"), incoming("好的", where="cid2"))
    InboxRow.objects.filter(text="坏的").update(webhook=Sealed("nonsense"))
    assert texts_of(claim()) == ["好的"]
    assert InboxRow.objects.get(text="坏的").state == State.DEAD
    told = OutboxRow.objects.get()
    assert "没能处理" in told.text
    assert (told.webhook, told.target["conversation_id"]) == (None, "cid1"), "by the OpenAPI instead"


def test_reprocess_starts_afresh(database: Database) -> None:
    (readable, unreadable) = store(incoming(), incoming(where="c2", unreadable=b"x", reason="读不懂"))
    (turn,) = claim()
    inbox.fail(turn, "失败", permanent=True)
    assert inbox.reprocess(InboxRow.objects.all()) == 1
    (again,) = claim()
    assert (again.inbox_id, again.attempt) == (readable.pk, 1)
    assert InboxRow.objects.get(pk=unreadable.pk).state == State.DEAD


def test_reprocessed_turn_sends_new_parts(database: Database) -> None:
    store(incoming())
    (turn,) = claim()
    finish(turn, "第一次")
    inbox.reprocess(InboxRow.objects.all())
    (again,) = claim()
    assert finish(again, "第二次") is not None
    assert list(OutboxRow.objects.order_by("pk").values_list("text", flat=True)) == ["第一次", "第二次"]
    assert len(set(OutboxRow.objects.values_list("key", flat=True))) == 2


def test_stopped_turn_is_void_wherever_it_runs(database: Database) -> None:
    (stored,) = store(incoming("很久的查询"))
    (turn,) = claim("elsewhere")
    assert inbox.stop(stored.config_id, "cid1", "lisi") == [stored.pk]
    assert finish(turn, "太晚了", owner="elsewhere") is None
    assert not OutboxRow.objects.exists()
    assert claim() == []
