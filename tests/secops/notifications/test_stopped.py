"""不主动说话: nothing is said unasked while it is on, and what was held is one summary for each place afterwards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.models import SystemConfig
from secops_agent.agent.background import announcer
from secops_agent.models import (
    AlertMessage,
    Escalation,
    MessageState,
    RunState,
    ScheduledTask,
    TaskRun,
    WakeCall,
)
from secops_agent.services.notifications import calls
from secops_agent.services.notifications.delivery import calling, escalation
from secops_agent.services.schedules import delivery
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.secops.decisions_aid import switch
from tests.secops.inventory_aid import alert, store
from tests.secops.notifications.test_calls import CHAIN, DING, begin, people

from . import stage

__all__ = ["people"]
pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("people")]


def one_round() -> None:
    """What the worker does in a round, as the switches stand."""
    silent = announcer.NO_SPEECH in announcer.read_switches()
    for step in announcer._steps(0, silent=silent):
        while step() and step in announcer.REPEATED:
            pass


def test_alerts_and_escalations_are_held_and_told_in_one_summary_at_the_end():
    stage.rule(escalate=CHAIN)
    switch("no_speech")
    for number in range(3):
        store(alert(key=f"a{number}", title=f"勒索 {number}"))
    one_round()
    Escalation.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    one_round()
    assert not OutboxRow.objects.exists()
    held = AlertMessage.objects.filter(kind="group")
    assert {row.reason for row in held} == {"「不主动说话」打开着：恢复时汇总告知"}
    assert {row.state for row in held} == {MessageState.HELD}
    assert Escalation.objects.filter(next_at__gt=timezone.now()).count() == Escalation.objects.count()
    switch("no_speech", False)
    one_round()
    (text,) = stage.told()
    assert "「不主动说话」期间没有逐条发送" in text
    Escalation.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    assert escalation.step(), "what nobody took goes on after it"


def test_held_call_says_when_it_is_made(settings, tmp_path):
    serve_plain_static(settings, tmp_path)
    switch("no_actions")
    call = begin()
    assert calls.words_of(call).endswith("：已停下：恢复时再叫")
    assert "已停下：恢复时再叫" in OutboxRow.objects.get(target__staff_id=call.staff.staff_id).text
    assert not calling.take(*DING)
    page = text_of(superuser().get("/admin/secops_agent/alertmessage/"))
    assert f"叫 {call.staff.name}：已停下：恢复时再叫" in page
    switch("no_actions", False)
    assert len(calling.take(*DING)) == 1
    assert calls.words_of(WakeCall.objects.get()).endswith("：正在叫")


def test_scheduled_report_waits_and_its_newest_is_sent_at_the_end():
    where = {"kind": "group", "config": SystemConfig.objects.get(), "conversation_id": "cidGroup"}
    task = ScheduledTask.objects.create(name="日报", task="security_report", cron="0 9 * * *", **where)
    switch("no_speech")
    now = timezone.now()
    for day in (2, 1):
        run = TaskRun.objects.create(
            task=task, due_at=now - timedelta(days=day), state=RunState.HELD, text=f"第 {day} 天"
        )
        assert not delivery.deliver(run, now)
    assert not OutboxRow.objects.exists()
    switch("no_speech", False)
    assert delivery.release(now) == 1
    assert "第 1 天" in OutboxRow.objects.get().text
