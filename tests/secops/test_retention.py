"""One job drops what is older than the settings say, in small transactions; what is younger, open or decided stays."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.cards.models import Card, CardState
from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Delivered
from bifang.channels.queues import outbox
from bifang.core.database import retention
from secops_agent.models import (
    Alert,
    AlertEvent,
    AlertMessage,
    AuditRecord,
    AuditSegment,
    ConversationMessage,
    Escalation,
    History,
    ImportJob,
    MessageState,
    NotificationRule,
    NotificationTarget,
    TurnUsage,
)
from secops_agent.services.actors import Actor
from secops_agent.services.audit import chain, history, verification
from secops_agent.services.intake import jobs
from tests.admin_pages import superuser, text_of
from tests.channels.boxes import answered, incoming, robot
from tests.channels.boxes import store as receive
from tests.secops.inventory_aid import alert, later, queries, store
from tests.secops.test_audit_chain import sealed_days

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]
DAYS = ("RETENTION_DAYS", "ALERT_EVENT_RETENTION_DAYS", "AUDIT_RETENTION_DAYS", "HISTORY_RETENTION_DAYS")
OLD = timedelta(days=8)


def keep(settings: Any, days: int) -> None:
    for name in DAYS:
        setattr(settings, name, days)


def messages(old: datetime) -> None:
    """One that is over, one to be told again, one on whose account somebody is still to be called."""
    rule = NotificationRule.objects.create(name="规则")
    target = NotificationTarget.objects.create(rule=rule, kind="group", config_id=robot())
    values = {"target": target, "opened_at": old, "due_at": old, "sent_at": old, "shown": 1}
    AlertMessage.objects.create(**values, destination="1", group_key="over", state=MessageState.ENDED)
    AlertMessage.objects.create(**values, destination="1", group_key="again", wanted=2)
    calling = AlertMessage.objects.create(**values, destination="1", group_key="calling")
    Escalation.objects.create(rule=rule, message=calling, next_at=timezone.now())


def estate() -> None:
    """Something old in every table that is kept for a time, and something young in most."""
    old = timezone.now() - OLD
    receive(incoming("还没处理"), incoming("处理过", where="cid2"), incoming("死信", where="cid4"))
    (part,) = answered("答", where="cid3")
    outbox.mark_sent([outbox.Sent(part, Delivered("webhook"))])
    InboxRow.objects.filter(text="死信").update(state=State.DEAD)
    InboxRow.objects.filter(text="处理过").update(state=State.DONE)
    InboxRow.objects.update(received_at=old)
    InboxRow.objects.filter(state=State.DONE).update(handled_at=old)
    OutboxRow.objects.update(created_at=old, sent_at=old)
    for state in (CardState.FINISHED, CardState.OPEN):
        Card.objects.create(
            out_track_id=state, config_id=robot(), state=state, created_at=old, updated_at=old
        )
    for at in (old, timezone.now()):
        ConversationMessage.objects.create(key="k", role="user", content="你好", created_at=at)
        TurnUsage.objects.create(at=at, day=at.date(), model="qwen-plus")
    store(alert("a", 1, at=old), alert("a", 2, at=timezone.now()))
    Alert.objects.update(created_at=old)
    history.entry("alert", 1, Actor.system("test"), "comment", {}, at=old).save()
    messages(old)


@pytest.mark.slow
def test_what_is_older_goes_and_the_rest_stays(settings: Any) -> None:
    estate()
    sealed_days(12)
    keep(settings, 0)
    assert retention.run() == "没有到期的记录"
    keep(settings, 7)
    assert retention.run(seconds=0) == "没有到期的记录"
    assert len([each for each in retention.retention_state() if each.late_since]) == 10, (
        retention.retention_state()
    )
    with queries() as caught:
        retention.run()
    assert not [each for each in retention.retention_state() if each.late_since]
    deleted = [each["sql"] for each in caught.captured_queries if each["sql"].startswith("DELETE")]
    assert deleted
    assert list(InboxRow.objects.values_list("text", flat=True)) == ["还没处理"]
    assert not OutboxRow.objects.exists()
    assert Card.objects.get().state == CardState.OPEN
    for model in (ConversationMessage, TurnUsage, AlertEvent):
        assert model.objects.count() == 1, model
    assert not History.objects.filter(at__lt=timezone.now() - timedelta(days=7)).exists()
    assert set(AlertMessage.objects.values_list("group_key", flat=True)) == {"again", "calling"}
    assert AuditSegment.objects.exclude(dropped_at=None).count() == 4
    assert AuditRecord.objects.filter(segment__day__lt=timezone.localdate() - timedelta(days=7)).count() == 0
    assert AuditRecord.objects.exclude(segment=None).count() == 8 * 5
    while chain.seal():
        pass
    assert verification.verify(keep_days=7).faults == ()


def test_page_and_status_tell_what_the_job_left_behind(settings: Any, tmp_path: Any) -> None:
    from secops_agent.services.operations.health import read_health
    from tests.admin_pages import serve_plain_static

    serve_plain_static(settings, tmp_path)
    keep(settings, 7)
    settings.HISTORY_RETENTION_DAYS = 0
    at = timezone.now() - timedelta(days=9)
    ConversationMessage.objects.create(key="k", role="user", content="你好", created_at=at)
    assert read_health(timezone.now()).late == ("会话记忆",)
    text = text_of(superuser().get("/admin/django_q/schedule/"))
    assert f"会话记忆 ¦ 7 天 ¦ 到期未清除，最早 {timezone.localtime(at):%Y-%m-%d}" in text
    assert "变更历史 ¦ 永久" in text


def test_import_jobs_stay_where_nothing_is_to_be_dropped(settings: Any) -> None:
    job = jobs.submit("generic", "导出.json", "0", size=1, digest="0", options={}, actor=Actor.system("t"))
    ImportJob.objects.filter(pk=job.id).update(state="done", created_at=later(days=-400))
    keep(settings, 0)
    assert jobs.prune() == 0
    keep(settings, 7)
    assert jobs.prune() == 1
