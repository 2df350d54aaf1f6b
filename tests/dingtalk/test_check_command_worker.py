"""check_dingtalk_stream and healthcheck beside a real worker process: it keeps its connection and its messages."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import ClientState
from tests.acceptance.processes import MANAGE, run
from tests.acceptance.worker import STAFF, Stage, kill, open_stage, place
from tests.databases import Database


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database) as made:
        made.apply(made.robot(), staff=STAFF)
        yield made


def check(stage: Stage) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code, and name → step of the only configuration."""
    done = run((*MANAGE, "check_dingtalk_stream", "--json"), stage.environment())
    [config] = json.loads(done.stdout)["configs"]
    return done.returncode, {step["name"]: step for step in config["steps"]}


@pytest.mark.slow
def test_check_leaves_a_working_worker_alone(stage: Stage) -> None:
    assert run((*MANAGE, "healthcheck"), stage.environment()).returncode == 1
    worker = stage.start()
    mine = [link["id"] for link in stage.sim.connections()]
    where, results = place(), []
    checking = threading.Thread(target=lambda: results.append(check(stage)))
    checking.start()
    said = 0
    while checking.is_alive():
        stage.say(f"第 {said} 条", where)
        said += 1
        assert [link["id"] for link in stage.sim.connections()] == mine
        checking.join(0.1)
    [(code, found)] = results
    assert code == 0, found
    assert found["handshake"]["verdict"] == "skipped"
    assert found["worker"]["detail"].startswith("已连接")
    assert len(stage.answers(where, said)) == said
    assert stage.sim.state()["counters"]["redeliveries"] == 0
    assert run((*MANAGE, "healthcheck"), stage.environment()).returncode == 0
    kill(worker)
    # Its last word is fresh, however long a busy machine takes to look: who would connect now might meet its successor.
    ClientState.objects.update(updated_at=timezone.now() + timedelta(minutes=2))
    assert check(stage)[1]["handshake"]["verdict"] == "skipped"
