"""Messages to several and to a group, tasks that are done once or for others, and what is set already named by what it does."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.models import GroupState, KnownGroup, OutboxRow
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.agent.turn import toolbox
from secops_agent.models import NotificationRule, ScheduledTask, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.people import words
from secops_agent.services.people.staff import Person, find_person
from secops_agent.services.schedules import runs, schedules
from secops_agent.tasks.runner import run_next_task
from secops_agent.tools.arguments import parse
from secops_agent.tools.incidents import watches
from secops_agent.tools.operations import messages, schedule_changes
from secops_agent.tools.operations import schedules as tool
from tests.secops.decisions_aid import GROUP, company, some_alert
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(db: Any) -> SystemConfig:
    made = company()
    for staff_id, name in (("li", "李四"), ("wang", "王五"), ("zhang", "张三")):
        Staff.objects.filter(staff_id=staff_id).update(name=name)
    now = timezone.now()
    KnownGroup.objects.create(
        config=made,
        conversation_id=GROUP,
        title="安全值班群",
        corp_id="corp",
        learned_at=now,
        last_seen_at=now,
    )
    return made


def li() -> Person:
    found = find_person("corp", "li")
    assert found is not None
    return found


def origin(config: SystemConfig) -> Origin:
    target = ReplyTarget("cid-own", is_group=False, staff_id="li", robot_code="robot")
    return Origin(config.pk, "cid-own", False, None, target)


def done(definition: Any, arguments: dict[str, Any], config: SystemConfig) -> str:
    """Checked, stored, and done as for a confirmed proposal."""
    plan = definition.check(parse(definition.arguments, arguments), li())
    actor = Actor.person(li(), "dingtalk")
    return toolbox.execute(definition.name, plan.arguments, actor, origin(config))


SEND, CREATE, WATCH = messages.TOOLS[0], tool.TOOLS[1], watches.TOOLS[0]
CHANGE, DELETE = schedule_changes.TOOLS


def told() -> list[OutboxRow]:
    return list(OutboxRow.objects.filter(key__startswith="note:message:").order_by("pk"))


def test_several_are_told_alone_and_a_group_together(config: SystemConfig) -> None:
    said = SEND.check(parse(SEND.arguments, {"to": "王五,张三,群", "text": "@王五 A12 看下"}), li()).summary
    assert said == "以您的名义私聊 王五（wang）、张三（zhang），发到群「安全值班群」：「@王五 A12 看下」"
    assert "群里和私聊里会看到" in done(SEND, {"to": "王五,张三,群", "text": "@王五 A12 看下"}, config)
    rows = told()
    assert [row.target["staff_id"] for row in rows[:2]] == ["wang", "zhang"]
    assert (rows[2].target["conversation_id"], rows[2].at_staff_id) == (GROUP, "wang")


def test_a_group_with_outsiders_is_told_nothing(config: SystemConfig) -> None:
    KnownGroup.objects.update(state=GroupState.OUTSIDERS)
    with pytest.raises(BifangError, match="里有外部人员"):
        done(SEND, {"to": "群", "text": "请看"}, config)
    now = timezone.now()
    for name in ("一群", "二群"):
        KnownGroup.objects.create(
            config=config, conversation_id=name, title=name, corp_id="corp", learned_at=now, last_seen_at=now
        )
    with pytest.raises(BifangError, match="「一群」"):
        done(SEND, {"to": "群", "text": "请看"}, config)


def test_the_report_of_a_case_is_found_by_its_words_and_sent_as_a_file(config: SystemConfig) -> None:
    made = orders.create([some_alert()], Actor.person(li(), "dingtalk"), title="钓鱼附件带来的勒索病毒").case
    done(SEND, {"to": "王五", "case": "勒索"}, config)
    first, second = told()
    assert "勒索" in first.text
    assert second.file_name.endswith(".md") if hasattr(second, "file_name") else second.key.endswith(":file")
    with pytest.raises(BifangError, match=f"请写事件编号：E{made.id}"):
        done(SEND, {"to": "王五", "case": "?"}, config)


def test_a_reminder_for_a_colleague_is_told_once_with_who_asked(config: SystemConfig) -> None:
    at = timezone.localtime() + timedelta(hours=2)
    told = done(CREATE, {"task": "提醒：看 jump-01", "at": f"{at:%Y-%m-%d %H:%M}", "to": "王五,张三"}, config)
    assert "（一次）" in told
    row = ScheduledTask.objects.get(staff__staff_id="wang")
    assert row.once
    ScheduledTask.objects.exclude(pk=row.pk).delete()
    runs.start_due(at + timedelta(minutes=1))
    run_next_task()
    row.refresh_from_db()
    assert not row.enabled
    assert not schedules.standing().exists()
    (sent,) = OutboxRow.objects.filter(key__startswith="note:report:")
    assert "**李四** 请毕方到时候告诉您" in sent.text
    assert "看 jump-01" in sent.text


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"at": "2020-01-01 08:00"}, "已经过去"),
        ({"at": "明早"}, "看不懂时间"),
        ({}, "请写明什么时候"),
        ({"cron": "每天25点"}, "看不懂时间"),
        ({"cron": "每天9点", "to": "王武"}, "是否指：王五"),
    ],
)
def test_a_time_or_a_name_that_is_none_is_told(
    config: SystemConfig, given: dict[str, str], reason: str
) -> None:
    with pytest.raises(BifangError, match=reason):
        done(CREATE, {"task": "日报", **given}, config)


def test_a_task_is_changed_shared_and_ended_by_what_it_does(config: SystemConfig) -> None:
    done(CREATE, {"task": "日报", "cron": "每天7点", "to": "群"}, config)
    assert "每天 07:30" in done(CHANGE, {"what": "日报", "clock": "07:30"}, config)
    assert "每天 08:30" in done(CHANGE, {"what": "日报", "later_minutes": 60}, config)
    done(CHANGE, {"what": "日报", "also_to": "张三"}, config)
    rows = list(ScheduledTask.objects.order_by("pk"))
    assert [(row.cron, row.kind) for row in rows] == [("30 8 * * *", "group"), ("30 8 * * *", "person")]
    with pytest.raises(BifangError, match="有几个"):
        done(DELETE, {"what": "日报"}, config)
    with pytest.raises(BifangError, match="没有做「周报」的定时任务"):
        done(DELETE, {"what": "周报"}, config)
    assert "已删除" in done(DELETE, {"what": "日报 张三"}, config)
    assert "已删除" in done(DELETE, {"what": "全部"}, config)
    assert not ScheduledTask.objects.exists()


def test_a_watch_is_of_levels_and_rules_and_ended_by_its_name(config: SystemConfig) -> None:
    store(
        alert("k", at=timezone.now(), assets=(host("web-01", "10.0.0.1"),), rule_name="WebShell 后门文件"),
        at=timezone.now(),
    )
    assert "只要严重" in done(WATCH, {"target": "web-01", "severity": "critical", "rule": "webshell"}, config)
    rule = NotificationRule.objects.get(name__startswith="盯着")
    assert rule.conditions == {
        "severities": ["critical"],
        "rules": ["WebShell 后门文件"],
        "assets": ["web-01"],
    }
    done(WATCH, {"target": "web*", "to": "王五"}, config)
    family = NotificationRule.objects.exclude(pk=rule.pk).get(name__startswith="盯着")
    place = family.targets.get().staff
    assert (family.conditions, place and place.staff_id) == ({"assets": ["web-01"]}, "wang")
    family.delete()
    with pytest.raises(BifangError, match="不能只盯一条告警"):
        done(WATCH, {"target": "A12"}, config)
    with pytest.raises(BifangError, match="没有盯着「db-09」"):
        done(DELETE, {"watched": "db-09"}, config)
    assert "不再盯着" in done(DELETE, {"watched": "web-01"}, config)


def test_what_is_looked_up_goes_only_to_who_may_read_it(config: SystemConfig) -> None:
    Staff.objects.filter(staff_id="zhang").update(role="none")
    at = f"{timezone.localtime() + timedelta(hours=2):%Y-%m-%d %H:%M}"
    for definition, arguments in (
        (CREATE, {"task": "日报", "cron": "每天9点", "to": "张三"}),
        (CREATE, {"task": "未处理的高危告警", "at": at, "to": "王五,张三"}),
        (WATCH, {"severity": "critical", "to": "张三"}),
    ):
        with pytest.raises(BifangError, match=r"张三.*没有查看权限"):
            done(definition, arguments, config)
    done(CREATE, {"task": "日报", "cron": "每天9点"}, config)
    with pytest.raises(BifangError, match="没有查看权限"):
        done(CHANGE, {"what": "日报", "also_to": "张三"}, config)
    assert "已新建" in done(CREATE, {"task": "提醒：开会", "at": at, "to": "张三"}, config)


def test_a_reminder_for_others_holds_no_secret_and_counts_as_a_message(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = f"{timezone.localtime() + timedelta(hours=2):%Y-%m-%d %H:%M}"
    with pytest.raises(BifangError, match="密码"):
        done(CREATE, {"task": "提醒：密码是 Hunter2222", "at": at, "to": "张三"}, config)
    monkeypatch.setattr(words, "AN_HOUR", -1)
    with pytest.raises(BifangError, match="一小时内最多"):
        done(CREATE, {"task": "提醒：开会", "at": at, "to": "张三"}, config)
    assert "已新建" in done(CREATE, {"task": "提醒：开会", "at": at}, config)


def test_another_time_does_not_switch_a_task_on(config: SystemConfig) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点"}, config)
    row = ScheduledTask.objects.get()
    ScheduledTask.objects.update(enabled=False)
    done(CHANGE, {"schedule_id": row.pk, "clock": "08:30"}, config)
    row.refresh_from_db()
    assert (row.cron, row.enabled) == ("30 8 * * *", False)
