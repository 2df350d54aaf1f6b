"""From a frame to its handler and back to the socket that brought it. No frame, however odd, ends the connection."""

import json
import logging
from typing import Any

from dingtalk_stream import AckMessage, SystemMessage
from dingtalk_stream.handlers import SystemHandler

from bifang.channels.streams.connection import Connection
from bifang.channels.streams.state import LiveStatus
from bifang.channels.streams.tasks import FrameTasks
from bifang.core.journal import Journal
from dingtalk_integration.stream.frames import (
    CALLBACK,
    DISCONNECT,
    EVENT,
    KINDS,
    NOT_FOUND,
    SYSTEM,
    Envelope,
    FrameKind,
    MalformedFrame,
    Receive,
    encode_ack,
    open_envelope,
    open_frame,
)

log = logging.getLogger(__name__)


class Router:
    """Chat, events and cards go to ``receive``, side by side; the gateway's own frames are answered here."""

    def __init__(
        self, receive: Receive, intake: FrameTasks, board: LiveStatus, journal: Journal, system: SystemHandler
    ) -> None:
        self._receive = receive
        self._intake = intake
        self._board = board
        self._journal = journal
        self._system = system

    async def route(self, connection: Connection, raw: str | bytes) -> None:
        """Called by the reader for every frame; waits only when the intake is full."""
        self._board.saw_frame()
        try:
            envelope = open_envelope(raw)
        except MalformedFrame as error:
            self._journal.write(f"frame {error}", f"收到无法解析的帧（{error}，{len(raw)} 字节），已忽略")
            return
        kind = self._kind(envelope)
        if kind is None:
            await self._answer_other(connection, envelope)
            return
        self._board.messages_received += 1
        size = len(raw)
        if not self._intake.has_room(size):
            await self._intake.wait_for_room(size)
        self._intake.start(self._handle(connection, envelope, kind), size)

    def _kind(self, envelope: Envelope) -> FrameKind | None:
        if envelope.type == CALLBACK:
            return KINDS.get(envelope.topic)
        return "event" if envelope.type == EVENT else None

    async def _handle(self, connection: Connection, envelope: Envelope, kind: FrameKind) -> None:
        """One frame, from decoding to its ack. Without an ack DingTalk delivers again."""
        try:
            frame = open_frame(envelope, kind)
            if frame.data is None:
                self._journal.write(f"data {kind}", f"收到内容无法解析的 {kind} 帧，交由收件箱留存")
            ack = await self._receive(frame)
            if ack is not None:
                await connection.send(encode_ack(envelope.reply_to, ack))
        except Exception as error:
            self._journal.write(
                f"receive {type(error).__name__}",
                f"接收一条 {kind} 消息时出错（{type(error).__name__}），未确认，等待钉钉重新投递",
                level=logging.ERROR,
                error=error,
            )

    async def _answer_other(self, connection: Connection, envelope: Envelope) -> None:
        if envelope.type == SYSTEM:
            await self._answer_system(connection, envelope)
            return
        self._journal.write(
            f"topic {envelope.type} {envelope.topic}"[:100],
            f"收到未知类型的帧（type={envelope.type[:40]!r} topic={envelope.topic[:80]!r}），已答复 404",
        )
        if envelope.reply_to is not None:
            await connection.send(encode_ack(envelope.reply_to, NOT_FOUND))

    async def _answer_system(self, connection: Connection, envelope: Envelope) -> None:
        """ping and unknown topics are echoed; ``disconnect`` also asks for a new connection."""
        if envelope.topic == DISCONNECT:
            connection.leave("钉钉要求更换连接")
        if envelope.reply_to is not None or envelope.topic != DISCONNECT:
            await connection.send(await self._echo(envelope))

    async def _echo(self, envelope: Envelope) -> str:
        """The SDK's own answer to a SYSTEM frame. What its classes cannot hold (odd headers) is left out."""
        headers = {"topic": envelope.topic, "messageId": envelope.reply_to}
        message = SystemMessage.from_dict({"type": SYSTEM, "headers": headers})
        message.data = _loose(envelope.data)
        ack: AckMessage = await self._system.raw_process(message)
        return json.dumps(ack.to_dict())


def _loose(data: Any) -> Any:
    if not isinstance(data, str):
        return data if data is not None else {}
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data
