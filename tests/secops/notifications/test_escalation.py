"""Chains of escalation: each person of a role, the next in rotation, again and again, until somebody takes it in hand."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertMessage, Escalation, MessageState, OnCallSchedule, Role, Silence
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import batches, triage
from secops_agent.services.alerts.batches import Doer, TriageAct
from secops_agent.services.alerts.timeline import OF_NO_RULE, calling_of, under_way
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.views import told_of
from secops_agent.services.on_call.shifts import on_call_at
from secops_agent.services.people.staff import Person
from secops_agent.tools.definitions import Asker
from secops_agent.tools.incidents.alerts import GetAlert, get_alert
from tests.secops.inventory_aid import ACTOR, alert, store
from tests.secops.on_call.rota_aid import rota

from . import stage

pytestmark = pytest.mark.both_databases

ROLE = {"kind": "role", "config": "钉钉", "role": "responder"}
NEXT = {"kind": "next", "config": "钉钉", "schedule": "安全值班"}


@pytest.fixture(autouse=True)
def people(database):
    stage.configure()
    staff = {name: stage.staff(name, name) for name in ("lisi", "wangwu")}
    rota()
    return staff


def next_step():
    """Let the waiting time pass, and take what is due."""
    Escalation.objects.filter(next_at__isnull=False).update(next_at=timezone.now() - timedelta(seconds=1))
    stage.announce()
    stage.announce()


@pytest.mark.slow
def test_everyone_of_a_role_is_told_once_and_nobody_above_it(people):
    for name in ("r1", "r2"):
        stage.staff(name, name, role="responder")
    stage.staff("boss", "boss", role="admin")
    stage.rule(escalate=[{"after_minutes": 5, "to": [ROLE]}])
    store(alert())
    stage.announce()
    next_step()
    assert stage.told_privately() == {"r1": 1, "r2": 1}


def test_next_in_rotation_is_the_one_after_the_present_one(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [NEXT]}])
    store(alert())
    stage.announce()
    next_step()
    now = on_call_at(rota(), timezone.now()).staff
    assert now is not None
    assert stage.told_privately() == {("wangwu" if now.staff_id == "lisi" else "lisi"): 1}


@pytest.mark.slow
def test_chain_is_repeated_as_often_as_it_says_and_then_ends(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [NEXT]}], repeat=2)
    store(alert())
    stage.announce()
    for _ in range(6):
        next_step()
    assert AlertMessage.objects.filter(kind="escalation").count() == 3
    assert Escalation.objects.get().ended == "已到最后一步"


@pytest.mark.slow
def test_chain_stops_when_somebody_takes_it_and_that_is_the_owner(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [NEXT]}], repeat=5)
    store(alert())
    stage.announce()
    next_step()
    triage.acknowledge(Alert.objects.get().pk, Actor.person(people["wangwu"], "dingtalk"))
    for _ in range(3):
        next_step()
    assert AlertMessage.objects.filter(kind="escalation").count() == 1
    row = Alert.objects.get()
    assert row.assignee == people["wangwu"]
    triage.reopen(_closed(row), Actor.person(people["lisi"], "dingtalk"))
    triage.acknowledge(row.pk, Actor.person(people["lisi"], "dingtalk"))
    assert Alert.objects.get().assignee == people["wangwu"]


def _closed(row: Alert) -> int:
    triage.close(row.pk, "benign", Actor.system("test"))
    return row.pk


@pytest.mark.slow
def test_who_takes_it_ends_the_chain_and_undo_begins_it_again(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [ROLE]}])
    store(alert())
    stage.announce()
    pk, lisi = Alert.objects.get().pk, Actor.person(people["lisi"], "dingtalk")
    doer = Doer(staff_id=people["lisi"].pk)
    done = batches.carry_out(TriageAct("assign", person=people["lisi"]), [pk], lisi, doer)
    next_step()
    assert Escalation.objects.get().ended == Escalation.TAKEN
    assert done.batch
    batches.undo(done.batch.pk, lisi, doer)
    row = Alert.objects.get()
    assert (row.status, row.assignee, row.acknowledged_at) == ("open", None, None)


def test_who_is_given_it_by_another_is_still_told(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [NEXT]}])
    store(alert())
    stage.announce()
    triage.assign(Alert.objects.get().pk, people["lisi"], Actor.person(people["wangwu"], "dingtalk"))
    assert Alert.objects.get().status == "open"
    next_step()
    assert Escalation.objects.get().ended != Escalation.TAKEN


def test_step_without_targets_tells_administrators_and_follows_up(people):
    stage.staff("boss", "boss", role="admin")
    stage.rule(escalate=[{"after_minutes": 5}])
    store(alert())
    stage.announce()
    next_step()
    assert stage.told_privately() == {"boss": 1}


def card(number):
    asker = Asker(Person("", "boss", "boss", Role.ADMIN), False, timezone.localtime(), None)
    return get_alert(asker, GetAlert(alert_id=number)).text


@pytest.mark.slow
def test_timeline_says_who_was_told_and_what_comes_next(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [NEXT]}], repeat=1)
    store(alert())
    stage.announce()
    next_step()
    found = Alert.objects.get()
    assert [each.place.partition("（")[0] for each in told_of(found.pk)] == [
        "下一位值班人 安全值班",
        "群 cidGroup",
    ]
    assert "- 通知：下一位值班人 安全值班" in card(found.pk)
    (line,) = calling_of(found.pk).lines
    assert "还没有人确认就通知 下一位值班人 安全值班（" in line
    assert line.endswith("（严重告警 第 1 步，第 2 轮）")
    assert f"- 叫人：{line}" in card(found.pk)
    assert under_way() == [(found.pk, line)]


def test_a_step_names_whom_it_tells_and_how(people):
    stage.staff("r1", "孙七", role="responder")
    ring = {**NEXT, "kind": "on_call"}
    stage.rule(
        escalate=[{"after_minutes": 5, "to": [ring], "by": "ding_app"}, {"after_minutes": 5, "to": [ROLE]}]
    )
    store(alert())
    stage.announce()
    on_call, found = on_call_at(OnCallSchedule.objects.get(), timezone.now()).staff, Alert.objects.get()
    assert f"就用 DING 应用内叫 值班人 安全值班（{on_call.name}）" in calling_of(found.pk).lines[0]
    next_step()
    *_, last = calling_of(found.pk).lines
    assert "就通知 角色的每个人 " in last
    assert "（孙七）" in last


def test_who_is_not_called_any_more_is_told_with_the_reason(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [NEXT]}])
    store(alert())
    found = Alert.objects.get()
    stage.announce()
    next_step()
    left = calling_of(found.pk)
    assert left.is_left
    assert left.lines == ("不再叫人：升级已到最后一步，还没有人确认",)
    triage.acknowledge(found.pk, Actor.person(people["lisi"], "dingtalk"))
    taken = calling_of(Alert.objects.get().pk)
    assert taken.lines == ("不再叫人：lisi 是处理人",)
    assert not taken.is_left
    assert not under_way()


def test_an_alert_of_no_rule_is_said_to_call_nobody():
    store(alert())
    stage.rule(name="以后的")
    assert calling_of(Alert.objects.get().pk).lines == (OF_NO_RULE,)


def test_what_is_silenced_is_told_no_time_at_which_it_escalates(people):
    stage.rule(escalate=[{"after_minutes": 5, "to": [NEXT]}])
    store(alert())
    stage.announce()
    found = Alert.objects.get()
    silences.silence("alert", str(found.pk), 60, ACTOR)
    (line,) = calling_of(found.pk).lines
    assert line.startswith("静默中，")
    assert "不升级" in line
    Silence.objects.all().delete()
    (line,) = calling_of(found.pk).lines
    assert "还没有人确认就通知" in line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": [ROLE]}, "只能用在 escalate 里"),
        ({"escalate": [{"after_minutes": 5, "to": [{**ROLE, "role": "boss"}]}]}, "不是角色"),
        ({"escalate": [{"after_minutes": 5}], "repeat": 6}, "repeat"),
    ],
)
def test_wrong_chains_are_refused(people, changes, said):
    with pytest.raises(InvalidInput, match=said):
        stage.rule(**changes)


@pytest.mark.slow
def test_unreachable_chain_is_hurried_once_not_for_every_round(people):
    stage.rule(targets=[{**NEXT, "kind": "on_call"}], escalate=[{"after_minutes": 5}], repeat=5)
    rota(start="2100-01-04")
    store(alert())
    for _ in range(4):
        stage.announce()
    assert AlertMessage.objects.filter(state=MessageState.UNDELIVERABLE).exists()
    assert Escalation.objects.get().round == 1
