"""Brokers, and consumers in the test's own process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from secops_agent.brokers.base import HOLD_S
from secops_agent.brokers.clients import client_for
from secops_agent.brokers.worker import StreamConsumer
from tests.databases import Database
from tests.secops.brokers.servers import SERVERS, TOPIC, BrokerServer


class Consuming(Protocol):
    def __call__(
        self, config: SystemConfig, hold_s: float = ...
    ) -> AbstractContextManager[StreamConsumer]: ...


def configure(server: BrokerServer, name: str = "总线", **more: Any) -> SystemConfig:
    """A configuration that leads to it."""
    values = {"url": server.url, "topic": TOPIC, "format": "generic", **more}
    config, _ = configs.save("stream", name, True, values)
    return config


@pytest.fixture
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokerServer]:
    """A broker of the kind that the test names."""
    made = SERVERS[request.param](tmp_path / "broker")
    monkeypatch.setenv("BIFANG_KAFKA_SERVERS", f"127.0.0.1:{made.port}")
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def allowed(database: Database, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    """Loopback is on the operator's list."""
    settings.ADDRESS_ALLOW_LIST = ["127.0.0.1", "localhost"]  # type: ignore[attr-defined]
    monkeypatch.setenv("BIFANG_ADDRESS_ALLOW_LIST", "127.0.0.1,localhost")


@pytest.fixture
def consuming(allowed: None) -> Consuming:
    """Takes messages until the end of the context."""
    count = 0

    @contextmanager
    def run(config: SystemConfig, hold_s: float = HOLD_S) -> Iterator[StreamConsumer]:
        nonlocal count
        count += 1
        found, name, stop = configs.load(config), f"test-{count}", asyncio.Event()
        consumer = StreamConsumer(found, lambda: client_for(found, name, hold_s))
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            thread = threading.Thread(target=lambda: runner.run(consumer.run(stop)))
            thread.start()
            try:
                yield consumer
            finally:
                loop.call_soon_threadsafe(stop.set)
                thread.join(60)

    return run
