"""Packages of npm as a folder's package-lock.json names them."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def installed(folder: Path, cache: pytest.Cache) -> Path:
    """A folder with `node_modules`, kept in pytest's own cache (which git ignores)."""
    lock = (folder / "package-lock.json").read_bytes()
    home: Path = cache.mkdir("npm")
    place = home / hashlib.sha256(lock).hexdigest()[:16]
    if not (place / "node_modules").is_dir():
        fresh = home / f"new-{os.getpid()}"
        fresh.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, fresh)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=fresh, check=True, timeout=100, capture_output=True)
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
    return place
