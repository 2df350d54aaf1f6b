"""One thread for each enabled configuration: it owns the sockets and nothing else."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bifang.channels.streams.client import LongConnection
from bifang.channels.streams.settings import LinkSettings
from bifang.channels.streams.state import Observe, StreamState
from bifang.channels.workers.connection_health import WorkerService

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trade:
    """What one kind of configuration needs of the supervisor.

    ``settings_of`` a loaded configuration: what its connection needs, equal settings need no new one; None if it has
    none, which the service's ``unconnected`` explains. ``connect``: configuration id, settings, what to call when
    something was stored, and whom to tell of each change.
    """

    service: WorkerService
    settings_of: Callable[[Any], LinkSettings | None]
    connect: Callable[[int, Any, Callable[[], None], Observe], LongConnection]

    @property
    def kind(self) -> str:
        """Of the configurations."""
        return self.service.kind


class ClientThread:
    """A connection in its own thread and event loop."""

    def __init__(self, kind: str, config_id: int, settings: LinkSettings, client: LongConnection) -> None:
        self.config_id = config_id
        self.settings = settings
        self._kind = kind
        self._client = client
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
            log.warning("%s 客户端线程没有按时结束", self._kind, extra={"config": self.config_id})

    def _main(self) -> None:
        try:
            asyncio.run(self._client.run())
        except Exception:
            log.exception("%s 客户端线程异常结束，将自动重启", self._kind, extra={"config": self.config_id})
