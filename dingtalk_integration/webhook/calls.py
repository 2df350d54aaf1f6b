"""What is known of the callbacks: each address called or not, and what was refused. Written now and then, not each time."""

import contextlib
import logging
import time
from typing import Final

from django.db import Error as DatabaseError

from bifang.core import db
from bifang.core.db import database_now
from bifang.core.models import SystemConfig
from dingtalk_integration.models import CallbackDoor, CallbackState

log = logging.getLogger(__name__)
EVERY_S: Final = 10.0
WAIT_S: Final = 0.2  # a note is no reason to keep DingTalk waiting
_written: dict[tuple[int, str, str], float] = {}
_began: set[int] = set()  # configurations that this process has stored something for


def note_call(config_id: int, door: CallbackDoor) -> None:
    """DingTalk called, and it was stored. The first time after a start: what came meanwhile was missed."""
    first = config_id not in _began
    _began.add(config_id)
    if not first and not _due(config_id, door, "call"):
        return
    _write(config_id, door, "called_at", *(("missed_at",) if first else ()))


def note_refusal(config_id: int, door: CallbackDoor, reason: str) -> None:
    """Somebody called and was refused; strangers may do so often."""
    if _due(config_id, door, "refusal"):
        _write(config_id, door, "refused_at", refusal=reason[:200])


def note_miss(config_id: int) -> None:
    """Something could not be stored: once it can be, what was missed is to be looked for."""
    _began.discard(config_id)


def _due(config_id: int, door: CallbackDoor, what: str) -> bool:
    key, now = (config_id, f"{door}", what), time.monotonic()
    if now - _written.get(key, -EVERY_S) < EVERY_S:
        return False
    _written[key] = now
    return True


def _write(config_id: int, door: CallbackDoor, *now: str, **values: str) -> None:
    """Soon; ``now``: the columns that say when."""
    writing = db.threads().submit(_save, config_id, door, now, values)
    with contextlib.suppress(TimeoutError, DatabaseError):
        writing.result(WAIT_S)


def _save(config_id: int, door: CallbackDoor, now: tuple[str, ...], values: dict[str, str]) -> None:
    try:
        if SystemConfig.objects.filter(pk=config_id).exists():
            moment = dict.fromkeys(now, database_now())
            CallbackState.objects.update_or_create(
                config_id=config_id, door=door, defaults={**values, **moment}
            )
    except DatabaseError:
        log.exception("dingtalk 没能记下 HTTP 回调的情况", extra={"config": config_id})
        note_miss(config_id)
        raise
