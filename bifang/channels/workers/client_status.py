"""Publishes what each client does, for the admin, the health checks and `check_dingtalk_stream`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from django.db import transaction

from bifang.channels.models import ClientState, ClientStatus
from bifang.channels.streams.state import StreamState
from bifang.core.configuration.configs import report_error
from bifang.core.database.db import database_now
from bifang.core.secrets.redaction import redact

FRESH = timedelta(seconds=15)  # a state that was not written for longer belongs to a dead worker
FORGET = timedelta(minutes=10)
_UPDATED = [
    "status",
    "since",
    "last_frame_at",
    "last_error",
    "last_error_at",
    "messages_received",
    "connections",
    "answered_at",
    "round_trip_ms",
    "attempts",
    "retry_at",
    "updated_at",
]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one configuration: its client's state, or why it has no client."""

    state: StreamState | None = None
    problem: str = ""


def publish(owner: str, shown: Mapping[int, Shown]) -> None:
    """Write the states of this worker and remove what it no longer runs."""
    now = database_now()
    rows = [_row(owner, config_id, one, now) for config_id, one in shown.items()]
    with transaction.atomic():
        ClientState.objects.filter(owner=owner).exclude(config_id__in=list(shown)).delete()
        ClientState.objects.filter(updated_at__lt=now - FORGET).delete()
        ClientState.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["config", "owner"], update_fields=_UPDATED
        )
        for row in rows:
            report_error(row.config_id, "" if row.status == ClientStatus.CONNECTED else row.last_error)


def withdraw(owner: str) -> None:
    """This worker ends: nothing of it is shown any more."""
    ClientState.objects.filter(owner=owner).delete()


def _row(owner: str, config_id: int, shown: Shown, now: datetime) -> ClientState:
    state = shown.state
    if state is None:
        return ClientState(
            config_id=config_id, owner=owner, status=ClientStatus.STOPPED, since=now,
            last_error=redact(shown.problem), last_error_at=now, updated_at=now,
        )  # fmt: skip
    return ClientState(
        config_id=config_id,
        owner=owner,
        status=state.status,
        since=_time(state.since) or now,
        last_frame_at=_time(state.last_frame_at),
        last_error=redact(state.last_error),
        last_error_at=_time(state.last_error_at),
        messages_received=state.messages_received,
        connections=state.connections,
        answered_at=_time(state.answered_at),
        round_trip_ms=ceil(state.round_trip_s * 1000) if state.answered_at else None,
        attempts=state.attempts,
        retry_at=_time(state.retry_at),
        updated_at=now,
    )


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
