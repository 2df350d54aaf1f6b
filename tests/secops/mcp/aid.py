"""A company with a firewall behind MCP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.runner import ActionRunner
from secops_agent.connectors.tool_checks import check
from secops_agent.services.mcp.catalogue import known_tools
from simulators.firewall import FirewallServer
from tests.secops.decisions_aid import company, new_agent, say

FIREWALL = "边界防火墙"
TOOLS: dict[str, Any] = {
    "get_rules": "read",
    "block_address": {"class": "dangerous", "verify": "get_rules", "undo": "unblock_address"},
    "unblock_address": {"class": "write", "verify": "get_rules"},
}


def save(url: str, tools: dict[str, Any] | None = None, **more: Any) -> SystemConfig:
    """The configuration of the server."""
    given = {"url": url, "tools": TOOLS if tools is None else tools, "timeout_s": 2, **more}
    current = SystemConfig.objects.filter(kind="mcp", name=FIREWALL).first()
    return configs.save("mcp", FIREWALL, True, given, config=current)[0]


async def look(config: SystemConfig) -> None:
    """One check, as the watcher and the page do it."""
    await check(await db.call(configs.load, config))


def states(config: SystemConfig) -> dict[str, str]:
    """Tool → state."""
    return {tool.name: tool.state for tool in known_tools(config)}


async def carry_out() -> None:
    """What was decided, done."""
    async with HttpClient() as http:
        await ActionRunner("me", http=http).step()


class Estate:
    """A company, its robot and its firewall, for a test that talks."""

    def __init__(self, server: FirewallServer, robot: SystemConfig, config: SystemConfig) -> None:
        self.server, self.robot, self.config = server, robot, config
        self.agent = new_agent()

    async def says(self, who: str, text: str, **more: Any) -> str:
        """The first reply."""
        return (await say(self.agent, self.robot, who, text, **more)).replies[0].text


def with_firewall(
    act: Callable[[Estate], Awaitable[None]], tools: dict[str, Any] | None = None, **more: Any
) -> None:
    """Run with a firewall that has been looked at; ``more`` of its configuration."""

    async def run() -> None:
        async with FirewallServer() as server:
            robot = await db.call(company)
            config = await db.call(save, server.url, tools, **more)
            await look(config)
            estate = Estate(server, robot, config)
            try:
                await act(estate)
            finally:
                await estate.agent.close()

    asyncio.run(run())
