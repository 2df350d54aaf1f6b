"""What goes out over the wire for a definition and its arguments, and what is made of the answer: without a database."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web

from bifang.core.errors import BadCredentials, BifangError, InvalidInput, RateLimited, RemoteError
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.http_tools.config import HttpToolSettings, Login
from secops_agent.connectors.http_tools.session import HttpToolSession
from secops_agent.connectors.mcp.content import Answered
from secops_agent.connectors.mcp.wire import McpRefusal
from secops_agent.models.people.staff import Role
from secops_agent.services.mcp.definitions import ReadyTool, read_listing
from secops_agent.services.mcp.http import HttpTool, check_tools
from secops_agent.services.mcp.http_requests import show
from secops_agent.services.mcp.schemas import check_arguments, flatten
from tests.secops.http_tools.aid import Device, serve

ECHO: dict[str, Any] = {
    "class": "dangerous", "arguments": {"name": "string", "count": {"type": "integer", "optional": True}},
    "request": {
        "method": "POST", "path": "/v1/{name}/rules", "query": {"q": "{name}", "n": "{count}", "fixed": 7},
        "json": {"name": "{name}", "count": "{count}", "text": "a {name} b", "list": ["{name}", "{count}"], "key": "{secret.key}"},
    },
}  # fmt: skip
Answers = Callable[[web.Request, str], web.StreamResponse]


def listing(**tools: Any) -> dict[str, HttpTool]:
    """Tools as they would be stored."""
    read = read_listing(tools, HttpTool)
    check_tools(read)
    return read


async def call(device: Device, tool: dict[str, Any], arguments: dict[str, Any], **more: Any) -> Answered:
    """One call of the only tool."""
    settings = HttpToolSettings(7, "设备", device.url, tools=listing(tool=tool), timeout_s=1, **more)
    written = settings.tools["tool"]
    pin = written.offered("tool", device.url).digest
    ready = ReadyTool(7, "设备", "tool", "tool", written.classed, Role.VIEWER, "", pin)
    check_arguments(flatten(written.as_schema()), arguments)
    async with HttpClient() as http, HttpToolSession(settings, http) as session:
        return await session.answer(ready, arguments)


def answered(
    answer: Answers, tool: dict[str, Any], arguments: dict[str, Any], **more: Any
) -> tuple[Any, Device]:
    """What came back, or the error; and the device that was asked."""

    async def run() -> tuple[Any, Device]:
        device = Device(answer=answer)
        server = await serve(device)
        try:
            return await call(device, tool, arguments, **more), device
        except BifangError as error:
            return error, device
        finally:
            await server.close()

    return asyncio.run(run())


def done(request: web.Request, text: str) -> web.StreamResponse:
    return web.json_response({"code": 0})


@pytest.mark.parametrize(
    "name",
    ["a/b", "../../admin", "x?y=1&z#f", "％2e", "%2e%2e", "{secret.key}", '","count":99,"x":"', "空 格"],
)
def test_a_value_stays_where_it_stands_whatever_it_says(name: str) -> None:
    _, device = answered(done, ECHO, {"name": name}, secrets={"key": "s3cret-value"})
    ((method, path, body),) = device.calls
    segments = path.partition("?")[0].split("/")
    assert (method, len(segments), unquote(segments[2])) == ("POST", 4, name)
    assert body == {"name": name, "text": f"a {name} b", "list": [name], "key": "s3cret-value"}
    query = dict(part.split("=") for part in path.partition("?")[2].split("&"))
    assert {key: unquote(value) for key, value in query.items()} == {"q": name, "fixed": "7"}


@pytest.mark.parametrize("name", ["..", ".", "a\r\nHost: evil", "a\x00b", "", "\u2028"])
def test_what_would_leave_its_place_is_refused_before_anything_is_sent(name: str) -> None:
    error, device = answered(done, ECHO, {"name": name}, secrets={"key": "k"})
    assert isinstance(error, InvalidInput)
    assert device.calls == []


def test_the_request_is_shown_as_it_goes_out_with_its_secrets_masked() -> None:
    tool = listing(tool=ECHO)["tool"]
    shown = show(tool, "https://fw.corp.example", {"name": "a/b", "count": 3})
    assert shown.startswith("POST https://fw.corp.example/v1/a%2Fb/rules?q=a%2Fb&n=3&fixed=7 {")
    assert '"key": "***"' in shown
    assert '"count": 3' in shown


READ: dict[str, Any] = {"class": "read", "request": {"path": "/x"}}
WRITE: dict[str, Any] = {
    "class": "write", "request": {"method": "POST", "path": "/x", "json": {}}, "errors": {"-3": "已经有这条规则"},
    "success": {"json": {"code": 0}, "message": "msg"},
}  # fmt: skip


def fixed(body: Any, status: int = 200, kind: str = "application/json", **headers: str) -> Answers:
    def answer(request: web.Request, text: str) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type=kind, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("answer", "tool", "said"),
    [
        (fixed(b'{"code": -3}'), WRITE, "已经有这条规则"),
        (fixed(b'{"code": 5, "msg": "policy full"}'), WRITE, "policy full"),
        (fixed(b'{"code": 5}'), WRITE, "对方报告失败（5）"),
    ],
)
def test_a_refusal_in_the_answers_own_words_is_a_failure(
    answer: Answers, tool: dict[str, Any], said: str
) -> None:
    found, _ = answered(answer, tool, {})
    assert (found.failed, said in found.text) == (True, True)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (fixed(b"{}", 401), BadCredentials),
        (fixed(b"{}", 429), RateLimited),
        (fixed(b"{}", 404), McpRefusal),
        (fixed(b"{}", 502), RemoteError),
        (fixed(b"<html>login</html>", 200, "text/html"), RemoteError),
        (fixed(b"", 200), RemoteError),
        (fixed(b"[" * 100_000, 200), RemoteError),
        (fixed(b"x" * (3 << 20)), RemoteError),
        (fixed(b"", 302, Location="/elsewhere"), RemoteError),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_only_a_refusal_says_not_done(
    answer: Answers, kind: type[Exception]
) -> None:
    error, device = answered(answer, WRITE, {})
    assert type(error) is kind
    assert len(device.calls) == 1


def test_a_query_is_not_led_to_another_host_and_follows_its_own() -> None:
    error, _ = answered(fixed(b"", 302, Location="http://127.0.0.1:9/x"), READ, {})
    assert "跳转到其他地址" in error.message

    def moved(request: web.Request, text: str) -> web.StreamResponse:
        return (
            web.json_response({"ok": 1})
            if request.path == "/y"
            else web.Response(status=302, headers={"Location": "/y"})
        )

    assert answered(moved, READ, {})[0].text == "ok：1"


def test_pages_are_gathered_and_bounded() -> None:
    def numbered(request: web.Request, text: str) -> web.StreamResponse:
        page = int(request.query.get("page", 1))
        return web.json_response({"data": {"items": [{"id": page}] if page < 4 else []}})

    tool = {**READ, "extract": "data.items", "pages": {"query": "page"}}
    found, device = answered(numbered, tool, {})
    assert (found.text.count("id："), len(device.calls)) == (3, 4)
    found, device = answered(numbered, {**tool, "pages": {"query": "page", "most": 2}}, {})
    assert len(device.calls) == 2

    def linked(request: web.Request, text: str) -> web.StreamResponse:
        nxt = "http://169.254.169.254/?offset=50" if "offset" not in request.query else None
        return web.json_response({"results": [{"name": "a"}], "next": nxt})

    tool = {**READ, "extract": "results", "pages": {"query": "offset", "next": "next"}}
    _, device = answered(linked, tool, {})
    assert [path for _, path, _ in device.calls] == ["/x", "/x?offset=50"]


LOGIN = {
    "request": {"method": "POST", "path": "/login", "json": {"name": "api", "password": "{secret.password}"}},
    "success": {"json": {"code": 0}}, "extract": "data.token", "header": "Cookie", "value": "token={token}",
}  # fmt: skip


def test_one_signs_in_first_where_calls_need_a_token_and_a_failed_one_sends_nothing() -> None:
    def gate(request: web.Request, text: str) -> web.StreamResponse:
        if request.path == "/login":
            return web.json_response({"code": 0 if "right" in text else 9, "data": {"token": "t-1"}})
        return web.json_response({"code": 0, "cookie": request.headers.get("Cookie")})

    login = Login.model_validate(LOGIN)
    found, device = answered(gate, WRITE, {}, login=login, secrets={"password": "right"})
    assert "token=t-1" in found.text
    error, device = answered(gate, WRITE, {}, login=login, secrets={"password": "wrong"})
    assert isinstance(error, BadCredentials)
    assert [path for _, path, _ in device.calls] == ["/login"]


def test_calls_of_one_tool_are_bounded_by_its_rate() -> None:
    tool = {**READ, "rate": 1, "request": {"path": "/rate"}}
    assert not isinstance(answered(done, tool, {})[0], BifangError)
    error, device = answered(done, tool, {})
    assert isinstance(error, RateLimited)
    assert device.calls == []


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ({"class": "read", "request": {"method": "POST", "path": "/x"}}, "reads: true"),
        ({"class": "read", "request": {"path": "http://evil/x"}}, "request.path"),
        ({"class": "read", "request": {"path": "//evil/x?y"}}, "request.path"),
        ({"class": "read", "request": {"path": "/{a}"}}, "没有写在 arguments"),
        ({"class": "read", "request": {"path": "/x"}, "arguments": {"a": "ip"}}, "没有用到"),
        ({"class": "read", "request": {"path": "/{a}"}, "arguments": {"a": {"optional": True}}}, "不能省略"),
        ({"class": "read", "request": {"path": "/x"}, "arguments": {"a": "adress"}}, "type 只能是"),
        ({"class": "read", "request": {"path": "/x", "body": 1}}, "不认识的键"),
        ({"class": "write", "request": {"path": "/x"}, "pages": {"query": "p"}}, "pages"),
        ({"class": "read"}, "缺少 request"),
        ({"request": {"path": "/x"}}, "class 和 request"),
        ("read", "request"),
    ],
)
def test_a_definition_that_cannot_be_meant_says_what_is_wrong(tool: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        listing(tool=tool)
