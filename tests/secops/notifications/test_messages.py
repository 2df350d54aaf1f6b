"""What is told of alerts: once to each destination, followed up, shown when it cannot be told."""

import re
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from bifang.channels.text import outgoing
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.agent.turn.toolbox import execute, plan
from secops_agent.models import Alert, AlertMessage, Burst, Escalation, MessageState, NotificationTarget
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.delivery import announcing
from secops_agent.services.notifications.delivery.progress import card_of
from secops_agent.services.notifications.views import told_of
from secops_agent.services.records import Indicator
from tests.secops.inventory_aid import ACTOR, alert, host, later, store
from tests.secops.on_call.rota_aid import rota

from . import stage

pytestmark = pytest.mark.both_databases


@pytest.fixture(autouse=True)
def config(database):
    return stage.configure()


def age(seconds: float) -> None:
    """Let time pass for every message."""
    past = timedelta(seconds=seconds)
    for row in AlertMessage.objects.all():
        for name in ("opened_at", "due_at", "sent_at", "told_at", "joined_at"):
            at = getattr(row, name)
            setattr(row, name, at and at - past)
        row.save()
    for target in NotificationTarget.objects.exclude(last_error_at=None):
        target.last_error_at -= past
        target.next_try_at = target.next_try_at and target.next_try_at - past
        target.save()


@pytest.mark.slow
def test_new_alert_is_told_once_with_its_code_and_commands(database):
    stage.rule()
    store(alert(assets=(host("web-01"),)))
    stage.announce()
    stage.announce()
    (text,) = stage.told()
    pk = Alert.objects.get().pk
    assert "高危" in text
    assert "web-01" in text
    said = (f"确认 A{pk}", f"指派给我 A{pk}", f"误报 A{pk}", f"静默 A{pk} 1小时", f"查看 A{pk}")
    assert " ｜ ".join(outgoing.said_by(link) for link in re.findall(r"\]\(([^)]+)\)", text)) == " ｜ ".join(
        said
    )
    assert all(text.count(f"[{each}]") == 1 and text.count(each) == 1 for each in said), "each is there once"


def test_a_change_of_what_was_told_leaves_the_time_of_the_first_sending(database):
    stage.rule()
    store(alert())
    stage.announce()
    pk = Alert.objects.get().pk
    assert told_of(pk)[0].updated_at is None
    triage.acknowledge(pk, ACTOR)
    age(600)
    row = AlertMessage.objects.get(kind="group", sent_at__isnull=False)
    OutboxRow.objects.update(card=card_of(row), route="card")
    stage.announce()
    (told,) = told_of(pk)
    assert told.sent_at == row.sent_at
    assert told.updated_at is not None


def test_a_change_that_is_a_message_of_its_own_is_told_as_one(database):
    stage.rule()
    store(alert())
    stage.announce()
    pk = Alert.objects.get().pk
    AlertMessage.objects.update(
        sent_at=timezone.now() + timedelta(minutes=2)
    )  # as a burst marks what it tells of
    row = AlertMessage.objects.get()
    row.pk, row.burst, row.told_at = None, Burst.CHANGED, row.sent_at
    row.save()
    row.alerts.add(pk)
    assert [(each.updated_at, each.is_update) for each in told_of(pk)] == [(None, True), (None, False)]


def test_a_message_has_the_indicators_that_its_direction_does_not_name(database):
    stage.rule()
    seen = tuple(
        Indicator(*each) for each in (("ip", "198.51.100.44"), ("hash", "a" * 64), ("account", "lisi"))
    )
    store(alert(assets=(host("web-01"),), indicators=seen))
    stage.announce()
    assert f"- 指标：198.51.100.44、{'a' * 64}\n" in stage.told()[0]


def test_what_no_rule_is_about_is_not_told(database):
    stage.rule()
    store(alert(severity="low"))
    stage.announce()
    assert stage.told() == []


def test_two_rules_with_one_target_tell_once(database):
    stage.rule()
    stage.rule(name="又一条")
    store(alert())
    stage.announce()
    assert len(stage.told()) == 1


@pytest.mark.slow
def test_repeats_say_nothing_and_a_graver_level_does(database):
    stage.rule()
    store(alert())
    stage.announce()
    store(alert(number=1, at=later(minutes=1)))
    age(120)
    stage.announce()
    assert len(stage.told()) == 1
    store(alert(number=2, severity="critical", at=later(minutes=2)))
    stage.announce()
    age(120)
    stage.announce()
    assert len(stage.told()) == 2
    assert "严重" in stage.told()[1]


def test_alerts_of_one_rule_and_asset_share_a_message(database):
    stage.rule()
    for number in range(3):
        store(alert(f"k{number}", rule_name="同一规则", rule_id="R1", assets=(host("web-01"),)))
    stage.announce()
    assert len(stage.told()) == 1
    assert "同组共 3 条" in stage.told()[0]


def test_what_people_do_is_told_in_the_same_place(database):
    stage.rule()
    store(alert())
    stage.announce()
    triage.close(
        Alert.objects.get().pk, "false_positive", Actor.person(stage.staff("lisi", "李四"), "dingtalk")
    )
    age(120)
    stage.announce()
    assert "已关闭（误报）" in stage.told()[-1]
    assert stage.states() == {"ended": 1}


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"enabled": False}, {"params": {"notifications_enabled": False}}])
def test_target_that_cannot_be_reached_is_shown_with_its_remedy_and_tried_again(database, config, change):
    stage.rule()
    store(alert())
    SystemConfig.objects.filter(pk=config.pk).update(**change)
    stage.announce()
    assert stage.told() == []
    (message,) = AlertMessage.objects.all()
    assert message.state == MessageState.UNDELIVERABLE
    assert "启用" in message.reason
    assert NotificationTarget.objects.get().last_error == message.reason
    SystemConfig.objects.filter(pk=config.pk).update(enabled=True, params={"notifications_enabled": True})
    age(600)
    stage.announce()
    assert len(stage.told()) == 1


def test_dead_letter_is_shown_on_its_message(database):
    stage.rule()
    store(alert())
    stage.announce()
    OutboxRow.objects.update(state="dead", last_error="群不存在", last_error_at=timezone.now())
    stage.announce()
    assert (AlertMessage.objects.get().state, AlertMessage.objects.get().reason) == (
        "undeliverable",
        "群不存在",
    )


def test_silence_holds_back_and_counts_what_it_covers_only(database):
    stage.rule()
    store(host("web-01"))
    silence = silences.silence("asset", "web-01", 60, ACTOR, "维护")
    store(alert("a", assets=(host("web-01"),)), alert("b", assets=(host("web-02"),)))
    stage.announce()
    assert len(stage.told()) == 1
    assert "web-02" in stage.told()[0]
    silence.refresh_from_db()
    assert silence.held == 1
    assert stage.states() == {"shown": 1, "held": 1, "waiting": 1}
    assert Alert.objects.count() == 2


@pytest.mark.slow
def test_on_call_person_is_told_then_the_next_step_then_administrators(database):
    for staff_id, name in (("lisi", "李四"), ("wangwu", "王五"), ("zhaoliu", "赵六")):
        stage.staff(staff_id, name)
    stage.staff("manager01", "张三", "admin")
    rota(start="2020-01-06", staff=["lisi"])
    on_call = {"kind": "on_call", "config": "钉钉", "schedule": "安全值班"}
    person = {"kind": "person", "config": "钉钉", "staff_id": "wangwu"}
    stage.rule(targets=[on_call], escalate=[{"after_minutes": 15, "to": [person]}, {"after_minutes": 15}])
    store(alert())
    stage.announce()
    assert stage.told_privately() == {"lisi": 1}
    hurry()
    assert stage.told_privately() == {"lisi": 1, "wangwu": 1}
    hurry()
    assert stage.told_privately() == {"lisi": 1, "wangwu": 1, "manager01": 1}
    hurry()
    assert sum(stage.told_privately().values()) == 3


def test_escalation_stops_when_somebody_takes_it(database):
    lisi = stage.staff("lisi", "李四")
    person = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
    stage.rule(escalate={"after_minutes": 15, "to": [person]})
    store(alert())
    stage.announce()
    triage.acknowledge(Alert.objects.get().pk, Actor.person(lisi, "dingtalk"))
    hurry()
    assert stage.told_privately() == {}


@pytest.mark.slow
@pytest.mark.parametrize("taken", [True, False], ids=["somebody", "the source"])
def test_escalation_begins_anew_when_something_is_open_again(database, taken):
    lisi = stage.staff("lisi", "李四")
    person = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
    stage.rule(escalate={"after_minutes": 15, "to": [person]})
    store(alert())
    stage.announce()
    if taken:
        triage.acknowledge(Alert.objects.get().pk, Actor.person(lisi, "dingtalk"))
    else:
        store(alert(number=1, at=later(minutes=1), status_hint="closed"))
    assert AlertMessage.objects.get().wanted == 2, "what the source says is told as what people do"
    hurry()
    assert stage.told_privately() == {}
    store(alert(number=2, severity="critical", at=later(minutes=2)))
    hurry()
    hurry()
    assert stage.told_privately() == {"lisi": 1}


@pytest.mark.slow
def test_end_that_the_source_reports_is_told_and_ends_the_escalation(database):
    stage.staff("manager01", "张三", "admin")
    stage.rule(escalate={"after_minutes": 15})
    store(alert())
    stage.announce()
    store(alert(number=1, at=later(minutes=1), status_hint="closed"))
    age(120)
    hurry()
    assert "已关闭" in stage.told()[-1]
    assert stage.states() == {"ended": 1}
    assert (Escalation.objects.get().ended, stage.told_privately()) == (Escalation.RESOLVED, {})


def test_gap_in_the_rota_goes_to_the_next_step_at_once(database):
    stage.staff("lisi", "李四")
    rota(start="2999-01-07", staff=["lisi"])
    on_call = {"kind": "on_call", "config": "钉钉", "schedule": "安全值班"}
    person = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
    stage.rule(targets=[on_call], escalate={"after_minutes": 60, "to": [person]})
    store(alert())
    stage.announce()
    stage.announce()
    stage.announce()
    assert "现在无人值班" in AlertMessage.objects.get(kind="group").reason
    assert stage.told_privately() == {"lisi": 1}


def hurry() -> None:
    """The next step of every escalation is due."""
    Escalation.objects.filter(next_at__isnull=False).update(next_at=timezone.now() - timedelta(minutes=1))
    stage.announce()
    stage.announce()


def test_silence_of_an_alert_is_proposed_confirmed_and_holds_its_message_back(database):
    stage.rule()
    store(alert(assets=(host("web-01"),)))
    pk = Alert.objects.get().pk
    planned = plan("silence_alerts", {"scope": f"A{pk}", "minutes": 60})
    assert "1 小时" in planned.summary
    assert "已静默到" in execute("silence_alerts", planned.arguments, ACTOR)
    stage.announce()
    assert stage.told() == []
    assert stage.states() == {"held": 1, "waiting": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scope": "A999"}, "没有编号为 999 的告警"),
        ({"scope": "全部:", "minutes": 5}, "审批人"),
        ({"scope": "资产:web-01", "minutes": 60 * 25}, "审批人"),
        ({"scope": "资产:web-02"}, "是否指：web-01"),
        ({"scope": "来源:suricat"}, "是否指：suricata"),
        ({"scope": "今天"}, "请说明静默什么"),
        ({"scope": "资产:"}, "请说明静默什么"),
    ],
)
def test_silence_that_nobody_may_make_alone_or_of_nothing_is_refused(database, given, said):
    store(alert(assets=(host("web-01"),)))
    with pytest.raises(InvalidInput, match=said):
        plan("silence_alerts", given)


def test_message_whose_alert_was_deleted_ends_and_is_not_looked_at_again(database):
    stage.rule()
    store(alert())
    Alert.objects.all().delete()
    assert announcing.step() == 1
    assert announcing.step() == 0
    assert stage.told() == []
    assert AlertMessage.objects.get().reason == "告警已删除"


def test_what_somebody_did_is_told_in_one_line_and_the_full_message_links_to_the_page(database, settings):
    settings.PUBLIC_URL = "https://bifang.example"
    stage.rule()
    store(alert())
    row = Alert.objects.get()
    stage.announce()
    (full,) = stage.told()
    assert f"[在网页上看 A{row.pk}](https://bifang.example/alerts/{row.pk}/)" in full
    OutboxRow.objects.update(state=State.DONE, route="group", sent_at=timezone.now())
    triage.acknowledge(row.pk, Actor.person(stage.staff("lisi", "李四"), "dingtalk"))
    AlertMessage.objects.update(due_at=timezone.now(), sent_at=F("sent_at") - timedelta(minutes=2))
    stage.announce()
    line = stage.told()[1]
    assert line.startswith(f"👤 [A{row.pk}](https://bifang.example/alerts/{row.pk}/) ")
    assert "处理中（李四）。李四 确认" in line
    assert "\n" not in line
