"""A scheduled task from the words in a group to its report in that group, by the real command and the real cluster."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.models import KnownGroup
from secops_agent.models import ScheduledTask, TaskRun
from tests.acceptance.processes import MANAGE, Started
from tests.acceptance.worker import STAFF, Stage, open_stage
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = pytest.mark.slow
GROUP = "cidDemoGroup=="
CODE = re.compile(r"确认 ([A-Z][A-Z2-9]{5})")


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database) as made:
        made.apply(made.robot(notifications_enabled=True, ai_config=""), staff=STAFF)
        cluster = Started([*MANAGE, "qcluster"], made.environment(), tmp_path / "qcluster.log")
        yield made
        os.killpg(cluster.process.pid, signal.SIGKILL)
        cluster.process.wait(120)


def test_words_in_a_group_bring_a_report_to_it(stage: Stage) -> None:
    stage.start()
    stage.say("每天早上9点发日报到这个群", GROUP, group=True)
    (asked,) = stage.wait_replies(conversation_id=GROUP)
    found = CODE.search(asked["text"])
    assert found, asked
    stage.say(f"确认 {found[1]}", GROUP, group=True)
    stage.wait_replies(2, conversation_id=GROUP)
    assert KnownGroup.objects.filter(conversation_id=GROUP).exists()
    ScheduledTask.objects.update(next_at=timezone.now())
    told: list[dict[str, Any]] = stage.wait_replies(3, within=120, conversation_id=GROUP)
    assert "安全日报" in told[2]["text"]
    assert "每天 09:00" in told[2]["text"]
    wait_until(
        lambda: TaskRun.objects.filter(state="done").count() == 1, within=30, what="the end of the run"
    )
