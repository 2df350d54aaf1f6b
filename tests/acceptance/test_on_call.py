"""On-call by the real command: a swap that both agree to, and a handover told once, also when workers are killed."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from secops_agent.models import OnCallOverride, OnCallSchedule, ShiftSwap, Staff
from simulators.dingtalk.conversations import single_id
from tests.acceptance.traffic import wait_noted
from tests.acceptance.worker import NAME, ROBOT, STAFF, Stage, kill, open_stage
from tests.databases import Database
from tests.deadline import wait_until

GROUP = "cidDemoGroup=="
PEOPLE = (*STAFF, {"staff_id": "wangwu", "name": "王五", "role": "analyst"})
ROTA = {
    "name": "安全值班", "rotation": "daily", "start": "2026-01-05", "staff": ["lisi", "wangwu"],
    "handover_group": {"config": NAME, "conversation_id": GROUP},
}  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database) as made:
        made.apply(made.robot(), staff=PEOPLE, on_call=[ROTA])
        yield made


def test_swap_is_asked_confirmed_and_accepted_in_chat_over_a_kill(stage: Stage) -> None:
    worker = stage.start()
    lisi, wangwu = (single_id(ROBOT, who) for who in ("lisi", "wangwu"))
    stage.say("我和王五换明天", lisi, "lisi", group=False)
    (proposed,) = stage.answers(lisi, 1)
    code = re.search(r"确认 ([A-Z0-9]{6})", proposed)
    assert code, proposed
    stage.say(f"确认 {code[1]}", lisi, "lisi", group=False)
    (request,) = stage.answers(wangwu, 1)
    wait_noted()
    kill(worker)
    stage.start()
    swap = ShiftSwap.objects.get()
    assert f"[接受换班 {swap.code}](dtmd:" in request
    stage.say(f"接受换班 {swap.code}", wangwu, "wangwu", group=False)
    assert "已换班" in stage.answers(wangwu, 2)[1]
    assert "已换班" in stage.answers(lisi, 3)[2]
    assert OnCallOverride.objects.exists()


def test_handover_is_told_once_by_two_workers_one_of_them_killed(stage: Stage) -> None:
    first = stage.start()
    wait_until(lambda: OnCallSchedule.objects.get().held_since is not None, within=60, what="a first look")
    stage.start()
    before = OnCallSchedule.objects.get().holder
    after = Staff.objects.exclude(pk=before.pk if before else None).get(staff_id__in=("lisi", "wangwu"))
    now = timezone.now()
    OnCallOverride.objects.create(
        schedule=OnCallSchedule.objects.get(), staff=after, starts_at=now, ends_at=now + timedelta(hours=9)
    )
    wait_until(lambda: OnCallSchedule.objects.get().holder == after, within=60, what="the handover")
    kill(first)
    in_flight = OutboxRow.objects.filter(state=State.CLAIMED).count()  # taken, and perhaps not noted
    places = [GROUP, *(single_id(ROBOT, who) for who in ("lisi", "wangwu"))]
    for place in places:
        assert "值班交接 · 安全值班" in stage.answers(place, 1)[0]
    stage.start()
    stage.say("今天谁值班", GROUP)
    wait_until(
        lambda: len(heard(stage, GROUP)) > len(handovers(stage, GROUP)), within=60, what="who is on duty"
    )
    wait_noted()
    told = [handovers(stage, place) for place in places]
    assert sum(len(texts) for texts in told) <= len(places) + in_flight
    assert all(len(set(texts)) == 1 for texts in told)
    assert [heard(stage, place) == texts for place, texts in zip(places, told, strict=True)] == [
        False,
        True,
        True,
    ]


def heard(stage: Stage, where: str) -> list[str]:
    return [reply["text"] for reply in stage.replies(conversation_id=where)]


def handovers(stage: Stage, where: str) -> list[str]:
    return [text for text in heard(stage, where) if "值班交接" in text]
