"""A written backup: the directory with its manifest, which says what is in it and what each file sums up to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bifang.core.errors import ConfigError

MANIFEST: Final = "manifest.json"
DATA: Final = "data"  # the files of the data directory, in here
DUMPS: Final = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "postgresql": "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """``vendor``: sqlite or postgresql; ``rows`` by table, ``files`` their SHA-256; ``keys``: are they in it?"""

    version: str
    made_at: str
    vendor: str
    database: str
    keys: bool
    rows: Mapping[str, int]
    files: Mapping[str, str]

    @property
    def summary(self) -> str:
        """What it holds, for an operator."""
        return f"{len(self.rows)} 张表、{sum(self.rows.values()):,} 行，{len(self.files)} 个文件"


def digest(path: Path) -> str:
    """SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(place: Path) -> list[Path]:
    """Regular files, by name."""
    return sorted(path for path in place.rglob("*") if path.is_file() and not path.is_symlink())


def sums(place: Path) -> dict[str, str]:
    """Of every file of a backup but its manifest."""
    found = {path.relative_to(place).as_posix(): path for path in files_below(place)}
    return {name: digest(path) for name, path in found.items() if name != MANIFEST}


def count_rows(cursor: Any, vendor: str) -> dict[str, int]:
    """Rows by table, with a cursor of the database's own library or of Django."""
    cursor.execute(_TABLES[vendor])
    counts = {}
    for (name,) in sorted(cursor.fetchall()):
        quoted = name.replace('"', '""')
        cursor.execute(f'SELECT count(*) FROM "{quoted}"')  # noqa: S608 - a name of a table of ours
        counts[name] = int(cursor.fetchone()[0])
    return counts


def write_manifest(place: Path, manifest: Manifest) -> None:
    """The last file of a backup."""
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    (place / MANIFEST).write_text(text, encoding="utf-8")


def read_manifest(place: Path) -> Manifest:
    """Raises ConfigError if this is no backup."""
    try:
        return Manifest(**json.loads((place / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise ConfigError(f"{place} 不是一份完整的备份：没有读得懂的 {MANIFEST}。") from None


def require_whole(place: Path, manifest: Manifest) -> None:
    """Every file is there as it was written. Raises ConfigError naming those that are not."""
    found = sums(place)
    wrong = sorted(
        name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name)
    )
    if wrong:
        raise ConfigError(
            f"备份 {place} 损坏了，校验和不符：{'、'.join(wrong[:5])}{' 等' if len(wrong) > 5 else ''}。请用另一份。"
        )
