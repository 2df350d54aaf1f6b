"""Processes that work on rows: a name each, a heartbeat, and what becomes of the rows of a dead one.

A process holds a lock file while it lives: its own restart sees that the lock is free and takes the rows over at
once; other machines wait until the claims end.
"""

import fcntl
import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest

from bifang.channels.models import NOT_CHATS, InboxRow, OutboxRow, State, Worker
from bifang.channels.queues import claims
from bifang.channels.queues.claims import EVERYTHING, HOLD, Remit
from bifang.core.database.db import database_clock, database_now
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.counts import write_counts
from bifang.core.processes import is_gone, process_name
from bifang.env import unreadable

FORGET_AFTER: Final = timedelta(minutes=10)
REMEMBER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Owner:
    """This process, with the lock that proves it lives."""

    name: str
    scope: Remit
    lock: IO[str]
    path: Path

    def close(self) -> None:
        """Give the name up."""
        self.path.unlink(missing_ok=True)
        self.lock.close()


def _directory() -> Path:
    path: Path = settings.DATA_DIR / "workers"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from None
    return path


def take_name(scope: Remit = EVERYTHING) -> Owner:
    """A fresh owner name for this process, locked. Raises ConfigError."""
    name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
    path = _directory() / f"{name}.lock"
    try:
        file = path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from None
    return Owner(name, scope, file, path)


def dead_owners() -> list[str]:
    """Names whose process on this machine is gone: their lock files are free. The files are removed."""
    dead = []
    for path in _directory().glob("*.lock"):
        with suppress(OSError), path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            dead.append(path.stem)
            path.unlink(missing_ok=True)
    return dead


def release_dead(owners: Sequence[str]) -> int:
    """Put every row these owners hold back to waiting; returns how many.

    What was tried stays counted: a message that kills its worker must not be tried for ever.
    """
    with transaction.atomic():
        boxes = (InboxRow.objects, OutboxRow.objects)
        count = sum(claims.release(box.filter(state=State.CLAIMED, owner__in=owners)) for box in boxes)
    Worker.objects.filter(owner__in=owners).delete()
    return count


def release_unfinished(owner: str) -> int:
    """An orderly stop: what this process still holds waits for the next start, the try not counted."""
    write_counts()
    mine = {"state": State.CLAIMED, "owner": owner}
    with transaction.atomic():
        count = claims.release(InboxRow.objects.filter(**mine), attempts=Greatest(F("attempts") - 1, 0))
        count += claims.release(OutboxRow.objects.filter(**mine))
    Worker.objects.filter(owner=owner).delete()
    return count


def beat(owner: Owner, *, running: int, waiting: int) -> int:
    """Heartbeat: this process lives.

    Returns how many processes live, this one included, that work for some of the same configurations.
    """
    show_pulse()
    now, scope = database_now(), owner.scope
    _write(owner.name, now, scope.kind, scope=scope.label, running=running, waiting=waiting)
    alive = Worker.objects.chats().filter(heartbeat_at__gt=now - HOLD)
    if scope.kind:
        alive = alive.filter(kind__in=("", scope.kind))
    return (alive.filter(scope__in=("", scope.label)) if scope.label else alive).count()


def beat_as(kind: str) -> None:
    """Heartbeat of a process that claims no rows: one of `NOT_CHATS`."""
    show_pulse()
    if _write(process_name(), database_now(), kind):
        gone = [
            name for name in Worker.objects.filter(kind=kind).values_list("pk", flat=True) if is_gone(name)
        ]
        Worker.objects.filter(pk__in=gone).delete()


def show_pulse() -> None:
    """This process turns, whatever becomes of the database: the age of the file tells whoever may not start a Python for it."""
    if settings.PULSE_FILE:
        with suppress(OSError):
            Path(settings.PULSE_FILE).touch()


def withdraw() -> None:
    """A process that was `beat_as` ends in good order."""
    write_counts()
    Worker.objects.filter(pk=process_name()).delete()


def _write(owner: str, now: datetime, kind: str, **told: object) -> bool:
    """The heartbeat; is it the first?"""
    write_counts()
    fresh = {"heartbeat_at": now, "kind": kind, **told}
    if Worker.objects.filter(pk=owner).update(**fresh):
        return False
    Worker.objects.create(owner=owner, host=socket.gethostname(), pid=os.getpid(), started_at=now, **fresh)
    return True


def is_served(config_id: int) -> bool:
    """Does a process live that answers what comes in for this configuration?"""
    alive = Worker.objects.filter(heartbeat_at__gt=database_clock() - HOLD)
    kind = SystemConfig.objects.filter(pk=config_id).values_list("kind", flat=True).first()
    return alive.filter(scope__in=("", str(config_id)), kind__in=("", kind)).exists()


def forget_dead() -> None:
    """Processes of other machines that have not been heard of for long; who should mend it is told of some for a day."""
    now = database_now()
    old = Worker.objects.filter(heartbeat_at__lt=now - FORGET_AFTER)
    old.filter(~Q(kind__in=NOT_CHATS) | Q(heartbeat_at__lt=now - REMEMBER)).delete()
