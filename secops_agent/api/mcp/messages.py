"""The wire: one JSON-RPC message in, one out; stateless (2026-07-28), or after a handshake as clients before that.

Every request stands alone, so there are no sessions. Wire facts: modelcontextprotocol.io/specification.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest

from bifang.channels.text.visible import visible
from bifang.core.errors import BifangError

MODERN: Final = "2026-07-28"
HANDSHAKES: Final = ("2025-11-25", "2025-06-18", "2025-03-26")
ABOUT: Final = {"name": "bifang", "title": "毕方", "version": "1"}
PARSE, REQUEST, METHOD, PARAMS, HEADERS, VERSION, REFUSED = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32020,
    -32022,
    -32000,
)
_STATUS: Final = {PARSE: 400, REQUEST: 400, METHOD: 404, PARAMS: 400, HEADERS: 400, VERSION: 400}
_META: Final = "io.modelcontextprotocol/"
_LONGEST_ID: Final = 200
_WRAPPED: Final = ("=?base64?", "?=")


class RpcFault(BifangError):
    """What cannot be answered; ``number`` is the id of the request, as far as it could be read."""

    def __init__(self, code: int, message: str, number: Any = None, data: Any = None) -> None:
        super().__init__(message, permanent=True)
        self.code, self.number, self.data = code, number, data


@dataclass(frozen=True, slots=True)
class RpcRequest:
    """A request, or (``number`` None) a notification. ``modern``: in the stateless form."""

    method: str
    params: Mapping[str, Any]
    number: str | int | None
    modern: bool


def read_request(body: Any, request: HttpRequest) -> RpcRequest:
    """Raises RpcFault."""
    if not isinstance(body, dict):
        raise RpcFault(REQUEST, "请求体应为一个 JSON-RPC 请求对象；不支持批量。")
    number, method, params = body.get("id"), body.get("method"), body.get("params", {})
    known = number if _is_number(number) else None
    if body.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(params, dict):
        raise RpcFault(REQUEST, "不是 JSON-RPC 2.0 请求：需要 jsonrpc、method，params 应为对象。", known)
    if "id" in body and known is None:
        raise RpcFault(REQUEST, f"id 应为整数或不超过 {_LONGEST_ID} 个字符的文本。")
    modern = _is_modern(request, params)
    if modern and known is not None:
        _check_head(request, method, params, known)
    return RpcRequest(method, params, known, modern)


def _is_number(number: Any) -> bool:
    if isinstance(number, str):
        return len(number) <= _LONGEST_ID and number.isprintable()
    return isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**63


def _is_modern(request: HttpRequest, params: Mapping[str, Any]) -> bool:
    """Does either the head or the body speak of another version than those with a handshake?"""
    meta = params.get("_meta")
    in_body = isinstance(meta, dict) and f"{_META}protocolVersion" in meta
    return in_body or request.headers.get("MCP-Protocol-Version", HANDSHAKES[0]) not in HANDSHAKES


def _check_head(request: HttpRequest, method: str, params: Mapping[str, Any], number: str | int) -> None:
    """The head must say what the body does: what stands between reads only the head. Raises RpcFault."""
    told, meta = request.headers.get("MCP-Protocol-Version", ""), params.get("_meta")
    if told not in (MODERN, *HANDSHAKES) and told:
        data = {"supported": [MODERN, *HANDSHAKES], "requested": told[:40]}
        raise RpcFault(VERSION, f"不支持协议版本 {told[:40]}。", number, data)
    if (
        not isinstance(meta, dict)
        or not {f"{_META}protocolVersion", f"{_META}clientCapabilities"} <= meta.keys()
    ):
        said = f"params._meta 需要 {_META}protocolVersion 和 {_META}clientCapabilities。"
        raise RpcFault(PARAMS, said, number)
    pairs = {"MCP-Protocol-Version": meta[f"{_META}protocolVersion"], "Mcp-Method": method}
    if method == "tools/call":
        pairs["Mcp-Name"] = params.get("name")
    for header, value in pairs.items():
        if _header(request, header) != value:
            raise RpcFault(HEADERS, f"请求头 {header} 与请求体不一致。", number)


def _header(request: HttpRequest, name: str) -> str | None:
    """A header's value, unwrapped if it had to be wrapped to be one."""
    value, (start, end) = request.headers.get(name), _WRAPPED
    if value is None or not (value.startswith(start) and value.endswith(end)):
        return value
    try:
        return base64.b64decode(value[len(start) : -len(end)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def success(asked: RpcRequest, result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a request."""
    whole = dict(result)
    if asked.modern:
        whole |= {"resultType": "complete", "_meta": {f"{_META}serverInfo": ABOUT}}
    return {"jsonrpc": "2.0", "id": asked.number, "result": whole}


def failure(code: int, message: str, number: Any = None, data: Any = None) -> dict[str, Any]:
    """An error as it is told."""
    error = {"code": code, "message": visible(message), **({"data": data} if data is not None else {})}
    return {"jsonrpc": "2.0", "id": number, "error": error}


def status_of(code: int, *, modern: bool) -> int:
    """The HTTP status; after a handshake, errors of a request that could be read travel under 200."""
    return _STATUS.get(code, 200) if modern or code in (PARSE, REQUEST) else 200
