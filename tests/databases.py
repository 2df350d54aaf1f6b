"""A clean, migrated database for each test: a SQLite file, or a database on a real PostgreSQL."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test.utils import override_settings
from django.utils import timezone

from bifang import env
from bifang.core.database import db
from tests.first import first_of_all
from tests.postgres_pool import Pool, session
from tests.postgres_server import postgres_url

# What `vendor` is for a test on both: the second pass, on PostgreSQL, is for `make test-all`.
BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@dataclass(frozen=True)
class Database:
    """``url`` is what a child process takes as DATABASE_URL ("" for the file in `data_dir`)."""

    vendor: str
    url: str
    data_dir: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs to work on this database, with this database's keys."""
        variables = {
            "BIFANG_DATA_DIR": str(self.data_dir),
            "BIFANG_LOG_DIR": str(self.data_dir.parent / "logs"),
        }
        return variables | ({"DATABASE_URL": self.url} if self.url else {})


@contextmanager
def postgres_of_the_session() -> Iterator[None]:
    """A server, and the name of the template that the session's processes share there; they inherit both."""
    with postgres_url() as server, session(server) as template:
        os.environ |= {"TEST_DATABASE_URL": server, "TEST_DATABASE_TEMPLATE": template}
        yield


class Templates:
    """Migrated once a session; each test has a copy, on PostgreSQL perhaps one that was emptied.

    ``home``: a folder that the processes of the session share.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._postgres: Pool | None = None

    @contextmanager
    def database(self, vendor: str, data_dir: Path) -> Iterator[Database]:
        """The default connection of every thread leads to the clean database until the end of the context.

        A SQLite file that is in the folder already is taken as it is.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        make = self._on_postgres if vendor == "postgresql" else self._on_sqlite
        with make(data_dir) as (url, parameters), _settings(data_dir), _default(parameters):
            _begin_schedules()
            yield Database(vendor, url, data_dir)

    @contextmanager
    def _on_sqlite(self, data_dir: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        file = data_dir / "bifang.sqlite3"
        if not file.exists():
            shutil.copyfile(first_of_all(self.home / "template.sqlite3", _migrate_sqlite), file)
        yield "", {**_original(), "NAME": file}

    @contextmanager
    def _on_postgres(self, data_dir: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        if self._postgres is None:
            server, template = os.environ["TEST_DATABASE_URL"], os.environ["TEST_DATABASE_TEMPLATE"]
            self._postgres = Pool(server, _migrate_postgres, template, self.home)
        with self._postgres.database() as url:
            yield url, _parameters(url)

    def close(self) -> None:
        """Remove this process's databases on PostgreSQL."""
        if self._postgres:
            self._postgres.close()


def _begin_schedules() -> None:
    """What runs by itself was due when the template was made: half an hour later its processes would seem to be behind."""
    from django_q.models import Schedule  # its models need the settings

    Schedule.objects.update(next_run=timezone.now())
    connections["default"].close()


_ORIGINAL: dict[str, Any] = {}


def _original() -> dict[str, Any]:
    if not _ORIGINAL:
        _ORIGINAL.update(connections.settings["default"])
    return _ORIGINAL


def _parameters(url: str) -> dict[str, Any]:
    return {**_original(), **env.database(url)}


def _migrate_sqlite(file: Path) -> None:
    with (
        _default({**_original(), "NAME": file}),
        tempfile.TemporaryDirectory() as place,
        _settings(Path(place)),
    ):
        _migrate()


def _migrate_postgres(url: str) -> None:
    with _default(_parameters(url)), tempfile.TemporaryDirectory() as place, _settings(Path(place)):
        _migrate()


def _migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _settings(data_dir: Path) -> Iterator[None]:
    with override_settings(DATA_DIR=data_dir, ENCRYPTION_KEY_FILE=data_dir / "encryption.key"):
        from bifang.core.secrets.crypto import generate_key

        env.generated_file(data_dir / "encryption.key", generate_key)
        env.generated_file(data_dir / "secret.key", env.random_token)
        yield


@contextmanager
def _default(parameters: dict[str, Any]) -> Iterator[None]:
    _original()
    before = dict(connections.settings["default"])  # of a database around it, perhaps
    db.shut_down()  # and its threads
    use(parameters)
    try:
        yield
    finally:
        db.shut_down()
        use(before)


def use(parameters: dict[str, Any]) -> None:
    """Point "default" elsewhere; threads that already have a connection of their own must have closed it."""
    connections.close_all()
    connections.settings["default"].clear()
    connections.settings["default"].update(parameters)
    if hasattr(connections._connections, "default"):
        delattr(connections._connections, "default")
