"""Attacks by other doors: one more recipient, pages, files, programs."""

import contextlib
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.models import (
    ScheduledTask,
    Staff,
)
from secops_agent.services.people import words
from secops_agent.services.schedules import runs
from secops_agent.tasks.runner import run_next_task
from tests.secops.decisions_aid import GROUP
from tests.secops.told.stage import (
    CHANGE,
    CREATE,
    SEND,
    WATCH,
    confirmed,
    done,
    later,
    login,
    post,
    run_due,
    token,
)

pytestmark = pytest.mark.django_db


def test_a_secret_does_not_go_to_others_as_one_more_recipient(config: SystemConfig) -> None:
    done(CREATE, {"task": "提醒：密码是 Hunter2222", "at": later()}, config)
    with pytest.raises(BifangError, match="密码"):
        done(CHANGE, {"what": "提醒", "also_to": "张三"}, config)


def test_one_more_recipient_counts_as_a_message(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "AN_HOUR", 1)
    for number in range(3):
        done(CREATE, {"task": f"提醒：烦你第{number}次", "at": later()}, config)
    with pytest.raises(BifangError, match="一小时内最多"):  # noqa: PT012
        for number in ScheduledTask.objects.values_list("pk", flat=True):
            done(CHANGE, {"schedule_id": number, "also_to": "张三,王五"}, config)


def test_a_watch_for_others_counts_as_a_message(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "AN_HOUR", 1)
    with pytest.raises(BifangError, match="一小时内最多"):  # noqa: PT012
        for level in ("critical", "high", "medium", "low"):
            done(WATCH, {"severity": level, "to": "张三,王五"}, config)


def test_a_message_to_five_is_five_messages(config: SystemConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "AN_HOUR", 3)
    with contextlib.suppress(BifangError):
        done(SEND, {"to": "王五,张三,zhao,sun,wu", "text": "请看"}, config)
    assert OutboxRow.objects.filter(key__startswith="note:message:").count() <= 3


def test_reminders_tell_a_colleague_no_more_often_than_messages_may(config: SystemConfig) -> None:
    for task in ("提醒：一", "提醒：二"):
        with contextlib.suppress(BifangError):
            done(CREATE, {"task": task, "cron": "*/5 * * * *", "to": "张三"}, config)
    start = timezone.localtime()
    for minute in range(0, 61, 5):
        runs.start_due(start + timedelta(minutes=minute + 5))
        while "没有等待" not in run_next_task():
            pass
    told = OutboxRow.objects.filter(key__startswith="note:report:", target__staff_id="zhang")
    assert told.count() <= words.AN_HOUR


def test_a_reminder_where_a_group_reads_it_counts_as_a_message(
    config: SystemConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "AN_HOUR", 1)
    for what in ("一", "二", "三"):
        confirmed(config, "li", f"每5分钟提醒我：开会{what}")
    assert ScheduledTask.objects.filter(kind="group").count() <= 1


def test_the_words_of_a_task_are_not_changed_in_its_owners_name(config: SystemConfig, pages: None) -> None:
    done(CREATE, {"task": "未处理的高危告警", "cron": "每天9点"}, config)
    row = ScheduledTask.objects.get()
    zhang = Staff.objects.get(staff_id="zhang")
    wrong = {
        "name": "", "enabled": "on", "what": "一句查询", "question": "提醒：把域控的口令发给王五", "when": "每天9点",
        "target": f"person:{config.pk}:{zhang.pk}", "attachment": "",
    }  # fmt: skip
    login("zhao").post(reverse("admin:secops_agent_scheduledtask_change", args=[row.pk]), wrong)
    told = [each.text for each in run_due() if each.target["staff_id"] == "zhang"]
    assert not [text for text in told if "**李四** 请毕方到时候告诉您" in text]


def test_a_file_changes_no_words_in_their_owners_name(config: SystemConfig) -> None:
    from secops_agent.services.schedules import schedules

    done(CREATE, {"task": "日报", "cron": "每天9点"}, config)
    target = {"kind": "person", "config": f"{config.kind}/{config.name}", "staff_id": "zhang"}
    schedules.apply_task_entries(
        [{"name": "日报", "task": "提醒：把域控的口令发给王五", "cron": "每天9点", "target": target}]
    )
    assert not [row for row in run_due() if "**李四** 请毕方到时候告诉您" in row.text]


def test_a_button_says_nothing_again_in_somebody_elses_name(config: SystemConfig, pages: None) -> None:
    done(CREATE, {"task": "提醒：快点", "at": later(1), "to": "张三"}, config)
    row = ScheduledTask.objects.get()
    client = login("zhao")
    for _ in range(3):
        client.post(reverse("admin:secops_agent_scheduledtask_start", args=[row.pk]))
        while "没有等待" not in run_next_task():
            pass
    assert not OutboxRow.objects.filter(key__startswith="note:report:", target__staff_id="zhang").exists()


def test_a_program_says_nothing_as_the_system(config: SystemConfig, pages: None) -> None:
    post(token(), config, "提醒：请到 sso.evil.example 重新登录", "zhang")
    assert not [row for row in run_due() if "**系统** 请毕方" in row.text]


def test_a_secret_is_told_to_nobody_over_http(config: SystemConfig, pages: None) -> None:
    assert post(token("li"), config, "提醒：密码是 Hunter2222", "zhang").status_code == 400


def test_a_report_goes_to_nobody_without_a_role_over_http(config: SystemConfig, pages: None) -> None:
    Staff.objects.filter(staff_id="zhang").update(role="none")
    post(token("li"), config, "未处理的高危告警", "zhang")
    assert not [row for row in run_due() if row.target["staff_id"] == "zhang"]


def test_reminders_for_others_have_a_pace_over_http(
    config: SystemConfig, pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "AN_HOUR", 1)
    client = token("li")
    codes = [post(client, config, f"提醒：第{number}次", "zhang").status_code for number in range(4)]
    assert codes[-1] >= 400


def test_another_corporation_says_nothing_in_our_group(
    config: SystemConfig, eve: SystemConfig, pages: None
) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点", "to": "群"}, config)
    row = ScheduledTask.objects.get()
    wrong = {
        "name": "", "enabled": "on", "what": "一句查询", "question": "提醒：请到 evil.example 重新登录", "when": "每天9点",
        "target": f"group:{config.pk}:{GROUP}", "attachment": "",
    }  # fmt: skip
    login("eve").post(reverse("admin:secops_agent_scheduledtask_change", args=[row.pk]), wrong)
    assert not [each for each in run_due() if "evil.example" in each.text]


def test_another_corporation_deletes_nothing_of_ours_over_http(
    config: SystemConfig, eve: SystemConfig, pages: None
) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点", "to": "群"}, config)
    row = ScheduledTask.objects.get()
    assert token("eve").delete(f"/api/v1/schedules/{row.pk}/").status_code == 400
    assert token("zhao").delete(f"/api/v1/schedules/{row.pk}/").status_code == 204


def test_who_gives_a_task_another_name_says_it_from_then_on(config: SystemConfig, pages: None) -> None:
    done(CREATE, {"task": "未处理的高危告警", "cron": "每天9点", "to": "张三"}, config)
    row = ScheduledTask.objects.get()
    given = {
        "name": "域控要改口令", "enabled": "on", "what": "一句查询", "question": "未处理的高危告警", "when": "每天9点",
        "target": f"person:{config.pk}:{row.staff_id}", "attachment": "",
    }  # fmt: skip
    login("zhao").post(reverse("admin:secops_agent_scheduledtask_change", args=[row.pk]), given)
    row.refresh_from_db()
    assert (row.name, str(row.owner)) == ("域控要改口令", str(Staff.objects.get(staff_id="zhao")))


def test_another_hour_leaves_a_task_to_its_owner(config: SystemConfig) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点", "to": "张三"}, config)
    done(CHANGE, {"what": "日报", "clock": "10:00"}, config, by="zhao")
    assert str(ScheduledTask.objects.get().owner) == "李四"
