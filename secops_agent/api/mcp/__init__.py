"""Bifang as an MCP server: its tools for other agents, over streamable HTTP, by API token."""
