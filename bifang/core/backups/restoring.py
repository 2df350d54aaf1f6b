"""Restoring a backup to a fresh place: a data directory, and for PostgreSQL an empty database. What is in use is not touched."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from bifang import env
from bifang.core.backups.postgresql import run_program
from bifang.core.backups.written import DATA, DUMPS, Manifest
from bifang.core.errors import ConfigError

_NOT_INHERITED: Final = (
    "DATABASE_URL",
    "BIFANG_ENCRYPTION_KEY",
    "DJANGO_SECRET_KEY",
    "BIFANG_DATA_DIR",
    "BIFANG_LOG_",
)


def restore_files(backup: Path, manifest: Manifest, place: Path) -> None:
    """Data directory, keys and a SQLite database. Without keys in the backup: those in force. Raises ConfigError."""
    if place.exists() and any(place.iterdir()):
        raise ConfigError(f"{place} 不是空的：请换一个新的目录，正在使用的不会被覆盖。")
    shutil.copytree(backup / DATA, place, dirs_exist_ok=True)
    place.chmod(0o700)
    if manifest.vendor == "sqlite":
        shutil.copyfile(backup / DUMPS["sqlite"], place / "bifang.sqlite3")
    if not manifest.keys:
        keys = settings.ENCRYPTION_KEYS or settings.ENCRYPTION_KEY_FILE.read_text(encoding="utf-8")
        (place / settings.ENCRYPTION_KEY_FILE.name).write_text(keys, encoding="utf-8")


@contextmanager
def restored_database(backup: Path, manifest: Manifest, given: str) -> Iterator[str]:
    """The URL of the database with the backup in it: the empty one that was given, or one for as long as the context is
    open, on the server that is in use; "" for SQLite."""
    if manifest.vendor == "sqlite":
        yield ""
    elif given:
        _load(backup, given)
        yield given
    else:
        with _passing_database() as url:
            _load(backup, url)
            yield url


def _load(backup: Path, url: str) -> None:
    arguments = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    name = env.database(url)["NAME"]
    dump = str(backup / DUMPS["postgresql"])
    run_program("pg_restore", [*arguments, f"--dbname={name}", dump], env.database(url))


@contextmanager
def _passing_database() -> Iterator[str]:
    if connection.vendor != "postgresql":
        raise ConfigError(
            "这是 PostgreSQL 的备份，而现在用的是 SQLite：请用 --database 写明一个空的 PostgreSQL 数据库。"
        )
    name = f"bifang_drill_{secrets.token_hex(4)}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            raise ConfigError(
                "数据库用户没有权限建一个演练用的数据库：请用 --database 写明一个空的数据库，或者 ALTER ROLE … CREATEDB。"
            )
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield _beside(name)
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _beside(name: str) -> str:
    """The URL of another database on the server in use."""
    given = connection.settings_dict
    user, password, host = (quote(str(given[key] or ""), safe="") for key in ("USER", "PASSWORD", "HOST"))
    modes = [f"{key}={quote(str(value))}" for key, value in given["OPTIONS"].items() if key.startswith("ssl")]
    login = f"{user}:{password}" if password else user
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"postgresql://{login}@{host}{port}/{name}{'?' if modes else ''}{'&'.join(modes)}"


def environment_of(place: Path, url: str) -> dict[str, str]:
    """For a process that works on what was restored, and on nothing else."""
    kept: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)
    }
    ours = {
        "BIFANG_DATA_DIR": str(place),
        "BIFANG_LOG_DIR": str(place / "logs"),
        "BIFANG_LOG_TO": "file",
        "BIFANG_ENV_FILE": "",
    }
    return {**kept, **ours, **({"DATABASE_URL": url} if url else {})}
