"""Errors of the log, sent to a server that takes Sentry's envelopes, if ``BIFANG_SENTRY_DSN`` is set: redacted, and bounded.

What goes is what the log has: text without secrets, the kind of the exception and where it was raised; no values of variables.
"""

import asyncio
import json
import logging
import os
import queue
import re
import secrets
import socket
import threading
import traceback
from collections.abc import Mapping
from typing import Any, Final

from bifang.core.errors import BifangError, ConfigError
from bifang.core.extensions import VERSION
from bifang.core.monitoring.logs import Storms, ids
from bifang.core.outbound.http import HttpClient
from bifang.core.secrets.redaction import redact, remember_secret

log = logging.getLogger(__name__)
_DSN: Final = re.compile(r"(https?)://([^:@/]+)(?::([^@/]*))?@([^/@]+)(/.*)?/(\d+)")
_MOST_WAITING: Final = 100
_TIMEOUT_S: Final = 10.0


class ErrorReports(logging.Handler):
    """Reports records from ERROR on, in a thread of its own; of one kind as many a minute as the log writes."""

    def __init__(self, dsn: str) -> None:
        """Raises ConfigError for what is no DSN."""
        super().__init__(logging.ERROR)
        found = _DSN.fullmatch(dsn)
        if found is None:
            raise ConfigError(
                "BIFANG_SENTRY_DSN 不是一个 DSN；它的样子是 https://公钥@sentry.corp.example/项目编号。"
            )
        scheme, public, secret, host, path, project = found.groups()
        remember_secret(*filter(None, (public, secret)))
        self._url = f"{scheme}://{host}{path or ''}/api/{project}/envelope/"
        self._sign = f"Sentry sentry_version=7, sentry_client=bifang/{VERSION}, sentry_key={public}"
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._waiting: queue.Queue[bytes] = queue.Queue(_MOST_WAITING)
        self._storms = Storms()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """What there is no room for is in the log."""
        try:
            own = record.name == __name__
            copied = logging.makeLogRecord(record.__dict__)  # the log decides by itself what it takes off
            if own or not self._storms.admit(copied):
                return
            self._waiting.put_nowait(envelope(record))
        except queue.Full:
            return
        except Exception:
            self.handleError(record)
            return
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="error-reports", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            body = self._waiting.get()
            try:
                asyncio.run(self._send(body))
            except BifangError as error:
                log.warning("错误报告发不到 BIFANG_SENTRY_DSN：%s", error.message)

    async def _send(self, body: bytes) -> None:
        client = HttpClient()
        headers = {"X-Sentry-Auth": self._sign, "Content-Type": "application/x-sentry-envelope"}
        try:
            answer = await client.request("POST", self._url, form=body, headers=headers, timeout=_TIMEOUT_S)
            if answer.status >= 300:
                log.warning("错误报告被拒绝：HTTP %d", answer.status)
        finally:
            await client.close()


def envelope(record: logging.LogRecord) -> bytes:
    """One event, as https://develop.sentry.dev/sdk/data-model/envelopes/ has it."""
    event = json.dumps(_event(record), ensure_ascii=False).encode()
    head = json.dumps({"event_id": secrets.token_hex(16)}).encode()
    item = json.dumps({"type": "event", "length": len(event)}).encode()
    return b"\n".join((head, item, event, b""))


def _event(record: logging.LogRecord) -> dict[str, Any]:
    known: Mapping[str, object] = ids.get()
    event: dict[str, Any] = {
        "timestamp": record.created, "platform": "python", "level": record.levelname.lower(), "logger": record.name,
        "release": f"bifang@{VERSION}", "server_name": socket.gethostname(),
        "logentry": {"formatted": redact(record.getMessage())},
        "tags": {name: redact(str(value)) for name, value in known.items()},
    }  # fmt: skip
    if record.exc_info and record.exc_info[1] is not None:
        event["exception"] = {"values": [_exception(record.exc_info[1])]}
    return event


def _exception(error: BaseException) -> dict[str, Any]:
    frames = [
        {"filename": each.filename, "function": each.name, "lineno": each.lineno}
        for each in traceback.extract_tb(error.__traceback__)
    ]
    return {"type": type(error).__name__, "value": redact(str(error)), "stacktrace": {"frames": frames}}
