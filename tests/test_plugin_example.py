"""A package of another repository, installed beside us, works: its tests run where it is installed."""

import os
import subprocess
import sys
from pathlib import Path

from tests.packages import install

PROJECT = Path(__file__).resolve().parents[1]


def test_a_package_of_another_repository_works(tmp_path: Path) -> None:
    install(PROJECT / "tests/plugin_example", tmp_path)
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/plugin_example")
    # A run of its own, no part of the one that this is a test of.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=env | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout
