"""The client of Feishu's long connection. lark-oapi's cannot be used: its handlers block, and it pins other versions."""

import json
import logging
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bifang.channels.streams.client import LongConnection, Pause, wait_unless_nudged
from bifang.channels.streams.connection import Connection
from bifang.channels.streams.sockets import open_socket
from bifang.channels.streams.state import Observe
from feishu_integration.stream import endpoint
from feishu_integration.stream.connection import FeishuConnection
from feishu_integration.stream.frames import CONTROL, DATA, BadFrame, WireFrame, decode, encode
from feishu_integration.stream.settings import FeishuLinkSettings
from feishu_integration.stream.splits import Splits


@dataclass(frozen=True, slots=True)
class Pushed:
    """One event, whole: its payload as it came. ``ident`` is the frame's, another one at each delivery."""

    ident: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """It is on the disk, and may be acknowledged. ``answer`` is what a callback waits for; None for an event."""

    answer: Mapping[str, Any] | None = None


# None: it could not be stored, and is not acknowledged.
ReceivePushed = Callable[[Pushed], Awaitable[Taken | None]]


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


def _ack(taken: Taken | None) -> bytes:
    """The payload of an ack: what a callback is answered with is base64 of JSON (facts: ack)."""
    answer = taken.answer if taken else None
    data = None if answer is None else b64encode(json.dumps(answer).encode()).decode()
    return json.dumps({"code": 200 if taken else 500, "headers": None, "data": data}).encode()
