"""The client of Feishu's long connection. lark-oapi's cannot be used: its handlers block, and it pins other versions."""

import asyncio
import json
import logging
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from websockets.asyncio.client import ClientConnection

from bifang.channels.streams.client import LongConnection, Pause, wait_unless_nudged
from bifang.channels.streams.connection import Connection
from bifang.channels.streams.sockets import open_socket
from bifang.channels.streams.state import Observe
from feishu_integration.stream import endpoint
from feishu_integration.stream.endpoint import Opening, ping_interval
from feishu_integration.stream.frames import CONTROL, DATA, BadFrame, WireFrame, decode, encode, ping
from feishu_integration.stream.settings import FeishuLinkSettings

# One open WebSocket of Feishu's: the platform's own ping and pong instead of WebSocket's.


class FeishuConnection(Connection):
    """Half-open sockets are noticed by the pong that does not come: no frame says goodbye here."""

    def __init__(
        self, socket: ClientConnection, settings: FeishuLinkSettings, opening: Opening, is_blocked: Callable[[], bool],
        answered: Callable[[float], None],
    ) -> None:  # fmt: skip
        super().__init__(socket, settings, is_blocked, answered)
        self.ping_interval_s = opening.ping_interval_s
        self._ping = ping(opening.service)
        self._pong, self._retimed = asyncio.Event(), asyncio.Event()
        self._gone = False

    def saw_pong(self, payload: bytes) -> None:
        """It may carry a new ClientConfig."""
        self._pong.set()
        try:
            config = json.loads(payload) if payload else None
        except (ValueError, RecursionError):
            config = None
        if isinstance(config, dict):
            before, self.ping_interval_s = self.ping_interval_s, ping_interval(config, self.ping_interval_s)
            if before != self.ping_interval_s:
                self._retimed.set()

    def _end(self) -> None:
        self._gone = True
        self._pong.set()
        super()._end()

    async def _is_alive(self) -> bool:
        """A new interval holds at once: the old one may be minutes long."""
        waiting = True
        while waiting:
            self._retimed.clear()
            try:
                async with asyncio.timeout(self.ping_interval_s):
                    await self._retimed.wait()
            except TimeoutError:
                waiting = False
        return await self._answers()

    async def _answers(self) -> bool:
        sent = time.monotonic()
        self._pong.clear()
        try:
            async with asyncio.timeout(self._settings.pong_timeout_s):
                await self._socket.send(self._ping)
                await self._pong.wait()
        except TimeoutError:
            return self._is_blocked() or self._read_at >= sent
        if self._gone:
            await self._socket.send(self._ping)  # raises what `_keep` and `prove` know how to take
        self._answered(time.monotonic() - sent)
        return True


# Payloads that come in several frames (facts: ``sum``, ``seq``): the bytes of a message, put together again.

PATIENCE_S: Final = 5.0
MOST_PARTS, MOST_OPEN, MOST_BYTES = 1000, 200, 8 * 1024 * 1024
MOST_HELD: Final = 4 * MOST_BYTES  # bytes of all that wait for their rest


@dataclass(slots=True)
class _Pieces:
    total: int
    begun: float
    found: dict[int, bytes] = field(default_factory=dict)
    size: int = 0  # bytes so far


class Splits:
    """What has not come whole within 5 s is dropped: it was not acknowledged, and comes again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Pieces] = {}

    def add(self, frame: WireFrame) -> bytes | None:
        """The whole payload, with the frame that completes it; None until then, and for a part that cannot be."""
        total, place = _number(frame.header("sum"), 1), _number(frame.header("seq"), 0)
        payload = frame.payload or b""
        if total <= 1:
            return payload
        if not 0 <= place < total <= MOST_PARTS:
            return None
        pieces = self._pieces(frame.header("message_id"), total)
        pieces.size += len(payload) - len(pieces.found.get(place, b""))
        pieces.found[place] = payload
        if pieces.size > MOST_BYTES:
            del self._open[frame.header("message_id")]
            return None
        if len(pieces.found) < pieces.total:
            self._make_room()
            return None
        del self._open[frame.header("message_id")]
        return b"".join(pieces.found[place] for place in range(pieces.total))

    def _pieces(self, ident: str, total: int) -> _Pieces:
        now = self._clock()
        for late in [key for key, one in self._open.items() if now - one.begun > PATIENCE_S]:
            del self._open[late]
        if ident in self._open and self._open[ident].total != total:
            del self._open[ident]
        while len(self._open) >= MOST_OPEN and ident not in self._open:
            del self._open[next(iter(self._open))]
        return self._open.setdefault(ident, _Pieces(total, now))

    def _make_room(self) -> None:
        """The oldest give way."""
        held = sum(one.size for one in self._open.values())
        while held > MOST_HELD:
            held -= self._open.pop(next(iter(self._open))).size


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


@dataclass(frozen=True, slots=True)
class Pushed:
    """One event, whole: its payload as it came. ``ident`` is the frame's, another one at each delivery."""

    ident: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """It is on the disk, and may be acknowledged. ``answer`` is what a callback waits for; None for an event."""

    answer: Mapping[str, Any] | None = None


# None: it could not be stored, and is not acknowledged.
ReceivePushed = Callable[[Pushed], Awaitable[Stored | None]]


class FeishuClient(LongConnection):
    """One application's long connection. ``receive`` is called in the client's own loop, frames side by side."""

    peer: ClassVar[str] = "飞书长连接"

    def __init__(
        self,
        settings: FeishuLinkSettings,
        receive: ReceivePushed,
        observe: Observe = lambda state: None,
        *,
        wall_clock: Callable[[], float] = time.time,
        pause: Pause = wait_unless_nudged,
    ) -> None:
        super().__init__(settings, observe, label="feishu", wall_clock=wall_clock, pause=pause)
        self._application = settings
        self._receive = receive
        self._splits = Splits()

    async def _dial(self) -> Connection:
        settings = self._application
        opening = await endpoint.ask(settings)
        socket = await open_socket(opening.url, settings, endpoint.refused)
        return FeishuConnection(
            socket, settings, opening, lambda: self._intake.blocked, self._board.saw_answer
        )

    async def _route(self, connection: Connection, raw: str | bytes) -> None:
        self._board.saw_frame()
        try:
            frame = decode(raw)
        except BadFrame as error:
            self._journal.write(f"frame {error}", f"收到无法解析的帧（{error}，{len(raw)} 字节），已忽略")
            return
        if frame.method == CONTROL:
            if frame.header("type") == "pong" and isinstance(connection, FeishuConnection):
                connection.saw_pong(frame.payload or b"")
        elif frame.method == DATA and frame.header("type") == "event":
            await self._take(connection, frame)
        else:
            kind = ascii(frame.header("type")[:40])
            self._journal.write(f"type {kind}", f"收到未知类型的帧（{frame.method} {kind}），已忽略")

    async def _take(self, connection: Connection, frame: WireFrame) -> None:
        payload = self._splits.add(frame)
        if payload is None:
            return
        self._board.messages_received += 1
        if not self._intake.has_room(len(payload)):
            await self._intake.wait_for_room(len(payload))
        self._intake.start(self._handle(connection, frame, payload), len(payload))

    async def _handle(self, connection: Connection, frame: WireFrame, payload: bytes) -> None:
        """One event, to its ack. What is not acknowledged with 200 within 3 s is delivered again."""
        begun, taken = time.monotonic(), None
        try:
            taken = await self._receive(Pushed(frame.header("message_id"), payload))
        except Exception as error:
            self._journal.write(
                f"receive {type(error).__name__}",
                f"接收一条消息时出错（{type(error).__name__}），未确认，等待飞书重新投递",
                level=logging.ERROR,
                error=error,
            )
        await connection.send(encode(frame.answered(_ack(taken), int((time.monotonic() - begun) * 1000))))


def _ack(taken: Stored | None) -> bytes:
    """The payload of an ack: what a callback is answered with is base64 of JSON (facts: ack)."""
    answer = taken.answer if taken else None
    data = None if answer is None else b64encode(json.dumps(answer).encode()).decode()
    return json.dumps({"code": 200 if taken else 500, "headers": None, "data": data}).encode()
