"""JSON-RPC: one answer to one request, whatever else a server may send."""

import json
from collections.abc import Mapping
from typing import Any, Final

from bifang.channels.text.markup import literal
from bifang.core.errors import BadCredentials, RateLimited, RemoteError
from bifang.core.outbound.streaming import StreamedResponse
from bifang.core.secrets.redaction import redact

MODERN: Final = "2026-07-28"  # no handshake: every request says what it is
HANDSHAKES: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
LARGEST: Final = 2 * 1024 * 1024  # bytes of one answer
MOST_EVENTS: Final = 500  # messages beside the answer: progress, logs
_SHOWN: Final = 300
_META: Final = "io.modelcontextprotocol"
_CLIENT: Final = {"name": "bifang", "version": "1"}


class McpRefusal(RemoteError):
    """The server answered, and did not do it: an error of JSON-RPC, or of HTTP without one."""


def request_of(number: int, method: str, params: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    """The message."""
    meta = {
        f"{_META}/protocolVersion": MODERN,
        f"{_META}/clientCapabilities": {},
        f"{_META}/clientInfo": _CLIENT,
    }
    whole = {**params, "_meta": meta} if protocol == MODERN else dict(params)
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": whole}


def greeting() -> dict[str, Any]:
    """The parameters of ``initialize``."""
    return {"protocolVersion": HANDSHAKES[0], "capabilities": {}, "clientInfo": _CLIENT}


async def read_answer(answer: StreamedResponse, number: int, name: str) -> Mapping[str, Any]:
    """The result of request ``number``. McpRefusal, BadCredentials, RateLimited; RemoteError for no answer at all."""
    _check_status(answer, name)
    message = await (_among_events(answer, number) if answer.is_events else _whole(answer, number))
    if message is None:
        if answer.status >= 400:
            raise McpRefusal(
                f"MCP 服务「{name}」返回 HTTP {answer.status}：请检查地址和对方的日志。", permanent=False,
                status=answer.status, code="http",
            )  # fmt: skip
        raise RemoteError(
            f"MCP 服务「{name}」的应答不是 MCP 的格式：请检查地址是否正确（通常以 /mcp 结尾）。", permanent=False,
            status=answer.status, code="bad_answer",
        )  # fmt: skip
    return result_of(message, name, answer.status)


def result_of(message: Mapping[str, Any], name: str, status: int = 0) -> Mapping[str, Any]:
    """The result that an answer holds. Raises McpRefusal."""
    if "error" in message:
        raise _refusal(message["error"], status, name)
    result: Mapping[str, Any] = message["result"]
    if result.get("resultType", "complete") != "complete":
        raise McpRefusal(
            f"MCP 服务「{name}」要求补充输入，毕方不支持。", permanent=True, status=status, code="input"
        )
    return result


def _check_status(answer: StreamedResponse, name: str) -> None:
    if answer.status in (401, 403):
        raise BadCredentials(
            f"MCP 服务「{name}」不接受我们的凭证（HTTP {answer.status}）：请检查请求头（headers）里的令牌。",
            status=answer.status,
        )
    if answer.status == 429:
        raise RateLimited(f"MCP 服务「{name}」要求稍后再试（HTTP 429）。", retry_after=30.0)


async def _whole(answer: StreamedResponse, number: int) -> dict[str, Any] | None:
    body = await answer.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise too_large()
    return reply_in(body, number)


async def _among_events(answer: StreamedResponse, number: int) -> dict[str, Any] | None:
    size = count = 0
    async for data in answer.events():
        size, count = size + len(data), count + 1
        if size > LARGEST or count > MOST_EVENTS:
            raise too_large()
        if (message := reply_in(data, number)) is not None:
            return message
    return None


def reply_in(text: str | bytes, number: int) -> dict[str, Any] | None:
    """The message if it is the answer to this request; what else the server sends asks nothing of us."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0" or "method" in found:
        return None
    said = isinstance(found.get("error"), dict) or isinstance(found.get("result"), dict)
    own = type(found.get("id")) is int and found["id"] == number
    nobodys = found.get("id", 0) is None and "error" in found  # refused before it was read
    return found if said and (own or nobodys) else None


def _refusal(error: Mapping[str, Any], status: int, name: str) -> McpRefusal:
    told = literal(redact(str(error.get("message") or "")))[:_SHOWN]
    code = error.get("code")
    return McpRefusal(
        f"MCP 服务「{name}」拒绝了请求：{told or '没有说明原因'}（{code if isinstance(code, int) else '?'}）。",
        permanent=True, status=status, code=str(code)[:20],
    )  # fmt: skip


def too_large() -> RemoteError:
    """To be raised."""
    return RemoteError(
        f"MCP 服务的应答超过 {LARGEST // 1024} KB，已放弃接收。", permanent=True, code="too_large"
    )
