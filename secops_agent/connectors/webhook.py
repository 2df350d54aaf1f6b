"""A signed HTTP call to the company's own system that blocks, isolates, or opens a ticket.

POST, JSON. ``X-Bifang-Timestamp`` is the epoch in seconds, ``X-Bifang-Signature`` is ``sha256=`` and the hex
HMAC-SHA256, with the shared secret, of the timestamp, a dot and the exact body; ``Idempotency-Key`` is the
action's own. A 2xx answer means done; its JSON may carry ``message`` (shown to people) and ``undo_url``.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from bifang.channels.text.markup import literal
from bifang.core.errors import BifangError, RemoteError
from bifang.core.outbound.http import HttpClient, Response
from bifang.core.secrets.redaction import redact
from secops_agent.services.decisions.actions import ActionResult, Order

MAX_ANSWER: Final = 64 * 1024  # bytes
SHOWN: Final = 500  # characters of an answer
NOT_SENT: Final = frozenset({"connect", "dns", "tls", "proxy"})  # the request never reached the other side
_CHECK: Final = "请到目标系统核实是否已经执行；系统不会自动重试。"


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """One configured connector; an empty ``tools`` means all."""

    id: int
    name: str
    url: str
    secret: str = field(repr=False)
    tools: frozenset[str] = frozenset()
    timeout_s: float = 15.0
    proxy: str = field(default="", repr=False)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of ``X-Bifang-Signature``."""
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


class Webhook:
    """One configured connector, over a shared HTTP client."""

    def __init__(self, settings: WebhookSettings, http: HttpClient) -> None:
        self.name = settings.name
        self.config_id: int | None = settings.id
        self._settings, self._http = settings, http

    async def run(self, order: Order) -> ActionResult:
        """Call it; what cannot be known is said to be unknown."""
        url = order.undo_url or self._settings.url
        if not _same_place(url, self._settings.url):
            return ActionResult("failed", "没有执行：撤销地址与连接器不在同一主机，已拒绝调用。")
        try:
            answer = await self._call(url, _wanted(order), order.key)
        except RemoteError as error:
            return _no_answer(error)
        except BifangError as error:
            return ActionResult("failed", f"没有执行：{error.message}")
        return self._understand(answer)

    async def _call(self, url: str, wanted: Mapping[str, Any], key: str) -> Response:
        # The same form as HttpClient sends, because the signature is over the exact bytes.
        body = json.dumps(wanted, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        timestamp = str(int(time.time()))
        headers = {
            "X-Bifang-Timestamp": timestamp,
            "X-Bifang-Signature": signature(self._settings.secret, timestamp, body),
            "Idempotency-Key": key,
        }
        return await self._http.request(
            "POST", url, json=wanted, headers=headers, timeout=self._settings.timeout_s,
            proxy=self._settings.proxy, max_bytes=MAX_ANSWER,
        )  # fmt: skip

    def _understand(self, answer: Response) -> ActionResult:
        told = _read(answer)
        shown = literal(redact(str(told.get("message") or "")))[:SHOWN]
        kept = {"status": answer.status, "message": shown}
        if 200 <= answer.status < 300:
            return ActionResult("done", shown or "对方已接受并执行。", kept, self._undo_url(told))
        if 400 <= answer.status < 500:
            return ActionResult("failed", f"没有执行：对方拒绝（HTTP {answer.status}）。{shown}", kept)
        return ActionResult(
            "unknown", f"对方返回 HTTP {answer.status}，不能确定是否已经执行。{shown}{_CHECK}", kept
        )

    def _undo_url(self, told: Mapping[str, Any]) -> str:
        url = told.get("undo_url")
        return (
            url if isinstance(url, str) and len(url) < 2000 and _same_place(url, self._settings.url) else ""
        )


def _wanted(order: Order) -> dict[str, Any]:
    return {
        "id": order.key,
        "action": order.action_id,
        "tool": order.tool,
        "title": order.title,
        "undo": bool(order.undo_url),
        "arguments": dict(order.arguments),
        "summary": order.summary,
        "asked_by": order.asker,
        "approved_by": order.approver,
        "approved_at": order.approved_at.isoformat(),
    }


def _read(answer: Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except RemoteError:
        told = None
    if isinstance(told, dict):
        return told
    return {"message": answer.body[: SHOWN * 4].decode("utf-8", "replace").replace("\x00", "")}


def _no_answer(error: RemoteError) -> ActionResult:
    if error.code in NOT_SENT:
        return ActionResult("failed", f"没有执行：{error.message}", {"code": error.code})
    return ActionResult(
        "unknown", f"请求可能已经送达，但没有得到应答：{error.message}{_CHECK}", {"code": error.code}
    )


def _same_place(one: str, other: str) -> bool:
    """Same scheme, host and port."""
    try:
        return urlsplit(one)[:2] == urlsplit(other)[:2]
    except ValueError:
        return False
