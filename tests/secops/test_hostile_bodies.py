"""No body costs more memory than a few times its size, or anything but a clear answer, at any door."""

import sys

import pytest

from tests.acceptance.processes import clean_environment, run, uncounted
from tests.databases import Database


@pytest.mark.skipif(sys.platform != "linux", reason="no other system bounds a process's memory")
@pytest.mark.parametrize("door", ["importers", "api"])
def test_hostile_bodies_cost_little(door: str, database: Database) -> None:
    (database.data_dir / "static").mkdir()
    environment = {
        **clean_environment(database.data_dir.parent),
        **database.environment,
        "BIFANG_SIMULATOR": "1",
    }
    done = run((sys.executable, "-m", "tests.secops.hostile_bodies", door), uncounted(environment))
    assert (done.returncode, done.stdout[-2000:]) == (0, "")
