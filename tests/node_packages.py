"""Packages of npm as a folder's package-lock.json names them."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.first import first_of_all


def installed(folder: Path, cache: pytest.Cache) -> Path:
    """A folder with `node_modules`, kept in pytest's own cache (which git ignores)."""
    lock = (folder / "package-lock.json").read_bytes()
    place: Path = cache.mkdir("npm") / hashlib.sha256(lock).hexdigest()[:16]
    return first_of_all(place, lambda fresh: _install(folder, fresh))


def _install(folder: Path, fresh: Path) -> None:
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, fresh)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=fresh, check=True, timeout=300, capture_output=True)
