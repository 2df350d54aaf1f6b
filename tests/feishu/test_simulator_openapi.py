"""The OpenAPI of the Feishu simulator: token, send, reply, patch, idempotency, limits, cards."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.feishu.robot import connected
from tests.feishu_simulator import FeishuHandle, running_feishu

CARD = {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "请审批"}]}}
MESSAGES = "/open-apis/im/v1/messages"


class Api:
    """The calls of one bot; answers are responses."""

    def __init__(self, sim: FeishuHandle) -> None:
        self.sim = sim
        self.token = self.renew()["tenant_access_token"]

    def renew(self) -> dict[str, Any]:
        body = {"app_id": "cli_demo", "app_secret": "demo-secret"}
        return self.sim.post("/open-apis/auth/v3/tenant_access_token/internal", body)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.sim.http.request(method, path, json=body, headers=headers)

    def reply(self, message_id: str, text: str = "好的", **fields: Any) -> httpx.Response:
        body = {"msg_type": "text", "content": json.dumps({"text": text}), **fields}
        return self.call("POST", f"{MESSAGES}/{message_id}/reply", body)

    def send(self, receiver: str, kind: str, **fields: Any) -> httpx.Response:
        body = {"receive_id": receiver, "msg_type": "text", "content": '{"text":"通知"}', **fields}
        return self.call("POST", f"{MESSAGES}?receive_id_type={kind}", body)


@pytest.fixture
def sim() -> Iterator[FeishuHandle]:
    with running_feishu() as handle:
        yield handle


@pytest.fixture
def api(sim: FeishuHandle) -> Api:
    return Api(sim)


def test_token_is_given_again_while_it_lives_and_wrong_secret_is_an_error(
    sim: FeishuHandle, api: Api
) -> None:
    again = api.renew()
    assert again["tenant_access_token"] == api.token
    assert 0 < again["expire"] <= 7200
    wrong = {"app_id": "cli_demo", "app_secret": "wrong"}
    assert sim.post("/open-apis/auth/v3/tenant_access_token/internal", wrong)["code"] == 10014


def test_reply_goes_into_the_chat_of_the_message_and_uuid_sends_once(sim: FeishuHandle, api: Api) -> None:
    said = sim.message(open_id="ou_lisi")
    first = api.reply(said["message_id"], uuid="once").json()
    again = api.reply(said["message_id"], "好的！", uuid="once").json()
    assert (first["code"], first["data"]["message_id"]) == (0, again["data"]["message_id"])
    (reply,) = sim.replies(app_id="cli_demo")
    assert (reply["text"], reply["route"], reply["reply_to"], reply["chat_id"], reply["uuid"]) == (
        "好的",
        "reply",
        said["message_id"],
        said["chat_id"],
        "once",
    )
    assert api.reply("om_unknown").json()["code"] == 230001
    assert api.reply(said["message_id"], uuid="x" * 51).json()["code"] == 99992402


def test_sends_to_people_and_chats_that_it_knows(sim: FeishuHandle, api: Api) -> None:
    sim.message(open_id="ou_lisi")
    sim.message(open_id="ou_lisi", group=True, chat_id="oc_1")
    assert api.send("ou_lisi", "open_id").json()["code"] == 0
    assert api.send("oc_1", "chat_id").json()["data"]["chat_id"] == "oc_1"
    assert api.send("oc_unknown", "chat_id").json()["code"] == 230002
    assert api.send("ou_unknown", "open_id").json()["code"] == 230001
    assert api.send("ou_lisi", "email").json()["code"] == 230001
    assert [row["route"] for row in sim.replies()] == ["create", "create"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"content": "你好"}, 230001),
        ({"content": '{"text":" "}'}, 230001),
        ({"content": {"text": "object"}}, 99992402),
        ({"content": json.dumps({"text": "x" * 160_000})}, 230025),
        ({"msg_type": "markdown"}, 230001),
        ({"msg_type": "interactive", "content": "[]"}, 230099),
        ({"msg_type": "interactive", "content": json.dumps({"x": "x" * 31_000})}, 230025),
    ],
)
def test_content_that_feishu_refuses(sim: FeishuHandle, api: Api, fields: dict[str, Any], code: int) -> None:
    said = sim.message()
    answer = api.reply(said["message_id"], **fields)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert sim.replies() == []


def test_sixth_message_in_a_second_is_refused_with_the_time_to_wait(sim: FeishuHandle, api: Api) -> None:
    said = sim.message()
    answers = [api.reply(said["message_id"]) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["code"] == 99991400
    assert answers[-1].headers["x-ogw-ratelimit-reset"] == "1"


def test_faults_of_the_openapi(sim: FeishuHandle, api: Api) -> None:
    said = sim.message()
    sim.faults(openapi_limit={"value": 7, "times": 1, "path": MESSAGES})
    limited = api.reply(said["message_id"])
    assert (limited.status_code, limited.headers["x-ogw-ratelimit-reset"]) == (429, "7")
    sim.faults(openapi_status={"value": 503, "times": 1})
    assert api.reply(said["message_id"]).status_code == 503
    sim.faults(openapi_code={"value": 99991672, "times": 1})
    assert api.reply(said["message_id"]).json()["code"] == 99991672
    sim.faults(openapi_lost={"value": True, "times": 1})
    with pytest.raises(httpx.TransportError):
        api.reply(said["message_id"], uuid="lost")
    assert api.reply(said["message_id"], uuid="lost").json()["code"] == 0
    assert len(sim.replies()) == 1


def test_invalid_token_is_refused_until_renewed(sim: FeishuHandle, api: Api) -> None:
    said = sim.message()
    sim.faults(token_invalid={"value": True, "times": 1})
    assert api.reply(said["message_id"]).json()["code"] == 99991663
    assert api.reply(said["message_id"]).json()["code"] == 99991663
    old, api.token = api.token, api.renew()["tenant_access_token"]
    assert api.token != old
    assert api.reply(said["message_id"]).json()["code"] == 0
    api.token = ""
    assert api.reply(said["message_id"]).json()["code"] == 99991661


def test_bot_knows_its_open_id(sim: FeishuHandle, api: Api) -> None:
    bot = api.call("GET", "/open-apis/bot/v3/info").json()["bot"]
    assert bot["open_id"] == sim.state()["bots"]["cli_demo"]


def test_card_is_replaced_and_only_a_card_of_the_bot(sim: FeishuHandle, api: Api) -> None:
    said = sim.message()
    sent = api.reply(said["message_id"], msg_type="interactive", content=json.dumps(CARD)).json()["data"]
    path = f"{MESSAGES}/{sent['message_id']}"
    changed = {"content": json.dumps({"body": {"elements": [{"content": "已批准"}]}})}
    assert api.call("PATCH", path, changed).json()["code"] == 0
    (reply,) = sim.replies()
    assert (reply["text"], reply["updates"]) == ("已批准", 1)
    assert api.call("PATCH", f"{MESSAGES}/{said['message_id']}", changed).json()["code"] == 230001
    assert api.call("PATCH", path, {"content": "not json"}).json()["code"] == 230099


def test_click_shows_what_the_robot_answers_in_time(sim: FeishuHandle, api: Api) -> None:
    said = sim.message()
    with connected(sim) as robot:
        robot.receive_event()
        sent = api.reply(said["message_id"], msg_type="interactive", content=json.dumps(CARD)).json()["data"]
        shown: dict[str, Any] = {}
        presser = threading.Thread(
            target=lambda: shown.update(
                sim.click(sent["message_id"], {"decision": "approve"}, open_id="ou_wangwu")
            )
        )
        presser.start()
        frame, body = robot.receive_event()
        event = body["event"]
        assert body["header"]["event_type"] == "card.action.trigger"
        assert (event["operator"]["open_id"], event["action"]["value"]) == (
            "ou_wangwu",
            {"decision": "approve"},
        )
        assert event["context"]["open_message_id"] == sent["message_id"]
        card = {"body": {"elements": [{"content": "已批准"}]}}
        toast = {"type": "success", "content": "已批准"}
        robot.ack(frame, data={"toast": toast, "card": {"type": "raw", "data": card}})
        presser.join(120)
    assert (shown["ok"], shown["toast"], shown["card"]) == (True, toast, card)


@pytest.mark.slow
def test_click_without_an_answer_is_an_error_and_never_comes_again() -> None:
    with running_feishu(ack_s=0.2, redeliver_s=(0.1,)) as sim, connected(sim) as robot:
        api, said = Api(sim), sim.message()
        robot.ack(robot.receive_event()[0])
        sent = api.reply(said["message_id"], msg_type="interactive", content=json.dumps(CARD)).json()["data"]
        shown = sim.click(sent["message_id"], {"decision": "approve"})
        assert shown["ok"] is False
        robot.receive_event()
        with pytest.raises(TimeoutError):
            robot.receive(within=0.4)
        assert (
            sim.http.post(
                "/sim/cards/click", json={"message_id": sent["message_id"], "value": "text"}
            ).status_code
            == 400
        )


def test_reset_forgets_what_was_said(sim: FeishuHandle, api: Api) -> None:
    api.reply(sim.message()["message_id"])
    sim.post("/sim/reset", {})
    assert sim.replies() == []
    assert sim.state()["counters"]["pushes"] == 0


@pytest.mark.slow
def test_process_knows_no_django_and_says_where_it_listens() -> None:
    code = "import sys, simulators.feishu.process; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
    command = [sys.executable, "-m", "simulators.feishu", "--port", "0", "--app", "cli_a:secret"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        line = process.stdout.readline()
        assert line.startswith("飞书模拟器：http://127.0.0.1:")
        process.terminate()
        assert process.wait(120) == 0
    wrong = subprocess.run([*command[:-1], "nonsense"], capture_output=True, text=True, timeout=120)
    assert (wrong.returncode, "ID:SECRET" in wrong.stderr) == (1, True)
