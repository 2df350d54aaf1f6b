"""Processes by name: who holds a row, and whether they can still be working on it."""

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def process_name() -> str:
    """ "host:pid" of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def end_forks_with_parent() -> None:
    """From now on the kernel kills what this process forks, and what that forks, when its parent is gone.

    However the parent ended: nobody works on with old code beside the successor. Linux only; it is the thread that forks
    which counts as the parent. What is started by subprocess is not forked here (`connectors.mcp.process_guard`).
    """
    if sys.platform != "linux":
        return
    prctl, parents = ctypes.CDLL(None).prctl, [os.getpid()]

    def before() -> None:
        parents[0] = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parents[0]:  # it was gone before we asked
            os._exit(1)

    os.register_at_fork(before=before, after_in_child=in_child)


def is_gone(name: str) -> bool:
    """Is it known to be dead? Of another machine nothing is known."""
    host, _, pid = name.rpartition(":")
    return host == socket.gethostname() and not _is_alive(int(pid))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Dead, but its parent has not looked yet; only Linux tells."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
