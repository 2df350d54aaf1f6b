"""Speaks to /mcp/ as programs do, in either form."""

import itertools
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from secops_agent.models import Staff
from tests.secops.api.callers import with_token

URL = "/mcp/"
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
_numbers = itertools.count(1)


def token_of(staff_id: str, *scopes: str) -> Client:
    """A program with a token of one of the `company`'s people, or of a login with that name who is none of them."""
    user, _ = User.objects.get_or_create(username=staff_id)
    Staff.objects.filter(staff_id=staff_id, user=None).update(user=user)
    return with_token(*(scopes or ("read", "write")), owner_id=user.pk)


def send(client: Client, method: str, params: Any = None, headers: Any = None, **more: Any) -> Any:
    """The response to a request after a handshake."""
    body = {"jsonrpc": "2.0", "id": next(_numbers), "method": method, "params": params or {}} | more
    return client.post(
        URL, body, "application/json", headers=headers or {"MCP-Protocol-Version": "2025-11-25"}
    )


def send_modern(client: Client, method: str, params: Any = None, headers: Any = None, **more: Any) -> Any:
    """The response to a stateless request; ``headers`` go over the right ones."""
    given = params or {}
    right = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    right |= {"Mcp-Name": given["name"]} if "name" in given else {}
    return send(client, method, {**given, "_meta": META}, {**right, **(headers or {})}, **more)


def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """The result of a tool."""
    answer = send_modern(client, "tools/call", {"name": name, "arguments": arguments}).json()
    assert "result" in answer, answer
    result: dict[str, Any] = answer["result"]
    return result


def text_of(result: dict[str, Any]) -> str:
    """What it says."""
    (content,) = result["content"]
    return str(content["text"])


def tools_of(client: Client) -> dict[str, dict[str, Any]]:
    """Name → tool, as listed."""
    return {tool["name"]: tool for tool in send(client, "tools/list").json()["result"]["tools"]}
