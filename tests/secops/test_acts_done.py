"""What the pages do, ordered in the chat: done as a page does it once its asker said yes, recorded, and told how it is undone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from bifang.core.models import SystemConfig
from secops_agent.models import Alert, AuditRecord, Case, CaseTask, History, RunState, ScheduledTask, Silence
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders, tasks
from secops_agent.services.notifications import silences
from secops_agent.services.people.staff import find_person
from secops_agent.services.schedules import runs
from secops_agent.tasks.questions import REMINDER
from secops_agent.tasks.runner import run_next_task
from tests.secops.decisions_aid import company, some_alert, talk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_limits() -> Iterator[None]:
    with override_settings(RATE_LIMITS=False):
        yield


def say(config: SystemConfig, *words: str, who: str = "li") -> list[str]:
    place = {"conversation": f"cid-private-{who}", "is_group": False}
    return [answer for text in words for answer in talk(config, (who, text), **place)]


def me(staff_id: str = "li") -> Actor:
    person = find_person("corp", staff_id)
    assert person is not None
    return Actor.person(person, "test")


def test_an_alert_is_opened_again_with_the_reason_and_that_is_undone() -> None:
    config, number = company(), some_alert()
    say(config, f"误报 A{number}")
    shown, done = say(config, f"A{number}重开，早先关错了", "好")
    assert "恢复为「未处理」" in shown
    assert Alert.objects.get(pk=number).status == "open", done
    assert History.objects.filter(entity="alert", entity_id=number, note="早先关错了").exists()
    (undone,) = say(config, f"撤销 A{number}")
    assert Alert.objects.get(pk=number).status == "closed", undone


def test_a_note_changes_nothing_but_the_history() -> None:
    config, number = company(), some_alert()
    before = Alert.objects.values("status", "assignee").get(pk=number)
    _, done = say(config, f"A{number}记一笔：扫描时段外，让网络组查", "好")
    assert "写备注" in done
    assert Alert.objects.values("status", "assignee").get(pk=number) == before
    assert History.objects.filter(entity="alert", entity_id=number, note="扫描时段外，让网络组查").exists()


def test_a_viewer_is_told_what_he_may_not() -> None:
    config, number = company(), some_alert()
    answer, _ = say(config, f"A{number}记一笔：看过了", "好", who="wu")
    assert "分析" in answer
    assert not History.objects.filter(note="看过了").exists()


def test_the_silence_of_a_rule_ends_by_its_words_and_another_one_is_named() -> None:
    config, number = company(), some_alert()
    silences.silence("alert", str(number), 60, me())
    (none,) = say(config, "web-09的静默取消掉")
    assert not Silence.objects.filter(ends_at__lte=timezone.now()).exists(), none
    shown, done = say(config, f"A{number}的静默撤了吧", "好")
    assert f"告警 A{number}" in shown
    assert not Silence.objects.filter(ends_at__gt=timezone.now()).exists(), done
    (again,) = say(config, f"A{number}的静默撤了吧")
    assert "不用取消" in again


def test_a_silence_begins_when_it_was_said() -> None:
    config, number = company(), some_alert()
    ahead = timezone.localtime() + timedelta(hours=2)
    hours = f"{ahead.hour}点到{(ahead + timedelta(hours=1)).hour}点"
    if ahead.hour in (0, 23) or ahead.date() != timezone.localdate():
        hours = "明天13点到14点"
    shown, done = say(config, f"A{number} {hours}别报了", "好")
    row = Silence.objects.get()
    assert row.starts_at > timezone.now(), (shown, done)
    assert row.ends_at - row.starts_at == timedelta(hours=1)


def test_a_task_of_a_case_is_added_finished_and_taken_up_again() -> None:
    config, number = company(), some_alert()
    case = orders.create([number], me(), "入侵").case.id
    tasks.add(case, "核对账单", me())
    told = say(config, f"E{case}加个任务，重装主机，我做，后天中午12点前", "好")
    assert CaseTask.objects.filter(text="重装主机").exists(), told
    task = CaseTask.objects.get(text="重装主机")
    assert task.assignee is not None
    assert (task.assignee.staff_id, timezone.localtime(task.due_at).hour) == ("li", 12)
    (asked,) = say(config, f"E{case} 那个任务勾上")
    assert "请写明是哪一个" in asked
    _, done = say(config, f"E{case} 重装那个任务弄完了 勾上", "好")
    task.refresh_from_db()
    assert task.done_at, done
    assert not CaseTask.objects.get(text="核对账单").done_at


def test_a_case_changes_its_state_closes_with_its_alerts_and_opens_again() -> None:
    config, number = company(), some_alert()
    case = orders.create([number], me(), "入侵").case.id
    say(config, f"E{case}改成已控制 已断网", "好")
    assert Case.objects.get(pk=case).status == "contained"
    say(config, f"E{case}结案 误报，下面告警一起关", "好")
    assert Case.objects.get(pk=case).status == "closed"
    assert Alert.objects.get(pk=number).status == "closed"
    *_, done = say(config, f"E{case}重新打开吧 又来了", "好")
    assert Case.objects.get(pk=case).status == "working", done


def test_a_case_without_alerts_has_title_level_and_owner() -> None:
    config = company()
    say(config, "建个事件：支付网关错误率飙高 高危 归我", "好")
    case = Case.objects.get()
    assert (case.title, case.severity, case.owner and case.owner.staff_id) == (
        "支付网关错误率飙高",
        "high",
        "li",
    )


def test_a_reminder_is_told_once() -> None:
    config = company()
    shown, _ = say(config, "明早6点提醒我交班", "好")
    assert "提醒一次：交班" in shown
    row = ScheduledTask.objects.get()
    assert row.next_at is not None
    assert row.next_at - timezone.now() < timedelta(days=2)
    ScheduledTask.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    assert runs.start_due(timezone.now()) == 1
    run_next_task()
    run = row.runs.get()
    assert run.state in (RunState.DONE, RunState.HELD)
    assert "交班" in run.text
    row.refresh_from_db()
    assert (row.enabled, row.next_at) == (False, None)
    REMINDER.check({})


def test_what_was_done_is_in_the_audit_trail() -> None:
    config, number = company(), some_alert()
    say(config, f"A{number}记一笔：看过了", "好")
    assert AuditRecord.objects.filter(subject=f"alert:{number}").exists()
