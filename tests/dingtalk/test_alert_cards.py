"""An alert's card: one for each group and place, changed in place, its buttons carried out before the ack."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from bifang.channels.cards.models import Card, CardState
from bifang.channels.models import OutboxRow, State
from bifang.core.models import SystemConfig
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.stream.frames import CARD_TOPIC, Frame
from secops_agent.models import Alert, AlertMessage, AuditRecord, Escalation, Silence, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications.delivery import announcing, escalation
from secops_agent.services.notifications.rules import apply_rule_entries
from tests.databases import Database
from tests.deadline import wait_until
from tests.dingtalk.card_stage import GROUP, CardStage, open_card_stage
from tests.secops.inventory_aid import alert, host, later, store

BUTTONS = ["acknowledge", "take", "false_positive", "silence", "view"]
RULE: dict[str, Any] = {
    "name": "高危",
    "severities": ["critical", "high"],
    "targets": [{"kind": "group", "config": "机器人", "conversation_id": GROUP}],
}


@pytest.fixture
def stage(database: Database) -> Iterator[CardStage]:
    with open_card_stage() as made:
        SystemConfig.objects.filter(pk=made.config_id).update(
            params={**SystemConfig.objects.get(pk=made.config_id).params, "corp_id": "corp"}
        )
        for staff_id, name, role in (("lisi", "李四", "analyst"), ("wu", "吴六", "viewer")):
            Staff.objects.create(corp_id="corp", staff_id=staff_id, name=name, role=role)
        apply_rule_entries([RULE])
        yield made


def lisi() -> Actor:
    return Actor.person(Staff.objects.get(staff_id="lisi"), "dingtalk")


def tell(stage: CardStage, pause: float = 60) -> None:
    """What there is to tell now, a while later; until it is out."""
    past = timedelta(seconds=pause)
    AlertMessage.objects.update(due_at=F("due_at") - past, sent_at=F("sent_at") - past)
    while announcing.step():
        pass
    for loop in stage.loops:
        loop.wake()
    wait_until(lambda: not OutboxRow.objects.exclude(state__in=(State.DONE, State.DEAD)).exists(), within=30)


def begin(stage: CardStage, **fields: Any) -> dict[str, Any]:
    """An alert and its card."""
    stage.start()
    store(alert(**fields))
    tell(stage)
    return stage.wait_card()


def buttons(card: dict[str, Any]) -> list[str]:
    return [one["id"] for one in json.loads(card["params"]["buttons"])]


def press(
    stage: CardStage, card: dict[str, Any], verdict: str, who: str = "lisi", corp: str = "corp", **params: Any
) -> dict[str, Any]:
    """A click as DingTalk tells it, and the response of its ack."""
    code = f"A{Alert.objects.order_by('pk')[0].pk}"
    private = {"actionIds": [verdict], "params": {"code": code, "verdict": verdict, **params}}
    data = {
        "type": "actionCallback", "outTrackId": card["out_track_id"], "corpId": corp, "userId": who, "spaceId": GROUP,
        "content": json.dumps({"cardPrivateData": private}),
    }  # fmt: skip
    frame = Frame("card", CARD_TOPIC, {}, f"{who}{verdict}{params}", data, json.dumps(data))
    ack = asyncio.run(Intake(stage.config_id, lambda: None).receive(frame))
    assert ack is not None
    return ack.data["response"]


@pytest.mark.slow
@pytest.mark.both_databases
def test_one_card_follows_the_group_from_its_first_alert_to_its_reopening(stage: CardStage) -> None:
    same = {"rule_name": "同一规则", "assets": (host("web-01"),)}
    card = begin(stage, **same)
    pk = Alert.objects.get().pk
    assert buttons(card) == BUTTONS
    assert f"【高危】规则 k A{pk}" in card["params"]["title"]
    assert "dtmd:" not in card["params"]["content"]
    store(alert("k2", **same))
    tell(stage)
    assert "同组共 2 条" in stage.wait_card()["params"]["content"]
    for each in Alert.objects.all():
        triage.acknowledge(each.pk, lisi())
    tell(stage)
    assert buttons(stage.wait_card()) == BUTTONS[1:]
    for each in Alert.objects.all():
        triage.close(each.pk, "benign", lisi())
    tell(stage)
    closed = stage.wait_card()["params"]
    assert closed["buttons"] == "[]"
    assert "李四 关闭，结论：正常行为" in closed["content"]
    stage.stop()
    stage.start()
    triage.reopen(pk, lisi())
    tell(stage)
    assert "李四 重新打开" in stage.wait_card()["params"]["content"]
    triage.unassign(pk, lisi())  # what a person has in hand, no source ends
    store(alert(number=1, at=later(minutes=1), status_hint="closed", **same))
    tell(stage)
    last = stage.wait_card()
    assert "自动恢复" in last["params"]["content"]
    assert last["times_created"] == 1
    assert AlertMessage.objects.count() == Card.objects.count() == 1
    assert [one["route"] for one in stage.sim.replies()] == ["card"]
    assert last["streams"] == 0


@pytest.mark.slow
def test_what_ended_and_comes_again_is_escalated_again(stage: CardStage) -> None:
    person = {"kind": "person", "config": "机器人", "staff_id": "lisi"}
    apply_rule_entries([{**RULE, "escalate": {"after_minutes": 15, "to": [person]}}])
    begin(stage)
    pk = Alert.objects.get().pk
    triage.close(pk, "benign", lisi())
    Escalation.objects.update(next_at=later(minutes=-60))
    escalation.step()
    tell(stage)
    assert Escalation.objects.get().ended
    triage.reopen(pk, lisi())
    assert (Escalation.objects.get().step, Escalation.objects.get().ended) == (0, "")
    assert Escalation.objects.get().next_at is not None


@pytest.mark.slow
def test_press_is_carried_out_before_the_ack_which_shows_how_the_card_stands(stage: CardStage) -> None:
    card = begin(stage)
    shown = press(stage, card, "acknowledge")["cardData"]["cardParamMap"]
    row = Alert.objects.get()
    assert (row.status, row.assignee and row.assignee.name) == ("acknowledged", "李四")
    assert "状态：处理中（李四）" in shown["content"]
    assert "处理：李四 " in shown["content"]
    assert [one["id"] for one in json.loads(shown["buttons"])] == BUTTONS[1:]
    tell(stage)
    assert stage.wait_card()["params"] == shown
    change = AuditRecord.objects.get(kind="change", subject=f"alert:{row.pk}", detail__action="acknowledge")
    assert (change.actor_id, change.via) == ("corp:lisi", "card")
    again = press(stage, card, "acknowledge", nonce=2)["cardData"]["cardParamMap"]
    assert again == shown
    assert AuditRecord.objects.filter(detail__action="acknowledge").count() == 1


@pytest.mark.slow
def test_every_button_does_what_it_says(stage: CardStage) -> None:
    card = begin(stage)
    press(stage, card, "take")
    assert (Alert.objects.get().assignee, Alert.objects.get().status) == (
        Staff.objects.get(staff_id="lisi"),
        "acknowledged",
    )
    press(stage, card, "silence")
    assert Silence.objects.get().made_by == "李四"
    again = press(stage, card, "silence", nonce=2)["cardData"]["cardParamMap"]
    assert "- 静默：到 " in again["content"]
    tell(stage)
    assert "处理中" in stage.wait_card()["params"]["content"], "a silence holds messages back, not the card"
    shown = press(stage, card, "false_positive")["cardData"]["cardParamMap"]
    assert (Alert.objects.get().verdict, shown["buttons"]) == ("false_positive", "[]")
    late = press(stage, card, "acknowledge")
    assert "已关闭" in late["userPrivateData"]["cardParamMap"]["title"]


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("who", "corp", "params", "word"),
    [
        ("wu", "corp", {}, "需要「分析」角色"),
        ("nobody", "corp", {}, "需要「分析」角色"),
        ("lisi", "other", {}, "企业"),
        ("lisi", "", {}, "企业"),
        ("lisi", "corp", {"code": "A999"}, "失效"),
    ],
)
def test_refusal_is_shown_to_the_clicker_alone_until_the_card_changes(
    stage: CardStage, who: str, corp: str, params: dict[str, Any], word: str
) -> None:
    card = begin(stage)
    response = press(stage, card, "acknowledge", who, corp, **params)
    assert "cardData" not in response
    assert word in response["userPrivateData"]["cardParamMap"]["title"]
    assert Alert.objects.get().status == "open"
    assert Card.objects.get().readers == [who]
    triage.acknowledge(Alert.objects.get().pk, lisi())
    tell(stage)
    changed = stage.wait_card()
    assert changed["private"][who]["title"] == changed["params"]["title"]
    assert Card.objects.get().readers == []


@pytest.mark.slow
def test_card_of_another_message_or_of_none_orders_nothing(stage: CardStage) -> None:
    card = begin(stage)
    response = press(stage, {**card, "out_track_id": "bf-unknown"}, "acknowledge")
    assert "失效" in response["userPrivateData"]["cardParamMap"]["title"]
    assert Alert.objects.get().status == "open"


@pytest.mark.slow
@pytest.mark.parametrize(("who", "word"), [("wu", "告警 A"), ("nobody", "需要「查看」角色")])
def test_looking_is_told_to_the_clicker_in_private(stage: CardStage, who: str, word: str) -> None:
    card = begin(stage)
    assert press(stage, card, "view", who) == {}

    row = wait_until(
        lambda: OutboxRow.objects.filter(inbox__kind="card").first(),
        within=20,
        what="what is told the clicker",
    )
    assert word in row.text
    assert (row.target["is_group"], row.target["staff_id"]) == (False, who)


def test_owner_is_mentioned_where_cards_can(stage: CardStage) -> None:
    store(alert(assets=(host("web-01"),)))
    AlertMessage.objects.all().delete()
    Alert.objects.update(assignee=Staff.objects.get(staff_id="lisi"))
    begin(stage, number=1, at=later(minutes=1), severity="critical", assets=(host("web-01"),))
    assert OutboxRow.objects.get().at_staff_id == "lisi"
    assert stage.sim.replies()[0]["at_user_ids"] == ["lisi"]


@pytest.mark.slow
def test_worker_that_died_before_it_wrote_down_its_card_makes_no_second_one(stage: CardStage) -> None:
    begin(stage)
    Card.objects.update(state=CardState.OPEN, shown=False, digest="")
    triage.acknowledge(Alert.objects.get().pk, lisi())
    tell(stage)
    card = stage.wait_card()
    assert "处理中" in card["params"]["content"], "DingTalk keeps what a card shows that is created again"
    assert (card["times_created"], len(card["entries"])) == (2, 1)
    assert Card.objects.get().state == CardState.FINISHED
    assert [one["route"] for one in stage.sim.replies()] == ["card"]


@pytest.mark.slow
def test_refused_template_is_markdown_with_taps_from_then_on(stage: CardStage) -> None:
    stage.sim.faults(openapi_status={"value": 400, "path": "/v1.0/card/instances/createAndDeliver"})
    stage.start()
    store(alert())
    tell(stage)
    stage.sim.faults(clear=True)
    triage.acknowledge(Alert.objects.get().pk, lisi())
    tell(stage)
    assert [one["route"] for one in stage.sim.replies()] == ["group", "group"]
    assert "dtmd://" in stage.sim.replies()[0]["text"]
    assert stage.sim.cards() == []


@pytest.mark.slow
def test_card_that_cannot_be_changed_is_ended_and_the_change_told_once_as_markdown(stage: CardStage) -> None:
    begin(stage)
    stage.sim.faults(openapi_status={"value": 400, "path": "/v1.0/card/instances", "times": 1})
    triage.close(Alert.objects.get().pk, "benign", lisi())
    tell(stage)
    assert [one["route"] for one in stage.sim.replies()] == ["card", "group"]
    stage.wait_state(CardState.FAILED)
    assert stage.wait_card()["params"]["buttons"] == "[]"
