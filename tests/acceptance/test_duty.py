"""The reporting clock and the ledger in the real worker: what is due is done once, however often its process is killed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OPEN, OutboxRow
from secops_agent.models import (
    Action,
    BlockRecord,
    Case,
    GradingQuestion,
    ReportingDuty,
    ReportingReminder,
    Staff,
)
from secops_agent.services.actors import Actor
from secops_agent.services.cases.reporting import clock
from tests.acceptance.worker import STAFF, Stage, kill, open_stage
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = pytest.mark.slow
MANY = 24


def prepare(stage: Stage) -> None:
    """Cases that should have been reported, and blocks whose time is over on a device that ends them itself."""
    stage.apply(stage.robot(), staff=STAFF)
    owner, config, now = Staff.objects.get(staff_id="lisi"), stage.config(), timezone.now()
    duty, question = ReportingDuty.objects.get(minutes=60), GradingQuestion.objects.get(unit="人")
    for number in range(MANY):
        case = Case.objects.create(title=f"第 {number} 起", owner=owner, created_at=now, made_by="x")
        found = now - timedelta(hours=9)
        clock.grade(case.pk, Actor.system("test"), duty.pk, found, {str(question.pk): 2_000_000})
        action = Action.objects.create(
            config=config, key=f"k{number}", tool="block_ip", title="封禁 IP", asker="赵", approver="王", created_at=found,
            finished_at=found, state="done", arguments={"ip": f"203.0.113.{number}"}, summary="封禁",
        )  # fmt: skip
        BlockRecord.objects.create(
            action=action, kind="block_ip", target=f"203.0.113.{number}", state="active", minutes=60, since=found, due_at=now,
            until=now,
        )  # fmt: skip


def test_reminders_and_ends_are_done_once_though_their_process_is_killed(database: Database) -> None:
    with open_stage(database) as stage:
        stage.patient = True
        prepare(stage)
        for share in (1, MANY // 2):
            worker = stage.start()
            wait_until(
                lambda least=share: OutboxRow.objects.count() >= least, within=60, what="the first of them"
            )
            kill(worker)
        stage.start()
        told = ReportingReminder.objects.filter(told_at__isnull=False, told_to="李四")
        wait_until(lambda: told.count() == MANY, within=60, what="all reminders")
        wait_until(
            lambda: not BlockRecord.objects.filter(state="active").exists(), within=60, what="all ends"
        )
        wait_until(lambda: not OutboxRow.objects.filter(state__in=OPEN).exists(), within=60, what="all said")
        heard = [reply["text"] for reply in stage.replies() if "毕方不会自己向外报告" in reply["text"]]
        for number in range(MANY):
            assert sum(f"第 {number} 起" in text for text in heard) <= 1
        unknown = OutboxRow.objects.filter(
            state="unknown"
        ).count()  # on its way when the process died: not said again
        assert len(heard) >= MANY - unknown
        assert OutboxRow.objects.filter(key__startswith="note:reporting:").count() == MANY
        assert set(BlockRecord.objects.values_list("state", "ended_by")) == {("expired", "时限到期")}
