"""A clean, migrated database for each test: a SQLite file, or a database on a real PostgreSQL."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from django.test.utils import override_settings

from bifang import env
from bifang.core import db


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


class Templates:
    """Migrated once a session, copied for each test."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._sqlite: Path | None = None
        self._postgres = ""

    @contextmanager
    def database(self, vendor: str, data_dir: Path) -> Iterator[Database]:
        """The default connection of every thread leads to the clean database until the end of the context."""
        data_dir.mkdir(parents=True, exist_ok=True)
        make = self._on_postgres if vendor == "postgresql" else self._on_sqlite
        with make(data_dir) as (url, parameters), _settings(data_dir), _default(parameters):
            yield Database(vendor, url, data_dir)

    @contextmanager
    def _on_sqlite(self, data_dir: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        if self._sqlite is None:
            self._sqlite = self._home / "template.sqlite3"
            with _default({**_original(), "NAME": self._sqlite}):
                _migrate()
        shutil.copyfile(self._sqlite, data_dir / "bifang.sqlite3")
        yield "", {**_original(), "NAME": data_dir / "bifang.sqlite3"}

    @contextmanager
    def _on_postgres(self, data_dir: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        if not self._postgres:
            self._postgres = f"bifang_template_{os.getpid()}_{secrets.token_hex(3)}"
            _administer(f'CREATE DATABASE "{self._postgres}"')
            with _default(_parameters(self._postgres)):
                _migrate()
        name = f"bifang_test_{os.getpid()}_{secrets.token_hex(3)}"
        _administer(f'CREATE DATABASE "{name}" TEMPLATE "{self._postgres}"')
        try:
            yield _url(name), _parameters(name)
        finally:
            _administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        """Remove the PostgreSQL template."""
        if self._postgres:
            _administer(f'DROP DATABASE "{self._postgres}" WITH (FORCE)')


_ORIGINAL: dict[str, Any] = {}


def _original() -> dict[str, Any]:
    if not _ORIGINAL:
        _ORIGINAL.update(connections.settings["default"])
    return _ORIGINAL


def _url(name: str) -> str:
    server, _, _ = os.environ["TEST_DATABASE_URL"].rpartition("/")
    return f"{server}/{name}"


def _parameters(name: str) -> dict[str, Any]:
    return {**_original(), **env.database(_url(name))}


def _administer(statement: str) -> None:
    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statement.encode())


def _migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _settings(data_dir: Path) -> Iterator[None]:
    with override_settings(DATA_DIR=data_dir, ENCRYPTION_KEY_FILE=data_dir / "encryption.key"):
        from bifang.core.crypto import generate_key

        env.generated_file(data_dir / "encryption.key", generate_key)
        env.generated_file(data_dir / "secret.key", env.random_token)
        yield


@contextmanager
def _default(parameters: dict[str, Any]) -> Iterator[None]:
    before = dict(_original())
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
