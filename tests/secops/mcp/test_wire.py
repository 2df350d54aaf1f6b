"""The firewall is a real MCP server, as the official client finds; and our client visits it in every form."""

import logging

import pytest
from mcp import Client

from bifang.core.errors import BadCredentials
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.content import read_result
from secops_agent.connectors.mcp.session import McpSession
from secops_agent.connectors.mcp.wire import HANDSHAKES, MODERN
from simulators.firewall import FirewallServer

for name in ("httpx2", "mcp"):
    logging.getLogger(name).setLevel(logging.WARNING)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_uses_the_firewall(mode: str) -> None:
    async with FirewallServer() as server, Client(server.url, mode=mode) as client:
        listed = await client.list_tools()
        blocked = await client.call_tool("block_address", {"address": "203.0.113.5", "minutes": 60})
        found = await client.call_tool("get_rules", {})
        assert client.protocol_version == (MODERN if mode == "auto" else HANDSHAKES[0])
    assert [tool.name for tool in listed.tools] == ["get_rules", "block_address", "unblock_address"]
    assert not blocked.is_error
    assert found.structured_content["rules"][0]["address"] == "203.0.113.5"


@pytest.mark.parametrize(("modern", "hint"), [(True, ""), (True, MODERN), (True, HANDSHAKES[0]), (False, "")])
async def test_our_client_finds_out_which_form_a_server_speaks(modern: bool, hint: str) -> None:
    async with FirewallServer(modern=modern) as server, HttpClient() as http:
        settings = McpSettings(1, "墙", server.url)
        async with McpSession(settings, http, hint) as session:
            tools = await session.list_tools()
            result = await session.call("block_address", {"address": "203.0.113.5"})
            rules = await session.call("get_rules", {})
        assert server._sessions == set()
    assert session.protocol == (MODERN if modern and hint != HANDSHAKES[0] else HANDSHAKES[0])
    assert [tool["name"] for tool in tools] == ["get_rules", "block_address", "unblock_address"]
    assert read_result(result).text == "已封禁 203.0.113.5，60 分钟"
    assert "- address：203.0.113.5，minutes：60，direction：both" in read_result(rules).text


async def test_a_token_is_sent_and_a_wrong_one_is_told() -> None:
    async with FirewallServer(token="right") as server, HttpClient() as http:
        good = McpSettings(1, "墙", server.url, {"Authorization": "Bearer right"})
        async with McpSession(good, http) as session:
            assert await session.list_tools()
        with pytest.raises(BadCredentials, match="请求头"):
            await McpSession(McpSettings(1, "墙", server.url), http).__aenter__()
