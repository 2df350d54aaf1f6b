"""bifang.log is shared: processes that write and rotate it in turn lose and tear no line."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bifang.core.monitoring import logs

WRITERS, ROUNDS, A_ROUND, FULL = 3, 40, 15, 20_000
WRITE = f"""
import logging, logging.config, pathlib, sys
from bifang.core.monitoring import logs
options = logs.configure(pathlib.Path(sys.argv[1]), "INFO")
options["handlers"]["lines"] |= {{"maxBytes": {FULL}, "backupCount": 50}}
logging.config.dictConfig(options)
for number, _ in enumerate(sys.stdin):
    for line in range({A_ROUND}):
        logging.getLogger("bifang.test").info("进程 %s 第 %d 行完", sys.argv[2], number * {A_ROUND} + line)
    logging.getLogger().handlers[0].flush()
    print("written", flush=True)
"""


@contextlib.contextmanager
def started_writer(directory: Path, name: str):
    """A process that writes some lines for every line it is sent."""
    command = (sys.executable, "-c", WRITE, directory, name)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, text=True, bufsize=1) as writer:
        yield writer
        writer.stdin.close()
        assert writer.wait(120) == 0


@pytest.mark.slow
def test_processes_rotate_one_log_without_losing_or_tearing_a_line(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(started_writer(tmp_path, str(number))) for number in range(WRITERS)]
        for _ in range(ROUNDS):
            for writer in writers:
                writer.stdin.write("go\n")
            assert [writer.stdout.readline() for writer in writers] == ["written\n"] * WRITERS
    older = sorted(tmp_path.glob("bifang.log.*"), key=lambda file: -int(file.suffix[1:]))
    assert len(older) > 3, "rotated"
    text = "".join(file.read_text(encoding="utf-8") for file in (*older, tmp_path / "bifang.log"))
    found = re.findall(r"^\S+ \S+ INFO bifang\.test 进程 (\d) 第 (\d+) 行完$", text, re.MULTILINE)
    assert len(set(found)) == len(found) == WRITERS * ROUNDS * A_ROUND == len(text.splitlines())
    rounds = [int(number) // A_ROUND for _, number in found]
    assert rounds == sorted(rounds), "all write to the newest file"


def test_log_is_for_its_owner_and_group_and_is_kept_in_bounds(tmp_path: Path) -> None:
    options = logs.configure(tmp_path, "INFO")["handlers"]["lines"]
    assert options["chmod"] == 0o640
    assert options["maxBytes"] * (options["backupCount"] + 1) < 1024**3
