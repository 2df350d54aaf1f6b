"""Who cannot be answered now is told so, once; everything is stored, and answered afterwards.

Both databases: tests/channels/test_notices.py.
"""

from collections.abc import Iterator

import pytest

from bifang.channels.models import InboxRow, State
from bifang.core.models import Switch
from bifang.core.switches import MAINTENANCE
from tests.acceptance.worker import WAITING, Stage, kill, open_stage, place
from tests.databases import Database
from tests.deadline import wait_until
from tests.model_server import Echo

pytestmark = pytest.mark.slow

UNDER_REPAIR = "正在维护"


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database, redeliver_after_s=1.0) as made:
        made.apply(made.robot(default_role="viewer"))
        yield made


def told(stage: Stage, where: str, what: str) -> list[str]:
    """The notices in a conversation."""
    return [row["text"] for row in stage.sim.replies(conversation_id=where) if what in row["text"]]


def test_too_much_at_once_is_stored_and_each_is_told_once_how_many_are_ahead(stage: Stage) -> None:
    worker = stage.start(BIFANG_TURN_CAPACITY="2", model=Echo(delay=300))
    places = [place() for _ in range(6)]
    for where in places:
        stage.acks(stage.say("第一句", where, group=False))
    stage.acks(stage.say("第二句", places[5], group=False))
    assert InboxRow.objects.count() == 7, "stored, though two can be answered at a time"
    wait_until(lambda: all(told(stage, where, WAITING) for where in places[2:]), within=30, what="told")
    for ahead, where in enumerate(places[2:], 2):
        (text,) = told(stage, where, WAITING)
        assert f"前面还有 {ahead} 条消息" in text
    assert not any(told(stage, where, WAITING) for where in places[:2]), "being answered is not waiting"
    kill(worker)
    stage.start()
    for where in places:
        answers = ["收到 第一句", "收到 第二句"] if where == places[5] else ["收到 第一句"]
        assert stage.answers(where, len(answers)) == answers
    stage.settle()
    assert [len(told(stage, where, WAITING)) for where in places] == [0, 0, 1, 1, 1, 1]


def switch_maintenance(stage: Stage, on: bool) -> None:
    """As the switch in the admin does; returns when the worker has noticed."""
    Switch.objects.update_or_create(name=MAINTENANCE, defaults={"on": on})
    said = "维护模式已打开" if on else "维护模式已关闭"
    wait_until(lambda: said in stage.log, within=30, what=said)


def test_maintenance_stores_answers_once_and_answers_later(stage: Stage) -> None:
    stage.start()
    (link,) = stage.sim.connections()
    switch_maintenance(stage, True)
    where, elsewhere = place(), place()
    for text in ("第一句", "第二句"):
        stage.acks(stage.say(text, where, group=False))
    stage.acks(stage.say("也在", elsewhere, "lisi", group=False))
    wait_until(lambda: told(stage, where, UNDER_REPAIR) and told(stage, elsewhere, UNDER_REPAIR), within=30)
    assert InboxRow.objects.filter(state=State.PENDING, attempts=0).count() == 3
    switch_maintenance(stage, False)
    for place_, answers in ((where, ["收到 第一句", "收到 第二句"]), (elsewhere, ["收到 也在"])):
        texts = stage.answers(place_, 1 + len(answers))
        assert UNDER_REPAIR in texts[0]
        assert texts[1:] == answers
    stage.settle()
    assert [len(stage.replies(conversation_id=one)) for one in (where, elsewhere)] == [3, 2]
    assert [one["id"] for one in stage.sim.connections()] == [link["id"]], "stayed connected"
