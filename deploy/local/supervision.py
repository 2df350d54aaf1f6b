"""One supervisord in a session of its own: written, started, asked, stopped, swept up."""

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from bifang.core.errors import ConfigError
from bifang.env import unreadable
from deploy.local.console import last_lines
from deploy.local.ports import Ports

PROGRAMS = ("simulator", "web", "dingtalk-stream", "tasks", "syslog")
FEISHU_PROGRAMS = ("feishu-simulator", "feishu-stream")
FAILED = ("BACKOFF", "FATAL", "EXITED", "UNKNOWN")
STOP_DEADLINE_S = 20.0
_never = threading.Event()


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are, and what is served."""

    project: Path
    data_dir: Path
    log_dir: Path
    ports: Ports

    @property
    def programs(self) -> tuple[str, ...]:
        """What runs."""
        return (*PROGRAMS, *(FEISHU_PROGRAMS if self.ports.feishu else ()))

    @property
    def run_dir(self) -> Path:
        """What only the running supervisord needs."""
        return self.data_dir / "run"

    def log_of(self, program: str) -> Path:
        """Where the program's output goes."""
        return self.log_dir / f"{program}.log"


@dataclass(slots=True)
class Supervisord:
    """A running supervisord and what it runs."""

    place: Place
    process: subprocess.Popen[bytes]
    socket_dir: Path
    log_starts: Mapping[str, int] = field(default_factory=dict)

    def states(self) -> dict[str, str]:
        """Program → supervisord's state name; empty while it does not answer yet."""
        address = f"unix://{self.socket_dir / 's'}"
        transport = SupervisorTransport(None, None, address)
        try:
            answer: Any = xmlrpc.client.ServerProxy(
                "http://127.0.0.1", transport=transport
            ).supervisor.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error):
            return {}
        finally:
            transport.close()
        return {info["name"]: info["statename"] for info in answer}

    def failed(self) -> str:
        """The first program that does not stay up, or an empty string."""
        return next((name for name, state in sorted(self.states().items()) if state in FAILED), "")

    def complaint(self, program: str) -> str:
        """What the program wrote since this start, at its end."""
        log = self.place.log_of(program)
        lines = "\n".join(f"    {line}" for line in last_lines(log, self.log_starts.get(program, 0)))
        return f"「{program}」没能启动。它的日志 {log} 的最后几行：\n{lines or '    （没有输出）'}"

    def stop(self) -> None:
        """Stop everything and wait; what is still there after the deadline is killed."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        _sweep(self.process.pid)
        shutil.rmtree(self.socket_dir, ignore_errors=True)


def start(place: Place) -> Supervisord:
    """Write the configuration and start supervisord. Raises ConfigError for a directory that cannot be written."""
    # Socket paths are limited to about 100 bytes, project paths are not.
    socket_dir = Path(tempfile.mkdtemp(prefix="bifang-"))
    config = place.run_dir / "supervisord.conf"
    try:
        for directory in (place.run_dir, place.log_dir):
            directory.mkdir(parents=True, exist_ok=True)
        config.write_text(render(place, socket_dir / "s"), encoding="utf-8")
        output = (place.run_dir / "supervisord.out").open("wb")
    except OSError as error:
        raise ConfigError(unreadable(Path(error.filename or place.run_dir), error)) from None
    starts = {name: _size(place.log_of(name)) for name in place.programs}
    with output:
        process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", config],
            cwd=place.project,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    return Supervisord(place, process, socket_dir, starts)


def render(place: Place, socket: Path) -> str:
    """The configuration file. Percent signs are supervisord's own; spaces in commands are quoted."""
    parts = ("supervisord", "feishu") if place.ports.feishu else ("supervisord",)
    text = "".join(_template(name) for name in parts)
    plain = {"project": place.project, "run_dir": place.run_dir, "log_dir": place.log_dir, "socket": socket}
    quoted = {"python": sys.executable, "state": place.data_dir / "simulator.json"}
    values = {name: str(value) for name, value in plain.items()}
    values |= {name: shlex.quote(str(value)) for name, value in quoted.items()}
    values = {name: value.replace("%", "%%") for name, value in values.items()}
    ports = {
        "port": place.ports.web,
        "sim_port": place.ports.simulator,
        "feishu_port": place.ports.feishu,
        "syslog_port": place.ports.syslog,
    }
    grouped = ",".join(name for name in place.programs if not name.endswith("simulator"))
    return Template(text).substitute(values, **ports, programs=grouped)


def _template(name: str) -> str:
    return Path(__file__).with_name(f"{name}.conf.template").read_text(encoding="utf-8")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _die_with_parent() -> None:
    """Linux only: a wrapper that is killed outright takes supervisord along, which stops its programs."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _sweep(session: int) -> None:
    """Kill what is left of the session, when supervisord was killed and could not stop its programs."""
    end = time.monotonic() + 5
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in session_members(session):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while session_members(session) and time.monotonic() < end:
            _never.wait(0.1)
        end += 2


def session_members(session: int) -> list[int]:
    """Processes of that session, by id."""
    return [pid for pid in _all_pids() if _session_of(pid) == session and pid != os.getpid()]


def _all_pids() -> list[int]:
    proc = Path("/proc/self")
    if proc.exists():
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True).stdout
    return [int(word) for word in listed.split()]


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0
