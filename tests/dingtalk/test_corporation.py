"""Whose robot it is: said in the form, or learned from what a Stream says of the robot; nothing unsigned teaches it."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from bifang.channels.checks.diagnosis import diagnose
from bifang.channels.models import InboxRow
from bifang.channels.ports import ReplyTarget, Turn, TurnResult
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from dingtalk_integration.checks.configuration import DINGTALK
from dingtalk_integration.handlers.chat import ChatTurns
from dingtalk_integration.models import CallbackState
from dingtalk_integration.webhook import signatures, views
from tests.admin_pages import dingtalk, messages_of, serve_plain_static, superuser, tried
from tests.dingtalk.webhook_aid import Caller, in_http_mode, now

pytestmark = pytest.mark.django_db
ADD = "/admin/core/systemconfig/add/?kind=dingtalk"
LIST = "/admin/core/systemconfig/"


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.SIMULATOR = True  # plain http
    views._written.clear()
    views._began.clear()


def old_row(**values: str) -> SystemConfig:
    """In HTTP mode and without a corporation, as it could be saved once."""
    config = in_http_mode(**values)
    SystemConfig.objects.filter(pk=config.pk).update(params={**config.params, "corp_id": ""})
    config.refresh_from_db()
    return config


def corporation() -> str:
    return SystemConfig.objects.get().corporation


def test_the_form_asks_for_the_corporation_in_http_mode_and_says_where_it_is() -> None:
    client = superuser()
    given = {
        "name": "机器人",
        "enabled": "on",
        "client_id": "dingx",
        "client_secret": "s" * 20,
        "default_role": "none",
    }
    given |= {"edition": "standard", "card_streaming": "auto", "quota_reset_day": "1"}
    errors = dict(client.post(ADD, given).context["adminform"].form.errors)
    assert list(errors) == ["corp_id"], errors
    assert "开放平台" in errors["corp_id"][0]
    assert not SystemConfig.objects.exists()
    for right in ({"corp_id": "dingcorp"}, {"use_stream_push": "on", "name": "另一个", "client_id": "dingy"}):
        assert client.post(ADD, given | right).status_code == 302
    assert SystemConfig.objects.count() == 2


def test_a_robot_that_does_not_know_its_corporation_refuses_messages_and_clicks(caplog: Any) -> None:
    caller = Caller(old_row())
    caplog.set_level(logging.WARNING)
    assert caller.say("最近有哪些告警").status_code == 403
    stamp = now()
    signed = signatures.card_signature(caller.settings.callback_card_secret, stamp)
    headers = {"x-ddpaas-signature-timestamp": stamp, "x-ddpaas-signature": signed}
    body = json.dumps({"outTrackId": "t", "userId": "lisi", "corpId": "corp", "content": "{}"}).encode()
    assert caller.post("cards", body, **headers).status_code == 403
    assert not InboxRow.objects.exists()
    assert corporation() == ""
    for door in ("robot", "cards"):
        assert "企业 CorpId" in CallbackState.objects.get(door=door).refusal
    assert sum("企业 CorpId" in line for line in caplog.messages) == 2


def test_its_events_go_on_and_it_can_be_switched_off_and_mended() -> None:
    config = old_row()
    caller = Caller(config)
    assert caller.opened(caller.tell({"EventType": "check_url"})) == "success"
    assert caller.opened(caller.tell({"EventType": "user_leave_org", "EventId": "e7"})) == "success"
    assert InboxRow.objects.get().kind == "event"
    client, chosen = superuser(), {"_selected_action": [config.pk], "index": 0}
    client.post(LIST, {"action": "disable", **chosen})
    assert not SystemConfig.objects.get().enabled
    told = messages_of(client.post(LIST, {"action": "enable", **chosen}, follow=True))
    assert "企业 CorpId" in told
    assert not SystemConfig.objects.get().enabled
    config.refresh_from_db()
    configs.save("dingtalk", config.name, True, {"corp_id": "corp"}, config=config)
    assert caller.say("你好").status_code == 200


def test_the_check_says_what_is_missing() -> None:
    row = old_row(endpoint="http://127.0.0.1:1")  # nobody listens: the network is no matter here
    [found] = asyncio.run(diagnose(DINGTALK, row.pk)).as_json()["configs"]
    step = {each["name"]: each for each in found["steps"]}["corporation"]
    assert step["verdict"] == "failed"
    assert "企业 CorpId" in step["remedy"]
    assert "企业 CorpId" in tried(superuser(), row)["whole"]


class Agent:
    """Remembers whom it answered."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, turn: Any, talk: Any, sink: Any) -> TurnResult:
        self.asked.append(talk.person.staff_id)
        return TurnResult()


def turn(config: SystemConfig, **payload: str) -> Turn:
    target = ReplyTarget("cid-1", False, "lisi", "robot")
    said = {"staff_id": "lisi", "nick": "李四", **payload}
    return Turn(1, "lease", 1, config.pk, "chat", "m1", "cid-1", "lisi", "你好", said, target, 0)


def told(config: SystemConfig, **payload: str) -> tuple[list[str], str]:
    """Whom the agent answered, and the note of the turn."""
    agent = Agent()
    chat = ChatTurns(ConfigCache(), agent)  # type: ignore[arg-type]  # answers are no matter here
    result = asyncio.run(chat.handle(turn(config, **payload), None))  # type: ignore[arg-type]
    return agent.asked, result.note


def test_what_was_stored_of_an_unsigned_message_teaches_nothing() -> None:
    asked, note = told(old_row(), corp_id="forged", robot_corp_id="forged", door="http")
    assert asked == []
    assert "企业 CorpId" in note
    assert corporation() == ""


def test_a_sender_never_says_whose_robot_it_is() -> None:
    config = dingtalk()
    asked, note = told(config, corp_id="outsiders")
    assert asked == []
    assert "企业 CorpId" in note
    assert corporation() == ""
    assert told(config, corp_id="outsiders", robot_corp_id="corp")[0] == []
    assert corporation() == "corp"
    assert told(config, corp_id="corp")[0] == ["lisi"]
