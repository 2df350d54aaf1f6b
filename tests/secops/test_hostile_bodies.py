"""No body costs more memory than a few times its size, or anything but a clear answer, at any door."""

import sys

import pytest

from secops_agent.api.errors import handle
from tests.acceptance.processes import clean_environment, run, uncounted
from tests.databases import Database


@pytest.mark.slow
@pytest.mark.parametrize("door", ["importers", "api"])
def test_hostile_bodies_cost_little(door: str, database: Database) -> None:
    (database.data_dir / "static").mkdir()
    environment = {
        **clean_environment(database.data_dir.parent),
        **database.environment,
        "BIFANG_SIMULATOR": "1",
    }
    done = run((sys.executable, "-m", "tests.secops.hostile_bodies", door), uncounted(environment))
    assert not done.returncode, done.stdout[-2000:]


def test_nesting_that_python_cannot_follow_is_the_senders_fault() -> None:
    answer = handle(RecursionError("maximum recursion depth exceeded"), {})
    assert (answer.status_code, answer.data["error"]["message"]) == (400, "请求的内容嵌套太深。")
