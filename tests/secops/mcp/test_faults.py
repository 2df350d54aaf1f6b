"""Carrying out when the other side fails: nothing is called twice, and what cannot be known is called unknown."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from bifang.core.database import db
from secops_agent.models import Action
from secops_agent.services.mcp.orders import CALL, order_of
from tests.secops.decisions_aid import company, decide, propose
from tests.secops.mcp.aid import carry_out, look, save
from tests.secops.mcp.hostile import TOOL, HostileServer, reply

pytestmark = pytest.mark.django_db


def carried_out(listed: Any = "dangerous", change: Any = None, **on: Any) -> tuple[Action, HostileServer]:
    """An approved call of get_rules on a server that answers like this."""
    server = HostileServer()

    async def run() -> None:
        async with server.serving() as url:
            config = await db.call(save, url, {"get_rules": listed}, timeout_s=1)
            await look(config)
            stored = (await db.call(order_of, config.pk, "get_rules", {})).stored()
            await db.call(approve, stored)
            server.on.update({name.replace("__", "/"): answer for name, answer in on.items()})
            if change:
                await db.call(change, config)
            await carry_out()
            await carry_out()

    asyncio.run(run())
    return Action.objects.get(), server


def approve(stored: Any) -> None:
    robot = company()
    code = propose(robot, "zhao", CALL, "dangerous", stored)
    assert decide(robot, code, "approve", "wang").status == "decided"


async def silence(request: web.Request, message: Any) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def cut(request: web.Request, message: Any) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    assert request.transport is not None
    request.transport.close()
    return answer


def fault(code: int, status: int = 200) -> Any:
    def answer(request: web.Request, message: Any) -> web.Response:
        error = {"code": code, "message": "不行"}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error}, status=status)

    return answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (silence, "unknown"),
        (cut, "unknown"),
        (lambda r, m: web.Response(status=502, text="bad gateway"), "unknown"),
        (lambda r, m: web.Response(text="<html>", content_type="text/html"), "unknown"),
        (lambda r, m: web.Response(status=302, headers={"Location": "http://10.0.0.1/"}), "unknown"),
        (fault(-32603), "unknown"),
        (fault(-32602), "failed"),
        (lambda r, m: web.Response(status=401), "failed"),
        (
            lambda r, m: reply(m, {"content": [{"type": "text", "text": "规则已满"}], "isError": True}),
            "failed",
        ),
        (lambda r, m: reply(m, {"content": []}), "done"),
    ],
)
def test_what_came_back_decides_and_it_is_called_once(answer: Any, state: str) -> None:
    action, server = carried_out(tools__call=answer)
    assert action.state == state
    assert server.asked.count("tools/call") == 1
    assert ("不会自动重试" in action.result) == (state == "unknown")


def test_an_unlisted_a_changed_or_a_switched_off_service_is_not_called() -> None:
    def unlist(config: Any) -> None:
        save(config.params["url"], {})

    action, server = carried_out(change=unlist)
    assert (action.state, server.asked.count("tools/call")) == ("failed", 0)
    assert "没有执行" in action.result


def test_a_server_that_lists_another_tool_at_the_last_moment_is_not_called() -> None:
    changed = {**TOOL, "inputSchema": {"type": "object", "properties": {"all": {"type": "boolean"}}}}
    action, server = carried_out(tools__list=lambda r, m: reply(m, {"tools": [changed]}))
    assert (action.state, server.asked.count("tools/call")) == ("failed", 0)
    assert "刚刚改了工具" in action.result


@pytest.mark.slow
def test_what_cannot_be_looked_at_afterwards_is_done_and_says_so() -> None:
    listed = {"class": "dangerous", "verify": "look"}
    tools = [TOOL, {**TOOL, "name": "look"}]
    server = HostileServer()
    server.tools = tools

    def answer(request: web.Request, message: Any) -> Any:
        first = message["params"]["name"] == "get_rules"
        return (
            reply(message, {"content": [{"type": "text", "text": "好了"}]})
            if first
            else silence(request, message)
        )

    async def run() -> None:
        server.on["tools/call"] = answer
        async with server.serving() as url:
            config = await db.call(save, url, {"get_rules": listed, "look": "read"}, timeout_s=1)
            await look(config)
            await db.call(approve, (await db.call(order_of, config.pk, "get_rules", {})).stored())
            await carry_out()

    asyncio.run(run())
    action = Action.objects.get()
    assert action.state == "done"
    assert action.result.startswith("好了\n\n核实（look）没有成功：")
