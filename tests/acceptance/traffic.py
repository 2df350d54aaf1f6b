"""Many people who write at once, and what they must have heard in the end."""

from collections import Counter
from typing import Any

from bifang.channels.models import OPEN, OutboxRow
from tests.acceptance.worker import Stage, place
from tests.deadline import wait_until


def wait_noted() -> None:
    """Until all is sent and written down: what a platform took and a killed worker did not note is said again."""
    waiting = OutboxRow.objects.filter(state__in=OPEN)
    wait_until(lambda: not waiting.exists(), within=60, what="all sent, and noted")


def talk(stage: Stage, conversations: int, rounds: int, **fields: Any) -> dict[str, list[str]]:
    """People write in many private chats at once: conversation → msgIds in the order they were written."""
    places = [place() for _ in range(conversations)]
    said: dict[str, list[str]] = {where: [] for where in places}
    for number in range(rounds):
        said_now = {"text": f"第{number}句", "group": False, **fields}
        rows = [{"conversation_id": where, **said_now} for where in places]
        for where, msg_id in zip(places, stage.say_all(rows), strict=True):
            said[where].append(msg_id)
    return said


def assert_each_answered_once(stage: Stage, said: dict[str, list[str]]) -> None:
    """0 lost, 0 repeated."""
    for where, ids in said.items():
        answers = stage.answers(where, len(ids))
        assert sorted(answers) == sorted(f"收到 第{number}句" for number in range(len(ids))), answers
    stage.settle()
    repeated = Counter(reply["text"] for where in said for reply in stage.replies(conversation_id=where))
    assert set(repeated.values()) == {len(said)}, repeated
