"""PostgreSQL's own programs, and a cluster of our own that tests may stop, kill, archive and promote."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.acceptance.processes import free_ports
from tests.deadline import wait_until
from tests.postgres_server import FAST, _identity, _initialise, _programs, _wheel


def client_programs(url: str) -> str:
    """A PATH on which pg_dump and pg_restore can speak with the server of this URL."""
    with psycopg.connect(url) as connection:
        server = connection.info.server_version // 10000
    found = shutil.which("pg_dump")
    if found:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if int(re.findall(r"\d+", said)[0]) >= server:
            return os.environ["PATH"]
    return f"{_wheel() / 'pginstall' / 'bin'}{os.pathsep}{os.environ['PATH']}"


@dataclass
class Cluster:
    """A PostgreSQL of the wheel, on a port of 127.0.0.1 that it keeps through restarts."""

    home: Path
    programs: Path
    identity: dict[str, Any]
    data: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def url(self) -> str:
        """Of its maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: object) -> str:
        """One of PostgreSQL's programs; fails with what it said."""
        command = [self.programs / program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.home, **self.identity)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def start(self) -> None:
        """Until it accepts connections."""
        command = [
            self.programs / "postgres", "-D", self.data, "-k", self.home, "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", *FAST, *self.options,
        ]  # fmt: skip
        with (self.home / "log").open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=self.home, start_new_session=True, **self.identity
            )
        wait_until(self.answers, within=60, what="PostgreSQL's start")

    def answers(self) -> bool:
        """Does it? Fails if it has ended."""
        assert self.process is None or self.process.poll() is None, (self.home / "log").read_text()
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=3):
            return True
        return False

    def stop(self, how: str = "immediate") -> None:
        """``immediate``: as by a power failure. ``fast``: in order."""
        if self.process is not None:
            with contextlib.suppress(AssertionError):
                self.run("pg_ctl", "stop", "-D", self.data, "-m", how, "-t", 60)
            self.process.wait(60)
            self.process = None

    def standby(self, port: int) -> "Cluster":
        """A hot standby that follows this one, started."""
        made = Cluster(
            self.home, self.programs, self.identity, self.home / f"data-{port}", port, self.options
        )
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        self.run("pg_basebackup", "-D", made.data, "-d", source, "-R", "-c", "fast", "--no-sync")
        made.start()
        return made


@contextlib.contextmanager
def own_cluster(*options: str) -> Iterator[Cluster]:
    """A new one, running; gone afterwards. ``options``: of the program postgres."""
    home = Path(tempfile.mkdtemp(prefix="bifang-cluster-"))
    cluster = None
    try:
        identity = _identity(home)
        programs = _programs(home, identity)
        _initialise(programs, home / "data", identity)
        cluster = Cluster(home, programs, identity, home / "data", free_ports(1)[0], options)
        cluster.start()
        yield cluster
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(home, ignore_errors=True)
