"""Nobody sleeps through it: the real commands call people by DING and 加急, once, and go on where that comes to nothing."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bifang.channels.models import OutboxRow
from secops_agent.models import Alert, CallState, Escalation, WakeCall
from secops_agent.models.choices import AlertStatus
from secops_agent.services.notifications import calls
from secops_agent.services.notifications.delivery.calling import LOST
from tests.acceptance.doors import open_feishu
from tests.acceptance.worker import NAME, Stage, kill, open_stage
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.slow

PEOPLE = {
    "dingtalk": {"group": "cidDemoGroup==", "duty": "lisi", "boss": "manager01"},
    "feishu": {"group": "oc_demo_group", "duty": "ou_lisi", "boss": "ou_manager01"},
}
WORDS = {"dingtalk": "ding", "feishu": "urgent"}


def rungs(stage: Stage) -> list[tuple[str, str]]:
    """Who was called by what, in order."""
    return [(one["staff_id"], one["by"]) for one in stage.sim.get("/sim/calls")]


def prepare(stage: Stage, kind: str, *loudness: str) -> None:
    """A rota of one, a boss, and a rule that calls the one on duty, then the boss."""
    who, word = PEOPLE[kind], WORDS[kind]
    people = (
        {"staff_id": who["duty"], "name": "李四", "role": "analyst"},
        {"staff_id": who["boss"], "name": "张三", "role": "admin"},
    )
    rota = {"name": "安全值班", "rotation": "weekly", "start": "2026-01-05", "staff": [who["duty"]]}
    duty = {"kind": "on_call", "config": NAME, "schedule": "安全值班"}
    boss = {"kind": "person", "config": NAME, "staff_id": who["boss"]}
    steps = [
        {"after_minutes": 5, "to": [duty if number == 0 else boss], "by": f"{word}_{loud}"}
        for number, loud in enumerate(loudness)
    ]
    rule = {
        "name": "严重和高危", "severities": ["critical", "high"], "escalate": steps,
        "targets": [{"kind": "group", "config": NAME, "conversation_id": who["group"]}],
    }  # fmt: skip
    stage.apply(stage.robot(), staff=people, on_call=[rota], notification_rules=[rule])


def begin(stage: Stage, kind: str) -> None:
    """An alert that nobody takes."""
    if kind == "feishu":
        stage.say("你好", PEOPLE[kind]["group"], PEOPLE[kind]["duty"])
        for who in ("duty", "boss"):
            stage.sim.message("你好", open_id=PEOPLE[kind][who])
    store(alert(title="横向移动"))
    wait_until(
        lambda: OutboxRow.objects.filter(key__startswith="note:alert:").exclude(sent_at=None).exists(),
        within=60,
        what="told",
    )
    let_time_pass()


def let_time_pass() -> None:
    """The next step is due."""
    Escalation.objects.filter(next_at__isnull=False).update(next_at=timezone.now())


@pytest.fixture(params=["dingtalk", "feishu"])
def door(request: Any, database: Database) -> Iterator[tuple[Stage, str]]:
    opened = open_stage(database) if request.param == "dingtalk" else open_feishu(database)
    with opened as made:
        made.patient = True
        yield made, request.param


def test_call_rings_once_the_message_says_who_and_taking_it_stops_the_chain(door: tuple[Stage, str]) -> None:
    stage, kind = door
    prepare(stage, kind, "call", "call")
    stage.start()
    begin(stage, kind)
    duty = PEOPLE[kind]["duty"]
    wait_until(lambda: rungs(stage) == [(duty, "call")], within=60, what="a telephone that rings")
    (call,) = WakeCall.objects.all()
    wait_until(lambda: WakeCall.objects.get().state == CallState.MADE, within=60, what="written down")
    words = f"用 {call.get_means_display()}叫 李四"
    wait_until(lambda: any(words in reply["text"] for reply in stage.heard()), within=60, what=words)
    stage.say(f"确认 A{Alert.objects.get().pk}", PEOPLE[kind]["group"], duty)
    wait_until(lambda: Alert.objects.get().status == AlertStatus.ACKNOWLEDGED, within=60, what="taken")
    let_time_pass()
    wait_until(lambda: not Escalation.objects.filter(ended="").exists(), within=60, what="the end of it")
    assert rungs(stage) == [(duty, "call")]
    if kind == "dingtalk":
        wait_until(lambda: stage.sim.get("/sim/calls")[0]["recalled"], within=60, what="the DING recalled")


FAULTS = {
    "dingtalk": [
        ({"ding_error": "ding.serverquota.insufficient"}, "额度不足"),
        ({"openapi_scope": {"value": "Premium.Ding.Write", "path": "/v1.0/robot/ding"}}, "专业版"),
        ({"ding_failed": "用户已屏蔽"}, "用户已屏蔽"),
        ({"ding_error": "miss.staffId"}, "接收人无效"),
    ],
    "feishu": [
        ({"urgent_code": 230024}, "加急额度已用完"),
        ({"urgent_code": 230023}, "200 条"),
        ({"urgent_code": 230027}, "im:message.urgent"),
        ({"urgent_invalid": True}, "叫不到"),
    ],
}


def test_every_refusal_is_shown_and_the_next_one_is_called_at_once(door: tuple[Stage, str]) -> None:
    stage, kind = door
    prepare(stage, kind, "call", "sms")
    stage.start()
    for number, (fault, words) in enumerate(FAULTS[kind]):
        WakeCall.objects.all().delete()  # nobody was called a moment ago
        name = next(iter(fault))
        once = fault[name] if isinstance(fault[name], dict) else {"value": fault[name]}
        stage.sim.faults(**{name: {**once, "times": 1}})
        rung = len(rungs(stage))
        begin(stage, kind) if not number else another(number)
        wait_until(lambda rung=rung: len(rungs(stage)) > rung, within=60, what=f"the next one, after {words}")
        assert rungs(stage)[-1] == (PEOPLE[kind]["boss"], "sms")
        first = WakeCall.objects.order_by("pk")[0]
        assert first.state == CallState.REFUSED
        assert words in first.reason
        assert any(words in text for text in calls.problems_of(first.message.target, timezone.now()))  # type: ignore[union-attr]


def another(number: int) -> None:
    """One that is of no group there is."""
    words = f"第 {number} 种攻击"
    store(
        alert(
            f"k{number}",
            number,
            title=words,
            rule_id=f"r{number}",
            rule_name=words,
            assets=(host(f"db-{number}"),),
        )
    )
    wait_until(lambda: Escalation.objects.filter(ended="", step=0).exists(), within=60, what="told")
    let_time_pass()


@pytest.mark.parametrize("cut", ["openapi_hang", "openapi_lost"])
def test_worker_that_is_killed_while_it_calls_does_not_ring_again(database: Database, cut: str) -> None:
    with open_stage(database) as stage:
        stage.patient = True
        prepare(stage, "dingtalk", "call", "sms")
        worker = stage.start()
        path = "/v1.0/robot/ding/send"
        stage.sim.faults(**{cut: {"value": True, "path": path, "times": 1}})
        begin(stage, "dingtalk")
        wait_until(lambda: cut not in json.dumps(stage.sim.get("/sim/faults")), within=60, what="asked")
        kill(worker)
        WakeCall.objects.filter(state=CallState.CALLING).update(
            called_at=timezone.now() - LOST - timedelta(seconds=1)
        )
        stage.start()
        wait_until(lambda: ("manager01", "sms") in rungs(stage), within=60, what="the next one")
        assert rungs(stage).count(("lisi", "call")) == (1 if cut == "openapi_lost" else 0)
        assert WakeCall.objects.order_by("pk")[0].state == CallState.UNKNOWN


def test_limit_of_the_day_leads_to_the_next_one_and_the_check_says_so(database: Database) -> None:
    with open_stage(database) as stage:
        stage.patient = True
        prepare(stage, "dingtalk", "call", "app")
        stage.apply(stage.robot(calls_call_day=0))
        stage.start(BIFANG_RATE_LIMITS="on")
        begin(stage, "dingtalk")
        wait_until(lambda: rungs(stage) == [("manager01", "app")], within=60, what="the next one")
        told = StringIO()
        with suppress(SystemExit, CommandError):
            call_command("check_dingtalk_stream", "--config-id", str(stage.config().pk), stdout=told)
        assert "叫人" in told.getvalue()
        assert "上限 0 次" in told.getvalue()
