"""The SDK's client with the life cycle that it lacks: see `StreamClient`."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from dingtalk_stream import (
    AckMessage,
    CallbackHandler,
    Credential,
    DingTalkStreamClient,
    EventHandler,
    SystemMessage,
)
from dingtalk_stream.handlers import SystemHandler

from bifang.channels.streams.client import LongConnection, Pause, wait_unless_nudged
from bifang.channels.streams.connection import Connection
from bifang.channels.streams.sockets import open_socket
from bifang.channels.streams.state import LiveStatus, Observe
from bifang.channels.streams.tasks import FrameTasks
from bifang.core.monitoring.journal import Journal
from bifang.core.outbound.airgap import is_airgapped
from dingtalk_integration.stream import gateway
from dingtalk_integration.stream.frames import (
    CALLBACK,
    CARD_TOPIC,
    CHAT_TOPIC,
    DELEGATE_TOPIC,
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
from dingtalk_integration.stream.settings import StreamSettings

log = logging.getLogger(__name__)

# From a frame to its handler and back to the socket that brought it. No frame, however odd, ends the connection.


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


# Otherwise the SDK's classes give themselves a console handler whenever the root logger has none yet.
logging.getLogger("dingtalk_stream").addHandler(logging.NullHandler())


class StreamClient(LongConnection, DingTalkStreamClient):  # type: ignore[misc]  # the SDK is untyped
    """One application's Stream connection.

    Credentials, subscriptions, frames and acks are the SDK's. Its life cycle is replaced by `LongConnection`'s.
    ``receive`` is called in the client's own loop.
    """

    peer: ClassVar[str] = "钉钉 Stream 网关"

    def __init__(
        self,
        settings: StreamSettings,
        receive: Receive,
        observe: Observe = lambda state: None,
        *,
        wall_clock: Callable[[], float] = time.time,
        pause: Pause = wait_unless_nudged,
    ) -> None:
        LongConnection.__init__(self, settings, observe, label="dingtalk", wall_clock=wall_clock, pause=pause)
        credential = Credential(settings.client_id, settings.client_secret)
        DingTalkStreamClient.__init__(self, credential, logger=log)
        self._application = settings
        self._router = Router(receive, self._intake, self._board, self._journal, self.system_handler)
        self.register_all_event_handler(EventHandler())
        for topic in (CHAT_TOPIC, DELEGATE_TOPIC, CARD_TOPIC):
            self.register_callback_handler(topic, CallbackHandler())

    async def start(self) -> None:
        """The SDK's name for `run`."""
        await self.run()

    async def _dial(self) -> Connection:
        settings = self._application
        uri = await gateway.ask(settings, self._subscriptions(), self._local_ip())
        socket = await open_socket(uri, settings)
        return Connection(socket, settings, lambda: self._intake.blocked, self._board.saw_answer)

    async def _route(self, connection: Connection, raw: str | bytes) -> None:
        await self._router.route(connection, raw)

    def _subscriptions(self) -> list[dict[str, str]]:
        topics = [{"type": "EVENT", "topic": "*"}]
        return topics + [{"type": "CALLBACK", "topic": topic} for topic in self.callback_handler_map]

    def _local_ip(self) -> str:
        """Only informative for DingTalk. The SDK's way looks up a route; it sends nothing and does not block.

        Behind an air gap not even that: it asks for the route to an address of the internet.
        """
        try:
            return "" if is_airgapped() else str(self.get_host_ip())
        except NameError:  # the SDK's, when no socket can be made
            return ""
