"""What extends us keeps what ours keep: the cases that packages inherit, over ours."""

import json

from bifang.channels.ports import Incoming, Reply
from bifang.channels.text.splitting import split_markdown
from bifang.testing import ChannelCases, ConnectorCases, PageCases, ToolCases
from feishu_integration.handlers.intake import read_item
from feishu_integration.stream.client import Pushed


class TestWebhook(ConnectorCases):
    kind = "webhook_connector"
    values = {"url": "https://api.dingtalk.com/hook", "secret": "a-secret-of-tests-0123456789"}
    order = ("block_ip", {"ip": "203.0.113.5"})


class TestCompute(ToolCases):
    name = "compute"
    example = {"expression": "(120-73)/73"}
    queries = 0


class TestBlock(ToolCases):
    name = "block_ip"
    example = {"ip": "203.0.113.5", "reason": "撞库"}


class TestAlertsPage(PageCases):
    path = "/alerts/"
    permissions = ("secops_agent.view_alert",)


class TestFeishu(ChannelCases):
    kind = "feishu"
    values = {"client_id": "cli_a", "client_secret": "a-secret-of-tests", "tenant_key": "t1"}
    wire = json.dumps({
        "schema": "2.0",
        "header": {"event_id": "e1", "event_type": "im.message.receive_v1", "tenant_key": "t1"},
        "event": {
            "sender": {"sender_id": {"open_id": "ou_li"}, "sender_type": "user", "tenant_key": "t1"},
            "message": {
                "message_id": "om_1", "chat_id": "oc_1", "chat_type": "p2p", "message_type": "text",
                "content": json.dumps({"text": "今天有哪些告警"}),
            },
        },
    }).encode()  # fmt: skip

    def read(self, raw: bytes, config_id: int) -> Incoming:
        return read_item(Pushed("f1", raw), config_id)

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        return split_markdown(reply)
