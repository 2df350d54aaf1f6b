"""DingTalk calls us: a real web server receives, the real command answers, and what is wrong is refused."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bifang.channels.models import InboxRow, State
from dingtalk_integration.models import CallbackState
from secops_agent.models import Proposal
from tests.acceptance.doors import HTTP, working_stage
from tests.acceptance.worker import ROBOT, Stage, kill, place, text_only
from tests.databases import Templates
from tests.deadline import wait_until
from tests.model_server import Echo

PEOPLE = tuple(
    {"staff_id": who, "name": name, "role": role, "corp_id": "dingdemocorp"}
    for who, name, role in (
        ("manager01", "张三", "admin"), ("lisi", "李四", "analyst"), ("wangwu", "王五", "approver"), ("zhaoliu", "赵六", "responder"),
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def stage(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Stage]:
    home, model = tmp_path_factory.mktemp("http"), Echo("收到 {text}（第 {turns} 句，上一句：{previous}）")
    with (
        django_db_blocker.unblock(),
        working_stage(templates, HTTP, home, staff=PEOPLE, model=model) as made,
    ):
        yield made


def calls(stage: Stage, external_id: str) -> list[dict[str, Any]]:
    return [call for call in stage.sim.get("/sim/callbacks") if call["external_id"] == external_id]


@pytest.mark.slow  # at every door: test_message_path
def test_a_message_by_http_is_answered(stage: Stage) -> None:
    where = place()
    msg_id = stage.say("你好吗", where, "lisi")
    (answer,) = stage.answers(where)
    assert text_only(answer).startswith("收到 李四：你好吗")
    assert {call["status"] for call in calls(stage, msg_id)} == {200}
    assert InboxRow.objects.get(external_id=msg_id).payload["door"] == "http"
    noted = CallbackState.objects.filter(door__in=("robot", "events"))
    wait_until(lambda: noted.count() == 2, within=30, what="both doors noted")
    assert stage.sim.connections() == []


@pytest.mark.slow
def test_the_same_call_three_times_is_answered_once(stage: Stage) -> None:
    where = place()
    stage.sim.faults(duplicate={"value": 3, "times": 1})
    msg_id = stage.say("只答一次", where)
    stage.answers(where)
    stage.say("只答一次", where, msg_id=msg_id)
    stage.settle()
    assert len(stage.answers(where)) == 1
    assert InboxRow.objects.filter(external_id=msg_id).count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["callback_unsigned", "callback_late"])
def test_what_is_wrongly_signed_is_not_heard(stage: Stage, fault: str) -> None:
    stage.sim.faults(**{fault: True})
    msg_id = stage.say("你好", place())
    wait_until(lambda: calls(stage, msg_id), within=30, what="the call")
    stage.sim.faults(clear=True)
    assert {call["status"] for call in calls(stage, msg_id)} <= {403, 200}
    assert calls(stage, msg_id)[0]["status"] == 403


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["callback_owner", "callback_truncated", "callback_unsigned", "callback_late"]
)
def test_an_event_that_is_not_dingtalks_is_refused(stage: Stage, fault: str) -> None:
    stage.sim.faults(**{fault: {"value": True, "times": 1}})
    event_id = stage.sim.event("user_add_org", {"userId": ["u"]})["event_id"]
    wait_until(lambda: calls(stage, event_id), within=30, what="the call")
    assert calls(stage, event_id)[0]["status"] == 403


@pytest.mark.slow
def test_an_event_is_stored_and_done(stage: Stage) -> None:
    event_id = stage.sim.event("user_leave_org", {"userId": ["lost"]}, corp_id="dingdemocorp")["event_id"]

    def done() -> bool:
        return InboxRow.objects.filter(external_id=event_id, kind="event", state=State.DONE).exists()

    wait_until(done, within=30, what="the event")
    assert calls(stage, event_id)[0]["ok"], "our success was decrypted"


@pytest.mark.slow
def test_words_by_http_approve_nothing_dangerous_and_a_page_or_card_does(stage: Stage) -> None:
    where = place()
    stage.say("封禁 203.0.113.77 一小时", where, "zhaoliu")
    proposal = wait_until(lambda: Proposal.objects.filter(arguments__ip="203.0.113.77").first(), within=60)
    assert proposal is not None
    stage.say(f"同意 {proposal.code}", where, "wangwu")
    refused = wait_until(
        lambda: [one for one in stage.replies(conversation_id=where) if "HTTP 回调" in one["text"]], within=60
    )
    assert refused
    proposal.refresh_from_db()
    assert proposal.state == "proposed"


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing_that_was_called_meanwhile(stage: Stage) -> None:
    worker = stage.workers[0]
    kill(worker)
    where = place()
    msg_id = stage.say("还在吗", where)
    wait_until(lambda: calls(stage, msg_id), within=30, what="the call")
    assert calls(stage, msg_id)[0]["status"] == 200, "received without anybody who answers"
    stage.start(connected=False)
    assert text_only(stage.answers(where, within=90)[0]).startswith("收到") or stage.answers(where)


@pytest.mark.slow
def test_an_address_that_is_not_ours_tells_nothing(stage: Stage) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{stage.web_port}/dingtalk/1-{'x' * 32}/robot",
        content=b"x",
        trust_env=False,
        timeout=120,
    )
    assert (answer.status_code, answer.content) == (404, b"")
    assert "x" * 32 not in stage.log
    assert ROBOT
