"""Runs one command until a pipe from us closes; then the command and all that it started are ended.

`over_stdio` starts this file by itself: ``process_guard.py PIPE CWD COMMAND…``. The pipe closes when we close it and when we
die, however we die, so nothing outlives us. Only the standard library; the environment is the command's.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress

GRACE_S = 0.5  # between asking to end and ending
NOT_STARTED = 126


def main(pipe: int, cwd: str, command: Sequence[str]) -> int:
    """The command's exit code, as a shell tells it."""
    home = tempfile.mkdtemp(prefix="bifang-mcp-")
    try:
        environment = {"HOME": home, **os.environ}
        child = subprocess.Popen(command, cwd=cwd or home, env=environment, start_new_session=True)
    except OSError as error:
        sys.stderr.write(f"没有启动：{error.strerror}（{error.filename}）\n")
        shutil.rmtree(home, ignore_errors=True)
        return NOT_STARTED
    let_go()
    signal.signal(signal.SIGTERM, lambda *_: send(child.pid, signal.SIGKILL))
    threading.Thread(target=watch, args=(pipe, child), daemon=True).start()
    code = child.wait()
    send(child.pid, signal.SIGKILL)  # what it left behind in its group
    shutil.rmtree(home, ignore_errors=True)
    return code if code >= 0 else 128 - code


def let_go() -> None:
    """Of the command's input and output, so that their end is seen when the command ends."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)


def watch(pipe: int, child: subprocess.Popen[bytes]) -> None:
    """Until the pipe closes."""
    os.read(pipe, 1)
    send(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    send(child.pid, signal.SIGKILL)


def send(group: int, number: int) -> None:
    """To whoever is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
