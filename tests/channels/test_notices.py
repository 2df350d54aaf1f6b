"""Whoever waits is told once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox, notices
from bifang.core.configuration import configs

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def receive(*senders: str) -> None:
    """One message of each sender, in one group."""
    config, _ = configs.save("qwen", "任意", True, {"api_key": "sk-whatever"})
    inbox.store(
        [
            Incoming(
                config.pk,
                "chat",
                f"m{number}",
                "cid",
                sender,
                "你好",
                target=ReplyTarget("cid", True, sender),
            )
            for number, sender in enumerate(senders)
        ]
    )


def grow_old() -> None:
    """Everything waits for longer than people's patience."""
    InboxRow.objects.update(received_at=timezone.now() - timedelta(minutes=1))


def texts() -> list[str]:
    return list(OutboxRow.objects.order_by("pk").values_list("text", flat=True))


def test_queued_people_are_told_once_and_how_many_are_ahead() -> None:
    receive("a", "b", "b", "c")
    assert notices.tell_waiting(maintenance=False) == 0
    grow_old()
    assert notices.tell_waiting(maintenance=False) == 3
    assert ["前面还有 0 条" in text for text in texts()] == [True, False, False]
    assert "前面还有 1 条" in texts()[1]
    assert "前面还有 3 条" in texts()[2]
    assert notices.tell_waiting(maintenance=False) == 0


def test_running_message_is_not_told_but_counts_as_ahead() -> None:
    receive("a", "b")
    inbox.claim("me", 1)
    grow_old()
    assert notices.tell_waiting(maintenance=False) == 1
    assert "前面还有 1 条" in texts()[0]


def test_maintenance_tells_at_once_and_only_once_a_person() -> None:
    receive("a")
    assert notices.tell_waiting(maintenance=True) == 1
    assert "维护" in texts()[0]
    config = InboxRow.objects.get().config_id
    inbox.store([Incoming(config, "chat", "again", "cid", "a", "在吗", target=ReplyTarget("cid", True, "a"))])
    assert notices.tell_waiting(maintenance=True) == 0
    assert len(texts()) == 1


def test_crowded_conversation_gets_no_more_notices() -> None:
    receive(*"abcdefgh")
    notices.tell_waiting(maintenance=True)
    inbox.store(
        [
            Incoming(
                InboxRow.objects.first().config_id,
                "chat",
                "late",
                "cid",
                "z",
                "?",
                target=ReplyTarget("cid", True, "z"),
            )
        ]
    )
    grow_old()
    notices.tell_waiting(maintenance=False)
    assert not any("排队" in text for text in texts())


def test_message_that_is_processed_again_may_be_told_again() -> None:
    receive("a", "b")
    grow_old()
    assert notices.tell_waiting(maintenance=False) == 2
    for turn in inbox.claim("me", 10):
        inbox.fail(turn, "失败", permanent=True)
    assert inbox.reprocess(InboxRow.objects.all()) == 2
    assert notices.tell_waiting(maintenance=False) == 2
    assert len([text for text in texts() if "排队" in text]) == 4
    assert notices.tell_waiting(maintenance=False) == 0


def test_two_processes_tell_one_person_once() -> None:
    receive(*"abcdef")
    grow_old()
    with ThreadPoolExecutor(2) as processes:
        jobs = [processes.submit(_tell_and_close) for _ in range(2)]
        told = [job.result() for job in jobs]
    assert sum(told) == 6
    assert len(texts()) == 6


def _tell_and_close() -> int:
    try:
        return notices.tell_waiting(maintenance=False)
    finally:
        connection.close()
