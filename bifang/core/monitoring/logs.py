"""One line a record, with ids as fields and without secrets; written by several processes."""

import logging
import os
import re
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

# It locks files by portalocker, which imports redis too where that is installed: 9 MB in every process, for nothing.
sys.modules.setdefault("portalocker.redis", None)  # type: ignore[arg-type]
from concurrent_log_handler import ConcurrentRotatingFileHandler  # noqa: E402

from bifang.core.secrets.redaction import redact  # noqa: E402

INTERVAL = 0.2
FIELDS = ("config", "conversation", "message_id", "event", "worker")


# Controls, and what is invisible or turns the text around: a line must show what is in it, and stay one line.
_UNSHOWN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


class LineFormatter(logging.Formatter):
    """``time level logger [config=1 message_id=…] text``; tracebacks stay on the line, joined by ⏎."""

    def __init__(self) -> None:
        super().__init__("%(message)s")
        self._second = (-1, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The usual form; many records share a second."""
        second = int(record.created)
        known, text = self._second
        if known != second:
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = second, text
        return f"{text},{int(record.msecs):03d}"

    def format(self, record: logging.LogRecord) -> str:
        values = record.__dict__
        present = [f"{name}={value}" for name in FIELDS if (value := values.get(name)) not in (None, "")]
        fields = f" [{' '.join(present)}]" if present else ""
        traced = record.exc_info or record.exc_text or record.stack_info
        text = super().format(record) if traced else record.getMessage()
        line = f"{self.formatTime(record)} {record.levelname} {record.name}{fields} {text}"
        line = redact(line)
        return line if line.isprintable() else _shown(line)


def _shown(line: str) -> str:
    """On one line, with what nobody would see written as an escape."""
    line = line.replace("\r\n", "\n").replace("\n", " ⏎ ")
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


class GatheringHandler(logging.Handler):
    """Writes lines in gulps to the console and to a rotating file that processes share.

    A lock and two writes for every line would cost more than handling a message. What has gathered is written
    after `INTERVAL` seconds, at once from WARNING on, and at exit.
    """

    def __init__(self, path: str = "", **options: Any) -> None:
        super().__init__()
        self._targets: list[logging.Handler] = [logging.StreamHandler()]
        if path:
            self._targets.append(ConcurrentRotatingFileHandler(path, **options))
        self._lines: deque[str] = deque()
        self._writing = threading.RLock()  # not the handler's own: who adds a line must not wait for a disk
        os.register_at_fork(after_in_child=self._forked)
        self._ended = threading.Event()
        self._writer: threading.Thread | None = None

    def _forked(self) -> None:
        """What had gathered is the parent's to write; its writer may have been at it."""
        self._lines, self._writing = deque(), threading.RLock()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line; the writer is started with the first, because a fork does not inherit threads."""
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
            return
        if record.levelno >= logging.WARNING:
            self.flush()
        elif self._writer is None or not self._writer.is_alive():
            self._writer = threading.Thread(target=self._write, name="log", daemon=True)
            self._writer.start()

    def flush(self) -> None:
        """Write what has gathered."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                gulp = logging.LogRecord("", logging.INFO, "", 0, "\n".join(lines), None, None)
                for target in self._targets:
                    target.handle(gulp)

    def close(self) -> None:
        """At exit."""
        self.flush()
        self._ended.set()
        for target in self._targets:
            target.close()
        super().close()

    def _write(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.flush()


def configure(directory: Path, level: str) -> dict[str, Any]:
    """The LOGGING setting. Without a writable file: console only; `writable` says why."""
    _record_less()
    handler: dict[str, Any] = {"()": "bifang.core.monitoring.logs.GatheringHandler", "formatter": "line"}
    if writable(directory) is None:
        handler |= {
            "path": str(directory / "bifang.log"),
            "maxBytes": 50 * 1024 * 1024,
            "backupCount": 10,
            "encoding": "utf-8",
            "keep_file_open": True,
            "chmod": 0o640,
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "bifang.core.monitoring.logs.LineFormatter"}},
        "handlers": {"lines": handler},
        "root": {"handlers": ["lines"], "level": level},
        "loggers": {
            "dashscope": {"level": "CRITICAL"},
            "aiohttp.access": {"level": "WARNING"},
            "websockets": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            "axes": {"level": "CRITICAL"},  # English; `logins.lockout` tells what counts
            "django.request": {"level": "ERROR"},
            # It has a handler of its own, which would write what a client sent as it is.
            "gunicorn.error": {"handlers": ["lines"], "propagate": False},
        },
    }


def _record_less() -> None:
    """What no line shows need not be found out for every record (logging's own switches for that).

    The thread and the process stay: they cost little, and lines of other programs' formats (gunicorn's) name them.
    """
    logging._srcfile = None  # no walk up the stack for file and line
    logging.logMultiprocessing = False


def writable(directory: Path) -> OSError | None:
    """None if bifang.log can be written there, else why not."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("bifang.log", ".__bifang.lock"):
            path = directory / name
            if name == "bifang.log" or path.exists():
                with path.open("a"):
                    pass
    except OSError as error:
        return error
    return None
