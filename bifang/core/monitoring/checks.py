"""What must hold before a command can do its work: files that this user can use. Shown by ``manage.py check``."""

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DEFAULT_DB_ALIAS

from bifang.core.errors import BifangError, ConfigError
from bifang.core.monitoring.logs import writable
from bifang.core.secrets.keys import keyring
from bifang.env import unreadable


def register_checks() -> None:
    """Called once, when the application is ready."""
    register(check_files)
    register(check_keys)
    register(check_log)


def require_usable_files() -> None:
    """Raises ConfigError with one line for the first thing that stands in the way."""
    for problem in file_problems():
        raise ConfigError(problem)
    keyring()


def file_problems() -> Iterator[str]:
    """A remedy for each file or directory of the database that this user cannot read and write."""
    database = sqlite_file()
    if database is None:
        return
    directory = database.parent
    if not _allowed(directory, os.R_OK | os.W_OK | os.X_OK) or not directory.is_dir():
        # SQLite makes its -wal and -shm files there.
        yield unreadable(directory, _reason(directory, wanted_directory=True))
        return
    for path in (database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))):
        if path.exists() and (path.is_dir() or not _allowed(path, os.R_OK | os.W_OK)):
            yield unreadable(path, _reason(path))
    if database.is_file() and _allowed(database, os.R_OK) and not _is_sqlite(database):
        yield f"{database} 不是 SQLite 数据库（可能被覆盖或损坏）：请恢复备份，或移走它后执行 python manage.py migrate。"


def sqlite_file() -> Path | None:
    """The database file; None for another database or one in memory."""
    database = settings.DATABASES[DEFAULT_DB_ALIAS]
    name = str(database["NAME"])
    if "sqlite3" not in database["ENGINE"] or ":memory:" in name or name.startswith("file:"):
        return None
    return Path(name)


def _allowed(path: Path, mode: int) -> bool:
    return not path.exists() or os.access(path, mode)


def _reason(path: Path, *, wanted_directory: bool = False) -> OSError:
    code = errno.EACCES
    if path.exists() and path.is_dir() != wanted_directory:
        code = errno.ENOTDIR if wanted_directory else errno.EISDIR
    return OSError(code, os.strerror(code))


def _is_sqlite(path: Path) -> bool:
    """Asked of SQLite: closing the file ourselves would drop the locks of every connection of this process to it.

    Other processes then take the database for unused and remove its -wal, and nobody sees the other's writes.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        return "not a database" not in str(error)
    return True


def check_files(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E001: the database's files."""
    return [Error(problem, id="bifang.E001") for problem in file_problems()]


def check_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E002: the encryption key."""
    try:
        keyring()
    except BifangError as error:
        return [Error(error.message, id="bifang.E002")]
    return []


def check_log(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """W001: logs/bifang.log; without it the console has everything."""
    error = writable(settings.LOG_DIR)
    if error is None:
        return []
    return [Warning(f"日志只写到控制台。{unreadable(settings.LOG_DIR, error)}", id="bifang.W001")]
