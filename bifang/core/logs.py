"""One line a record, with ids as fields and without secrets; written by several processes."""

import logging
from pathlib import Path
from typing import Any

from bifang.core.redaction import redact

FIELDS = ("config", "conversation", "message_id", "event", "worker")


class LineFormatter(logging.Formatter):
    """``time level logger [config=1 message_id=…] text``; tracebacks stay on the line, joined by ⏎."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(fields)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        present = [
            f"{name}={value}" for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")
        ]
        record.fields = f" [{' '.join(present)}]" if present else ""
        line = super().format(record)
        if "\n" in line or "\r" in line:
            line = line.replace("\r", "").replace("\n", " ⏎ ")
        return redact(line)


def configure(directory: Path, level: str) -> dict[str, Any]:
    """The LOGGING setting. Without a writable file: console only, and `remedy` says why."""
    handlers: dict[str, Any] = {"console": {"class": "logging.StreamHandler", "formatter": "line"}}
    if writable(directory) is None:
        handlers["file"] = {
            "class": "concurrent_log_handler.ConcurrentRotatingFileHandler",
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
