"""Real processes for acceptance tests: their environment, their output, their end."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.deadline import wait_until

# Below it is what no outgoing connection and no server at port 0 gets, of this or another test.
_FIRST_OF_THE_KERNELS = 32_768
_chance = random.SystemRandom()  # pytest-randomly seeds the other in every process alike
PROJECT = Path(__file__).resolve().parents[2]
MANAGE, PATIENT = (sys.executable, "manage.py"), (sys.executable, "-m", "tests.acceptance.patient")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, for a program that has yet to start: none that the kernel hands out meanwhile."""
    found: list[int] = []
    for port in _chance.sample(range(10_000, _FIRST_OF_THE_KERNELS), 1000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free port")


def clean_environment(tmp_path: Path, **extra: str) -> dict[str, str]:
    """This environment without what would lead to another installation's data, pointed at `tmp_path`."""
    ours = (
        "BIFANG_",
        "DJANGO_",
        "DATABASE_",
        "DASHSCOPE_",
        "DINGTALK_",
        "FEISHU",
        "SIM_PORT",
        "SYSLOG_PORT",
        "MAKE",
        "MFLAGS",
        "PIP_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*ours, "PORT"))}
    places = {
        "BIFANG_ENV_FILE": "",
        "BIFANG_DATA_DIR": str(tmp_path / "var"),
        "BIFANG_LOG_DIR": str(tmp_path / "logs"),
    }
    return {**kept, **places, **extra}


def uncounted(environment: Mapping[str, str]) -> dict[str, str]:
    """Without measuring coverage, which doubles the time: for programs that other tests run, too."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


def run(
    command: Sequence[str | Path], env: Mapping[str, str], **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run to the end; output and errors together in ``stdout``."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    return subprocess.run(command, cwd=PROJECT, env=dict(env), text=True, timeout=600, **pipes, **options)


class Started:
    """A process in a session of its own, as a terminal would start it, with its output in a file."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], output: Path) -> None:
        self._output = output
        self._start = output.stat().st_size if output.exists() else 0
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """What it said so far."""
        return self._output.read_bytes()[self._start :].decode("utf-8", "replace")

    def wait_for(self, pattern: str, within: float = 60) -> re.Match[str]:
        """Wait until the output matches; fails with the output."""

        def probe() -> re.Match[str] | None:
            found = re.search(pattern, self.text)
            assert found or self.process.poll() is None, self.text
            return found

        found = wait_until(probe, within=within, every=0.1, what=f"{pattern} in {self._output}")
        assert found
        return found

    def signal_group(self, number: signal.Signals) -> None:
        """As a terminal does on Ctrl-C (INT) or when it is closed (HUP)."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """For the end of a test that failed."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)


def processes_with(text: str) -> list[str]:
    """Command lines and environments that name `text`: what a run with its own directory left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                if text.encode() in environment:
                    found.append(
                        (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    )
            except OSError:
                continue
    return found
