"""What several test processes need and one of them makes."""

import fcntl
from collections.abc import Callable
from pathlib import Path


def first_of_all(place: Path, make: Callable[[Path], None]) -> Path:
    """`place`, a file or a folder; the first process that asks makes it, under another name, and the others wait."""
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fresh = place.with_name(f"{place.name}.new")
            make(fresh)
            fresh.rename(place)
    return place
