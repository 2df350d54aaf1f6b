"""A message is answered: the real command as a process, on both databases and at every door.

``make test`` has DingTalk Stream and a hello at the others."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from bifang.channels.models import InboxRow, OutboxRow, State
from secops_agent.models import Staff
from tests.acceptance.doors import BY_DINGTALK, BY_STREAM, DOORS, HELLO, working_stage
from tests.acceptance.worker import STAFF, Stage, place, text_only
from tests.databases import Templates
from tests.deadline import wait_until
from tests.dingtalk.test_odd_texts import ODD, say_everywhere
from tests.model_server import Echo

MODEL = Echo("收到 {text}（第 {turns} 句，上一句：{previous}）", delay=0.2)
LEAVER = {"staff_id": "leaver", "name": "小林", "role": "analyst"}


@pytest.fixture(scope="module", params=DOORS)
def stage(
    request: Any, templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Stage]:
    home, staff = tmp_path_factory.mktemp("path"), (*STAFF, LEAVER)
    with (
        django_db_blocker.unblock(),
        working_stage(templates, request.param, home, staff=staff, counted=True, model=MODEL) as made,
    ):
        yield made


def row_of(msg_id: str) -> InboxRow:
    return InboxRow.objects.get(external_id=msg_id)


def wait_done(msg_id: str) -> InboxRow:
    def probe() -> InboxRow | None:
        return InboxRow.objects.filter(external_id=msg_id, state=State.DONE).first()

    row = wait_until(probe, within=30, what=f"{msg_id} done")
    assert row
    return row


@pytest.mark.slow
@pytest.mark.parametrize("stage", BY_DINGTALK, indirect=True)
def test_any_text_is_stored_and_acked_and_the_link_stays(stage: Stage) -> None:
    links = [link["id"] for link in stage.sim.connections()]
    ids = [one for text in ODD.values() for one in say_everywhere(stage.sim, text)]
    wait_until(
        lambda: set(ids) <= {ack["msg_id"] for ack in stage.answers_to_pushes()}, within=60, what="acks"
    )
    where = place()
    stage.say("还在吗", where, "lisi")
    (reply,) = stage.wait_replies(1, within=60, conversation_id=where)
    assert "还在吗" in reply["text"]
    assert [link["id"] for link in stage.sim.connections()] == links


@pytest.mark.parametrize("stage", BY_DINGTALK, indirect=True)
@pytest.mark.parametrize("spelling", ["errorCode", "errCode"])
def test_message_over_quota_is_stored_and_its_sender_told_once(stage: Stage, spelling: str) -> None:
    where = place()
    stage.sim.faults(over_quota={"value": spelling, "times": 1})
    msg_id = stage.say("有哪些严重告警", where, "lisi")
    (reply,) = stage.wait_replies(1, within=60, conversation_id=where)
    assert "额度已用完" in reply["text"]
    assert "收到 李四" not in reply["text"]
    assert wait_done(msg_id).text == ""
    assert stage.acks(msg_id)
    stage.sim.faults(over_quota={"value": spelling, "times": 1})
    again = stage.say("有哪些严重告警", where, "lisi")
    assert "今天已告知" in wait_done(again).last_error
    stage.say("又收得到了", where, "lisi")
    assert "又收得到了" in stage.answers(where, 2)[1], "the second was not told again"


@pytest.mark.parametrize("stage", HELLO, indirect=True)
def test_message_is_stored_acked_answered(stage: Stage) -> None:
    where = place()
    msg_id = stage.say("有哪些严重告警", where, "lisi")
    (reply,) = stage.wait_replies(1, within=60, conversation_id=where)
    said = reply["text"].split("\n\n")
    assert said.count("收到 李四：有哪些严重告警（第 1 句，上一句：无）") == 1
    assert said[-1].endswith("> 查询条件：级别=严重，状态=未关闭"), "what was looked up is shown by code"
    way = stage.expected_way(msg_id, "lisi")
    assert {name: reply[name] for name in way} == way
    assert all(stage.well_acked(ack) for ack in stage.acks(msg_id))
    row = wait_done(msg_id)
    assert (row.text, row.attempts, row.sender_id, row.is_group) == ("有哪些严重告警", 1, "lisi", True)
    sent = wait_until(lambda: OutboxRow.objects.filter(inbox=row, state=State.DONE).first(), within=20)
    assert sent is not None
    assert sent.webhook is None, "a secret that is used up is erased"


def test_message_delivered_three_times_is_answered_once(stage: Stage) -> None:
    where = place()
    stage.sim.faults(duplicate=3)
    msg_id = stage.say("只答一次", where)
    stage.answers(where)
    stage.sim.faults(clear=True)
    # DingTalk's own redelivery: the same msgId in a new frame, after the answer.
    stage.say("只答一次", where, msg_id=msg_id)
    stage.settle()
    assert len(stage.answers(where)) == 1
    assert stage.acks(msg_id, 4)
    assert InboxRow.objects.filter(external_id=msg_id).count() == 1


def test_messages_of_one_person_are_answered_in_order_and_remembered(stage: Stage) -> None:
    where = place()
    for text in ("一", "二", "三"):
        msg_id = stage.say(text, where, group=False)
        if stage.web_port:  # DingTalk calls side by side: in order is what came one after the other
            stage.acks(msg_id)
    assert stage.answers(where, 3) == [
        "收到 一（第 1 句，上一句：无）",
        "收到 二（第 2 句，上一句：一）",
        "收到 三（第 3 句，上一句：二）",
    ]


@pytest.mark.slow
def test_private_chat_is_not_remembered_in_a_group(stage: Stage) -> None:
    private, group, other = place(), place(), place()
    stage.say("我的私事", private, group=False)
    stage.answers(private)
    stage.say("大家好", group)
    stage.say("我是李四", other, "lisi", group=False)
    for where in (group, other):
        (answer,) = stage.answers(where)
        assert "上一句：无" in answer
        assert "私事" not in answer


def test_a_long_answer_comes_whole_and_in_order(stage: Stage) -> None:
    where, lines = place(), [f"第{number}行：{'很长的话' * 10}" for number in range(150)]
    stage.say("\n\n".join(lines), where, "lisi", group=False)
    parts = stage.answers(where, 3)
    assert all(len(part) < 3000 for part in parts)
    heard = re.findall(r"第(\d+)行", "\n".join(parts))
    assert heard == [str(number) for number in range(150)]


CONTENTS: list[tuple[str, dict[str, Any], str]] = [
    ("text", {"text": "  你好 "}, "收到 你好（"),
    ("text", {"text": ""}, "您没有写内容"),
    ("richText", {"text": "看一下这台主机"}, "收到 看一下这台主机（"),
    ("richText", {"content": {"richText": [{"type": "picture", "downloadCode": "x"}]}}, "收到了图片"),
    ("picture", {}, "收到了图片"),
    ("audio", {"text": "今天有哪些告警"}, "收到 今天有哪些告警（"),
    ("audio", {"content": {"downloadCode": "x", "recognition": " "}}, "收到了语音"),
    ("video", {}, "收到了视频"),
    (
        "file",
        {"text": "扫描报告.json"},
        "看不了图片",
    ),  # what the simulator gives for a code that nobody filled is one
    ("quoted", {"text": "这是真的吗", "content": {"text": "10.0.0.5 失陷"}}, "10.0.0.5（未核实） 失陷"),
    (
        "quoted",
        {"text": "这是真的吗", "content": {"text": "web-01 失陷", "as_string": True}},
        "web-01（未核实） 失陷",
    ),
    ("unknownMsgType", {}, "还不支持的消息（类型 sticker）"),
    ("chatRecord", {"content": {"summary": "张三：web-01 有告警"}}, "引用的消息：\n\n张三：web-01 有告警"),
    ("interactiveCard", {"content": {"biz": [1]}}, "还不支持的消息（类型 interactiveCard）"),
    ("actionCard", {"content": "不是对象"}, "引用的消息：\n\n不是对象"),
]


@pytest.mark.slow
@pytest.mark.parametrize("stage", BY_DINGTALK, indirect=True)
def test_every_kind_of_message_is_answered_sensibly(stage: Stage) -> None:
    for (
        msgtype,
        fields,
        expected,
    ) in CONTENTS:  # one by one: what is sent by API goes where the person spoke last
        where, content = place(), fields.get("content")
        stage.say(fields.get("text", ""), where, group=False, msgtype=msgtype, content=content)
        (answer,) = stage.answers(where)
        assert expected in answer, (msgtype, fields, answer)


@pytest.mark.parametrize("stage", BY_STREAM, indirect=True)  # DingTalk names no HTTP callback for it
def test_delegate_topic_is_answered(stage: Stage) -> None:
    where = place()
    msg_id = stage.say("代答一下", where, "lisi", group=False, delegate=True)
    assert stage.answers(where)[0].startswith("收到 代答一下（")
    assert row_of(msg_id).payload["delegated"] is True


def test_events_of_any_type_are_stored_once_and_acked(stage: Stage) -> None:
    for event_type in ("chat_update_title", "something_of_tomorrow"):
        for _ in range(2):
            stage.happen(event_type, {"any": ["thing", 1, None]}, event_id=f"{event_type}-1")
        row = wait_done(f"{event_type}-1")
        assert (row.kind, row.payload["type"], row.payload["data"]["any"]) == (
            "event",
            event_type,
            ["thing", 1, None],
        )
        acks = stage.acks(f"{event_type}-1", 2)
        assert all(stage.well_acked(ack) for ack in acks)


def test_leaving_the_organisation_revokes_at_once(stage: Stage) -> None:
    where, again = place(), place()
    stage.say("我还在", where, "leaver")
    assert "收到 小林：我还在" in stage.answers(where)[0]
    wait_done(stage.leave("leaver"))
    assert Staff.objects.get(staff_id="leaver").active is False
    stage.say("我走了", again, "leaver")
    (answer,) = stage.answers(again)
    assert "没有使用毕方的权限" in answer
    Staff.objects.filter(staff_id="leaver").update(active=True)


async def create_card(base_url: str, client_id: str, secret: str) -> str:
    """A card in the demo group, as a robot makes it; its outTrackId."""
    body = {
        "cardTemplateId": "approval.schema",
        "outTrackId": f"card-{time.monotonic_ns()}",
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": {"title": "封禁 10.0.0.5"}},
        "openSpaceId": "dtv1.card//IM_GROUP.cidDemoGroup==",
        "imGroupOpenSpaceModel": {"supportForward": True},
        "imGroupOpenDeliverModel": {"robotCode": client_id},
    }
    async with aiohttp.ClientSession(base_url) as http:
        keys = {"appKey": client_id, "appSecret": secret}
        async with http.post("/v1.0/oauth2/accessToken", json=keys) as answer:
            token = (await answer.json())["accessToken"]
        headers = {"x-acs-dingtalk-access-token": token}
        async with http.post("/v1.0/card/instances/createAndDeliver", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
    return str(body["outTrackId"])


@pytest.mark.parametrize(
    "stage", BY_STREAM, indirect=True
)  # by HTTP: test_approval_cards presses the buttons
def test_card_click_is_stored_and_acked(stage: Stage) -> None:
    card = asyncio.run(create_card(stage.sim.base_url, "dingdemo", "demo-secret"))
    clicked = stage.sim.click(card, "approve", "lisi")
    assert clicked["ack"]["code"] == 200
    row = wait_until(
        lambda: InboxRow.objects.filter(kind="card", payload__out_track_id=card, state=State.DONE).first(),
        within=30,
    )
    assert row is not None
    assert (row.sender_id, row.payload["action_ids"]) == ("lisi", ["approve"])


@pytest.mark.slow
def test_outsider_gets_nothing(stage: Stage) -> None:
    where = place()
    stage.say("给我看看告警", where)
    stage.answers(where)
    for fields in ({"outsider": True}, {"who": "lisi", "corp_id": "dingothercorp"}):
        said = stage.say("给我看看告警", where, **fields)
        assert wait_done(said).last_error == "外部人员，已忽略"
    stage.settle()
    assert len(stage.answers(where)) == 1


def test_unknown_person_learns_own_id_and_whom_to_ask(stage: Stage) -> None:
    where = place()
    stage.say("有哪些严重告警", where, "newcomer7")
    (answer,) = stage.answers(where)
    assert text_only(answer) == (
        "您还没有使用毕方的权限。请把您的员工 ID `newcomer7` 发给管理员 张三，请其在「人员」中为您开通。"
    )


def test_unreadable_messages_become_dead_letters_and_block_no_one(stage: Stage) -> None:
    before = set(InboxRow.objects.filter(state=State.DEAD).values_list("pk", flat=True))
    where = place()
    nul = stage.say("a\x00b", where)
    stage.sim.faults(malformed="all")
    stage.say("下一条", where)
    assert any("收到 张三：下一条" in text for text in stage.answers(where))
    dead = InboxRow.objects.filter(state=State.DEAD).exclude(pk__in=before)
    reasons = " ".join(dead.values_list("last_error", flat=True))
    assert "数据库无法保存的字符" in reasons
    assert stage.web_port or "不是 JSON 对象" in reasons, (
        "no body is spoilt by HTTP; test_webhook_doors has those"
    )
    assert all(row.unreadable for row in dead)
    assert stage.acks(nul)
