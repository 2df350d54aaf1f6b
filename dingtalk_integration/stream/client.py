"""The SDK's client with the life cycle that it lacks: see `StreamClient`."""

import logging
import time
from collections.abc import Callable
from typing import ClassVar

from dingtalk_stream import CallbackHandler, Credential, DingTalkStreamClient, EventHandler

from bifang.channels.streams.client import LongConnection, Pause, wait_unless_nudged
from bifang.channels.streams.connection import Connection
from bifang.channels.streams.sockets import open_socket
from bifang.channels.streams.state import Observe
from bifang.core.airgap import is_airgapped
from dingtalk_integration.stream import gateway
from dingtalk_integration.stream.frames import CARD_TOPIC, CHAT_TOPIC, DELEGATE_TOPIC, Receive
from dingtalk_integration.stream.router import Router
from dingtalk_integration.stream.settings import StreamSettings

log = logging.getLogger(__name__)
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
