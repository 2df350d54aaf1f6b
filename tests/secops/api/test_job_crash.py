"""A large import survives kill -9 of the processes that run it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secops_agent.models import Alert, ImportJob
from secops_agent.models.sources.job import JobState
from tests.acceptance.processes import MANAGE, Started, clean_environment
from tests.deadline import wait_until
from tests.secops.api.callers import generic, with_token

pytestmark = pytest.mark.django_db
COUNT = 12_000


@pytest.fixture
def start(database: Any, settings: Any, tmp_path: Path) -> Iterator[Any]:
    """Starts qcluster on the test's database; what still runs at the end is killed."""
    started: list[Started] = []

    def begin() -> Started:
        env = clean_environment(tmp_path, DJANGO_SECRET_KEY=settings.SECRET_KEY, **database.environment)
        started.append(Started([*MANAGE, "qcluster"], env, tmp_path / "qcluster.log"))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait(120)


def submit() -> None:
    client = with_token("ingest")
    answer = client.post("/api/v1/ingest/generic/", generic(COUNT), "application/json")
    assert answer.status_code == 202


def under_way() -> bool:
    return Alert.objects.count() > 500 and ImportJob.objects.get().state == JobState.RUNNING


def finished() -> bool:
    return ImportJob.objects.get().state == JobState.DONE


def check() -> None:
    job = ImportJob.objects.get()
    assert job.outcome["created"]["alert"] + job.outcome["unchanged"]["alert"] == COUNT
    assert Alert.objects.count() == COUNT
    assert not Alert.objects.exclude(count=1).exists(), "what was written before is not counted twice"
    assert job.attempts == 2


@pytest.mark.slow
def test_an_import_is_completed_by_the_cluster_that_follows_a_killed_one(start: Any) -> None:
    submit()
    first = start()
    wait_until(under_way, within=30, every=0.05, what="the import")
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait(120)
    assert ImportJob.objects.get().state == JobState.RUNNING
    start()
    wait_until(finished, within=40, every=0.1, what="the import to be completed")
    check()


@pytest.mark.slow
def test_an_import_is_completed_by_the_worker_that_replaces_a_killed_one(start: Any) -> None:
    submit()
    start()
    wait_until(under_way, within=30, every=0.05, what="the import")
    os.kill(int(ImportJob.objects.get().owner.rpartition(":")[2]), signal.SIGKILL)
    wait_until(finished, within=40, every=0.1, what="the import to be completed")
    check()
