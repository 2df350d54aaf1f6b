"""Two machines, one PostgreSQL, the same configurations; one machine dies."""

from collections import Counter
from collections.abc import Iterator

import pytest

from bifang.channels.leases import LEASE, LOOK_EVERY
from bifang.channels.models import InboxRow, State, Worker
from tests.acceptance.processes import Started
from tests.acceptance.worker import WAITING, Stage, kill, open_stage, place
from tests.databases import Database
from tests.deadline import wait_until


@pytest.fixture
def vendor() -> str:
    """SQLite is for one machine."""
    return "postgresql"


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database, redeliver_after_s=1.0) as made:
        made.apply(made.robot(default_role="viewer"))
        yield made


def start_machine(stage: Stage, name: str, model: str) -> Started:
    """A worker with a data directory of its own: nothing but the database and the key is shared."""
    home = stage.database.data_dir
    connections = len(stage.sim.connections())
    worker = stage.start(
        connected=False,
        BIFANG_DATA_DIR=str(home / name),
        BIFANG_ENCRYPTION_KEY=(home / "encryption.key").read_text().strip(),
        BIFANG_SCRIPTED_MODEL=model,
    )
    wait_until(lambda: len(stage.sim.connections()) > connections, within=60, what=f"{name} connected")
    return worker


def holder_of(msg_id: str) -> int:
    """The process that works on a message."""
    row = wait_until(
        lambda: InboxRow.objects.filter(external_id=msg_id, state=State.LEASED).first(), within=30
    )
    assert row
    worker = wait_until(lambda: Worker.objects.filter(owner=row.owner).first(), within=30)
    assert worker
    return worker.pid


def test_dead_machine_is_taken_over_within_thirty_seconds(stage: Stage) -> None:
    assert LEASE.total_seconds() + LOOK_EVERY < 30
    slow, quick = "delay=300;text=收到 {text}", "text=收到 {text}"
    first = start_machine(stage, "first", slow)
    where = place()
    held = stage.say("第0句", where, group=False)
    assert holder_of(held) == first.process.pid
    stage.say("第1句", where, group=False)
    second = start_machine(stage, "second", quick)
    # Others are answered by the machine that is free, whoever received them.
    others = [place() for _ in range(20)]
    stage.sim.messages([{"text": "别的", "conversation_id": one, "group": False} for one in others])
    stage.say("第2句", where, group=False)
    stage.acks(held)
    kill(first)
    assert stage.answers(where, 3, within=30 + 10) == [f"收到 第{n}句" for n in range(3)]
    # Who waited behind the dead machine was told so.
    assert any(WAITING in reply["text"] for reply in stage.sim.replies(conversation_id=where))
    for one in others:
        assert stage.answers(one) == ["收到 别的"]
    stage.settle()
    assert second.process.poll() is None
    assert set(Counter(reply["text"] for reply in stage.replies(conversation_id=where)).values()) == {1}
    assert not InboxRow.objects.exclude(state=State.DONE).exists()
    assert InboxRow.objects.get(external_id=held).attempts == 2


def test_two_machines_share_the_work_in_order(stage: Stage) -> None:
    model = "delay=0.05;text=收到 {text}"
    machines = [start_machine(stage, name, model) for name in ("first", "second")]
    stage.sim.faults(duplicate=2)
    places = [place() for _ in range(10)]
    for number in range(6):
        said = stage.sim.messages(
            [{"text": f"第{number}句", "conversation_id": one, "group": False} for one in places]
        )
        for one in said:  # what was not acknowledged at the kill comes again later, after its successors
            stage.acks(one["msg_id"])
        if number == 3:
            kill(machines[0])
    stage.sim.faults(duplicate=None)
    for one in places:
        answers = stage.answers(one, 6, within=60)
        # What was in flight at the kill may come twice, but never out of turn.
        assert sorted(set(answers)) == [f"收到 第{n}句" for n in range(6)]
        assert answers == sorted(answers)
