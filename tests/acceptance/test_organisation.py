"""Organisation events by the real command: nobody who left keeps a right, every alert is there once, kill -9 or not."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bifang.channels.models import GroupState, InboxRow, KnownGroup, State
from secops_agent.models import Alert, AlertMessage, MessageState, Staff
from tests.acceptance.test_notifications import GROUP, PEOPLE, RULE
from tests.acceptance.worker import Stage, kill, open_stage
from tests.admin_pages import serve_plain_static
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = pytest.mark.slow
MANY = 60
LEAVERS = tuple({"staff_id": f"s{n}", "name": f"员工{n}", "role": "analyst"} for n in range(MANY))


@pytest.fixture
def stage(database: Database, settings: Any, tmp_path: Path) -> Iterator[Stage]:
    serve_plain_static(settings, tmp_path)
    with open_stage(database, redeliver_after_s=1.0) as made:
        made.apply(made.robot(corp_id="dingdemocorp"), staff=(*PEOPLE, *LEAVERS), notification_rules=[RULE])
        yield made


def emit(stage: Stage, event_type: str, **fields: Any) -> None:
    """As the page's buttons do."""
    stage.sim.post("/sim/events", {"event_type": event_type, **fields})


def test_everyone_who_left_is_told_of_once_though_the_worker_is_killed(stage: Stage) -> None:
    worker = stage.start()
    for number in range(MANY // 2):
        emit(stage, "user_leave_org", staff_id=f"s{number}", event_id=f"leave-{number}")
    wait_until(lambda: Alert.objects.exists(), within=60, every=0.005, what="the first alert")
    worker.process.send_signal(signal.SIGSTOP)  # so that the others are there and it cannot come to their end
    for number in range(MANY // 2, MANY):
        emit(stage, "user_leave_org", staff_id=f"s{number}", event_id=f"leave-{number}")
    kill(worker)
    assert InboxRow.objects.filter(kind="event", state=State.DONE).count() < MANY
    stage.start()
    wait_until(
        lambda: InboxRow.objects.filter(kind="event", state=State.DONE).count() == MANY,
        within=90,
        what="all events handled",
    )
    assert not Staff.objects.filter(staff_id__startswith="s", active=True).exists()
    assert Alert.objects.filter(rule_name="人员离职").count() == MANY
    assert set(Alert.objects.values_list("count", flat=True)) == {1}


def test_alerts_go_to_a_group_until_an_outsider_is_there(stage: Stage) -> None:
    stage.start()
    stage.say("你好", GROUP, conversation_title="安全值班群")
    stage.answers(GROUP)
    emit(stage, "org_admin_add", staff_id="lisi")
    told = stage.answers(GROUP, 2)[1]
    assert "新增企业管理员：李四" in told
    emit(stage, "chat_add_member", conversation_id=GROUP, outsiders=1)
    wait_until(lambda: KnownGroup.objects.get().state == GroupState.OUTSIDERS, within=60)
    undeliverable = AlertMessage.objects.filter(state=MessageState.UNDELIVERABLE)
    wait_until(undeliverable.exists, within=60, what="shown as undeliverable")
    emit(stage, "org_admin_remove", staff_id="lisi")
    wait_until(lambda: Alert.objects.count() == 3, within=60)
    stage.settle()
    assert len(stage.replies(conversation_id=GROUP)) == 2
    assert "恢复推送" in undeliverable.earliest("pk").reason
