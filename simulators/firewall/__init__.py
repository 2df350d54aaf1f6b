"""A small firewall that is an MCP server: to try the kind 「MCP 服务」 with, and for the tests."""

from .server import FirewallServer

__all__ = ["FirewallServer"]
