"""Receipts of imports, for the history: one row a request, and one row an hour for webhooks.

A webhook's row is stored with its alerts, in the same transaction. Once a minute the rows of one sender become one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from secops_agent.models.sources.job import ImportJob, JobState
from secops_agent.services.actors import Actor
from secops_agent.services.intake import jobs
from secops_agent.services.intake.ledger import ImportOutcome

EVENTS: Final = frozenset(
    {"alertmanager", "elastic", "falco", "grafana", "splunk", "suricata", "wazuh", "zabbix"}
)
JOB: Final = f"{__name__}.gather"
BACK: Final = timedelta(hours=26)
FRESH: Final = timedelta(minutes=1)  # so long a request can be looked at by itself
BATCH: Final = 500  # rows a transaction: well below 50 ms
MOST_BATCHES: Final = 200
COUNTS: Final = ("created", "updated", "unchanged")


@dataclass(slots=True)
class Receipt:
    """An import that leaves a row when it is over; ``job`` is its id then, None before."""

    format: str
    name: str
    size: int
    digest: str
    options: Mapping[str, str]
    actor: Actor
    started: datetime = field(default_factory=timezone.now)
    job: int | None = None

    def keep(self, outcome: ImportOutcome) -> None:
        """Store the row, in the caller's transaction; once."""
        if self.job is None:
            self._note(outcome.as_dict(self.format), outcome.refusal)

    def refuse(self, reason: str) -> None:
        """Nothing of it could be read."""
        self._note({}, reason)

    def _note(self, outcome: Mapping[str, Any], error: str) -> None:
        self.job = jobs.note(
            self.format, self.name, size=self.size, digest=self.digest, options=self.options, actor=self.actor,
            started=self.started, outcome=outcome, error=error,
        ).id  # fmt: skip


def gather(now: datetime | None = None) -> int:
    """Make the rows of one sender's webhooks of an hour one row, whose outcome counts ``requests``. Returns how many went."""
    now = now or timezone.now()
    gone = 0
    for _ in range(MOST_BATCHES):
        with transaction.atomic():
            found = _gather_batch(now)
        if not found:
            break
        gone += found
    return gone


def _gather_batch(now: datetime) -> int:
    rows = ImportJob.objects.filter(
        created_at__gte=now - BACK, created_at__lt=now - FRESH, format__in=EVENTS, name="", actor_via="api",
        state=JobState.DONE, error="",
    ).order_by("created_at", "pk")  # fmt: skip
    if connection.vendor == "postgresql":
        rows = rows.select_for_update(skip_locked=True)
    groups: dict[tuple[Any, ...], list[ImportJob]] = defaultdict(list)
    taken = 0
    for row in rows.iterator(chunk_size=BATCH):
        if not row.outcome.get("rejected"):
            taken += len(groups[_key(row)]) > 0
            groups[_key(row)].append(row)
        if taken >= BATCH:
            break
    return sum(_merge(group) for group in groups.values() if len(group) > 1)


def _key(row: ImportJob) -> tuple[Any, ...]:
    hour = row.created_at.replace(minute=0, second=0, microsecond=0)
    return (
        row.format,
        row.actor_kind,
        row.actor_ident,
        row.actor_name,
        str(sorted(row.options.items())),
        hour,
    )


def _merge(group: Sequence[ImportJob]) -> int:
    """The first one stays and counts for all."""
    first, *others = group
    first.size = sum(row.size for row in group)
    first.finished_at = max(row.finished_at or row.created_at for row in group)
    first.digest = ""
    requests = sum(requests_of(row.outcome) for row in group)
    first.outcome = {**first.outcome, **{name: _summed(name, group) for name in COUNTS}, "requests": requests}
    apart = dict.fromkeys(each for row in group for each in row.outcome.get("apart", ()))
    if apart:
        first.outcome["apart"] = list(apart)[:BATCH]
    if not all("note" in row.outcome for row in group):
        first.outcome.pop("note", None)  # the first had nothing in it, another had
    first.save(update_fields=["size", "finished_at", "digest", "outcome"])
    ImportJob.objects.filter(pk__in=[row.pk for row in others]).delete()
    return len(others)


def requests_of(outcome: Mapping[str, Any]) -> int:
    """How many requests a row stands for."""
    return int(outcome.get("requests", 1))


def _summed(name: str, group: Sequence[ImportJob]) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for row in group:
        for kind, count in row.outcome.get(name, {}).items():
            total[kind] += count
    return dict(total)
