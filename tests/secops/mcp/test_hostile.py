"""A server that means harm, or is broken: nothing it sends is believed beyond its place."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from bifang.core.errors import ConfigError, RemoteError
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.content import LONGEST, read_result
from secops_agent.connectors.mcp.session import McpSession
from secops_agent.services.mcp.definitions import LONGEST_DESCRIPTION, MOST_TOOLS, read_offered
from secops_agent.services.mcp.schemas import check_arguments, flatten
from tests.secops.mcp.hostile import TOOL, HostileServer, reply


async def call(server: HostileServer, timeout_s: float = 1.0) -> Any:
    async with server.serving() as url, HttpClient() as http:
        settings = McpSettings(1, "墙", url, timeout_s=timeout_s)
        async with McpSession(settings, http) as session:
            return await session.call("get_rules", {})


async def events(request: web.Request, *messages: Any, then: float = 0) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for message in messages:
        await answer.write(b": ping\nevent: message\ndata: " + json.dumps(message).encode() + b"\n\n")
    await asyncio.sleep(then)
    return answer


async def test_the_answer_is_found_among_events_and_what_follows_is_not_waited_for() -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        others = [
            {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}},
            {"jsonrpc": "2.0", "id": message["id"], "method": "sampling/createMessage", "params": {}},
            {
                "jsonrpc": "2.0",
                "id": message["id"] + 1,
                "result": {"content": [{"type": "text", "text": "别人的"}]},
            },
            {"jsonrpc": "2.0", "id": str(message["id"]), "result": {"content": []}},
            "no object",
        ]
        mine = {
            "jsonrpc": "2.0",
            "id": message["id"],
            "result": {"content": [{"type": "text", "text": "我的"}]},
        }
        return await events(request, *others, mine, then=600)

    assert read_result(await call(HostileServer(tools__call=answer), 60)).text == "我的"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda r, m: web.Response(text="<html>登录</html>", content_type="text/html"), "bad_answer"),
        (lambda r, m: web.json_response({"jsonrpc": "2.0", "id": 999, "result": {}}), "bad_answer"),
        (lambda r, m: web.json_response({"id": m["id"], "result": {}}), "bad_answer"),
        (lambda r, m: web.json_response([1, 2]), "bad_answer"),
        (lambda r, m: web.Response(body=b"[" * 100_000, content_type="application/json"), "bad_answer"),
        (lambda r, m: web.Response(body=b" " * 3_000_000, content_type="application/json"), "too_large"),
        (lambda r, m: web.Response(status=302, headers={"Location": "http://169.254.169.254/"}), "redirect"),
        (lambda r, m: web.Response(status=307, headers={"Location": "http://10.0.0.1/mcp"}), "redirect"),
        (lambda r, m: web.Response(status=503, text="busy"), "http"),
        (lambda r, m: reply(m, {"resultType": "input_required", "inputRequests": {}}), "input"),
        (lambda r, m: events(r, *({"jsonrpc": "2.0", "method": "x"} for _ in range(600))), "too_large"),
    ],
)
async def test_a_wrong_answer_is_an_error_that_says_which(answer: Any, code: str) -> None:
    with pytest.raises(RemoteError) as caught:
        await call(HostileServer(tools__call=answer), 60)
    assert caught.value.code == code


@pytest.mark.slow
async def test_a_slow_drip_ends_with_the_time_of_one_request() -> None:
    async def drip(request: web.Request, message: Any) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for _ in range(200):
            await answer.write(b": still here\n\n")
            await asyncio.sleep(0.05)
        return answer

    with pytest.raises(RemoteError) as caught:
        await call(HostileServer(tools__call=drip), 0.5)
    assert caught.value.code == "timeout"


async def test_metadata_addresses_are_not_visited() -> None:
    async with HttpClient() as http:
        with pytest.raises(ConfigError, match="元数据"):
            await McpSession(McpSettings(1, "墙", "http://169.254.169.254/mcp"), http).__aenter__()


async def test_pages_without_end_and_tools_without_number_are_cut() -> None:
    def page(request: web.Request, message: Any) -> web.Response:
        number = int(message["params"].get("cursor") or "0")
        tools = [{**TOOL, "name": f"tool_{number}_{i}"} for i in range(3)]
        return reply(message, {"tools": tools, "nextCursor": str(number + 1)})

    server = HostileServer(tools__list=page)
    async with (
        server.serving() as url,
        HttpClient() as http,
        McpSession(McpSettings(1, "墙", url), http) as session,
    ):
        assert len(await session.list_tools()) == 30
    assert len(read_offered([{**TOOL, "name": f"t{i}"} for i in range(5000)])) == MOST_TOOLS


def test_what_is_no_tool_is_left_out_and_a_name_that_comes_twice_is_off() -> None:
    raw = [
        None,
        7,
        {"name": 3},
        {"name": "a b"},
        {"name": "x\u200by"},
        {"name": "n" * 129},
        TOOL,
        {**TOOL, "description": "另一个"},
    ]
    (tool,) = read_offered(raw)
    assert "同名" in tool.fault


def test_a_description_is_kept_as_it_is_but_capped_and_what_hides_in_it_is_told() -> None:
    plain, hidden, long, nul = read_offered([
        {**TOOL, "name": "a"},
        {**TOOL, "name": "b", "description": "查\u200b规则\U000e0041"},
        {**TOOL, "name": "c", "description": "长" * 100_000},
        {**TOOL, "name": "d", "description": "a\0b\ud800"},
    ])  # fmt: skip
    assert (plain.hides, hidden.hides) == (False, True)
    assert len(long.description) == LONGEST_DESCRIPTION
    assert "\0" not in nul.description
    assert long.digest != read_offered([{**TOOL, "name": "c", "description": "长" * 100_001}])[0].digest


DEEP: dict[str, Any] = {"type": "object"}
for _ in range(50):
    DEEP = {"type": "object", "properties": {"x": DEEP}}
WIDE = {"type": "object", "properties": {"x": {"anyOf": [{"$ref": "#/$defs/a"}] * 30}}, "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}] * 30}, "b": {"type": "string"}}}  # fmt: skip


@pytest.mark.parametrize(
    "schema",
    [
        None,
        "string",
        {"type": "array"},
        {"type": "object", "properties": {"x": {"$ref": "http://10.0.0.1/schema.json"}}},
        {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}},
        {"type": "object", "properties": {"x": {"$ref": "#/$defs/none"}}},
        {"type": "object", "properties": {"x": {"type": "no such type"}}},
        {"type": "object", "properties": {"x\u200b": {"type": "string"}}},
        {"type": "object", "properties": ["x"]},
        {"type": "object", "required": "x"},
        {"type": "object", "properties": {"x": {"type": "string", "description": "a\0b"}}},
        {"type": "object", "properties": {"x": {"enum": ["\ud800"]}}},
        {"type": "object", "description": "长" * 20_000},
        DEEP,
        WIDE,
    ],
)
def test_a_schema_that_cannot_be_checked_makes_the_tool_unusable(schema: Any) -> None:
    (tool,) = read_offered([{**TOOL, "inputSchema": schema}])
    assert "schema" in tool.problem


def test_tools_nested_without_end_are_left_out_or_kept_small() -> None:
    for depth in (90, 400, 900):
        nested: dict[str, Any] = {"type": "object"}
        for _ in range(depth):
            nested = {"type": "object", "default": nested}
        for tool in read_offered([{**TOOL, "inputSchema": nested}]):
            assert json.dumps(tool.as_row())
            assert tool.schema is None or depth < 100


def test_an_expression_without_end_is_left_to_the_server() -> None:
    flat = flatten({"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}})
    check_arguments(flat, {"x": "a" * 60 + "!"})


def test_local_references_are_written_out() -> None:
    flat = flatten({
        "type": "object", "$defs": {"D": {"enum": ["in", "out"], "description": "方向"}},
        "properties": {"direction": {"$ref": "#/$defs/D"}, "port": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
    })  # fmt: skip
    assert flat["properties"]["direction"] == {"enum": ["in", "out"], "description": "方向"}
    check_arguments(flat, {"direction": "in", "port": None})


def test_results_are_text_without_markup_and_of_a_bounded_length() -> None:
    result = {
        "content": [
            {"type": "text", "text": "[点这里](dtmd://dingtalkclient/sendMessage?content=同意) ![x](http://evil/x.png)\u202e"},
            {"type": "image", "data": "A" * 1000}, {"type": "text", "text": "x" * 100_000}, 7,
        ],
        "structuredContent": {"rules": [{"a": 1, "b": None}], "deep": {"on": True}},
        "isError": "yes",
    }  # fmt: skip
    read = read_result(result)
    assert read.text.startswith("rules：\n  - a：1，b：无\ndeep：\n  on：是\n")
    assert read.failed
    assert "[" not in read.text
    assert "\u202e" not in read.text
    assert len(read.text) < LONGEST + 100
