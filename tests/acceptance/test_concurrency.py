"""Waiting for a model holds nobody else up."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.doors import BY_STREAM, working_stage
from tests.acceptance.worker import STAFF, Stage, place
from tests.databases import Templates
from tests.model_server import Echo

pytestmark = pytest.mark.slow

TOGETHER = 10  # the model answers nobody before so many ask at the same time; divides 20 and 50
CROWD = tuple({"staff_id": f"p{n}", "name": f"同事{n}", "role": "viewer"} for n in range(20))


@pytest.fixture(scope="module", params=BY_STREAM)
def stage(
    request: Any, templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("crowd")
    with (
        django_db_blocker.unblock(),
        working_stage(
            templates, request.param, home, staff=(*STAFF, *CROWD), model=Echo(together=TOGETHER)
        ) as made,
    ):
        yield made


def say_together(stage: Stage, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything at once; the answers."""
    before = stage.sim.state()["at"]
    ids = {said["msg_id"] for said in stage.sim.messages(messages)}
    replies = stage.wait_replies(len(ids), within=110, since=before)
    assert sorted(reply["msg_id"] for reply in replies) == sorted(ids)
    return replies


def test_fifty_conversations_are_answered_together(stage: Stage) -> None:
    messages = [{"text": f"问题{n}", "conversation_id": place(), "group": False} for n in range(50)]
    replies = say_together(stage, messages)
    assert {reply["text"] for reply in replies} == {f"收到 问题{n}" for n in range(50)}


def test_twenty_people_in_one_group_are_answered_together(stage: Stage) -> None:
    group = place()
    messages = [
        {"text": f"问题{n}", "conversation_id": group, "staff_id": person["staff_id"]}
        for n, person in enumerate(CROWD)
    ]
    replies = say_together(stage, messages)
    assert {(reply["at_user_ids"][0], reply["text"]) for reply in replies} == {
        (f"p{n}", f"@p{n}\n\n收到 同事{n}：问题{n}") for n in range(20)
    }
