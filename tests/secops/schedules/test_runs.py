"""Runs: due ones start once, missed ones once, a dead process's again, and their result is told once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from bifang.channels import allowance as allowances
from bifang.channels.allowance import SendingAllowance
from bifang.channels.models import OutboxRow
from bifang.core.database import retention
from bifang.core.errors import InvalidInput, RemoteError
from secops_agent.models import CalendarDay, RunState, ScheduledTask, TaskRun
from secops_agent.services.actors import Actor
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.schedules import delivery, runs
from secops_agent.services.schedules.schedules import save_task
from secops_agent.services.schedules.tasks import BY_NAME, TaskResult
from secops_agent.tasks import runner
from tests.secops.inventory_aid import alert, store
from tests.secops.notifications.stage import GROUP, configure, staff, told

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.both_databases("every test")]
ACTOR = Actor.system("apply_configs")


@pytest.fixture(autouse=True)
def config(database):
    return configure()


def task(text="日报", **changes):
    given = {"name": "每日", "task": text, "cron": "每天早上9点", "target": GROUP, **changes}
    return save_task(given, ACTOR)


def make_due(row, ago=timedelta(minutes=1)):
    ScheduledTask.objects.filter(pk=row.pk).update(next_at=timezone.now() - ago)


def die():
    """Whoever works on a run is gone."""
    gone = runs.process_name().rpartition(":")[0] + ":4194999"
    TaskRun.objects.filter(state=RunState.RUNNING).update(owner=gone)


@pytest.mark.slow
def test_due_report_is_told_to_the_group_and_kept_in_the_history():
    store(alert("k"))
    row = task()
    make_due(row)
    runs.tick()
    assert runner.run_next_task() == "完成"
    [text] = told()
    assert "安全日报" in text
    run = TaskRun.objects.get()
    assert (run.state, run.note[:2]) == (RunState.DONE, "日报")
    assert text == f"{run.text}\n\n> 定时任务 {row.pk} · 每天 09:00", "whoever reads it can have it stopped"
    assert (run.attempts, delivery.sending_of(run)) == (1, "发送中")
    assert OutboxRow.objects.get().key.startswith("note:report:"), "counted as a report, not as an answer"
    row.refresh_from_db()
    assert row.next_at > timezone.now()
    assert row.last_error == ""
    sent = OutboxRow.objects.get(key=f"note:report:{run.pk}")
    OutboxRow.objects.filter(pk=sent.pk).update(state="done")
    assert delivery.sending_of(run) == "已发送"
    sent.pk, sent.key, sent.file_name = None, f"{sent.key}:file", "日报.pdf"
    sent.state, sent.last_error = "dead", "文件太大"
    sent.save()
    assert delivery.sending_of(run) == "已发送，文件无法送达：文件太大"


def test_what_was_missed_for_days_is_one_run():
    row = task(cron="每小时")
    make_due(row, timedelta(days=3))
    runs.tick()
    runs.tick()
    assert TaskRun.objects.count() == 1


def test_several_processes_start_a_due_task_once(monkeypatch):
    row = task()
    make_due(row)
    all_have_seen_it, find = threading.Barrier(4), runs.next_runs

    def wait_and_find(*given):
        all_have_seen_it.wait(60)
        return find(*given)

    monkeypatch.setattr(runs, "next_runs", wait_and_find)

    def start(_):
        try:
            return runs.start_due(timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(start, range(4))) == 1
    assert TaskRun.objects.count() == 1


def test_a_run_whose_process_died_is_run_again_and_told_once():
    make_due(task())
    runs.tick()
    lost = runs.take()
    assert runs.recover() == 0, "this process lives"
    die()
    runs.tick()
    assert runner.run_next_task() == "完成"
    assert not runs.finish(lost, TaskResult("late", "late")), "the first process has lost it"
    assert len(told()) == 1
    assert TaskRun.objects.get().attempts == 2


def test_a_run_that_kills_its_process_is_given_up_with_a_remedy():
    row = task()
    make_due(row)
    for _ in range(runs.ATTEMPTS):
        runs.tick()
        assert runs.take()
        die()
    runs.tick()
    run = TaskRun.objects.get()
    assert (run.state, "3 次意外中断" in run.error) == (RunState.FAILED, True)
    row.refresh_from_db()
    assert "3 次意外中断" in row.last_error
    assert "没有执行成功" in told()[0]


def test_what_failed_for_a_while_is_tried_again_later_and_its_failure_told_once(monkeypatch):
    monkeypatch.setattr(
        type(BY_NAME["report"].work), "run", lambda self, order: (_ for _ in ()).throw(RemoteError("连不上", permanent=False))
    )  # fmt: skip
    row = task()
    for _ in range(2):
        make_due(row)
        runs.tick()
        for _ in range(runs.ATTEMPTS):
            TaskRun.objects.filter(state=RunState.QUEUED).update(not_before=None)
            assert runner.run_next_task() == "连不上"
        assert runner.run_next_task() == "没有等待的定时任务"
    assert [run.state for run in TaskRun.objects.all()] == [RunState.FAILED] * 2
    assert len(told()) == 1


@pytest.mark.slow
def test_at_the_end_of_the_quota_the_newest_result_waits_and_is_sent_then(monkeypatch):
    used = {"step": "none", "percent": 100, "reason": "额度用完"}
    monkeypatch.setattr(allowances, "ALLOWANCES", [lambda config_id, means: SendingAllowance(**used)])
    row = task()
    for _ in range(2):
        make_due(row)
        runs.tick()
        runner.run_next_task()
    assert told() == []
    row.refresh_from_db()
    assert "额度用完" in row.last_error
    used.update(step="full", percent=0, reason="")
    runs.tick()
    assert len(told()) == 1
    notes = TaskRun.objects.order_by("id").values_list("state", "note")
    assert [state for state, _ in notes] == [RunState.DONE] * 2
    assert notes[0][1] == delivery.REPLACED
    row.refresh_from_db()
    assert row.last_error == ""


def test_result_that_nobody_can_be_told_waits_with_the_reason(config):
    row = task()
    config.params["notifications_enabled"] = False
    config.save()
    make_due(row)
    runs.tick()
    runner.run_next_task()
    run = TaskRun.objects.get()
    assert (run.state, "没有启用钉钉通知" in run.error) == (RunState.HELD, True)
    config.params["notifications_enabled"] = True
    config.save()
    runs.tick()
    assert len(told()) == 1


@pytest.mark.parametrize("lost", ["role", "login"])
def test_question_is_asked_anew_with_the_rights_its_owner_has_then(lost):
    lisi = staff("lisi", "李四")
    store(alert("k", severity="high"))
    given = {"task": "未处理的高危告警", "cron": "每天早上9点", "target": GROUP}
    row = save_task(given, Actor.person(lisi, "dingtalk"), owner=lisi)
    assert row.name == "未处理的高危告警"
    make_due(row)
    runs.tick()
    runner.run_next_task()
    assert "共 1 条" in told()[0]
    lisi.role = "none" if lost == "role" else lisi.role
    lisi.user = User.objects.create_user("lisi", is_active=False) if lost == "login" else None
    lisi.save()
    make_due(row)
    runs.tick()
    runner.run_next_task()
    assert "「李四」已离开或没有查看权限" in TaskRun.objects.first().error


def test_holiday_that_becomes_known_moves_the_next_run():
    row = task(cron="工作日 9:30")
    day = row.next_at.astimezone(ZONE).date()
    CalendarDay.objects.update_or_create(date=day, defaults={"working": False})
    runs.tick()
    row.refresh_from_db()
    assert row.next_at.astimezone(ZONE).date() > day
    CalendarDay.objects.filter(date=day).update(working=True)
    runs.tick()
    row.refresh_from_db()
    assert row.next_at.astimezone(ZONE).date() == day


def test_same_thing_is_not_told_twice_in_the_same_place():
    first = task()
    with pytest.raises(InvalidInput, match=f"已有同样的定时任务 {first.pk}"):
        task(name="又一个")
    task(name="晚上", cron="每天18点")


def test_disabled_task_does_not_run():
    row = task(enabled=False)
    assert row.next_at is None
    make_due(row)
    runs.tick()
    assert not TaskRun.objects.exists()


def test_old_runs_are_dropped_and_open_ones_kept(settings):
    row = task()
    old = timezone.now() - timedelta(days=settings.RETENTION_DAYS + 1)
    for number, state in enumerate((RunState.DONE, RunState.FAILED, RunState.HELD)):
        TaskRun.objects.create(task=row, due_at=old + timedelta(seconds=number), state=state)
    retention.run()
    assert TaskRun.objects.get().state == RunState.HELD
