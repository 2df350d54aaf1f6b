"""A message in Feishu is answered: the real command as a process, over the same durable path as DingTalk's."""

from collections.abc import Iterator
from typing import Any

import pytest

from bifang.channels.models import ClientState, InboxRow, OutboxRow, State, Worker
from bifang.core.models import SystemConfig
from secops_agent.models import Staff
from tests.acceptance.processes import MANAGE, Started
from tests.acceptance.worker import MODEL, Stage, kill
from tests.databases import BOTH, Templates
from tests.deadline import wait_until
from tests.feishu_simulator import FeishuHandle, running_feishu
from tests.model_server import Echo

ROBOT = "飞书机器人"
STAFF = (
    {"staff_id": "ou_zhangsan", "name": "张三", "role": "admin"},
    {"staff_id": "ou_lisi", "name": "李四", "role": "analyst"},
    {"staff_id": "ou_leaver", "name": "小林", "role": "analyst"},
)


class FeishuStage(Stage):
    """One Feishu and one database."""

    sim: FeishuHandle  # type: ignore[assignment]  # the other platform

    def entry(self, **changes: Any) -> dict[str, Any]:
        """The entry of a configuration that reaches the simulator."""
        keys = {"client_id": "cli_demo", "client_secret": "demo-secret", "endpoint": self.sim.base_url}
        return {"kind": "feishu", "name": ROBOT, **keys, "ai_config": MODEL, **changes}

    def serve_feishu(self, *arguments: str, model: Echo | None = None) -> Started:
        """A worker, as soon as it is connected."""
        output = self.database.data_dir.parent / f"feishu-{len(self.workers)}"
        command = (*MANAGE, "start_feishu_stream", *arguments)
        worker = Started(command, self.environment(**self.model_of(model)), output)
        self.workers.append(worker)

        def connected() -> bool:
            assert worker.process.poll() is None, worker.text
            return bool(self.sim.connections())

        wait_until(connected, within=90, what="connected")
        return worker

    def heard(self, chat_id: str, number: int = 1) -> list[dict[str, Any]]:
        """What the bot said in a chat, as soon as there are so many."""
        return wait_until(
            lambda: found if len(found := self.replies(chat_id=chat_id)) >= number else [], within=60
        )


@pytest.fixture(scope="module", params=BOTH)
def stage(
    request: Any, templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[FeishuStage]:
    home = tmp_path_factory.mktemp("feishu")
    with (
        django_db_blocker.unblock(),
        templates.database(request.param, home / "var") as database,
        running_feishu(redeliver_s=(1.0, 1.0, 1.0, 1.0)) as sim,
    ):
        made = FeishuStage(sim, database)  # type: ignore[arg-type]
        try:
            made.apply(made.entry(), staff=STAFF)
            made.serve_feishu(model=Echo("收到 {text}", delay=0.1))
            yield made
        finally:
            made.close()


def done(external_id: str) -> InboxRow:
    row = wait_until(
        lambda: InboxRow.objects.filter(external_id=external_id, state=State.DONE).first(), within=30
    )
    assert row is not None
    return row


def test_hello_is_stored_acknowledged_and_answered(stage: FeishuStage) -> None:
    said = stage.sim.message("你好", chat_id="oc_hello", open_id="ou_lisi", group=True)
    (reply,) = stage.heard("oc_hello")
    assert "收到 李四：你好" in reply["text"]
    assert (reply["route"], reply["reply_to"], reply["msg_type"]) == ("reply", said["message_id"], "post")
    assert 0 < len(reply["uuid"]) <= 50
    (ack,) = [ack for ack in stage.sim.acks() if ack["event_id"] == said["event_id"]]
    assert (ack["code"], ack["fault"]) == (200, "")
    row = done(said["message_id"])
    assert (row.text, row.sender_id, row.is_group, row.attempts) == ("你好", "ou_lisi", True, 1)
    sent = wait_until(lambda: OutboxRow.objects.filter(inbox=row, state=State.DONE).first(), within=20)
    assert sent is not None
    assert sent.receipt == reply["message_id"]
    assert SystemConfig.objects.get(name=ROBOT).params["tenant_key"] == "tenant_demo"


def test_worker_and_connection_are_shown(stage: FeishuStage) -> None:
    wait_until(lambda: ClientState.objects.filter(status="connected").exists(), within=30)
    assert set(ClientState.objects.values_list("config__kind", flat=True)) == {"feishu"}
    wait_until(lambda: Worker.objects.filter(kind="feishu", scope="").exists(), within=30)


def test_private_chat_is_answered(stage: FeishuStage) -> None:
    said = stage.sim.message("在吗", open_id="ou_zhangsan")
    (reply,) = stage.heard(said["chat_id"])
    assert "收到 张三：在吗" in reply["text"] or "收到 在吗" in reply["text"]


def test_same_message_again_is_answered_once(stage: FeishuStage) -> None:
    first = stage.sim.message("只答一次", chat_id="oc_once", group=True)
    stage.heard("oc_once")
    again = {"message_id": first["message_id"], "event_id": first["event_id"]}
    stage.sim.message("只答一次", chat_id="oc_once", group=True, **again)
    stage.sim.message("完了", chat_id="oc_once", group=True)
    assert len(stage.heard("oc_once", 2)) == 2
    assert InboxRow.objects.filter(external_id=first["message_id"]).count() == 1


def test_payload_in_pieces_is_one_message(stage: FeishuStage) -> None:
    text = "长" * 70_000
    said = stage.sim.message(text, chat_id="oc_long", group=True)
    assert done(said["message_id"]).text == text


def test_answered_message_is_quoted_and_orders_nothing(stage: FeishuStage) -> None:
    parent = stage.sim.message("web-01 失陷了", chat_id="oc_quote", group=True, at_bot=False)
    stage.heard("oc_quote")
    stage.sim.message("这是真的吗", chat_id="oc_quote", group=True, parent_id=parent["message_id"])
    assert "web-01" in stage.heard("oc_quote", 2)[1]["text"]


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("image", {"image_key": "img_1"}, "看不懂图片"),
        ("file", {"file_key": "f", "file_name": "扫描报告.json"}, "收到了文件「扫描报告.json」"),
        ("post", {"title": "", "content": [[{"tag": "text", "text": "你好"}]]}, "收到了富文本消息"),
        ("sticker", {"file_key": "f"}, "还不支持的消息（类型 sticker）"),
    ],
)
def test_what_cannot_be_read_is_said(stage: FeishuStage, kind: str, content: Any, words: str) -> None:
    chat = f"oc_{kind}"
    stage.sim.message("", chat_id=chat, group=True, message_type=kind, content=content)
    assert words in stage.heard(chat)[0]["text"]


def test_outsider_gets_nothing(stage: FeishuStage) -> None:
    said = stage.sim.message("给我看看告警", chat_id="oc_out", group=True, tenant_key="tenant_other")
    forged = stage.sim.message("", chat_id="oc_out", group=True, open_id="ou_lisi", tenant_key="tenant_other")
    for one in (said, forged):
        assert done(one["message_id"]).last_error == "外部人员，已忽略"
    assert stage.sim.replies(chat_id="oc_out") == []


def test_leaving_the_company_revokes(stage: FeishuStage) -> None:
    sent = stage.sim.event("contact.user.deleted_v3", open_id="ou_leaver")
    done(sent["event_id"])
    assert Staff.objects.get(staff_id="ou_leaver").active is False


@pytest.mark.slow
def test_killed_worker_loses_and_repeats_nothing(stage: FeishuStage) -> None:
    said = [stage.sim.message(f"第{n}句", chat_id=f"oc_kill{n}", group=True) for n in range(20)]
    kill(stage.workers[-1])
    stage.serve_feishu(model=Echo("收到 {text}", delay=0.1))
    for number, one in enumerate(said):
        stage.heard(f"oc_kill{number}")
        done(one["message_id"])
    assert all(len(stage.replies(chat_id=f"oc_kill{number}")) == 1 for number in range(20))
