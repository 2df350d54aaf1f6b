"""Requests: how one is read, and what is answered to one that cannot be read."""

import copy
import json
from typing import Any, Final

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from bifang.core.requests.bodies import FREE

LARGEST_HEAD: Final = 32 * 1024


class IncomingRequest(HTTPRequestParser):
    """A request as it arrives. Stricter than waitress where a proxy in front might read the same bytes otherwise."""

    adj: Any
    admitted = False

    def admit(self, most: int) -> None:
        """The body may come, up to so many bytes."""
        self.adj = copy.copy(self.adj)
        self.adj.max_request_body_size = most + 1
        self.admitted = True

    def parse_header(self, header_plus: bytes) -> None:
        """Raises ParsingError."""
        super().parse_header(header_plus)
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("HTTP version not supported")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length beside Transfer-Encoding")
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding in HTTP/1.0")

    @property
    def must_ask(self) -> bool:
        """Is the body larger than what anybody may send?"""
        announced = max(self.content_length, self.body_bytes_received)
        return self.headers_finished and not self.admitted and not self.completed and announced > FREE


class RequestTask(WSGITask):
    """One request for the application."""

    def get_environment(self) -> dict[str, Any]:
        """A proxy on this machine may say that it was called over HTTPS; no other."""
        told: dict[str, Any] = super().get_environment()
        if is_here(told["REMOTE_ADDR"]) and told.get("HTTP_X_FORWARDED_PROTO") == "https":
            told["wsgi.url_scheme"] = "https"
        return told


def is_here(address: str) -> bool:
    """Is the other end on this machine?"""
    return address in ("127.0.0.1", "::1", "")


class HttpRefusal(ErrorTask):
    """An answer to what cannot be read, in Chinese, in the shape of the API's errors."""

    def execute(self) -> None:
        """Send it."""
        error = self.request.error
        if not isinstance(error, RelayedAnswer):
            code, message = _FAULTS.get(error.code, _FAULTS[400])
            said = json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
            headers = [("Content-Type", "application/json")]
            self.request.error = RelayedAnswer(f"{error.code} {error.reason}", headers, said.encode())
        super().execute()


_FAULTS: Final = {
    400: ("bad_request", "请求不是合法的 HTTP，没有处理：请检查发送方，或它前面的代理。"),
    413: ("too_large", "请求体太大，没有处理：请拆分后再发。"),
    431: ("head_too_large", f"请求头超过 {LARGEST_HEAD >> 10} KiB，没有处理：请清除浏览器里本站的 Cookie，或缩短请求头。"),
    501: ("unsupported", "不支持这种 Transfer-Encoding：请改用 chunked，或写明 Content-Length。"),
    500: ("internal", "服务器出错了，原因见 logs/bifang.log。"),
}  # fmt: skip


class RelayedAnswer(Error):
    """What the application answered to a head, in place of the answer to the whole request."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        super().__init__("")
        self.answer = (
            status,
            [(name, value) for name, value in headers if name.lower() != "content-length"],
            body,
        )

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers, body."""
        return self.answer
