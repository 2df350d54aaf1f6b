"""Alerts are told in DingTalk by the real command: once, also when it is killed, as numbers in a crowd, on to the next one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client
from django.utils import timezone

from bifang.channels.models import KnownGroup, OutboxRow
from secops_agent.models import Alert, AlertMessage, Escalation, MessageState, NotificationTarget, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.people import tokens
from simulators.dingtalk.conversations import single_id
from tests.acceptance.worker import NAME, ROBOT, STAFF, Stage, kill, open_stage
from tests.admin_pages import serve_plain_static
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.inventory_aid import alert, store

GROUP = "cidDemoGroup=="
PEOPLE = (*STAFF, {"staff_id": "wangwu", "name": "王五", "role": "approver"})
RULE: dict[str, Any] = {
    "name": "严重和高危",
    "severities": ["critical", "high"],
    "targets": [{"kind": "group", "config": NAME, "conversation_id": GROUP}],
}
ROTA = {"name": "安全值班", "rotation": "weekly", "start": "2026-01-05", "staff": ["lisi"]}


@pytest.fixture
def stage(database: Database, settings: Any, tmp_path: Path) -> Iterator[Stage]:
    serve_plain_static(settings, tmp_path)
    with open_stage(database) as made:
        made.patient = True
        made.apply(made.robot(), staff=PEOPLE, on_call=[ROTA], notification_rules=[RULE])
        yield made


def post(title: str, **fields: Any) -> None:
    """What the documented curl sends."""
    _, secret = tokens.create(f"Webhook {title}", ["ingest"])
    told = {"title": title, "severity": "high", "event_id": title, "assets": ["web-01"], **fields}
    body = {"source": "waf", "alerts": [told]}
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    response = client.post("/api/v1/ingest/generic/", json.dumps(body), content_type="application/json")
    assert response.status_code == 200, response.content


def shown(stage: Stage, number: int = 1, where: str = GROUP) -> list[str]:
    """What was told there, as soon as there are `number`."""
    return stage.answers(where, number)


def assert_nothing_more(stage: Stage, number: int, where: str = GROUP) -> None:
    """Everything that was to be told has been told, and there were `number` messages."""
    wait_until(
        lambda: not AlertMessage.objects.filter(state=MessageState.WAITING).exists(),
        within=60,
        what="all announced",
    )
    wait_until(lambda: not OutboxRow.objects.filter(sent_at=None).exists(), within=60, what="all sent")
    assert len(stage.replies(conversation_id=where)) == number


@pytest.mark.slow
def test_posted_alert_appears_in_the_group_once_and_the_group_is_known(stage: Stage) -> None:
    stage.start()
    post("SQL 注入")
    (text,) = shown(stage)
    assert "高危 · SQL 注入" in text
    assert f"A{Alert.objects.get().pk}" in text
    post("只是通知", severity="low", assets=["web-02"])  # on web-01 it would be news about the first
    stage.say("你好", GROUP, conversation_title="安全值班群")
    shown(stage, 2)
    assert_nothing_more(stage, 2)
    group = KnownGroup.objects.get()
    assert (group.conversation_id, group.title, group.learned_by_id) == (GROUP, "安全值班群", "manager01")


@pytest.mark.slow
def test_alert_is_told_once_whenever_the_worker_is_killed(stage: Stage) -> None:
    first = stage.start()
    kill(first)
    post("没有进程时存入的")
    stage.sim.faults(ROBOT, openapi_status=503)
    second = stage.start()
    wait_until(lambda: OutboxRow.objects.filter(attempts__gt=0).exists(), within=60, what="a failed attempt")
    kill(second)
    stage.sim.faults(clear=True)
    third = stage.start()
    shown(stage)
    assert_nothing_more(stage, 1)
    kill(third)
    stage.start()
    post("另一条", assets=["web-02"])
    assert "另一条" in shown(stage, 2)[1]
    assert_nothing_more(stage, 2)


@pytest.mark.slow
def test_alert_is_confirmed_by_words_by_tap_and_by_card(stage: Stage) -> None:
    stage.start()
    post("按文字确认")
    shown(stage)
    stage.say(f"确认 A{newest()}", GROUP, "lisi")
    assert "**李四** 已确认" in shown(stage, 2)[1]
    post("点按确认", assets=["web-02"])
    (link,) = re.findall(r"sendMessage\?content=([^)]+)\)", shown(stage, 3)[2])[:1]
    stage.say(unquote(link), GROUP, "lisi", link=True)
    wait_acknowledged("点按确认")
    stage.apply(stage.robot(card_template_id="answer.schema"))
    card = post_until_card(stage)
    clicked = stage.sim.click(card["out_track_id"], "acknowledge", "lisi")
    changed = clicked["ack"]["data"]["cardData"]["cardParamMap"]
    assert "处理：李四 " in changed["content"]
    assert "acknowledge" not in changed["buttons"]
    (title,) = set(re.findall(r"卡片 \d+", changed["content"]))  # of two that were posted, perhaps the first
    wait_acknowledged(title)
    refused = stage.sim.click(card["out_track_id"], "false_positive", "wangwu_of_elsewhere", corp_id="other")
    assert "cardData" not in refused["ack"]["data"]
    assert stage.sim.cards()[0]["times_created"] == 1


@pytest.mark.slow
def test_killed_while_its_card_is_created_the_alert_has_one_card(stage: Stage) -> None:
    stage.apply(stage.robot(card_template_id="answer.schema"))
    lost = {"value": True, "path": "/v1.0/card/instances/createAndDeliver"}
    first = stage.start()
    stage.sim.faults(ROBOT, openapi_lost=lost)
    post("正在创建卡片")
    wait_until(stage.sim.cards, within=60, what="a card that the worker does not know of")
    kill(first)
    stage.sim.faults(clear=True)
    stage.start()
    wait_until(lambda: OutboxRow.objects.filter(route="card").exists(), within=60, what="the card known")
    assert_nothing_more(stage, 1)
    (card,) = stage.sim.cards()
    assert len(card["entries"]) == 1
    triage.close(
        Alert.objects.get().pk, "benign", Actor.person(Staff.objects.get(staff_id="lisi"), "dingtalk")
    )
    wait_until(lambda: stage.sim.cards()[0]["params"]["buttons"] == "[]", within=60, what="no buttons left")
    assert len(stage.replies(conversation_id=GROUP)) == 1


def newest() -> int:
    """The number of the alert posted last."""
    return Alert.objects.latest("pk").pk


def wait_acknowledged(title: str) -> None:
    """Until 李四 has it in hand."""
    mine = Alert.objects.filter(title=title, status="acknowledged", assignee__staff_id="lisi")
    wait_until(mine.exists, within=60, what=f"{title} acknowledged")


def post_until_card(stage: Stage) -> dict[str, Any]:
    """The card of an alert, as soon as the running worker knows its template."""
    for number in range(20):
        before = len(stage.replies(conversation_id=GROUP))
        post(f"卡片 {number}", assets=[f"db-{number}"])
        shown(stage, before + 1)
        if found := stage.sim.cards():
            return found[-1]
    raise AssertionError("no card")


@pytest.mark.slow
def test_robot_is_told_once_and_what_it_refuses_goes_on_at_once_and_comes_later(stage: Stage) -> None:
    url = f"{stage.sim.base_url}/robot/send?access_token=demorobot0123456789"
    robot = {"kind": "webhook", "name": "应急群", "url": url, "secret": "SECdemorobotsecret"}
    next_one = {"kind": "person", "config": NAME, "staff_id": "wangwu"}
    escalate = [{"after_minutes": 600, "to": [next_one]}]
    stage.apply(notification_rules=[{**RULE, "targets": [robot], "escalate": escalate}])
    stage.sim.faults(robot_lost={"value": True, "times": 1})
    worker = stage.start()
    post("答复丢失")
    assert "答复丢失" in shown(stage)[0]
    assert_nothing_more(stage, 1)
    stage.sim.faults(robot_refuse="keywords not in content")
    post("被拒绝", severity="critical", assets=["web-02"])
    assert "被拒绝" in shown(stage, where=single_id(ROBOT, "wangwu"))[0]
    kill(worker)
    stage.sim.faults(clear=True)
    NotificationTarget.objects.exclude(last_error="").update(next_try_at=timezone.now())
    AlertMessage.objects.filter(state=MessageState.UNDELIVERABLE).update(due_at=timezone.now())
    stage.start()
    assert "被拒绝" in shown(stage, 2)[1]
    wait_until(
        lambda: not NotificationTarget.objects.exclude(last_error="").exists(), within=60, what="sound"
    )
    assert {reply["route"] for reply in stage.replies(conversation_id=GROUP)} == {"robot"}


@pytest.mark.slow
def test_crowd_of_500_is_counted_right(stage: Stage) -> None:
    stage.start()
    store(*(alert(f"k{number}") for number in range(500)))

    def counted() -> bool:
        texts = [reply["text"] for reply in stage.replies(conversation_id=GROUP)]
        summed = [int(found[1]) for text in texts if (found := re.search(r"很多告警：(\d+) 条告警", text))]
        return bool(summed) and summed[-1] + sum("很多告警" not in text for text in texts) == 500

    wait_until(counted, within=180, every=0.5, what="every alert told or counted")
    assert not AlertMessage.objects.filter(state=MessageState.UNDELIVERABLE).exists()


@pytest.mark.slow
def test_person_on_call_is_told_then_the_next_until_someone_takes_it(stage: Stage) -> None:
    on_call = {"kind": "on_call", "config": NAME, "schedule": "安全值班"}
    next_one = {"kind": "person", "config": NAME, "staff_id": "wangwu"}
    last = {"kind": "person", "config": NAME, "staff_id": "manager01"}
    steps = [{"after_minutes": 5, "to": [each]} for each in (on_call, next_one, last)]
    stage.apply(notification_rules=[{**RULE, "escalate": steps}])
    worker = stage.start()
    post("横向移动")
    shown(stage)
    lisi, wangwu, manager = (single_id(ROBOT, who) for who in ("lisi", "wangwu", "manager01"))
    assert not stage.replies(conversation_id=lisi)
    let_time_pass()
    assert "升级" in shown(stage, where=lisi)[0]
    kill(worker)
    let_time_pass()
    stage.start()
    assert "横向移动" in shown(stage, where=wangwu)[0]
    triage.acknowledge(Alert.objects.get().pk, Actor.person(Staff.objects.get(staff_id="wangwu"), "dingtalk"))
    let_time_pass()
    wait_until(lambda: not Escalation.objects.filter(ended="").exists(), within=60, what="the end of it")
    assert Escalation.objects.get().ended == "已有人处理"
    assert_nothing_more(stage, 0, manager)
    assert len(stage.replies(conversation_id=lisi)) >= 1


def let_time_pass() -> None:
    """The next step is due now."""
    wait_until(lambda: Escalation.objects.filter(ended="").update(next_at=timezone.now()), within=60)
