"""From the queue into the database: batches through the one door of intake, tried until it answers."""

import asyncio
import base64
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.core.database import db
from bifang.core.outbound.backoff import Backoff
from secops_agent.models import SyslogRejection, SyslogSource
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.records import AlertRecord
from secops_agent.syslog.line_queue import LineQueue
from secops_agent.syslog.reading import Line, LineReading, read_line
from secops_agent.syslog.tallies import Count, SyslogTallies

log = logging.getLogger(__name__)
KEPT_REJECTIONS: Final = 200  # of each source
KEPT_BYTES: Final = 8192  # of each rejected line
DATABASE_PATIENCE = 300.0  # seconds without a database before a restart by the process manager is worth a try
Counted = Counter[tuple[int, Count]]


class DatabaseAway(Exception):
    """The database did not answer for `DATABASE_PATIENCE` seconds."""


@dataclass(frozen=True, slots=True)
class _Refused:
    line: Line
    reason: str


class SyslogWriter:
    """Takes what has gathered in the queue and stores it; one batch at a time, in the order of arrival."""

    def __init__(self, queue: LineQueue, tallies: SyslogTallies) -> None:
        self._queue = queue
        self._tallies = tallies
        self._backoff = Backoff(base=0.5, cap=15.0)
        self.held = 0  # lines of the batch in hand

    async def run(self) -> None:
        """Until the queue is closed and empty. Raises DatabaseAway."""
        while batch := await self._queue.take():
            self.held = len(batch)
            await self._store(batch)
            self.held = 0

    async def _store(self, batch: Sequence[Line]) -> None:
        since = time.monotonic()
        while True:
            try:
                counted, clocks = await db.call(store_lines, batch)
                break
            except Exception as error:
                if not db.is_unavailable(error):
                    raise
                if time.monotonic() - since > DATABASE_PATIENCE:
                    raise DatabaseAway from None
                first = (str(error).splitlines() or [""])[0][:200]
                log.warning("syslog 数据库暂时写不进去（%s），%d 行在内存里等待", first, len(batch))
                await asyncio.sleep(self._backoff.next())
        self._backoff.reset()
        now = timezone.now()
        for (source, what), many in counted.items():
            self._tallies.note(source, what, now, many)
        for source, behind in clocks.items():
            self._tallies.note_clock(source, behind)


def store_lines(lines: Sequence[Line]) -> tuple[Counted, dict[int, int]]:
    """Store what the lines say; returns what became of them, and by source how many seconds the time of its last line was
    behind. Raises only for a database that does not answer."""
    read = [(line, read_line(line)) for line in lines]
    refused = [_Refused(line, reading.refusal) for line, reading in read if reading.refusal]
    refused += _store_alerts(read)
    _keep_refused(refused)
    clocks = {line.source.pk: reading.behind for line, reading in read if reading.behind is not None}
    return _counted(read, refused), clocks


def _store_alerts(read: Sequence[tuple[Line, LineReading]]) -> list[_Refused]:
    """All together; where that fails, line by line, so that one that cannot be stored harms no other."""
    telling = [(line, reading.alerts) for line, reading in read if reading.alerts]
    try:
        _ingest([alert for _, alerts in telling for alert in alerts])
    except Exception as error:
        if db.is_unavailable(error):
            raise
        if len(telling) > 1:
            return [each for pair in telling for each in _store_alone(*pair)]
        log.exception("syslog 来自 %s 的一行存不下来", telling[0][0].peer)
        return [_Refused(telling[0][0], f"存不下来（{type(error).__name__}），详情见日志。")]
    return []


def _store_alone(line: Line, alerts: tuple[AlertRecord, ...]) -> list[_Refused]:
    return _store_alerts([(line, LineReading(alerts))])


def _ingest(alerts: Sequence[AlertRecord]) -> None:
    if alerts:
        ingest.store(alerts, Actor.system("syslog"))


def _keep_refused(refused: Sequence[_Refused]) -> None:
    """The newest of each source, no more."""
    by_source: dict[int, list[_Refused]] = defaultdict(list)
    for each in refused:
        by_source[each.line.source.pk].append(each)
    known = set(SyslogSource.objects.filter(pk__in=by_source).values_list("pk", flat=True))
    for source in by_source.keys() & known:
        newest = by_source[source][-KEPT_REJECTIONS:]
        with transaction.atomic():
            SyslogRejection.objects.bulk_create(_row(each) for each in newest)
            mine = SyslogRejection.objects.filter(source_id=source)
            last = mine.order_by("-pk").values_list("pk", flat=True)[KEPT_REJECTIONS - 1 :][:1]
            for oldest in last:
                mine.filter(pk__lt=oldest).delete()


def _row(refused: _Refused) -> SyslogRejection:
    line = refused.line
    return SyslogRejection(
        source_id=line.source.pk, at=line.received_at, peer=line.peer, reason=refused.reason[:300], size=line.size,
        data=base64.b64encode(line.data[:KEPT_BYTES]).decode(),
    )  # fmt: skip


def _counted(read: Sequence[tuple[Line, LineReading]], refused: Sequence[_Refused]) -> Counted:
    counted: Counted = Counter()
    bad = {id(each.line) for each in refused}
    for line, reading in read:
        rejected = id(line) in bad
        if rejected:
            counted[line.source.pk, "rejected"] += 1
        elif not reading.alerts:
            counted[line.source.pk, "below"] += 1
        if reading.alerts and (not rejected or reading.refusal):
            counted[line.source.pk, "alerts"] += 1
        if line.is_cut:
            counted[line.source.pk, "cut"] += 1
    return counted
