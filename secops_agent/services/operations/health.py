"""Health in a chat: how Bifang itself is doing, without secrets or message texts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet

from bifang.channels.models import OPEN, InboxRow, OutboxRow, State, Worker
from bifang.channels.workers.connection_health import missing_services
from bifang.channels.workers.programs import troubles
from bifang.core.database.retention import retention_state
from bifang.core.database.rows import count_each
from bifang.core.models import SystemConfig
from secops_agent.models import Alert, Asset, Vulnerability
from secops_agent.services.operations.source_watch import troubled
from secops_agent.services.schedules.feeds import FeedStatus, feed_statuses

_ALIVE: Final = timedelta(seconds=30)
_RECENT: Final = timedelta(days=1)
_FAULTS: Final = 5


@dataclass(frozen=True, slots=True)
class Trouble:
    """An enabled configuration, or a source, that does not work. ``corp_id``: whose it is; "": the installation's."""

    name: str
    error: str
    kind: str = ""
    corp_id: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """``dead`` and ``unsent`` count what failed within the last day; ``late`` names what the retention left behind.

    ``missing`` names the services that enabled configurations wait for, ``stuck`` tells of other programs dead or behind,
    ``sources`` which sources `source_watch` found silent or unreadable.
    """

    workers: int
    waiting: int
    dead: int
    sending: int
    unsent: int
    newest_alert: datetime | None
    newest_vulnerability: datetime | None
    assets: int
    faults: tuple[Trouble, ...]
    feeds: tuple[FeedStatus, ...] = ()
    late: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    sources: tuple[Trouble, ...] = ()

    @property
    def sound(self) -> bool:
        """Nothing that a person must look at."""
        failing = (self.dead, self.unsent, self.faults, self.late, self.missing, self.stuck, self.sources)
        return bool(self.workers) and not any(failing)


def read_health(now: datetime) -> Health:
    """Read it; a handful of cheap queries."""
    failed = {"state": State.DEAD, "last_error_at__gte": now - _RECENT}
    faulty = SystemConfig.objects.current().filter(enabled=True).exclude(last_error="").order_by("id")
    counted: list[QuerySet[Any]] = [
        Worker.objects.chats().filter(heartbeat_at__gte=now - _ALIVE),
        InboxRow.objects.filter(state__in=OPEN),
        InboxRow.objects.filter(**failed),
        OutboxRow.objects.filter(state__in=OPEN),
        OutboxRow.objects.filter(**failed),
        Asset.objects.all(),
    ]
    workers, waiting, dead, sending, unsent, assets = count_each([rows.values("pk") for rows in counted])
    newest = Vulnerability.objects.order_by("-updated_at").values_list("updated_at", flat=True)
    return Health(
        workers=workers,
        waiting=waiting,
        dead=dead,
        sending=sending,
        unsent=unsent,
        newest_alert=Alert.objects.order_by("-last_seen").values_list("last_seen", flat=True).first(),
        newest_vulnerability=newest.first(),
        assets=assets,
        faults=tuple(
            Trouble(row.name, row.last_error, row.kind, row.corporation) for row in faulty[:_FAULTS]
        ),
        feeds=tuple(feed_statuses()),
        late=tuple(each.label for each in retention_state() if each.late_since),
        missing=tuple(f"{service.name}（{service.program}）" for service in missing_services()),
        stuck=tuple(each.trouble for each in troubles()),
        sources=tuple(Trouble(row.name, row.detail, row.trouble) for row in troubled()),
    )
