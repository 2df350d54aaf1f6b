"""A line of the log: one line, with ids as fields, without secrets, and without waiting for a disk."""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bifang.core.monitoring import logs
from bifang.core.secrets import redaction
from tests.deadline import wait_until


class Slow(logging.Handler):
    """A target whose disk stands still until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.reached.set()
        assert self.go_on.wait(120)
        self.text.append(record.getMessage())


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[logs.GatheringHandler]:
    made = logs.GatheringHandler(str(tmp_path / "bifang.log"), encoding="utf-8")
    made.setFormatter(logs.LineFormatter())
    yield made
    made.close()


@pytest.fixture
def log(handler: logs.GatheringHandler) -> Iterator[logging.Logger]:
    logger = logging.getLogger("bifang.lines")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True


def written(handler: logs.GatheringHandler, directory: Path) -> list[str]:
    handler.flush()
    return (directory / "bifang.log").read_text(encoding="utf-8").splitlines()


def test_line_has_time_level_name_fields_and_text(
    handler: logs.GatheringHandler, log: logging.Logger, tmp_path: Path
) -> None:
    log.info("收到 %d 条", 3, extra={"config": 7, "message_id": "", "conversation": None, "other": 1})
    log.info("没有字段\r\n第二行")
    first, second = written(handler, tmp_path)
    assert first.split(" ", 2)[2] == "INFO bifang.lines [config=7] 收到 3 条"
    assert second.split(" ", 2)[2] == "INFO bifang.lines 没有字段 ⏎ 第二行"
    assert logging.Formatter().formatTime(logging.makeLogRecord({}))[:10] == first[:10]


def test_trace_stays_on_the_line_and_secrets_off_it(
    handler: logs.GatheringHandler, log: logging.Logger, tmp_path: Path
) -> None:
    redaction.remember_secret("very-secret-value")
    try:
        raise ValueError("with very-secret-value in it")
    except ValueError:
        log.exception("出错 ticket=abcdefgh")
    (line,) = written(handler, tmp_path)
    assert "出错 ticket=***" in line
    assert "Traceback" in line
    assert line.endswith("ValueError: with *** in it")


HIDDEN = (
    "\x00\x07\x1b\t\r\x7f\x85\x9b\xad\u061c\u200b\u200d\u200f\u2028\u2029\u202e\u2066\ufeff\ud800\U000e0041"
)


@pytest.mark.parametrize("sign", HIDDEN, ids=ascii)
def test_nothing_hidden_reaches_the_log(
    handler: logs.GatheringHandler, log: logging.Logger, tmp_path: Path, sign: str
) -> None:
    evil = f"甲{sign}乙\n2026-01-01 00:00:00,000 INFO bifang 假的一行"
    log.info(evil)
    log.info("收到 %s", evil, extra={"conversation": evil})
    try:
        raise ValueError(evil)
    except ValueError:
        log.exception("出错")
    text = "\n".join(lines := written(handler, tmp_path))
    assert len(lines) == 3, "one a record"
    assert not set(HIDDEN) & set(text)
    assert text.count(sign.encode("unicode_escape").decode()) == 4


def test_lines_keep_what_people_write(
    handler: logs.GatheringHandler, log: logging.Logger, tmp_path: Path
) -> None:
    written_by_people = "全角　空格，é ñ ß，日本語のテキスト，👍🏽 ❤️"
    log.info(written_by_people)
    (line,) = written(handler, tmp_path)
    assert line.endswith(written_by_people)


@pytest.mark.slow
def test_other_programs_formats_are_served() -> None:
    command = [sys.executable, "-c", FOREIGN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"\[\d+\] \[\d+\] MainThread 你好\n", done.stderr), done.stderr


FOREIGN = """
import logging, pathlib
from bifang.core.monitoring import logs
logs.configure(pathlib.Path("/nonexistent"), "INFO")
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("[%(process)d] [%(thread)d] %(threadName)s %(message)s"))
logging.getLogger("foreign").addHandler(handler)
logging.getLogger("foreign").warning("你好")
"""


def test_nobody_with_a_line_to_add_waits_for_the_disk(
    handler: logs.GatheringHandler, log: logging.Logger
) -> None:
    slow = Slow()
    handler._targets = [slow]
    log.info("一")
    assert slow.reached.wait(120), "the writer is at it"
    adding = threading.Thread(target=log.info, args=("二",), daemon=True)
    adding.start()
    adding.join(120)
    assert not adding.is_alive()
    slow.go_on.set()
    wait_until(lambda: "二" in "\n".join(slow.text), within=10, what="the second line")
    assert [line.split()[-1] for line in "\n".join(slow.text).splitlines()] == ["一", "二"]


def test_child_process_writes_only_its_own_lines(
    handler: logs.GatheringHandler, log: logging.Logger, tmp_path: Path
) -> None:
    slow = Slow()
    targets, handler._targets = handler._targets, [slow]
    log.info("写到一半")
    assert slow.reached.wait(120)
    log.info("父进程")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads: that is the point
        child = os.fork()
    if not child:  # the writer of the parent was at it, and does not exist here
        handler._targets = targets
        log.warning("子进程")
        os._exit(0)
    try:
        wait_until(lambda: os.waitpid(child, os.WNOHANG)[0] == child, within=20, what="the end of the child")
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        slow.go_on.set()
    assert [line.split()[-1] for line in written(handler, tmp_path)] == ["子进程"]
