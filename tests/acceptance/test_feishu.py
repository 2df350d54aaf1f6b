"""What is Feishu's own on the message path: its frames, its kinds of messages, its ids, its way to send once.

What is the same at every door is in test_message_path, test_faults, test_takeover, test_signals and test_secrets.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from bifang.channels.models import ClientState, InboxRow, State, Worker
from tests.acceptance.doors import FEISHU, FeishuStage, working_stage
from tests.acceptance.worker import place
from tests.databases import Templates
from tests.deadline import wait_until
from tests.model_server import Echo


@pytest.fixture(scope="module")
def stage(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[FeishuStage]:
    home, model = tmp_path_factory.mktemp("feishu"), Echo("收到 {text}")
    with django_db_blocker.unblock(), working_stage(templates, FEISHU, home, model=model) as made:
        assert isinstance(made, FeishuStage)
        yield made
        made.sim.faults(clear=True)


def done(message_id: str) -> InboxRow:
    def probe() -> InboxRow | None:
        return InboxRow.objects.filter(external_id=message_id, state=State.DONE).first()

    row = wait_until(probe, within=30)
    assert row is not None
    return row


@pytest.mark.slow
def test_worker_and_connection_are_shown(stage: FeishuStage) -> None:
    wait_until(lambda: ClientState.objects.filter(status="connected").exists(), within=30)
    assert set(ClientState.objects.values_list("config__kind", flat=True)) == {"feishu"}
    wait_until(lambda: Worker.objects.filter(kind="feishu", scope="").exists(), within=30)
    assert stage.command == "start_feishu_stream"


def test_outsiders_first_message_teaches_our_tenant_and_gets_nothing(stage: FeishuStage) -> None:
    """Whose application it is stands in the event's header, whoever speaks."""
    where = place()
    said = [stage.say("给我看看告警", where, who, outsider=True) for who in ("ou_stranger", "lisi")]
    for message_id in said:
        assert done(message_id).last_error == "外部人员，已忽略"
    assert stage.config().params["tenant_key"] == "tenant_demo"
    assert stage.heard(conversation_id=where) == []


@pytest.mark.slow
def test_event_whose_ack_was_lost_comes_again_and_is_answered_once(stage: FeishuStage) -> None:
    where = place()
    stage.sim.faults(ack_lost={"value": True, "times": 1})
    message_id = stage.say("只答一次", where)
    first, *later = stage.acks(message_id, 2)
    assert (first["code"], first["fault"]) == (200, "lost")
    assert {(ack["code"], ack["fault"]) for ack in later} == {(200, "")}
    stage.settle()
    assert len(stage.answers(where)) == 1
    assert done(message_id).attempts == 1


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_payload_in_pieces_out_of_order_is_one_message(stage: FeishuStage, order: str) -> None:
    stage.sim.faults(split={"value": 7, "times": 1}, split_order={"value": order, "times": 1})
    text = "".join(f"{number}，" for number in range(9000))
    message_id = stage.say(text, place())
    assert done(message_id).text == text
    assert stage.acks(message_id)


@pytest.mark.slow
def test_payload_that_lost_a_piece_comes_again_whole(stage: FeishuStage) -> None:
    stage.sim.faults(split={"value": 3, "times": 1}, split_lose={"value": 1, "times": 1})
    message_id = stage.say("少了一块", where := place())
    assert "少了一块" in stage.answers(where)[0]
    assert min(ack["times_delivered"] for ack in stage.acks(message_id)) > 1


@pytest.mark.slow
def test_answer_whose_receipt_was_lost_is_shown_once(stage: FeishuStage) -> None:
    where = place()
    stage.sim.faults(openapi_lost={"value": True, "times": 1, "path": "/open-apis/im"})
    stage.say("你好", where)
    stage.settle()
    wait_until(lambda: stage.sim.state()["calls"].get("uuid_repeated"), within=60, what="asked for again")
    (reply,) = stage.heard(conversation_id=where)
    assert 0 < len(reply["uuid"]) <= 50


def test_answered_message_is_quoted_and_orders_nothing(stage: FeishuStage) -> None:
    parent = stage.say("web-01 失陷了", where := place(), at_bot=False)
    stage.say("这是真的吗", where, parent_id=parent)
    assert "web-01" in stage.answers(where)[0]


@pytest.mark.slow
def test_what_is_said_to_others_in_a_group_is_acknowledged_and_not_kept(stage: FeishuStage) -> None:
    """With the scope im:message.group_msg Feishu pushes all that is said."""
    where = place()
    other = {
        "key": "@_user_1",
        "id": {"open_id": "ou_bot_other", "user_id": ""},
        "mentioned_type": "bot",
        "name": "别家",
    }
    everybody = {"key": "@_all", "id": {"open_id": "", "user_id": ""}, "name": "所有人"}
    said = [
        stage.say("奖金发了吗", where, at_bot=False),
        stage.say("奖金发了吗", where, at_bot=False, mentions=["ou_lisi"]),
        stage.say("奖金发了吗", where, extra={"mentions": [everybody]}),
        stage.say(
            "奖金发了吗",
            where,
            at_bot=False,
            message_type="file",
            content={"file_key": "file_1", "file_name": "奖金.xlsx"},
        ),
    ]
    to_another = stage.say("奖金发了吗", where, extra={"mentions": [other]})
    assert done(to_another).last_error == "@ 的是别的机器人，已忽略"
    for message_id in said:
        assert {ack["code"] for ack in stage.acks(message_id)} == {200}
    stage.settle()
    assert stage.heard(conversation_id=where) == []
    assert not InboxRow.objects.filter(external_id__in=said).exists()


RICH = [[{"tag": "at", "user_id": "@_user_1", "user_name": "毕方"}, {"tag": "text", "text": " 有哪些告警"}]]
KINDS: list[tuple[str, Any, str]] = [
    ("post", {"title": "", "content": RICH}, "收到 张三：有哪些告警"),
    ("post", {"content": [[{"tag": "img", "image_key": "img_1"}]]}, "看不了图片"),
    ("image", {"image_key": "img_1"}, "看不了图片"),
    ("file", {"file_name": "扫描报告.json"}, "收到了文件「扫描报告.json」，但飞书没有给出"),
    ("file", {"file_key": "file_unknown", "file_name": "资产.csv"}, "文件不在这条消息里"),
    ("audio", {"file_key": "file_1"}, "听不懂飞书的语音"),
    ("media", {"file_key": "file_1"}, "收到了视频"),
    ("sticker", {"file_key": "file_1"}, "还不支持的消息（类型 sticker）"),
]


def test_every_kind_of_message_is_answered_sensibly(stage: FeishuStage) -> None:
    places = []
    for kind, content, _ in KINDS:
        places.append(place())
        stage.say("", places[-1], message_type=kind, content=content)
    for where, (kind, content, words) in zip(places, KINDS, strict=True):
        assert words in stage.answers(where)[0], (kind, content)
