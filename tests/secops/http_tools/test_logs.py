"""A question for logs is answered by the service that has them, with and without a model; nothing else is taken for one."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import web

from bifang.core.configuration.documents import read_yaml
from secops_agent.connectors.http_tools.drafts import read_preset
from secops_agent.tools.operations.logs import read_log_question
from tests.secops.http_tools.aid import WALL, Device, Site, with_device

NOW = datetime(2026, 11, 30, 9, 30, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("text", "value", "since", "until", "category"),
    [
        (
            "查一下 1.2.3.4 昨晚的登录日志",
            "1.2.3.4",
            "2026-11-29T18:00",
            "2026-11-30T06:00",
            "authentication",
        ),
        ("查一下昨天 web-01 的日志", "web-01", "2026-11-29T00:00", "2026-11-30T00:00", ""),
        (
            "帮我看看 svc_backup 最近 2 小时的访问日志？",
            "svc_backup",
            "2026-11-30T07:30",
            "2026-11-30T09:30",
            "web",
        ),
        (
            "查一下账号 zhangsan 昨晚的登录日志",
            "zhangsan",
            "2026-11-29T18:00",
            "2026-11-30T06:00",
            "authentication",
        ),
        ("查 账号zhangsan 今天 8:30到9点 的日志", "zhangsan", "2026-11-30T08:30", "2026-11-30T09:00", ""),
        (
            "昨天 22:00 到 2:00 主机 web-01 的进程日志",
            "web-01",
            "2026-11-29T22:00",
            "2026-11-30T02:00",
            "process",
        ),
        (
            "查一下 1.2.3.4 从 11月28日 18点到20点 的日志",
            "1.2.3.4",
            "2026-11-28T18:00",
            "2026-11-28T20:00",
            "",
        ),
        ("11月28日 1.2.3.4 的日志", "1.2.3.4", "2026-11-28T00:00", "2026-11-29T00:00", ""),
        ("2001:db8::1 的日志", "2001:db8::1", "2026-11-29T09:30", "2026-11-30T09:30", ""),
    ],
)
def test_a_whole_sentence_is_read(text: str, value: str, since: str, until: str, category: str) -> None:
    asked = json.loads(read_log_question(text, NOW) or "{}")
    assert (asked["value"], asked["since"][:16], asked["until"][:16]) == (value, since, until)
    assert asked.get("category", "") == category


@pytest.mark.parametrize(
    "text",
    [
        "日志",
        "查一下日志",
        "别查 1.2.3.4 的日志",
        "查 1.2.3.4 的日志然后封禁它",
        "1.2.3.4 的告警",
        "日志里有 1.2.3.4 吗",
        "查 1.2.3.4 的审计日志",
        "查" * 300,
    ],
)
def test_what_is_no_question_for_logs_is_left_to_others(text: str) -> None:
    assert read_log_question(text, NOW) is None


def found(request: web.Request, text: str) -> web.StreamResponse:
    source = {"@timestamp": "2026-11-29T22:00:00Z", "user": {"name": "root"}, "message": "Failed password"}
    return web.json_response({"hits": {"hits": [{"_source": source}]}})


@pytest.mark.django_db
def test_the_chat_answers_offline_by_the_service_that_is_there() -> None:
    async def act(site: Site) -> None:
        for line in (
            "查一下 203.0.113.5 昨晚的登录日志",
            f"/执行 {WALL} search_logs value=x since=x until=x",
        ):
            told = await site.says(
                "wu", line
            )  # logs are raw: who may not read private parts is not shown them
            assert "需要「分析」角色" in told, told
        told = await site.says("li", "查一下 203.0.113.5 昨晚的登录日志")
        assert "Failed password" in told
        ((method, path, body),) = site.device.calls
        assert (method, path) == ("POST", "/logs-*/_search")
        assert body["query"]["bool"]["filter"][1]["multi_match"]["query"] == "203.0.113.5"

    tools: dict[str, Any] = read_yaml(read_preset("elasticsearch"))["configs"][0]["tools"]
    with_device(act, tools, Device(answer=found))


@pytest.mark.django_db
def test_without_a_service_that_has_logs_it_is_said_so() -> None:
    async def act(site: Site) -> None:
        assert "没有配置日志平台" in await site.says("wu", "查一下 203.0.113.5 昨晚的登录日志")
        assert site.device.calls == []

    with_device(act)
