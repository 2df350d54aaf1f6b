"""One line a record, with ids as fields and without secrets; written by several processes."""

import logging
import threading
from pathlib import Path
from typing import Any

from concurrent_log_handler import ConcurrentRotatingFileHandler

from bifang.core.redaction import redact

_READY = "_bifang_line"
INTERVAL = 0.2
FIELDS = ("config", "conversation", "message_id", "event", "worker")


class LineFormatter(logging.Formatter):
    """``time level logger [config=1 message_id=…] text``; tracebacks stay on the line, joined by ⏎."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(fields)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        ready: str | None = record.__dict__.get(_READY)
        if ready is not None:  # another handler has formatted it
            return ready
        present = [
            f"{name}={value}" for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")
        ]
        record.fields = f" [{' '.join(present)}]" if present else ""
        line = super().format(record)
        if "\n" in line or "\r" in line:
            line = line.replace("\r", "").replace("\n", " ⏎ ")
        line = record.__dict__[_READY] = redact(line)
        return line


class GatheringFileHandler(logging.Handler):
    """A rotating file shared by processes, written in gulps: one lock and one write for what has gathered.

    Taking the lock for every line would cost more than handling a message. What has gathered is written after
    `INTERVAL` seconds, at once from WARNING on, and at exit.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._file = ConcurrentRotatingFileHandler(**options)
        self._file.setFormatter(logging.Formatter("%(message)s"))
        self._lines: list[str] = []
        self._due = threading.Event()
        self._writer: threading.Thread | None = None

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
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            if lines:
                text = "\n".join(lines)
                self._file.emit(logging.LogRecord("", logging.INFO, "", 0, text, None, None))
        finally:
            self.release()

    def close(self) -> None:
        """At exit."""
        self.flush()
        self._due.set()
        self._file.close()
        super().close()

    def _write(self) -> None:
        while not self._due.wait(INTERVAL):
            self.flush()


def configure(directory: Path, level: str) -> dict[str, Any]:
    """The LOGGING setting. Without a writable file: console only, and `remedy` says why."""
    handlers: dict[str, Any] = {"console": {"class": "logging.StreamHandler", "formatter": "line"}}
    if writable(directory) is None:
        handlers["file"] = {
            "()": "bifang.core.logs.GatheringFileHandler",
            "filename": str(directory / "bifang.log"),
            "maxBytes": 50 * 1024 * 1024,
            "backupCount": 10,
            "encoding": "utf-8",
            "keep_file_open": True,
            "chmod": 0o640,
            "formatter": "line",
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "bifang.core.logs.LineFormatter"}},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level},
        "loggers": {
            "dashscope": {"level": "CRITICAL"},
            "aiohttp.access": {"level": "WARNING"},
            "websockets": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
        },
    }


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
