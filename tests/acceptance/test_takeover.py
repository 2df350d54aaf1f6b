"""Two machines, one PostgreSQL, the same configurations; one machine dies."""

from collections.abc import Iterator
from typing import Any

import pytest

from bifang.channels.models import InboxRow, State, Worker
from bifang.channels.queues.claims import HOLD
from bifang.channels.workers.maintenance import LOOK_EVERY
from tests.acceptance.doors import open_door
from tests.acceptance.processes import Started
from tests.acceptance.worker import WAITING, Stage, kill, place
from tests.databases import Database
from tests.deadline import wait_until
from tests.model_server import Echo

pytestmark = pytest.mark.slow


@pytest.fixture
def vendor() -> str:
    """SQLite is for one machine."""
    return "postgresql"


@pytest.fixture(params=["stream", "feishu"])
def stage(database: Database, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with open_door(database, request.param) as made:
        made.apply(made.robot(default_role="viewer"))
        yield made


def start_machine(stage: Stage, name: str, model: Echo) -> Started:
    """A worker with a data directory of its own: nothing but the database and the key is shared."""
    home = stage.database.data_dir
    connections = len(stage.sim.connections())
    worker = stage.start(
        connected=False,
        BIFANG_DATA_DIR=str(home / name),
        BIFANG_ENCRYPTION_KEY=(home / "encryption.key").read_text().strip(),
        model=model,
    )
    wait_until(lambda: len(stage.sim.connections()) > connections, within=60, what=f"{name} connected")
    return worker


def holder_of(msg_id: str) -> int:
    """The process that works on a message."""
    row = wait_until(
        lambda: InboxRow.objects.filter(external_id=msg_id, state=State.CLAIMED).first(), within=30
    )
    assert row
    worker = wait_until(lambda: Worker.objects.filter(owner=row.owner).first(), within=30)
    assert worker
    return worker.pid


def test_dead_machine_is_taken_over_within_thirty_seconds(stage: Stage) -> None:
    assert HOLD.total_seconds() + LOOK_EVERY < 30
    slow, quick = Echo(delay=300), Echo()
    first = start_machine(stage, "first", slow)
    where = place()
    held = stage.say("第0句", where, group=False)
    assert holder_of(held) == first.process.pid
    stage.say("第1句", where, group=False)
    second = start_machine(stage, "second", quick)
    # Wherever the others are received: what the first machine takes, it will never answer.
    others = [place() for _ in range(10)]
    for number in range(3):
        for msg_id in stage.say_all([private(number, other) for other in others]):
            stage.acks(msg_id)
    stage.acks(stage.say("第2句", where, group=False))
    kill(first)
    for one in (where, *others):
        answers = stage.answers(one, 3, within=30 + 30)
        # Who was being answered at that moment may hear it twice, but never out of turn.
        assert sorted(set(answers)) == [f"收到 第{n}句" for n in range(3)]
        assert answers == sorted(answers)
    # Who waited behind the dead machine was told so.
    assert any(WAITING in reply["text"] for reply in stage.heard(conversation_id=where))
    assert second.process.poll() is None
    wait_until(lambda: not InboxRow.objects.exclude(state=State.DONE).exists(), within=30, what="all done")
    assert InboxRow.objects.get(external_id=held).attempts == 2


def private(number: int, where: str) -> dict[str, Any]:
    return {"text": f"第{number}句", "conversation_id": where, "group": False}


# Once: both platforms' workers claim by the same code, and the test above has both.
@pytest.mark.parametrize("stage", ["stream"], indirect=True)
def test_two_machines_share_the_work_in_order(stage: Stage) -> None:
    for name in ("first", "second"):
        start_machine(stage, name, Echo(delay=0.02))
    stage.sim.faults(duplicate=2)
    places = [place() for _ in range(10)]
    for number in range(6):
        for msg_id in stage.say_all([private(number, where) for where in places]):
            stage.acks(msg_id, 2)
    for where in places:
        assert stage.answers(where, 6) == [f"收到 第{n}句" for n in range(6)]
    stage.settle()
    assert len(stage.replies()) == 61
