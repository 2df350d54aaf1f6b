"""Attacks on what is told in the name of colleagues, and by who lost the right to."""

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.models import (
    OnCallMember,
    ScheduledTask,
    Staff,
)
from secops_agent.services.actors import Actor
from secops_agent.tools.arguments import parse
from secops_agent.tools.definitions import Asker
from secops_agent.tools.operations import schedules as tool
from tests.secops.decisions_aid import GROUP, talk
from tests.secops.inventory_aid import alert, host, store
from tests.secops.told.stage import (
    CHANGE,
    CREATE,
    DELETE,
    LINK,
    WATCH,
    confirmed,
    done,
    later,
    rota,
    run_due,
    who,
)

pytestmark = pytest.mark.django_db


def test_a_report_goes_to_nobody_whose_role_was_taken_away(config: SystemConfig) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="zhang").update(role="none")
    assert not [row for row in run_due() if "日报" in row.text]


def test_a_report_for_who_is_on_call_goes_to_nobody_without_a_role(config: SystemConfig) -> None:
    rota("安全值班", Staff.objects.get(staff_id="wang"))
    done(CREATE, {"task": "未处理的高危告警", "cron": "每天9点", "to": "值班"}, config)
    nobody = Staff.objects.create(staff_id="neo", name="新人", role="none", corp_id="corp")
    OnCallMember.objects.update(staff=nobody)
    assert not [row for row in run_due() if row.target["staff_id"] == "neo"]


def told_of(level: str) -> list[str]:
    """Whom an alert that comes now is told to."""
    from secops_agent.models import AlertMessage
    from secops_agent.services.notifications.delivery import announcing

    store(
        alert(
            f"fresh-{AlertMessage.objects.count()}-{timezone.now().microsecond}",
            at=timezone.now(),
            severity=level,
            assets=(host(f"web-{timezone.now().microsecond}", ""),),
        ),
        at=timezone.now(),
    )
    announcing.step()
    return [str(each.target.staff) for each in AlertMessage.objects.all()]


def test_a_watch_tells_nobody_whose_role_was_taken_away(config: SystemConfig) -> None:
    done(WATCH, {"severity": "critical", "to": "张三", "until_hours": 720}, config)
    Staff.objects.filter(staff_id="zhang").update(role="none")
    told_of("critical")
    assert not OutboxRow.objects.filter(target__staff_id="zhang").exists()


def test_who_may_send_no_messages_any_more_reminds_nobody(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：有事找我", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="li").update(role="viewer")
    assert not [row for row in run_due() if "有事找我" in row.text]


def test_the_words_of_who_left_are_told_to_nobody(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：我的新号码见链接", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="li").update(active=False, role="none")
    assert not [row for row in run_due() if "我的新号码" in f"{row.title}{row.text}"]


def test_what_was_held_is_not_said_in_the_name_of_who_left(config: SystemConfig) -> None:
    from secops_agent.services.schedules import delivery
    from secops_agent.services.switches import NO_SPEECH
    from tests.secops.decisions_aid import switch

    done(CREATE, {"task": "提醒：有事找我", "cron": "每天9点", "to": "张三"}, config)
    switch(NO_SPEECH)
    assert run_due() == []
    Staff.objects.filter(staff_id="li").update(active=False, role="none")
    switch(NO_SPEECH, on=False)
    delivery.release(timezone.now())
    assert not [row for row in run_due(0) if "有事找我" in row.text]


def test_a_failure_links_nothing(config: SystemConfig) -> None:
    done(CREATE, {"task": f"提醒：{LINK}", "cron": "每天9点", "to": "张三"}, config)
    Staff.objects.filter(staff_id="li").update(active=False)
    assert not [row for row in run_due() if "](https://evil" in row.text]


def test_a_colleagues_reminder_is_not_said_again_in_their_name_by_somebody_else(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：快点", "at": later(1), "to": "张三"}, config)
    assert len(run_due(2)) == 1
    with pytest.raises(BifangError):
        done(CHANGE, {"schedule_id": ScheduledTask.objects.get().pk, "at": later(3)}, config, by="wang")
    assert len(run_due(4)) == 1


def test_a_colleagues_reminder_is_not_made_a_flood_in_their_name(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：快点", "cron": "每周一 9:00", "to": "张三"}, config)
    try:
        done(CHANGE, {"what": "快点", "cron": "*/5 * * * *"}, config, by="wang")
    except BifangError:
        return
    assert not [row for row in run_due(0.5) if "**李四** 请毕方" in row.text]


def unowned(config: SystemConfig) -> ScheduledTask:
    """As a program or a login that is nobody's makes it."""
    from secops_agent.services.schedules import schedules

    given = {
        "task": "日报",
        "cron": "每天7点",
        "target": {"kind": "group", "conversation_id": GROUP, "config": f"{config.kind}/{config.name}"},
    }
    return schedules.save_task(given, Actor.system("apply_configs"))


def test_another_corporation_does_not_end_what_a_program_set_for_us(
    config: SystemConfig, eve: SystemConfig
) -> None:
    unowned(config)
    with pytest.raises(BifangError):
        done(DELETE, {"what": "日报"}, eve, by="eve", corp="other")
    assert ScheduledTask.objects.exists()


def test_another_corporation_does_not_change_what_a_program_set_for_us(
    config: SystemConfig, eve: SystemConfig
) -> None:
    row = unowned(config)
    with pytest.raises(BifangError):
        done(CHANGE, {"schedule_id": row.pk, "cron": "*/5 * * * *"}, eve, by="eve", corp="other")
    row.refresh_from_db()
    assert row.cron == "0 7 * * *"


def test_another_corporation_is_not_told_our_groups(config: SystemConfig, eve: SystemConfig) -> None:
    unowned(config)
    asker = Asker(who("eve", "other"), False, timezone.localtime(), REFUSING)
    assert "安全值班群" not in tool.TOOLS[0].run(asker, parse(tool.TOOLS[0].arguments, {})).text


def test_a_reminder_to_oneself_is_nobody_elses_reading(config: SystemConfig) -> None:
    confirmed(config, "li", "明早8点提醒我给张三看王五停职的材料", is_group=False, conversation="cid-own")
    assert "停职" not in talk(config, ("wu", "有哪些定时任务"))[0]


def test_nobody_sends_a_colleagues_own_reminder_to_others(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：看王五停职的材料", "at": later()}, config)
    with pytest.raises(BifangError):
        done(CHANGE, {"what": "提醒", "also_to": "王五"}, config, by="zhao")
    assert not [row for row in run_due(3) if row.target["staff_id"] == "wang"]


def test_ones_own_reminder_is_read_by_oneself_alone(config: SystemConfig) -> None:
    confirmed(config, "li", "明早8点提醒我给张三看王五停职的材料", is_group=False, conversation="cid-own")
    assert "停职" in talk(config, ("li", "有哪些定时任务"), is_group=False, conversation="cid-own")[0]
    assert "停职" not in talk(config, ("li", "有哪些定时任务"))[0]
    Staff.objects.filter(staff_id="li").update(corp_id="")
    assert "停职" in talk(config, ("li", "有哪些定时任务"), is_group=False, conversation="cid-own")[0]
