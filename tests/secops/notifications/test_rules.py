"""Rules: what they are about, when they speak, and that what they name must exist."""

from datetime import timedelta

import pytest

from bifang.channels.known_groups import learn_group
from bifang.core.errors import InvalidInput
from secops_agent.models import AuditRecord, NotificationRule, Staff
from secops_agent.services.notifications import targets
from secops_agent.services.notifications.conditions import Conditions, Facts, Hours
from secops_agent.services.notifications.rules import read_rules
from tests.secops.on_call.rota_aid import at

from . import stage

FACTS = Facts("high", "wazuh", ("5710", "SSH 暴力破解"), frozenset({"web-01"}), frozenset({"生产"}), frozenset({"critical"}), frozenset({"lisi"}))  # fmt: skip


@pytest.mark.parametrize(
    ("said", "matches"),
    [
        ({}, True),
        ({"severities": ["high"]}, True),
        ({"severities": ["critical"]}, False),
        ({"sources": ["wazuh", "falco"]}, True),
        ({"rules": ["SSH 暴力破解"]}, True),
        ({"rules": ["5710"], "sources": ["falco"]}, False),
        ({"asset_tags": ["生产"]}, True),
        ({"asset_tags": ["测试"]}, False),
        ({"importance": ["critical"]}, True),
        ({"owners": ["wangwu"]}, False),
        ({"on": ["risen"]}, False),
    ],
)
def test_conditions_all_have_to_hold(said, matches):
    assert Conditions(**said).match(FACTS, {"new"}) is matches


@pytest.mark.parametrize(
    ("said", "now", "opens"),
    [
        ({}, "2026-11-26 03:00", "2026-11-26 03:00"),
        ({"quiet_from": "22:00", "quiet_until": "08:00"}, "2026-11-26 03:00", "2026-11-26 08:00"),
        ({"quiet_from": "22:00", "quiet_until": "08:00"}, "2026-11-26 23:00", "2026-11-27 08:00"),
        ({"quiet_from": "22:00", "quiet_until": "08:00"}, "2026-11-26 12:00", "2026-11-26 12:00"),
        ({"quiet_from": "12:00", "quiet_until": "14:00"}, "2026-11-26 13:00", "2026-11-26 14:00"),
        ({"days": "working"}, "2026-11-28 12:00", "2026-11-30 00:00"),
        ({"days": "working"}, "2026-10-03 12:00", "2026-10-08 00:00"),
        (
            {"days": "working", "quiet_from": "18:00", "quiet_until": "09:00"},
            "2026-11-27 19:00",
            "2026-11-30 09:00",
        ),
    ],
)
def test_quiet_hours_and_days_end_when_they_say(database, said, now, opens):
    assert Hours(**said).opens_at(at(now), "high") == at(opens)
    assert Hours(**said).opens_at(at(now), "critical") == at(now)


def test_a_rule_for_nights_only_leaves_the_day_to_others(database):
    nights = Hours(quiet_from="08:00", quiet_until="22:00", always=(), waits=False)
    assert [nights.takes(at(f"2026-11-26 {hour}"), "critical") for hour in ("12:00", "23:00", "03:00")] == [
        False, True, True,
    ]  # fmt: skip
    assert Hours(quiet_from="08:00", quiet_until="22:00").takes(at("2026-11-26 12:00"), "high"), "it waits"
    assert "不补发" in str(nights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": [{**stage.GROUP, "config": "没有"}]}, "targets.1：没有名为「没有」的钉钉或飞书配置"),
        (
            {"targets": [{**stage.GROUP, "conversation_id": "安全群"}]},
            "targets.1：conversation_id 要写群「安全群」的会话 ID：cidKnown",
        ),
        (
            {"targets": [stage.GROUP, {**stage.GROUP, "conversation_id": "cidForeign"}]},
            "targets.2：群「别家的群」属于另一个企业",
        ),
        ({"owners": ["nobody"]}, "owners.1：「nobody」不在人员名单中"),
        (
            {
                "escalate": [
                    {"after_minutes": 5},
                    {"after_minutes": 5, "to": [{"kind": "person", "config": "钉钉", "staff_id": "nobody"}]},
                ]
            },
            "escalate.2.to.1：staff_id「nobody」不在人员名单中",
        ),
        ({"targets": [{"kind": "group", "config": "钉钉"}]}, "缺少 conversation_id"),
        ({"targets": [{"kind": "person", "config": "钉钉", "staff_id": "nobody"}]}, "不在人员名单中"),
        ({"targets": [{"kind": "person", "config": "钉钉", "staff_id": "stranger"}]}, "不在人员名单中"),
        (
            {"targets": [{"kind": "on_call", "config": "钉钉", "schedule": "没有"}]},
            "没有名为「没有」的值班表",
        ),
        (
            {"targets": [{"kind": "pager"}]},
            "targets.1.kind 只能是 group、person、on_call、next、role、webhook、gateway",
        ),
        ({"severities": ["urgent"]}, "conditions.severities.1 只能是"),
        ({"hours": {"quiet_from": "22:00"}}, "（quiet_from、quiet_until）要一起写"),
        ({"escalate": {"after_minutes": 0}}, "escalate.1.after_minutes 应不小于 1"),
        ({"shout": True}, "不认识的键「shout」"),
    ],
)
def test_wrong_rules_are_refused_with_the_place(database, changes, said):
    config = stage.configure(corp_id="dingcorp")
    Staff.objects.create(corp_id="dingother", staff_id="stranger", name="别家的人", role="analyst")
    for conversation_id, title, corp_id in (
        ("cidKnown", "安全群", "dingcorp"),
        ("cidForeign", "别家的群", "dingother"),
    ):
        learn_group(config.pk, conversation_id, title=title, corp_id=corp_id, speaker="李四", staff_id="lisi")
    with pytest.raises(InvalidInput) as caught:
        stage.rule(**changes)
    assert "notification_rules 第 1 项（严重告警）" in caught.value.message
    assert said in caught.value.message
    assert not NotificationRule.objects.exists()


def test_group_that_a_file_names_first_is_in_doubt_until_the_robot_is_spoken_to_there(database):
    config = stage.configure()
    stage.rule()
    target = NotificationRule.objects.get().targets.get()
    assert "还没有人 @ 过机器人" in targets.doubt(target)
    learn_group(config.pk, "cidGroup", title="安全群", corp_id="", speaker="李四", staff_id="lisi")
    assert targets.doubt(NotificationRule.objects.get().targets.get()) == ""


def test_same_rule_again_changes_nothing_and_changes_are_audited(database):
    stage.configure()
    stage.rule()
    target = NotificationRule.objects.get().targets.get().pk
    stage.rule()
    assert NotificationRule.objects.get().targets.get().pk == target
    assert AuditRecord.objects.filter(what__contains="通知规则").count() == 1
    stage.rule(severities=["critical"], escalate={"after_minutes": 15})
    (read,) = read_rules()
    assert (read.conditions.severities, read.steps) == (("critical",), (15,))


def test_switched_off_rules_are_not_read(database):
    stage.configure()
    stage.rule(enabled=False)
    assert read_rules() == []


def test_quiet_hours_hold_a_message_back_until_they_end(database):
    from secops_agent.models import AlertMessage
    from tests.secops.inventory_aid import alert, store

    stage.configure()
    stage.rule(hours={"quiet_from": "00:00", "quiet_until": "23:59"})
    store(alert(severity="high"), alert("grave", severity="critical"))
    stage.announce()
    assert len(stage.told()) == 1
    assert "严重" in stage.told()[0]
    waiting = AlertMessage.objects.get(state="waiting")
    assert waiting.due_at - waiting.opened_at > timedelta(0)
