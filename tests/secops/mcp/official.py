"""A server of the official SDK over stdio, as vendors write theirs."""

from mcp.server import MCPServer

server = MCPServer("official")


@server.tool()
def add(one: int, other: int) -> int:
    """Adds."""
    return one + other


server.run("stdio")
