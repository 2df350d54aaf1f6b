"""How each process stands with each broker: what it says of itself, and what others read of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.models import CONSUME
from bifang.channels.workers import processes
from bifang.core.configuration.configs import report_error
from bifang.core.database.db import database_clock, database_now
from bifang.core.secrets.redaction import redact
from secops_agent.models import BrokerConsumer, ConsumerStatus

FRESH: Final = timedelta(seconds=30)  # written every 2 s, unless a large document keeps the database busy
FORGET: Final = timedelta(minutes=10)
BEST_FIRST: Final = tuple(ConsumerStatus)
_UPDATED = [
    "status", "since", "lag", "pending", "taken", "last_message_at", "last_error", "last_error_at", "attempts",
    "retry_at", "updated_at",
]  # fmt: skip


@dataclass(slots=True)
class ConsumerState:
    """How one consumer stands; changed by its own task only."""

    status: ConsumerStatus
    since: datetime
    lag: int | None = None
    pending: int | None = None
    taken: int = 0
    last_message_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    attempts: int = 0
    retry_at: datetime | None = None

    @classmethod
    def fresh(cls) -> "ConsumerState":
        """Of a consumer that begins."""
        return cls(ConsumerStatus.CONNECTING, timezone.now())

    def turn(self, status: ConsumerStatus, error: str = "") -> None:
        """From now on."""
        if status != self.status:
            self.status, self.since = status, timezone.now()
        if error:
            self.last_error, self.last_error_at = redact(error), timezone.now()


def publish(owner: str, states: Mapping[int, ConsumerState]) -> None:
    """Write the states of this process and remove what it no longer runs."""
    now = database_now()
    rows = [_row(owner, config_id, state, now) for config_id, state in states.items()]
    with transaction.atomic():
        processes.beat_as(CONSUME)
        BrokerConsumer.objects.filter(owner=owner).exclude(config_id__in=list(states)).delete()
        BrokerConsumer.objects.filter(updated_at__lt=now - FORGET).delete()
        BrokerConsumer.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["config", "owner"], update_fields=_UPDATED
        )
        for row in rows:
            report_error(row.config_id, "" if row.status == ConsumerStatus.CONNECTED else row.last_error)


def _row(owner: str, config_id: int, state: ConsumerState, now: datetime) -> BrokerConsumer:
    return BrokerConsumer(
        config_id=config_id, owner=owner, status=state.status, since=state.since, lag=state.lag, pending=state.pending,
        taken=state.taken, last_message_at=state.last_message_at, last_error=state.last_error,
        last_error_at=state.last_error_at, attempts=state.attempts, retry_at=state.retry_at, updated_at=now,
    )  # fmt: skip


def withdraw(owner: str) -> None:
    """This process ends."""
    BrokerConsumer.objects.filter(owner=owner).delete()
    processes.withdraw()


def live_consumers(config_ids: Iterable[int]) -> dict[int, Sequence[BrokerConsumer]]:
    """What processes said lately, the best first."""
    fresh = BrokerConsumer.objects.filter(
        config_id__in=list(config_ids), updated_at__gte=database_clock() - FRESH
    )
    found: dict[int, list[BrokerConsumer]] = {}
    for row in sorted(fresh, key=lambda row: BEST_FIRST.index(ConsumerStatus(row.status))):
        found.setdefault(row.config_id, []).append(row)
    return dict(found)
