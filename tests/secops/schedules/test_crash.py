"""A scheduled task survives kill -9 of the process that does it: done by the one that follows, and told once."""

import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from secops_agent.models import RunState, ScheduledTask, TaskRun, Vulnerability
from secops_agent.services.actors import Actor
from secops_agent.services.schedules.schedules import save_task
from tests.acceptance.processes import MANAGE, Started, clean_environment
from tests.deadline import wait_until
from tests.secops.notifications.stage import GROUP, configure
from tests.secops.schedules.test_feeds import Mirror, kev

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    made.answer("/kev", kev(3))
    yield made
    made.held.set()
    made.close()


@pytest.fixture
def start(database: Any, settings: Any, tmp_path: Path, mirror: Mirror) -> Iterator[Any]:
    """Starts qcluster on the test's database; what still runs at the end is killed."""
    started: list[Started] = []

    def begin() -> Started:
        env = clean_environment(
            tmp_path, DJANGO_SECRET_KEY=settings.SECRET_KEY, BIFANG_FEED_KEV_URL=f"{mirror.address}/kev",
            BIFANG_FEED_EPSS_URL="off", BIFANG_FEED_OSV_URL="off", **database.environment,
        )  # fmt: skip
        started.append(Started([*MANAGE, "qcluster"], env, tmp_path / "qcluster.log"))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait(120)


def test_task_is_done_by_the_cluster_that_follows_a_killed_one(start: Any, mirror: Mirror) -> None:
    configure()
    given = {"name": "情报", "task": "更新漏洞情报", "cron": "30 6 * * *", "target": GROUP}
    row = save_task(given, Actor.system("apply_configs"))
    ScheduledTask.objects.filter(pk=row.pk).update(next_at=timezone.now() - timedelta(hours=30))
    mirror.held = threading.Event()
    first = start()
    wait_until(lambda: mirror.asked, within=60, every=0.05, what="the feed to be asked for")
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait(120)
    assert TaskRun.objects.get().state == RunState.RUNNING
    mirror.held.set()
    start()
    wait_until(
        lambda: TaskRun.objects.get().state == RunState.DONE, within=60, every=0.1, what="the run to be done"
    )
    assert (TaskRun.objects.get().attempts, Vulnerability.objects.filter(kev=True).count()) == (2, 3)
    (message,) = OutboxRow.objects.filter(key__startswith="note:report:")
    assert "漏洞情报已更新" in message.text
