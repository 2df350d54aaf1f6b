"""Logs are asked for in the chat: the real worker, DingTalk's simulator, and a server that answers as Elasticsearch does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from bifang.core.configuration.documents import read_yaml
from secops_agent.connectors.http_tools.drafts import read_preset
from simulators.dingtalk.conversations import single_id
from tests.acceptance.worker import MODEL, ROBOT, STAFF, open_stage
from tests.databases import Database
from tests.secops.http_tools.aid import Device
from tests.secops.http_tools.test_fetching import served

pytestmark = pytest.mark.slow
ROWS = [
    {"@timestamp": "2026-11-29T14:05:00Z", "user": {"name": "zhangsan"}, "source": {"ip": "203.0.113.5"}, "message": "Failed password"},
    {"@timestamp": "2026-11-29T14:06:00Z", "user": {"name": "root"}, "source": {"ip": "203.0.113.5"}, "message": "Accepted publickey"},
]  # fmt: skip


def searched(request: web.Request, text: str) -> web.StreamResponse:
    """What of the rows holds the value that is searched for."""
    value = json.loads(text)["query"]["bool"]["filter"][1]["multi_match"]["query"]
    hits = [{"_index": "logs-ssh", "_source": row} for row in ROWS if value in json.dumps(row)]
    return web.json_response(
        {"took": 3, "timed_out": False, "hits": {"total": {"value": len(hits)}, "hits": hits}}
    )


@pytest.fixture
def device() -> Iterator[Device]:
    with served(searched) as found:
        yield found


@pytest.mark.parametrize("model", ["", MODEL], ids=["offline", "with a model"])
def test_logs_are_asked_for_in_the_chat(database: Database, device: Device, model: str) -> None:
    entry: dict[str, Any] = read_yaml(read_preset("elasticsearch"))["configs"][0]
    entry |= {"base_url": device.url, "headers": {"Authorization": "ApiKey abcdefghij123456"}}
    with open_stage(database) as stage:
        stage.apply(stage.robot(ai_config=model), entry, staff=STAFF)
        stage.start()
        own = single_id(ROBOT, "lisi")
        for number, (text, value, word) in enumerate(
            [
                ("查一下 203.0.113.5 昨晚的登录日志", "203.0.113.5", "Accepted publickey"),
                ("查一下账号 zhangsan 昨天 18:00 到 23:00 的登录日志", "zhangsan", "Failed password"),
                ("看看 198.51.100.77 最近 2 小时的日志", "198.51.100.77", ""),
            ]
        ):
            stage.say(text, own, "lisi")
            told = stage.wait_replies(number + 1, conversation_id=own)[-1]["text"]
            body = device.calls[-1][2]["query"]["bool"]["filter"]
            assert (len(device.calls), body[1]["multi_match"]["query"]) == (number + 1, value), told
            assert word in told, told
            since, until = body[0]["range"]["@timestamp"].values()
            assert since < until
        assert device.headers[0]["Authorization"] == "ApiKey abcdefghij123456"
