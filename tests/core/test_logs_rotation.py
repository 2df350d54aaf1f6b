"""bifang.log is shared: processes that write and rotate it at the same time lose and tear no line."""

import contextlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bifang.core import logs

WRITERS, LINES, FULL = 3, 1000, 20_000
WRITE = f"""
import logging, logging.config, pathlib, sys
from bifang.core import logs
options = logs.configure(pathlib.Path(sys.argv[1]), "INFO")
options["handlers"]["lines"] |= {{"maxBytes": {FULL}, "backupCount": 50}}
logging.config.dictConfig(options)
print("ready", flush=True)
sys.stdin.readline()
for number in range({LINES}):
    logging.getLogger("bifang.test").info("进程 %s 第 %d 行完", sys.argv[2], number)
    if number % 10 == 0:
        logging.getLogger().handlers[0].flush()
logging.shutdown()
"""


def test_processes_rotate_one_log_without_losing_or_tearing_a_line(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen(
                    (sys.executable, "-c", WRITE, tmp_path, str(number)),
                    stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL,
                )
            )
            for number in range(WRITERS)
        ]  # fmt: skip
        for writer in writers:
            assert writer.stdout and writer.stdout.readline() == b"ready\n"  # noqa: PT018
        for writer in writers:  # all at the same moment
            assert writer.stdin
            writer.stdin.close()
        assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    files = sorted(tmp_path.glob("bifang.log*"))
    sizes = [file.stat().st_size for file in files if file.name != "bifang.log"]
    assert len(sizes) > 3, "rotated"
    assert min(sizes) > FULL / 2, "no process rotates what another has just begun"
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    found = Counter(re.findall(r"^\S+ \S+ INFO bifang\.test 进程 (\d) 第 (\d+) 行完$", text, re.MULTILINE))
    assert len(found) == WRITERS * LINES == len(text.splitlines())
    assert set(found.values()) == {1}


def test_log_is_for_its_owner_and_group_and_is_kept_in_bounds(tmp_path: Path) -> None:
    options = logs.configure(tmp_path, "INFO")["handlers"]["lines"]
    assert options["chmod"] == 0o640
    assert options["maxBytes"] * (options["backupCount"] + 1) < 1024**3
