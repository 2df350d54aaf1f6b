"""Waiting for a model holds nobody else up."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.worker import STAFF, Stage, place, working_stage
from tests.databases import BOTH, Templates
from tests.model_server import Echo

pytestmark = pytest.mark.slow

MODEL_S = 2.0
ENOUGH_S = 30.0  # one after the other would take 40 s and more; how long exactly is the bench’s
CROWD = tuple({"staff_id": f"p{n}", "name": f"同事{n}", "role": "viewer"} for n in range(20))


@pytest.fixture(scope="module", params=BOTH)
def stage(
    request: Any, templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("crowd")
    with (
        django_db_blocker.unblock(),
        working_stage(
            templates, request.param, home, staff=(*STAFF, *CROWD), model=Echo(delay=MODEL_S)
        ) as made,
    ):
        yield made


def say_together(stage: Stage, messages: list[dict[str, Any]]) -> tuple[float, list[dict[str, Any]]]:
    """Everything at once: seconds until the last answer, and the answers."""
    before = stage.sim.state()["at"]
    ids = {said["msg_id"] for said in stage.sim.messages(messages)}
    replies = stage.wait_replies(len(ids), within=110, since=before)
    assert sorted(reply["msg_id"] for reply in replies) == sorted(ids)
    return (max(reply["at"] for reply in replies) - before) / 1000, replies


def test_fifty_conversations_are_answered_together(stage: Stage) -> None:
    messages = [{"text": f"问题{n}", "conversation_id": place(), "group": False} for n in range(50)]
    took, replies = say_together(stage, messages)
    assert {reply["text"] for reply in replies} == {f"收到 问题{n}" for n in range(50)}
    assert MODEL_S <= took < ENOUGH_S


def test_twenty_people_in_one_group_are_answered_together(stage: Stage) -> None:
    group = place()
    messages = [
        {"text": f"问题{n}", "conversation_id": group, "staff_id": person["staff_id"]}
        for n, person in enumerate(CROWD)
    ]
    took, replies = say_together(stage, messages)
    assert {(reply["at_user_ids"][0], reply["text"]) for reply in replies} == {
        (f"p{n}", f"@p{n}\n\n收到 同事{n}：问题{n}") for n in range(20)
    }
    assert MODEL_S <= took < ENOUGH_S
