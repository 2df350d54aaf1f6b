"""An answer that is read while it comes: its status and headers, its lines, the data of its server-sent events."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp

from bifang.core.errors import RemoteError

LONGEST_LINE: Final = 4 * 1024 * 1024  # bytes
LONGEST_STREAM: Final = 32 * 1024 * 1024  # of everything: a token is some 250 bytes
LONGEST_ERROR: Final = 64 * 1024


class StreamedResponse:
    """Valid inside `HttpClient.stream` only."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers

    @property
    def is_events(self) -> bool:
        """Are these server-sent events?"""
        return self._answer.content_type == "text/event-stream"

    async def read(self, longest: int = LONGEST_ERROR) -> bytes:
        """The body, as far as ``longest`` bytes."""
        body = b""
        async for part in self._answer.content.iter_any():
            body += part
            if len(body) >= longest:
                break
        return body[:longest]

    async def events(self) -> AsyncIterator[str]:
        """The data of each event. Comments, which keep the connection alive, and other fields are passed over."""
        data: list[str] = []
        async for line in self._lines():
            if line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and data:
                yield "\n".join(data)
                data = []
        if data:
            yield "\n".join(data)

    async def _lines(self) -> AsyncIterator[str]:
        rest, size = b"", 0
        async for part in self._answer.content.iter_any():
            size += len(part)
            if size > LONGEST_STREAM:
                raise RemoteError("对方的回答没有尽头，已放弃接收。", permanent=False, code="too_large")
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r").decode("utf-8", "replace")
            if len(rest) > LONGEST_LINE:
                raise RemoteError("对方返回的一行太长，已放弃接收。", permanent=False, code="too_large")
        if rest:
            yield rest.decode("utf-8", "replace")
