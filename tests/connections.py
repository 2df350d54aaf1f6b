"""What a process connects to and looks up, by its own audit events: nothing in it can go round them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# For a process of its own: loaded by Python before anything else.
SITECUSTOMIZE = """
import sys
def _note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        place = arguments[1] if event == "socket.connect" else arguments[0]
        with open({path!r}, "a") as file:
            file.write(f"{{place[0] if isinstance(place, tuple) else place}}\\n")
sys.addaudithook(_note)
"""
_listeners: list[list[str]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _listeners and event in ("socket.connect", "socket.getaddrinfo"):
        place = arguments[1] if event == "socket.connect" else arguments[0]
        _listeners[-1].append(str(place[0] if isinstance(place, tuple) else place))


@contextmanager
def noted_connections() -> Iterator[list[str]]:
    """Hosts and addresses that this process goes to meanwhile."""
    if _note not in _hooked:
        sys.addaudithook(_note)
        _hooked.append(_note)
    _listeners.append(found := list[str]())
    try:
        yield found
    finally:
        _listeners.remove(found)


_hooked: list[Any] = []


def noting_environment(directory: Path) -> tuple[dict[str, str], Path]:
    """For a child process that notes its connections; and the file in which it does."""
    directory.mkdir()
    file = directory / "connections"
    file.touch()
    (directory / "sitecustomize.py").write_text(SITECUSTOMIZE.format(path=str(file)))
    return {"PYTHONPATH": str(directory)}, file
