"""One line a record, with ids as fields and without secrets; written by several processes."""

import json
import logging
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

# It locks files by portalocker, which imports redis too where that is installed: 9 MB in every process, for nothing.
sys.modules.setdefault("portalocker.redis", None)  # type: ignore[arg-type]
from concurrent_log_handler import ConcurrentRotatingFileHandler  # noqa: E402

from bifang.core.errors import ConfigError  # noqa: E402
from bifang.core.secrets.redaction import redact  # noqa: E402

INTERVAL = 0.2
FIELDS = ("request", "task", "config", "conversation", "message_id", "event", "worker")
# What is worked on here: fields of every line that is written meanwhile.
ids: ContextVar[Mapping[str, object]] = ContextVar("ids", default=MappingProxyType({}))

# A storm: what is said again and again within a minute is counted.
STORM_S: Final = 60.0
MOST_LINES: Final = 30
_MOST_KEYS: Final = 500
_PLACEHOLDERS: Final = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-z%]")


# Controls, and what is invisible or turns the text around: a line must show what is in it, and stay one line.
_UNSHOWN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


class LineFormatter(logging.Formatter):
    """``time level logger [config=1 message_id=…] text``; tracebacks stay on the line, joined by ⏎."""

    def __init__(self) -> None:
        super().__init__("%(message)s")
        self._second = (-1, "", "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Local time with milliseconds and the zone; many records share a second."""
        second = int(record.created)
        known, text, zone = self._second
        if known != second:
            local = time.localtime(second)
            text, zone = time.strftime("%Y-%m-%d %H:%M:%S", local), time.strftime("%z", local)
            self._second = second, text, zone
        return f"{text},{int(record.msecs):03d}{zone[:3]}:{zone[3:]}"

    def format(self, record: logging.LogRecord) -> str:
        present = [f"{name}={value}" for name, value in _fields(record).items()]
        fields = f" [{' '.join(present)}]" if present else ""
        line = f"{self.formatTime(record)} {record.levelname} {record.name}{fields} {self._text(record)}"
        line = redact(line)
        return line if line.isprintable() else _shown(line)

    def _text(self, record: logging.LogRecord) -> str:
        traced = record.exc_info or record.exc_text or record.stack_info
        return super().format(record) if traced else record.getMessage()


class JsonFormatter(LineFormatter):
    """``{"time", "level", "logger", "message", …}``, the ids by their names; the traceback is part of the message."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": self.formatTime(record).replace(" ", "T").replace(",", "."),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(self._text(record)),
        }
        told |= {name: redact(str(value)) for name, value in _fields(record).items()}
        return _UNSHOWN.sub(lambda found: json.dumps(found[0])[1:-1], json.dumps(told, ensure_ascii=False))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    values = {**ids.get(), **record.__dict__}
    return {name: value for name in FIELDS if (value := values.get(name)) not in (None, "")}


def _shown(line: str) -> str:
    """On one line, with what nobody would see written as an escape."""
    line = line.replace("\r\n", "\n").replace("\n", " ⏎ ")
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


@dataclass(slots=True)
class _Repeated:
    """What is said again and again: since when, how often, of which so much was not written."""

    since: float
    record: logging.LogRecord
    written: int = 0
    dropped: int = 0


class Storms:
    """Bounds what warnings and errors can write: of one kind a traceback and `MOST_LINES` lines a minute, then a count.

    One kind: same logger, level, text without its values, and type of exception.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[object, ...], _Repeated] = {}
        self._lock = threading.Lock()

    def admit(self, record: logging.LogRecord) -> bool:
        """Is it written? A traceback that was written within the minute is taken off."""
        kind = (record.name, record.levelno, _template(record), record.exc_info and record.exc_info[0])
        with self._lock:
            found = self._kinds.get(kind)
            if found is None or (record.created - found.since > STORM_S and not found.dropped):
                if len(self._kinds) >= _MOST_KEYS:
                    self._kinds.pop(next(iter(self._kinds)))
                self._kinds[kind] = _Repeated(record.created, record, 1)
                return True
            if found.written >= MOST_LINES:
                found.dropped += 1
                return False
            found.written += 1
        record.exc_info = record.exc_text = None
        return True

    def ended(self, now: float) -> list[logging.LogRecord]:
        """A line for each kind whose minute is over and of which something was not written."""
        with self._lock:
            over = [kind for kind, each in self._kinds.items() if now - each.since > STORM_S]
            counted = [each for each in map(self._kinds.pop, over) if each.dropped]
        return [_count(each, now) for each in counted]


def _template(record: logging.LogRecord) -> str:
    text = str(record.msg)
    return text if _PLACEHOLDERS.sub("", text).strip() else record.getMessage()[:200]


def _count(each: _Repeated, now: float) -> logging.LogRecord:
    said, text = each.record, each.record.getMessage()[:300]
    line = f"{text}（一分钟里同样的还有 {each.dropped} 次，没有逐条写）"
    return logging.makeLogRecord(
        {
            "name": said.name,
            "levelno": said.levelno,
            "levelname": said.levelname,
            "msg": line,
            "created": min(now, time.time()),
        }
    )


class GatheringHandler(logging.Handler):
    """Writes lines in gulps to the console and to a rotating file that processes share.

    A lock and two writes for every line would cost more than handling a message. What has gathered is written
    after `INTERVAL` seconds, at once from WARNING on, and at exit.
    """

    def __init__(self, path: str = "", *, console: bool = True, **options: Any) -> None:
        super().__init__()
        self._targets: list[logging.Handler] = [logging.StreamHandler()] if console or not path else []
        if path:
            self._targets.append(ConcurrentRotatingFileHandler(path, **options))
        self._lines: deque[str] = deque()
        self._writing = threading.RLock()  # not the handler's own: who adds a line must not wait for a disk
        self._storms = Storms()
        os.register_at_fork(after_in_child=self._forked)
        self._ended = threading.Event()
        self._writer: threading.Thread | None = None

    def _forked(self) -> None:
        """What had gathered is the parent's to write; its writer may have been at it."""
        self._lines, self._writing, self._storms = deque(), threading.RLock(), Storms()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line; the writer is started with the first, because a fork does not inherit threads."""
        grave = record.levelno >= logging.WARNING
        try:
            if grave and not self._storms.admit(record):
                return
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
            return
        if grave:
            self.flush()
        if self._writer is None or not self._writer.is_alive():
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
        self._lines.extend(map(self.format, self._storms.ended(float("inf"))))
        self.flush()
        self._ended.set()
        for target in self._targets:
            target.close()
        super().close()

    def _write(self) -> None:
        while not self._ended.wait(INTERVAL):
            self._lines.extend(map(self.format, self._storms.ended(time.time())))
            self.flush()


_ROTATED: Final[dict[str, Any]] = {
    "maxBytes": 50 * 1024 * 1024,
    "backupCount": 10,
    "encoding": "utf-8",
    "keep_file_open": True,
    "chmod": 0o640,
}


def configure(directory: Path, level: str, form: str = "text", where: str = "both") -> dict[str, Any]:
    """The LOGGING setting. ``form``: text or json; ``where``: both, file or console. Raises ConfigError.

    Without a writable file: console only; `writable` says why.
    """
    _record_less()
    if form not in ("text", "json") or where not in ("both", "file", "console"):
        raise ConfigError("BIFANG_LOG_FORMAT 是 text 或 json，BIFANG_LOG_TO 是 both、file 或 console。")
    handler: dict[str, Any] = {"()": "bifang.core.monitoring.logs.GatheringHandler", "formatter": form}
    if where != "console" and writable(directory) is None:
        handler |= {"path": str(directory / "bifang.log"), "console": where == "both", **_ROTATED}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": "bifang.core.monitoring.logs.LineFormatter"},
            "json": {"()": "bifang.core.monitoring.logs.JsonFormatter"},
        },
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
