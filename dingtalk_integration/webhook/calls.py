"""What is known of the callbacks: each address called or not, and what was refused. Written now and then, not each time."""

import time
from typing import Final

from bifang.core.db import database_now
from bifang.core.models import SystemConfig
from dingtalk_integration.models import CallbackDoor, CallbackState

EVERY_S: Final = 10.0
_written: dict[tuple[int, str, str], float] = {}
_began: set[int] = set()  # configurations that this process has stored something for


def note_call(config_id: int, door: CallbackDoor) -> None:
    """DingTalk called, and it was stored. The first time after a start: what came meanwhile was missed."""
    first = config_id not in _began
    _began.add(config_id)
    if not first and not _due(config_id, door, "call"):
        return
    now = database_now()
    _write(config_id, door, called_at=now, **({"missed_at": now} if first else {}))


def note_refusal(config_id: int, door: CallbackDoor, reason: str) -> None:
    """Somebody called and was refused; strangers may do so often."""
    if _due(config_id, door, "refusal"):
        _write(config_id, door, refused_at=database_now(), refusal=reason[:200])


def note_miss(config_id: int) -> None:
    """Something could not be stored: once it can be, what was missed is to be looked for."""
    _began.discard(config_id)


def _due(config_id: int, door: CallbackDoor, what: str) -> bool:
    key, now = (config_id, f"{door}", what), time.monotonic()
    if now - _written.get(key, -EVERY_S) < EVERY_S:
        return False
    _written[key] = now
    return True


def _write(config_id: int, door: CallbackDoor, **values: object) -> None:
    if SystemConfig.objects.filter(pk=config_id).exists():
        CallbackState.objects.update_or_create(config_id=config_id, door=door, defaults=values)
