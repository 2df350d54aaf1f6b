"""Targets that cannot be reached: a state with its remedy, tried again one by one, sound again by themselves, replaced at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.admin.explanations import explain
from bifang.channels.models import OutboxRow, State
from bifang.core.changes import PROGRAM, Change, record
from bifang.core.models import SystemConfig
from secops_agent.models import AlertMessage, Escalation, MessageState, NotificationTarget, Staff
from secops_agent.services.notifications.delivery import reaching
from tests.secops.inventory_aid import alert, store
from tests.secops.on_call.rota_aid import rota

from . import stage
from .test_messages import age
from .test_robots import ROBOT

pytestmark = pytest.mark.both_databases
PERSON = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
ON_CALL = {"kind": "on_call", "config": "钉钉", "schedule": "安全值班"}


@pytest.fixture(autouse=True)
def config(database):
    made = stage.configure()
    stage.staff("lisi", "李四")
    stage.staff("wangwu", "王五")
    stage.staff("manager01", "张三", "admin")
    return made


def answer(state: str, reason: str = "", **which: Any) -> None:
    """What became of everything that waits in the outbox."""
    now = timezone.now()
    rows = OutboxRow.objects.filter(state=State.PENDING, **which)
    if state == "done":
        for row in rows:
            route = "robot" if row.target.get("robot") else "group" if row.target["is_group"] else "private"
            OutboxRow.objects.filter(pk=row.pk).update(state=state, route=route, sent_at=now)
    rows.filter(state=State.PENDING).update(state=state, last_error=reason, last_error_at=now)


def settle() -> None:
    for _ in range(3):
        stage.announce()


REFUSED = [
    ({"targets": [stage.GROUP]}, "机器人是否仍在该会话中"),
    ({"targets": [PERSON]}, "消息没有送达 lisi"),
    ({"targets": [ROBOT]}, "自定义机器人关键词不匹配"),
    ({"targets": [ROBOT]}, "自定义机器人发送过快，被钉钉停用 10 分钟"),
    ({"targets": [stage.GROUP]}, "本企业的钉钉接口月度调用额度已用完"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "reason"), REFUSED)
@pytest.mark.parametrize("chain", [True, False])
def test_grave_alert_that_is_refused_goes_on_at_once(database, changes, reason, chain):
    steps = [{"after_minutes": 600, "to": [PERSON | {"staff_id": "wangwu"}]}] if chain else []
    stage.rule(**changes, escalate=steps)
    store(alert(severity="critical"))
    stage.announce()
    answer("dead", reason)
    settle()
    message = AlertMessage.objects.get(kind="group")
    assert (message.state, message.reason) == (MessageState.UNDELIVERABLE, reason)
    assert NotificationTarget.objects.filter(step=None).get().last_error == reason
    added = changes["targets"] == [ROBOT]  # the administrators heard of that, too
    assert stage.told_privately().get("wangwu" if chain else "manager01") == 1 + (added and not chain)


@pytest.mark.slow
@pytest.mark.parametrize("chain", [True, False])
@pytest.mark.parametrize("trouble", ["off", "mute", "left", "gap", "foreign"])
def test_grave_alert_that_leads_nowhere_goes_on_at_once(database, config, trouble, chain):
    rota(start="2999-01-07" if trouble == "gap" else "2020-01-06", staff=["lisi"])
    other = SystemConfig.objects.create(
        kind="dingtalk", name="另一个", client_id="ding2", enabled=True, revision=1, params={}
    )
    second = {"kind": "person", "config": other.name, "staff_id": "wangwu"}
    targets = [{"left": PERSON, "gap": ON_CALL, "foreign": ON_CALL}.get(trouble, stage.GROUP)]
    stage.rule(targets=targets, escalate=[{"after_minutes": 600, "to": [second]}] if chain else [])
    if trouble == "left":
        Staff.objects.filter(staff_id="lisi").update(active=False)
    if trouble == "foreign":  # at 钉钉, lisi would be somebody else
        SystemConfig.objects.filter(pk=config.pk).update(params={"corp_id": "dingcorp"})
        Staff.objects.filter(staff_id="lisi").update(corp_id="dingother")
    if trouble in ("off", "mute"):
        SystemConfig.objects.filter(pk=config.pk).update(
            enabled=trouble != "off", params={"notifications_enabled": trouble != "mute"}
        )
    store(alert(severity="critical"))
    settle()
    assert AlertMessage.objects.get(kind="group").state == MessageState.UNDELIVERABLE
    assert stage.told_privately() == {"wangwu" if chain else "manager01": 1}


@pytest.mark.slow
def test_whom_another_rule_tells_the_same_is_not_told_again_because_the_group_failed(database):
    second = PERSON | {"staff_id": "wangwu"}
    stage.rule(name="到群", targets=[stage.GROUP], escalate=[{"after_minutes": 600, "to": [second]}])
    stage.rule(name="到人", targets=[second])
    store(alert(severity="critical"))
    stage.announce()
    answer("dead", "机器人是否仍在该会话中", target__is_group=True)
    settle()
    assert stage.told_privately() == {"wangwu": 1}
    assert Escalation.objects.filter(next_at=None).count() == 1, "its step was taken"


@pytest.mark.slow
def test_last_step_that_nobody_is_reached_by_ends_at_the_administrators(database):
    stage.rule(
        escalate=[
            {"after_minutes": 5, "to": [PERSON]},
            {"after_minutes": 600, "to": [PERSON | {"staff_id": "wangwu"}]},
        ]
    )
    store(alert(severity="critical"))
    stage.announce()
    answer("dead", "群已解散")
    settle()
    answer("dead", "李四屏蔽了机器人")
    settle()
    assert stage.told_privately() == {"lisi": 1, "wangwu": 1}
    answer("unknown", "没有答复")
    settle()
    settle()
    assert stage.told_privately() == {"lisi": 1, "wangwu": 1, "manager01": 1}
    assert Escalation.objects.get().ended


def test_step_that_reached_somebody_waits_its_time(database):
    people = [PERSON, PERSON | {"staff_id": "wangwu"}]
    stage.rule(escalate=[{"after_minutes": 5, "to": people}, {"after_minutes": 600}])
    store(alert(severity="critical"))
    stage.announce()
    answer("dead", "群已解散")
    settle()
    answer("dead", "李四屏蔽了机器人", target__staff_id="lisi")
    answer("done")
    settle()
    assert "manager01" not in stage.told_privately()


@pytest.mark.slow
def test_refusing_target_is_tried_with_one_message_and_heals_with_all_of_them(database):
    stage.rule()
    store(alert("a"))
    stage.announce()
    answer("dead", "机器人不在群里")
    stage.announce()
    store(*(alert(f"k{number}") for number in range(5)))
    settle()
    assert len(stage.told()) == 1
    assert stage.states() == {"undeliverable": 6}
    assert set(AlertMessage.objects.values_list("reason", flat=True)) == {"机器人不在群里"}
    age(301)
    settle()
    assert len(stage.told()) == 2, "one message tries whether it works again"
    assert NotificationTarget.objects.get().last_error
    answer("done")
    settle()
    assert len(stage.told()) == 7
    assert NotificationTarget.objects.get().last_error == ""
    answer("done")
    settle()
    assert stage.states() == {"shown": 6}


@pytest.mark.slow
def test_target_that_goes_on_refusing_is_asked_more_rarely(database):
    stage.rule(targets=[ROBOT])
    store(alert())
    stage.announce()
    pauses = []
    for _ in range(5):
        answer("dead", "关键词不匹配")
        stage.announce()
        target = NotificationTarget.objects.get()
        pauses.append(target.next_try_at - timezone.now())
        age(pauses[-1].total_seconds() + 2)
        stage.announce()
    assert pauses[0] > timedelta(minutes=10), "a blocked robot is left alone until it is not"
    assert pauses[0] < pauses[2] < pauses[3] <= reaching.LONGEST
    assert OutboxRow.objects.exclude(target__is_group=False).count() == 6


@pytest.mark.slow
def test_message_that_is_the_trouble_itself_is_given_up(database, monkeypatch):
    monkeypatch.setattr(reaching, "MOST_TRIES", 3)
    stage.rule()
    store(alert())
    for _ in range(6):
        stage.announce()
        answer("dead", "内容不合适")
        stage.announce()
        age(4000)
    assert len(stage.told()) == 3


def test_target_that_leads_somewhere_again_heals_without_a_message(database, config):
    stage.rule()
    store(alert())
    SystemConfig.objects.filter(pk=config.pk).update(enabled=False)
    stage.announce()
    assert "已停用" in NotificationTarget.objects.get().last_error
    AlertMessage.objects.all().delete()
    SystemConfig.objects.filter(pk=config.pk).update(enabled=True)
    stage.announce()
    assert NotificationTarget.objects.get().last_error == ""


def test_what_may_have_arrived_is_not_told_again_until_there_is_news(database):
    stage.rule()
    store(alert())
    stage.announce()
    answer("unknown", "没有答复")
    settle()
    age(7200)
    settle()
    assert stage.states() == {"unknown": 1}
    assert len(stage.told()) == 1
    store(alert(number=3, severity="critical"))
    settle()
    assert len(stage.told()) == 2
    assert stage.states() == {"shown": 1}


def test_same_trouble_stands_on_every_rule_with_that_target(database):
    stage.rule()
    stage.rule(name="又一条")
    store(alert())
    stage.announce()
    answer("dead", "群已解散")
    stage.announce()
    assert set(NotificationTarget.objects.values_list("last_error", flat=True)) == {"群已解散"}


@pytest.mark.slow
def test_burst_that_could_not_be_told_is_told_again(database):
    stage.rule()
    store(*(alert(f"k{number}") for number in range(40)))
    stage.announce()
    age(3)
    stage.announce()
    answer("dead", "群已解散")
    stage.announce()
    assert AlertMessage.objects.get(burst="crowd").state == MessageState.UNDELIVERABLE
    age(400)
    stage.announce()
    assert len(stage.told()) == 2


def test_dead_letter_whose_news_arrived_later_is_settled(database):
    stage.rule()
    store(alert(), alert("other"))
    stage.announce()
    answer("dead", "群已解散")
    stage.announce()
    dead = OutboxRow.objects.filter(state=State.DEAD)
    assert dead.count() == 2
    assert reaching.settle_dead_letters() == 0
    first = AlertMessage.objects.order_by("pk").first()
    assert first is not None
    reaching.try_again([first.pk])
    for _ in range(2):  # one target is not told twice in a breath
        age(7)
        settle()
    answer("done", key__startswith=f"note:alert:{first.pk}:")
    assert reaching.settle_dead_letters() == 1
    left = dead.get()
    assert not left.key.startswith(f"note:alert:{first.pk}:")
    settled = OutboxRow.objects.get(state=State.DONE, route="")
    assert (settled.last_error, explain(settled).word) == ("群已解散", "已由后来的送达")


def test_refused_target_is_tried_at_once_when_its_configuration_was_changed(database, config):
    stage.rule()
    store(alert())
    stage.announce()
    answer("dead", "应用缺少接口权限")
    stage.announce()
    assert NotificationTarget.objects.get().next_try_at is not None
    record(Change(PROGRAM, "修改系统配置", f"config:{config.pk + 1}"))
    assert NotificationTarget.objects.get().next_try_at is not None, "another one"
    record(Change(PROGRAM, "修改系统配置", f"config:{config.pk}"))
    settle()
    assert NotificationTarget.objects.get().last_error == ""
    age(7)  # one target is not told twice in a breath
    settle()
    assert len(stage.told()) == 2
