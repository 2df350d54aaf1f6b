"""What Acme adds keeps what all must keep: Bifang's own cases, inherited."""

import json
from typing import Any

from bifang.channels.ports import Incoming, Reply
from bifang.channels.text.splitting import split_markdown
from bifang.testing import ChannelCases, ConnectorCases, ImporterCases, ToolCases
from bifang.testing.connectors import SECRET

ATTACK: dict[str, Any] = {
    "acme_rule": "SQL 注入", "acme_client": "203.0.113.9", "site": "shop.example.com", "id": "a1", "risk": "3",
    "ts": "2026-11-20 08:30:00", "host": "web-01",
}  # fmt: skip
SAMPLE = "\n".join(
    json.dumps(ATTACK | {"id": f"a{number}", "risk": risk}) for number, risk in enumerate("123")
)


class TestWaf(ImporterCases):
    name = "acme_waf"
    sample = SAMPLE.encode()
    counts = {"AlertRecord": 3}


class TestReputation(ToolCases):
    name = "acme_reputation"
    example = {"ip": "203.0.113.9"}
    queries = 0


class TestQuarantine(ToolCases):
    name = "acme_quarantine"
    example = {"file": "ab" * 32}


class TestEdr(ConnectorCases):
    kind = "acme_edr"
    values = {"url": "https://api.dingtalk.com/edr", "key": SECRET, "tools": "acme_quarantine"}
    order = ("acme_quarantine", {"file": "ab" * 32})


class TestChat(ChannelCases):
    kind = "acme_chat"
    values = {
        "client_id": "robot1",
        "client_secret": SECRET,
        "company": "corp",
        "endpoint": "https://api.dingtalk.com",
    }
    wire = json.dumps(
        {"id": "m1", "text": "今天有哪些告警", "chat": "c1", "from": "li", "company": "corp"}
    ).encode()

    def read(self, raw: bytes, config_id: int) -> Incoming:
        from bifang_acme.chat import read_message

        return read_message(raw, config_id)

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        return split_markdown(reply)
