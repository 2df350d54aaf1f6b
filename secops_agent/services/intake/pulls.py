"""Pulls: whose turn it is to fetch alerts from elsewhere, and how far each has come.

Once a minute every task process looks; a claim decides who fetches. The cursor moves when a span of
time is stored whole, so that a process that dies repeats a span and loses none; importing again changes nothing.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from bifang.channels.queues import claims
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from bifang.core.processes import process_name
from secops_agent.models import Pull
from secops_agent.services.mcp import http

KIND: Final = "aliyun_sas"
KINDS: Final = (KIND, http.KIND)
JOB: Final = "secops_agent.tasks.pulls.run_due"
LEASE: Final = timedelta(minutes=5)
OVERLAP: Final = timedelta(minutes=15)  # what is shown late on the other side, and clocks
LONGEST: Final = timedelta(days=1)  # one span
_WORST: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PullTurn:
    """A fetch that this process has claimed (``row``). ``cursor``: all before is stored; None at first."""

    config: SystemConfig
    cursor: datetime | None
    row: Pull
    failures: int


def due() -> Iterator[PullTurn]:
    """Take every enabled configuration whose time has come, or that was changed."""
    for config in SystemConfig.objects.current().filter(kind__in=KINDS, enabled=True).order_by("pk"):
        if fetches(config) and (turn := take(config, timezone.now())):
            yield turn


def fetches(config: SystemConfig) -> bool:
    """Is something fetched by it? An HTTP service has a tool that says so."""
    tools = config.params.get("tools") or {}
    return config.kind == KIND or any(one.get("fetch") and one.get("enabled", True) for one in tools.values())


def take(config: SystemConfig, now: datetime) -> PullTurn | None:
    """None if it is not its time, another process is at it, or it is parked."""
    version = hashlib.sha256(str(configs.version_of(config)).encode()).hexdigest()
    Pull.objects.get_or_create(config=config, defaults={"next_at": now, "version": version})
    claims.release_expired(Pull)
    ready = "r.config_id = %s AND ((NOT r.parked AND r.next_at <= %s) OR r.version <> %s)"
    given = [config.pk, now, version]
    for row in claims.claim(Pull, process_name(), 1, where=ready, given=given, hold=LEASE):
        claims.of(row).update(version=version, parked=False)
        return PullTurn(config, row.cursor, row, row.failures)
    return None


def spans(turn: PullTurn, days: int, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From a little before the cursor until now, a day at most each."""
    start = max(
        turn.cursor - OVERLAP if turn.cursor else now - timedelta(days=days), now - timedelta(days=90)
    )
    while start < now:
        end = min(start + LONGEST, now)
        yield start, end
        start = end


def advance(turn: PullTurn, cursor: datetime) -> bool:
    """A span is stored. False: another process has taken over."""
    return bool(claims.of(turn.row).update(cursor=cursor))


def remember(turn: PullTurn, known: dict[str, str]) -> bool:
    """What is stored, of what has no order. False: another process has taken over."""
    turn.row.known = known
    return bool(claims.of(turn.row).update(known=known))


def prolong(turn: PullTurn) -> bool:
    """Go on for another while. False: another process has taken over."""
    return bool(claims.hold(claims.of(turn.row), LEASE))


def succeed(turn: PullTurn, every: timedelta, *, seen: int, new: int) -> None:
    """All until now is here."""
    now = timezone.now()
    done = claims.release(
        claims.of(turn.row), next_at=now + every, last_at=now, last_seen=seen, last_new=new, failures=0
    )
    if done:
        configs.report_error(turn.config.pk, "")


def fail(turn: PullTurn, message: str, every: timedelta, *, park: bool) -> None:
    """Later, each time later; or not before the configuration changes."""
    wait = min(max(every, timedelta(minutes=1)) * 2 ** min(turn.failures, 10), max(_WORST, every))
    won = claims.release(
        claims.of(turn.row), next_at=timezone.now() + wait, parked=park, failures=turn.failures + 1
    )
    if won:
        configs.report_error(turn.config.pk, message)


def state_of(config: SystemConfig) -> Pull | None:
    """For people; None before the first time."""
    return Pull.objects.filter(config=config).first()
