"""Calls of an escalation: once for a person, no louder than permitted, within the limits, never again blindly."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from bifang.channels.queues.claims import EVERYTHING, Remit
from bifang.core.database import db
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import (
    Alert,
    AlertMessage,
    CallMeans,
    CallState,
    Escalation,
    LoudestCall,
    NotificationPreference,
    NotificationTarget,
    Staff,
    WakeCall,
)
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications import calls, choices, views
from secops_agent.services.notifications.delivery import calling
from tests.secops.decisions_aid import switch
from tests.secops.inventory_aid import alert, host, store
from tests.secops.on_call.rota_aid import rota

from . import stage

ON_CALL = {"kind": "on_call", "config": "钉钉", "schedule": "安全值班"}
BOSS = {"kind": "person", "config": "钉钉", "staff_id": "boss"}
CHAIN = [
    {"after_minutes": 5, "to": [ON_CALL], "by": "ding_call"},
    {"after_minutes": 5, "to": [BOSS], "by": "ding_sms"},
]
DING = (Remit("dingtalk"), tuple(each.value for each in calls.means_of_platform("dingtalk")))


@pytest.fixture(autouse=True)
def people(database):
    stage.configure()
    staff = {name: stage.staff(name, name) for name in ("lisi", "wangwu")}
    staff["boss"] = stage.staff("boss", "boss", role="admin")
    rota()
    return staff


def escalate(*, step=True):
    """Let the waiting time pass, and take what is due."""
    if step:
        Escalation.objects.filter(next_at__isnull=False).update(next_at=timezone.now() - timedelta(seconds=1))
    stage.announce()
    stage.announce()


def begin(**changes):
    """An alert that nobody took, escalated once."""
    stage.rule(**{"escalate": CHAIN, **changes})
    store(alert())
    stage.announce()
    escalate()
    return WakeCall.objects.get()


@pytest.mark.both_databases
def test_call_is_stored_before_it_is_made_and_the_message_says_so():
    call = begin()
    (order,) = calling.take(*DING)
    assert (order.means, order.account) == ("ding_call", call.staff.staff_id)
    assert WakeCall.objects.get().state == CallState.CALLING
    assert not calling.take(*DING)  # whoever asks beside it gets nothing
    text = OutboxRow.objects.get(target__staff_id=call.staff.staff_id).text
    assert f"用 DING 电话叫 {call.staff.name}" in text


@pytest.mark.both_databases
def test_dead_workers_call_is_not_made_again_and_the_next_step_begins_at_once():
    begin()
    calling.take(*DING)
    WakeCall.objects.update(called_at=timezone.now() - calling.LOST - timedelta(seconds=1))
    assert not calling.take(*DING)
    call = WakeCall.objects.get()
    assert (call.state, call.reason) == (CallState.UNKNOWN, calling.DIED)
    escalate(step=False)
    assert [each.means for each in WakeCall.objects.order_by("pk")] == ["ding_call", "ding_sms"]


def test_refused_call_is_shown_on_the_rule_and_the_next_step_begins_at_once():
    begin()
    (order,) = calling.take(*DING)
    calling.settle(order, CallState.REFUSED, "DING 的权益或额度不足。")
    target = NotificationTarget.objects.get(by="ding_call")
    (problem,) = calls.problems_of(target, timezone.now())
    assert "DING 的权益或额度不足" in problem
    (rule,) = views.search_rules().items
    assert problem in [each.last_error for each in rule.targets]
    escalate(step=False)
    assert WakeCall.objects.filter(means="ding_sms", staff__staff_id="boss").exists()


def test_made_call_lets_the_next_step_wait():
    begin()
    (order,) = calling.take(*DING)
    calling.settle(order, CallState.MADE, receipt="ding-1")
    escalate(step=False)
    assert WakeCall.objects.count() == 1


@pytest.mark.both_databases
def test_acknowledged_alert_is_not_called_for_and_its_ding_is_recalled():
    call = begin()
    (order,) = calling.take(*DING)
    calling.settle(order, CallState.MADE, receipt="ding-1")
    assert calling.take_recall(*DING) is None
    triage.acknowledge(Alert.objects.get().pk, Actor.person(call.staff, "dingtalk"))
    recall = calling.take_recall(*DING)
    assert recall is not None
    assert recall.receipt == "ding-1"
    assert calling.take_recall(*DING) is None  # once
    escalate()
    assert WakeCall.objects.count() == 1


def test_stopped_actions_hold_calls_and_ring_later_for_what_nobody_has_taken():
    begin()
    switch("no_actions")
    assert not calling.take(*DING)
    assert WakeCall.objects.get().state == CallState.WAITING
    switch("no_actions", False)
    assert len(calling.take(*DING)) == 1


def test_call_that_waits_stops_when_somebody_takes_it():
    call = begin()
    triage.acknowledge(Alert.objects.get().pk, Actor.person(call.staff, "dingtalk"))
    assert not calling.take(*DING)
    assert WakeCall.objects.get().state == CallState.STOPPED


@pytest.mark.both_databases
def test_many_groups_ring_one_telephone_once():
    stage.rule(escalate=CHAIN)
    for number in range(4):
        store(
            alert(
                f"k{number}",
                number,
                rule_id=f"r{number}",
                title=f"规则 {number}",
                assets=(host(f"web-{number}"),),
            )
        )
    stage.announce()
    escalate()
    rung = calling.take(*DING)
    assert len(rung) == 1
    states = set(WakeCall.objects.exclude(pk=rung[0].pk).values_list("state", flat=True))
    assert states <= {CallState.JOINED}


@pytest.mark.parametrize(
    ("loudest", "means"), [("call", "ding_call"), ("sms", "ding_sms"), ("app", "ding_app"), ("none", "")]
)
def test_person_is_called_no_louder_than_he_permits(people, loudest, means):
    for person in people.values():
        NotificationPreference.objects.create(staff=person, calls=LoudestCall(loudest))
    stage.rule(escalate=CHAIN)
    store(alert())
    stage.announce()
    escalate()
    assert [each.means for each in WakeCall.objects.all()] == ([means] if means else [])


def test_limit_of_the_day_starts_the_next_step_and_a_new_month_begins_anew(settings):
    settings.RATE_LIMITS = True
    SystemConfig.objects.update(
        params={"notifications_enabled": True, "calls_call_day": 2, "calls_call_month": 2}
    )
    config, boss = SystemConfig.objects.get(), Staff.objects.get(staff_id="boss")
    late = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)  # 23:59 in Beijing
    for at in (late - timedelta(days=3), late):
        WakeCall.objects.create(
            config=config, staff=boss, account="boss", means="ding_call", text="x", state=CallState.MADE,
            created_at=at, due_at=at, called_at=at,
        )  # fmt: skip
    assert "本月的DING 电话已用 2 次" in calls.refusal(config, "ding_call", late)
    config.params["calls_call_day"] = 1
    assert "今天的DING 电话已用 1 次" in calls.refusal(config, "ding_call", late)
    assert not calls.refusal(
        config, "ding_call", late + timedelta(minutes=1)
    )  # December in Beijing, not yet in UTC
    assert not calls.refusal(config, "ding_sms", late)


@pytest.mark.both_databases
def test_call_over_the_limit_is_refused_with_the_reason(settings):
    settings.RATE_LIMITS = True
    SystemConfig.objects.update(params={"notifications_enabled": True, "calls_call_day": 0})
    begin()
    assert not calling.take(*DING)
    assert "上限 0 次" in WakeCall.objects.get().reason
    escalate(step=False)
    assert WakeCall.objects.filter(means="ding_sms").exists()


def test_who_has_left_is_not_called():
    call = begin()
    Staff.objects.filter(pk=call.staff_id).update(active=False)
    assert not calling.take(*DING)
    assert "已离开" in WakeCall.objects.get().reason


def test_busy_platform_is_asked_again_a_few_times():
    begin()
    for _ in range(calling.MOST_TRIES):
        (order,) = calling.take(*DING)
        calling.put_off(order, 0, "太快")
    assert WakeCall.objects.get().state == CallState.REFUSED


@pytest.mark.parametrize("step", [
    {"after_minutes": 5, "by": "ding_call"},
    {"after_minutes": 5, "to": [stage.GROUP], "by": "ding_call"},
    {"after_minutes": 5, "to": [{"kind": "role", "config": "钉钉", "role": "analyst"}], "by": "ding_call"},
    {"after_minutes": 5, "to": [ON_CALL], "by": "urgent_call"},
    {"after_minutes": 5, "to": [ON_CALL], "by": "carrier_pigeon"},
])  # fmt: skip
def test_only_people_on_duty_or_by_name_are_called_on_their_own_platform(step):
    with pytest.raises(InvalidInput):
        stage.rule(escalate=[step])


def test_other_means_of_the_same_step_are_stored():
    stage.rule(escalate=CHAIN)
    stage.rule(escalate=[{**CHAIN[0], "by": "ding_sms"}, {**CHAIN[1], "by": ""}])
    assert [each.by for each in NotificationTarget.objects.exclude(step=None)] == ["ding_sms", ""]


def test_urgent_goes_with_the_message_once_it_has_arrived():
    feishu = SystemConfig.objects.create(
        kind="feishu",
        name="飞书",
        client_id="cli_1",
        enabled=True,
        revision=1,
        params={"notifications_enabled": True},
    )
    person, now = (
        Staff.objects.create(corp_id="", staff_id="ou_1", name="赵六", role="analyst"),
        db.database_now(),
    )
    OutboxRow.objects.create(
        config=feishu,
        order_key="x",
        key="note:call:1",
        text="试拨",
        created_at=now,
        target={"staff_id": "ou_1"},
    )
    WakeCall.objects.create(
        config=feishu,
        staff=person,
        account="ou_1",
        means="urgent_call",
        key="note:call:1",
        text="x",
        created_at=now,
        due_at=now,
    )
    assert not calling.take(Remit("feishu"), ["urgent_call"])
    OutboxRow.objects.filter(key="note:call:1").update(state=State.DONE, route="private", receipt="om_1")
    WakeCall.objects.update(due_at=now)
    (order,) = calling.take(Remit("feishu"), ["urgent_call"])
    assert order.message_id == "om_1"
    assert AlertMessage.objects.count() == 0


def test_trials_of_one_person_leave_the_quota_to_alerts(people):
    person, now = next(iter(people.values())), db.database_now()
    given = {"staff": person, "means": "ding_call", "created_at": now, "due_at": now, "state": "made"}
    config = SystemConfig.objects.create(
        kind="feishu", name="飞书", client_id="cli_1", enabled=True, revision=1
    )
    WakeCall.objects.bulk_create(WakeCall(config=config, **given) for _ in range(calling.TRIALS))
    with pytest.raises(InvalidInput, match="一天最多试拨 3 次"):
        calling.try_out(person, "ding_call", Actor.system("test"))


def test_gateway_is_called_only_where_the_telephone_is_permitted(people):
    for person in people.values():
        NotificationPreference.objects.create(staff=person, calls=LoudestCall.SMS)
    stage.rule(escalate=[{"after_minutes": 5, "to": [ON_CALL], "by": "gateway_call"}])
    store(alert())
    stage.announce()
    escalate()
    assert not WakeCall.objects.exists()
    assert calls.permitted("gateway_call", "call") == "gateway_call"


@pytest.mark.parametrize("whom", [{"staff_id": "lisi"}, {"schedule": "安全值班"}])
@pytest.mark.parametrize("state", [CallState.MADE, CallState.REFUSED])
def test_gateway_as_a_target_calls_at_once_and_sends_nothing(people, whom, state):
    voice = {"kind": "gateway", "config": "钉钉", **whom}
    stage.rule(targets=[voice], escalate=[{"after_minutes": 15, "to": [BOSS]}])
    store(alert())
    stage.announce()
    (order,) = calling.take(EVERYTHING, [CallMeans.GATEWAY])
    assert "没有人处理" not in order.text
    assert not OutboxRow.objects.exists()
    calling.settle(order, state, "空号。")
    message = AlertMessage.objects.get()
    assert message.state == ("shown" if state == CallState.MADE else "undeliverable")
    escalate(step=False)
    assert OutboxRow.objects.filter(target__staff_id="boss").exists() is (state == CallState.REFUSED)
    store(alert())  # more of the same group
    stage.announce()
    assert WakeCall.objects.count() == 1
    (target,) = NotificationTarget.objects.filter(step=None)
    (mine,) = [
        each for each in choices.choices(None, gateway=True) if each.key == choices.choice_of(target).key
    ]
    assert {name: mine.entry[name] for name in voice} == {**voice, "config": "dingtalk/钉钉"}


def test_gateway_leads_nowhere_for_who_permits_no_telephone(people):
    NotificationPreference.objects.create(staff=people["lisi"], calls=LoudestCall.SMS)
    stage.rule(targets=[{"kind": "gateway", "config": "钉钉", "staff_id": "lisi"}])
    store(alert())
    stage.announce()
    assert "不用电话叫" in AlertMessage.objects.get(kind="group").reason
    assert not WakeCall.objects.exists()
