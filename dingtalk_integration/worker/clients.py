"""One thread for each enabled configuration: it owns the sockets and nothing else."""

import asyncio
import logging
import threading
from collections.abc import Callable

from bifang.core.rules import address_rules
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.stream.client import StreamClient
from dingtalk_integration.stream.settings import StreamSettings
from dingtalk_integration.stream.state import StreamState

log = logging.getLogger(__name__)


def stream_settings(settings: DingTalkSettings) -> StreamSettings:
    """What the stream client needs of a configuration; equal settings need no new connection."""
    return StreamSettings(
        name=f"{settings.name}（ID {settings.id}）",
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        endpoint=settings.endpoint,
        proxy=settings.proxy,
        rules=address_rules(),
    )


class ClientThread:
    """A stream client in its own thread and event loop."""

    def __init__(
        self,
        config_id: int,
        settings: StreamSettings,
        stored: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self.config_id = config_id
        self.settings = settings
        self._client = StreamClient(settings, Intake(config_id, stored).receive, lambda _: changed())
        self._thread = threading.Thread(target=self._main, name=f"client-{config_id}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Does the thread run? It ends only after `stop`, or by a fault of ours."""
        return self._thread.is_alive()

    @property
    def state(self) -> StreamState:
        """A snapshot, with live counters."""
        return self._client.state

    def wake(self) -> None:
        """Try again now instead of waiting for the next attempt."""
        self._client.wake()

    def stop(self) -> None:
        """Ask it to close its sockets; returns at once."""
        self._client.stop()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            log.warning("dingtalk 客户端线程没有按时结束", extra={"config": self.config_id})

    def _main(self) -> None:
        try:
            asyncio.run(self._client.run())
        except Exception:
            log.exception("dingtalk 客户端线程异常结束，将自动重启", extra={"config": self.config_id})
