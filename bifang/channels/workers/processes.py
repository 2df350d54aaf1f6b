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
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from bifang.channels.models import InboxRow, OutboxRow, State, Worker
from bifang.channels.queues import claims
from bifang.channels.queues.claims import EVERYTHING, HOLD, Remit
from bifang.core.database.db import database_now
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.env import unreadable

FORGET_AFTER: Final = timedelta(minutes=10)


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
    now = database_now()
    fresh = {"heartbeat_at": now, "running": running, "waiting": waiting}
    if not Worker.objects.filter(owner=owner.name).update(**fresh):
        born = {"host": socket.gethostname(), "pid": os.getpid(), "started_at": now}
        born |= {"kind": owner.scope.kind, "scope": owner.scope.label}
        Worker.objects.create(owner=owner.name, **born, **fresh)
    alive, scope = Worker.objects.filter(heartbeat_at__gt=now - HOLD), owner.scope
    if scope.kind:
        alive = alive.filter(kind__in=("", scope.kind))
    return (alive.filter(scope__in=("", scope.label)) if scope.label else alive).count()


def is_served(config_id: int) -> bool:
    """Does a process live that answers what comes in for this configuration?"""
    alive = Worker.objects.filter(heartbeat_at__gt=database_now() - HOLD)
    kind = SystemConfig.objects.filter(pk=config_id).values_list("kind", flat=True).first()
    return alive.filter(scope__in=("", str(config_id)), kind__in=("", kind)).exists()


def forget_dead() -> None:
    """Workers of other machines that have not been heard of for long."""
    Worker.objects.filter(heartbeat_at__lt=database_now() - FORGET_AFTER).delete()
