"""Making a backup: the database as of one moment, the keys and the files of the data directory.

It holds the keys, so it is closed to everybody else, and it is not whole before its last rename.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from bifang.core.backups.postgresql import run_program
from bifang.core.backups.written import DATA, DUMPS, MANIFEST, Manifest, count_rows, sums, write_manifest
from bifang.core.database.identity import name_of
from bifang.core.errors import BifangError, ConfigError
from bifang.core.extensions import VERSION
from bifang.core.secrets.crypto import split_keys
from bifang.env import unreadable

PREFIX: Final = "bifang-"
_KEYS: Final = ("encryption.key", "secret.key")
# Made anew by whoever needs it, or of a process that lives now.
_LEFT_OUT: Final = {"static", "workers", "logs", "feeds"}


def make_backup(target: Path, *, keys: bool = True, keep: int = 0) -> tuple[Path, Manifest]:
    """A backup in a new directory below ``target``. ``keep``: of the whole ones there only so many, the newest, stay.

    Raises BifangError.
    """
    try:
        _require_private(target)
        name = f"{PREFIX}{timezone.localtime():%Y%m%d-%H%M%S}"
        draft = target / f".{name}.partial"
        draft.mkdir(mode=0o700)
        try:
            manifest = _fill(draft, keys=keys)
            draft.rename(target / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for old in sorted(path.parent for path in target.glob(f"{PREFIX}*/{MANIFEST}"))[: -keep or None]:
            if keep:
                shutil.rmtree(old)
    except OSError as error:
        raise ConfigError(unreadable(Path(error.filename or target), error)) from None
    return target / name, manifest


def _require_private(target: Path) -> None:
    if target.resolve().is_relative_to(settings.DATA_DIR.resolve()):
        raise ConfigError(
            f"备份不能放在数据目录 {settings.DATA_DIR} 里面：磁盘坏了两样都没有。请换一个地方。"
        )
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o777
    if mode & 0o077:
        raise ConfigError(
            f"备份里有密钥，而目录 {target} 别人也能读（权限 {mode:03o}）：请执行 chmod 700 {target}，或换一个新的目录。"
        )


def _fill(draft: Path, *, keys: bool) -> Manifest:
    data = draft / DATA
    data.mkdir(mode=0o700)
    before = _keys_now()
    # Before the database: its head of the audit chain must not be ahead. And after it: what was uploaded meanwhile.
    _copy_files(data)
    rows = _copy_sqlite(draft) if connection.vendor == "sqlite" else _dump_postgresql(draft)
    _copy_files(data)
    if keys:
        _write_keys(data)
    if _keys_now() != before:
        raise BifangError("加密密钥正在更换：请等 rotate_encryption_key 做完，再备份一次。", permanent=False)
    manifest = Manifest(
        VERSION, timezone.localtime().isoformat(timespec="seconds"), connection.vendor, name_of(), keys, rows, sums(draft)
    )  # fmt: skip
    write_manifest(draft, manifest)
    return manifest


def _keys_now() -> list[str]:
    return split_keys(settings.ENCRYPTION_KEYS or settings.ENCRYPTION_KEY_FILE.read_text(encoding="utf-8"))


def _write_keys(data: Path) -> None:
    """As files, wherever they came from, and the environment file: it names the rest of what is needed."""
    for name, lines in zip(_KEYS, (_keys_now(), [str(settings.SECRET_KEY)]), strict=True):
        (data / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    given = Path(os.environ.get("BIFANG_ENV_FILE", "/etc/bifang/env"))
    if given.is_file():
        shutil.copyfile(given, data.parent / "env")


def _copy_files(data: Path) -> None:
    """What is not there yet; a file may be gone before it is read, when its import is done."""
    for path, name in _own_files():
        copy = data / name
        if not copy.exists():
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(path, copy)


def _own_files() -> Iterator[tuple[Path, Path]]:
    home: Path = settings.DATA_DIR
    database = str(connection.settings_dict["NAME"])
    for place, folders, names in os.walk(home):
        here = Path(place)
        if here == home:
            folders[:] = [each for each in folders if each not in _LEFT_OUT]
        for name in names:
            path = here / name
            if not path.is_symlink() and name not in _KEYS and not str(path).startswith(database):
                yield path, path.relative_to(home)


def _copy_sqlite(draft: Path) -> dict[str, int]:
    """By SQLite's own backup: whole while others write."""
    copy = draft / DUMPS["sqlite"]
    with (
        closing(sqlite3.connect(connection.settings_dict["NAME"])) as source,
        closing(sqlite3.connect(copy)) as made,
    ):
        source.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")
        return count_rows(made.cursor(), "sqlite")


def _dump_postgresql(draft: Path) -> dict[str, int]:
    """Counted and dumped in one snapshot."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        dump = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
        run_program("pg_dump", [*dump, f"--file={draft / DUMPS['postgresql']}"], connection.settings_dict)
        return count_rows(cursor, "postgresql")
