"""Leases: which process works on a row, and how a dead process's rows come free.

Times come from the database's clock, so that machines with different clocks agree. A process is known by its
``owner`` name and holds a lock file while it lives: its own restart sees that the lock is free and takes the
rows over at once; other machines wait until the lease ends.
"""

import fcntl
import os
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from bifang.channels.models import InboxRow, LeasedRow, OutboxRow, State, Worker
from bifang.core.errors import ConfigError
from bifang.env import unreadable

LEASE = timedelta(seconds=25)
RENEW_EVERY = 5.0
LOOK_EVERY = 2.0
FORGET_AFTER = timedelta(minutes=10)
CHUNK = 500
BOXES: tuple[type[LeasedRow], ...] = (InboxRow, OutboxRow)


def database_now() -> datetime:
    """The database's clock (on SQLite that is this machine's)."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
    return row[0]


def new_lease(now: datetime) -> str:
    """A token no other claim will have; starts with the database's time in µs, so later leases sort later."""
    return f"{int(now.timestamp() * 1e6):x}-{new_secret()}"


def new_secret() -> str:
    """The end of a lease, which nobody guesses."""
    return secrets.token_hex(6)


@dataclass(frozen=True, slots=True)
class Owner:
    """This process, with the lock that proves it lives."""

    name: str
    scope: str
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


def take_name(scope: str = "") -> Owner:
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


def release(owners: Sequence[str]) -> int:
    """Put every row these owners hold back to waiting; returns how many.

    What was tried stays counted: a message that kills its worker must not be tried for ever.
    """
    count = 0
    for box in BOXES:
        with transaction.atomic():
            count += _manager(box).filter(state=State.LEASED, owner__in=owners).update(**FREE)
    Worker.objects.filter(owner__in=owners).delete()
    return count


def release_unfinished(owner: str) -> int:
    """An orderly stop: what this process still holds waits for the next start, the try not counted."""
    with transaction.atomic():
        count = InboxRow.objects.filter(state=State.LEASED, owner=owner).update(
            **FREE, attempts=Greatest(F("attempts") - 1, 0)
        )
        count += OutboxRow.objects.filter(state=State.LEASED, owner=owner).update(**FREE)
    Worker.objects.filter(owner=owner).delete()
    return count


FREE: dict[str, Any] = {"state": State.PENDING, "owner": "", "lease": "", "leased_until": None}


def release_expired() -> int:
    """Rows whose lease ended: their worker is dead or cut off. Returns how many came free."""
    now = database_now()
    count = 0
    for box in BOXES:
        late = _manager(box).filter(state=State.LEASED, leased_until__lt=now)
        if late.exists():
            with transaction.atomic():
                count += late.update(**FREE)
    return count


def renew(
    owner: Owner, in_hand: Mapping[type[LeasedRow], Sequence[int]], *, running: int, waiting: int
) -> int:
    """Heartbeat: this process lives, and keeps the rows in its hands for another `LEASE`.

    Returns how many processes live, this one included, that work for some of the same configurations.
    """
    now = database_now()
    fresh = {"heartbeat_at": now, "running": running, "waiting": waiting}
    if not Worker.objects.filter(owner=owner.name).update(**fresh):
        born = {"host": socket.gethostname(), "pid": os.getpid(), "scope": owner.scope, "started_at": now}
        Worker.objects.create(owner=owner.name, **born, **fresh)
    for box, ids in in_hand.items():
        for start in range(0, len(ids), CHUNK):
            held = _manager(box).filter(
                pk__in=ids[start : start + CHUNK], state=State.LEASED, owner=owner.name
            )
            held.update(leased_until=now + LEASE)
    return _colleagues(owner, now)


def _colleagues(owner: Owner, now: datetime) -> int:
    alive = Worker.objects.filter(heartbeat_at__gt=now - LEASE)
    return (alive.filter(scope__in=("", owner.scope)) if owner.scope else alive).count()


def held(owner: str, ids: Collection[int]) -> set[int]:
    """Those of these inbox rows that are leased to `owner` now."""
    found: set[int] = set()
    wanted = sorted(ids)
    for start in range(0, len(wanted), CHUNK):
        rows = InboxRow.objects.filter(pk__in=wanted[start : start + CHUNK], state=State.LEASED, owner=owner)
        found |= set(rows.values_list("pk", flat=True))
    return found


def forget_dead_workers() -> None:
    """Workers of other machines that have not been heard of for long."""
    Worker.objects.filter(heartbeat_at__lt=database_now() - FORGET_AFTER).delete()


def _manager(box: type[LeasedRow]) -> "models.Manager[Any]":
    return box._default_manager
