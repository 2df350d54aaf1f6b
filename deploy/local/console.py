"""Lines for the person at the terminal."""

import os
import sys
from pathlib import Path


def say(text: str = "") -> None:
    """Print a line at once. A terminal that was closed must not keep us from stopping cleanly."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def last_lines(path: Path, start: int = 0, count: int = 15) -> list[str]:
    """The last `count` lines of a log from byte `start` on; none if there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]
