"""What the firewall answers to a message, whichever way it came."""

import json
from collections.abc import Mapping
from typing import Any, Final

from .rules import Firewall

MODERN: Final = "2026-07-28"
HANDSHAKES: Final = ("2025-11-25", "2025-06-18", "2025-03-26")
ABOUT: Final = {"name": "firewall-simulator", "version": "1.0"}
PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602


class Fault(Exception):
    """An error of JSON-RPC with the HTTP status it travels under."""

    def __init__(self, code: int, text: str, status: int = 400, data: Any = None) -> None:
        super().__init__(text)
        self.code, self.text, self.status, self.data = code, text, status, data


def read(body: bytes) -> dict[str, Any]:
    """A message. Raises Fault."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise Fault(PARSE, "not JSON") from None
    if (
        not isinstance(message, dict)
        or message.get("jsonrpc") != "2.0"
        or not isinstance(message.get("params") or {}, dict)
    ):
        raise Fault(REQUEST, "not a JSON-RPC request")
    return message


def greet(message: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to ``initialize``."""
    wanted = params.get("protocolVersion")
    return answered(message, {
        "protocolVersion": wanted if wanted in HANDSHAKES else HANDSHAKES[0], "capabilities": {"tools": {}},
        "serverInfo": ABOUT,
    })  # fmt: skip


def answered(message: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """The whole answer."""
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def refused(message: Any, fault: Fault) -> dict[str, Any]:
    """The answer that is an error."""
    error = {"code": fault.code, "message": fault.text, **({"data": fault.data} if fault.data else {})}
    return {"jsonrpc": "2.0", "id": message.get("id") if isinstance(message, dict) else None, "error": error}


def result_of(
    firewall: Firewall, tools: list[dict[str, Any]], method: str, params: Mapping[str, Any], *, modern: bool
) -> dict[str, Any]:
    """Raises Fault."""
    kept = {"ttlMs": 0, "cacheScope": "private"} if modern else {}
    match method:
        case "server/discover" if modern:
            return {"supportedVersions": [MODERN, *HANDSHAKES], "capabilities": {"tools": {}}, **kept}
        case "ping":
            return {}
        case "tools/list":
            return {"tools": tools, **kept}
        case "tools/call":
            return _call(firewall, params)
    raise Fault(METHOD, f"unknown method {method[:60]}", status=404 if modern else 200)


def _call(firewall: Firewall, params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return firewall.call(str(params.get("name")), params.get("arguments") or {})
    except (KeyError, ValueError, TypeError) as error:
        raise Fault(PARAMS, f"wrong tool or arguments: {str(error)[:100]}", status=200) from None
