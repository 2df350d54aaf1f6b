"""The real processes behind an air gap: worker, background tasks and web go nowhere but to DingTalk."""

import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django_q.tasks import async_task, result

from tests.acceptance.processes import MANAGE, Started
from tests.acceptance.worker import Stage, open_stage, place
from tests.connections import noting_environment
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = pytest.mark.slow
OUTSIDE = {"kind": "openai", "name": "外面的", "base_url": "http://127.0.0.1:9/v1", "model": "m"}


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database) as made:
        made.apply(OUTSIDE, made.robot(ai_fallback="外面的", default_role="viewer"))
        yield made


def test_no_process_goes_beyond_the_air_gap(stage: Stage, tmp_path: Path, settings: Any) -> None:
    noting, file = noting_environment(tmp_path / "noting")
    outside = {
        "DASHSCOPE_HTTP_BASE_URL": "https://dashscope.aliyuncs.com/api/v1",
        "HTTPS_PROXY": "http://proxy.example:1",
    }
    gap = {"BIFANG_AIRGAPPED": "1", "DJANGO_SECRET_KEY": settings.SECRET_KEY, **outside, **noting}
    stage.start(**gap)
    others = [
        Started((*MANAGE, "qcluster"), stage.environment(**gap), tmp_path / "tasks"),
        Started(
            (sys.executable, "-m", "gunicorn", "bifang.wsgi", "--bind", "127.0.0.1:0", "--workers", "1"),
            stage.environment(**gap), tmp_path / "web",
        ),
    ]  # fmt: skip
    try:
        where = place()
        stage.say("最近有哪些告警", where, group=False)
        answer = stage.answers(where)[0]
        assert "气隙模式" in answer
        assert "离线模式" in answer
        port = others[1].wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as page:
            assert page.status == 200
        asked = async_task("math.floor", 1.5)
        assert wait_until(lambda: result(asked), within=60) == 1
    finally:
        for one in others:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()
    gone_to = set(file.read_text().split())
    assert gone_to <= {"127.0.0.1", "localhost", "::1", str(stage.database.data_dir)}, gone_to
    assert "127.0.0.1" in gone_to
