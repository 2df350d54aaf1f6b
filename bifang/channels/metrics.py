"""What the boxes and the workers tell Prometheus. Every query uses an index and ends after `MOST_COUNTED` rows."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.models import BoxRow, InboxRow, OutboxRow, State, Worker
from bifang.channels.queues.notices import waiting_since
from bifang.core.database.db import database_clock, database_now
from bifang.core.monitoring.counting import TALLIES, Tally

MOST_COUNTED = 10_000
COUNTED = (State.PENDING, State.CLAIMED, State.DEAD)
UNSENT = (*COUNTED, State.UNKNOWN)
KINDS = ("chat", "event", "card")
ALIVE = timedelta(seconds=15)
LATELY = timedelta(minutes=5)
SENDS = Tally(
    "bifang_sends",
    "Attempts to send, by channel, what it was and how it ended.",
    ("channel", "kind", "result"),
)
TALLIES.add(SENDS)


def collect_boxes() -> Iterable[Metric]:
    """Open and dead rows, what was done lately, the oldest that waits."""
    inbox = GaugeMetricFamily(
        "bifang_inbox_rows",
        f"Received rows that are open or dead, by state and kind; each state is counted up to {MOST_COUNTED}.",
        labels=["state", "kind"],
    )
    outbox = GaugeMetricFamily(
        "bifang_outbox_rows",
        f"Rows to send that are open, dead or of unknown outcome, by state; each state is counted up to {MOST_COUNTED}.",
        labels=["state"],
    )
    for state in COUNTED:
        kinds = Counter(_first(InboxRow, state, "kind"))
        for kind in KINDS:
            inbox.add_metric([state.value, kind], kinds[kind])
    for state in UNSENT:
        outbox.add_metric([state.value], len(_first(OutboxRow, state, "pk")))
    yield from (inbox, outbox, *_lately(), _oldest(), _oldest_unsent())


def _first(box: type[BoxRow], state: State, column: str) -> list[object]:
    rows = box._default_manager.filter(state=state).order_by()
    return list(rows.values_list(column, flat=True)[:MOST_COUNTED])


def _lately() -> Iterable[Metric]:
    since = database_now() - LATELY
    yield GaugeMetricFamily(
        "bifang_inbox_handled_recently",
        "Received rows whose handling ended within the last 5 minutes.",
        value=InboxRow.objects.filter(handled_at__gte=since).count(),
    )
    yield GaugeMetricFamily(
        "bifang_outbox_sent_recently",
        "Messages delivered within the last 5 minutes.",
        value=OutboxRow.objects.filter(sent_at__gte=since).count(),
    )


def _oldest() -> Metric:
    since = waiting_since()
    return GaugeMetricFamily(
        "bifang_oldest_waiting_seconds",
        "Age of the oldest message that waits for its turn; 0 if none waits.",
        value=max((database_now() - since).total_seconds(), 0.0) if since else 0.0,
    )


def _oldest_unsent() -> Metric:
    waiting = OutboxRow.objects.filter(state__in=(State.PENDING, State.CLAIMED)).order_by("id")
    since = waiting.values_list("created_at", flat=True).first()
    return GaugeMetricFamily(
        "bifang_oldest_unsent_seconds",
        "Age of the oldest message that is to be sent; 0 if there is none.",
        value=max((database_now() - since).total_seconds(), 0.0) if since else 0.0,
    )


def collect_workers() -> Iterable[Metric]:
    """Worker processes with a fresh heartbeat, and the turns they run."""
    running = list(
        Worker.objects.chats()
        .filter(heartbeat_at__gte=database_clock() - ALIVE)
        .values_list("running", flat=True)
    )
    yield GaugeMetricFamily(
        "bifang_workers_alive",
        "Stream worker processes whose heartbeat is fresh.",
        value=len(running),
    )
    yield GaugeMetricFamily(
        "bifang_turns_running", "Turns that are being answered now, over all workers.", value=sum(running)
    )
