"""The supervisor mends what dies, and gives up only on a database that stays away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bifang.channels.models import ClientState
from bifang.channels.workers import processes
from bifang.channels.workers import supervisor as module
from bifang.channels.workers.supervisor import DatabaseGone, Supervisor
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from dingtalk_integration.stream.client import StreamClient
from dingtalk_integration.worker.clients import DINGTALK
from tests.databases import Database
from tests.deadline import wait_until
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.usefixtures("database")


class Loop:
    """A turn loop that can be broken."""

    def __init__(self) -> None:
        self.alive = False
        self.stopped = False

    def start(self) -> None:
        self.alive = True

    def wake(self) -> None:
        """Nothing waits."""

    def stop(self, grace: float) -> None:
        self.alive, self.stopped = False, True


@pytest.fixture
def sim(database: Database) -> Iterator[SimulatorHandle]:
    with running_simulator() as handle:
        save(handle.base_url)
        yield handle


def save(base_url: str, **changes: Any) -> SystemConfig:
    given = {"client_id": "dingdemo", "client_secret": "demo-secret", "endpoint": base_url, **changes}
    row, _ = configs.save("dingtalk", "机器人", True, given, config=SystemConfig.objects.first())
    return row


@contextmanager
def supervising() -> Iterator[list[Loop]]:
    """A supervisor in a thread; the turn loops that it made."""
    loops: list[Loop] = []
    failures: list[BaseException] = []

    def make() -> Any:
        loops.append(Loop())
        return loops[-1]

    stop, owner = threading.Event(), processes.take_name()
    supervisor = Supervisor(owner, make, stop, DINGTALK)

    def main() -> None:
        try:
            supervisor.run(0.1)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=main)
    thread.start()
    try:
        yield loops
    finally:
        stop.set()
        supervisor.nudge()
        thread.join(120)
        owner.close()
    if failures:
        raise failures[0]


def test_dead_client_thread_is_restarted(sim: SimulatorHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONCILE_EVERY", 0.05)
    run, deaths = StreamClient.run, []

    async def die_once(self: StreamClient) -> None:
        if not deaths:
            deaths.append(1)
            raise ZeroDivisionError
        await run(self)

    monkeypatch.setattr(StreamClient, "run", die_once)
    with supervising():
        sim.wait_connected(within=20)
    assert deaths


def test_dead_turn_loop_is_replaced(sim: SimulatorHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONCILE_EVERY", 0.05)
    with supervising() as loops:
        wait_until(lambda: loops and loops[0].alive, within=20)
        loops[0].alive = False
        wait_until(lambda: len(loops) == 2 and loops[1].alive, within=20)
    assert loops[1].stopped


def test_unchanged_connection_survives_other_changes(
    sim: SimulatorHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECONCILE_EVERY", 0.05)
    with supervising():
        sim.wait_connected(within=20)
        (before,) = sim.connections()
        revision = save(sim.base_url, default_role="viewer").revision
        wait_until(lambda: ClientState.objects.filter(status="connected").exists(), within=20)
        assert SystemConfig.objects.get().revision == revision
        save(sim.base_url, client_secret="another")
        wait_until(lambda: not sim.connections(), within=20)
        save(sim.base_url, client_secret="demo-secret")
        sim.wait_connected(within=20)
        assert sim.connections()[0]["id"] != before["id"]
    assert not ClientState.objects.exists()


def test_database_that_stays_away_ends_the_process(
    sim: SimulatorHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECONCILE_EVERY", 0.05)
    monkeypatch.setattr(module, "DATABASE_PATIENCE", 0.3)

    def fail(*_: Any) -> Any:
        raise module.configs.ConfigError("数据库没有回答")

    with pytest.raises(DatabaseGone):
        lose_the_database(monkeypatch, fail)


def lose_the_database(monkeypatch: pytest.MonkeyPatch, fail: Any) -> None:
    """A supervisor that runs, then no configuration can be read any more."""
    with supervising() as loops:
        wait_until(lambda: loops, within=20)
        monkeypatch.setattr(module, "_read", fail)
        wait_until(lambda: loops[0].stopped, within=20)
