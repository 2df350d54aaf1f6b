"""How the worker ends: promptly, with exit code 0, and with nothing lost."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from bifang.channels.models import ClientState, InboxRow, State, Worker
from dingtalk_integration.models import ApiUsage
from tests.acceptance.doors import FEISHU, POSTGRES, open_door
from tests.acceptance.processes import Started
from tests.acceptance.worker import ROBOT, Stage, place
from tests.databases import Database
from tests.deadline import wait_until
from tests.model_server import Echo


@pytest.fixture
def door() -> str:
    """Where messages come in, unless the test says otherwise."""
    return "stream"


@pytest.fixture
def stage(database: Database, door: str) -> Iterator[Stage]:
    with open_door(database, door, counted=True) as made:
        made.apply(made.robot(default_role="viewer"))
        yield made


def stop(worker: Started, number: signal.Signals = signal.SIGTERM) -> float:
    """Signal and wait for the end; the seconds it took."""
    before = time.monotonic()
    worker.process.send_signal(number)
    worker.process.wait(120)
    return time.monotonic() - before


@pytest.mark.slow
def test_idle_worker_does_not_wait_for_the_grace_time(stage: Stage) -> None:
    worker = stage.start(BIFANG_STOP_GRACE_S="600")
    took = stop(worker)
    assert worker.process.returncode == 0, worker.text
    assert took < 300
    assert "Traceback" not in worker.text
    assert not stage.sim.connections()
    assert not Worker.objects.exists()
    assert not ClientState.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_terminal_signals_end_it_too(stage: Stage, number: signal.Signals) -> None:
    worker = stage.start()
    stop(worker, number)
    assert worker.process.returncode == 0, worker.text


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "door"), [POSTGRES, FEISHU], indirect=["vendor"])
def test_running_turns_finish_and_the_rest_is_answered_by_the_next_start(stage: Stage, door: str) -> None:
    """Ten turns end within the grace time, ten behind the capacity have not begun."""
    release = threading.Event()
    worker = stage.start(model=Echo(release=release), BIFANG_TURN_CAPACITY="10", BIFANG_STOP_GRACE_S="600")
    places = [place() for _ in range(20)]
    stage.say_all([{"text": "还在吗", "conversation_id": where, "group": False} for where in places])
    wait_until(lambda: InboxRow.objects.filter(state=State.CLAIMED).count() == 10, within=30, what="running")
    wait_until(lambda: InboxRow.objects.count() == 20, within=30, what="stored")
    worker.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not stage.sim.connections(), within=30, what="stopping")
    release.set()
    worker.process.wait(240)
    assert worker.process.returncode == 0, worker.text
    assert len(stage.replies()) == 10
    if door == "stream":
        assert ApiUsage.objects.get(client_id=ROBOT, family="webhook").calls >= 10
    assert InboxRow.objects.filter(state=State.PENDING, attempts=0).count() == 10
    stage.start()
    for where in places:
        assert stage.answers(where) == ["收到 还在吗"]
    stage.settle()
    assert len(stage.replies()) == 21


@pytest.mark.slow
def test_turns_longer_than_the_grace_time_are_run_again(stage: Stage) -> None:
    worker = stage.start(model=Echo(delay=600), BIFANG_STOP_GRACE_S="0.5")
    where = place()
    stage.say("慢慢想", where, group=False)
    wait_until(lambda: InboxRow.objects.filter(state=State.CLAIMED).exists(), within=30, what="running")
    took = stop(worker)
    assert worker.process.returncode == 0, worker.text
    assert took < 300
    row = InboxRow.objects.get()
    assert (row.state, row.attempts, row.owner) == (State.PENDING, 0, "")
    stage.start()
    assert stage.answers(where) == ["收到 慢慢想"]


@pytest.mark.slow
def test_second_signal_ends_at_once(stage: Stage) -> None:
    worker = stage.start(model=Echo(delay=600), BIFANG_STOP_GRACE_S="600")
    where = place()
    stage.say("慢慢想", where, group=False)
    wait_until(lambda: InboxRow.objects.filter(state=State.CLAIMED).exists(), within=30, what="running")
    worker.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not stage.sim.connections(), within=30, what="stopping")
    assert worker.process.poll() is None
    took = stop(worker)
    assert worker.process.returncode == 128 + signal.SIGTERM
    assert took < 300
    # As after kill -9: the next start takes over at once.
    stage.start()
    assert stage.answers(where) == ["收到 慢慢想"]
