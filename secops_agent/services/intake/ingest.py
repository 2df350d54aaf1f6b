"""Ingest: the one door for importers' records; everything is read, then written in short transactions."""

import pickle  # our own frozen records, in an unnamed file of this process
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import lru_cache, partial
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from django.utils import timezone

from bifang.core.errors import BifangError
from secops_agent.counted import RECORDS, THINGS
from secops_agent.models import Component, ImportRun, VulnerabilityAlias
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Forbidden
from secops_agent.services.intake import retrospect, speaking
from secops_agent.services.intake.ledger import KINDS, ImportOutcome, Kind, Ledger
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.alerts import write_alerts
from secops_agent.services.intake.writers.assets import write_assets
from secops_agent.services.intake.writers.components import retire_components, write_components
from secops_agent.services.intake.writers.findings import retire_findings, vanished_ids, write_findings
from secops_agent.services.intake.writers.joining import join_bridged
from secops_agent.services.intake.writers.listed import write_listed
from secops_agent.services.intake.writers.scores import is_score, write_scores
from secops_agent.services.intake.writers.statements import write_statements
from secops_agent.services.intake.writers.vulnerabilities import write_vulnerabilities
from secops_agent.services.reading import values_by
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    ListedRecord,
    Rejected,
    ScanRecord,
    VexRecord,
    VulnerabilityRecord,
)
from secops_agent.services.source_names import as_stored
from secops_agent.services.writing import Pace, import_transaction

# Staging: everything is read before anything is written, in memory while it is little, on disk when it is much.

_PIECE = 500
_BUCKETS = 16
_KEEP = 4000  # records of a kind that stay in memory
STORED = (
    AssetRecord, VulnerabilityRecord, ComponentRecord, FindingRecord, VexRecord, AlertRecord, ScanRecord,
    ListedRecord,
)  # fmt: skip


class RecordBuffer:
    """Records of one kind in the order of the file."""

    def __init__(self, files: ExitStack) -> None:
        self._files = files
        self._kept: list[Any] = []
        self._file: IO[bytes] | None = None
        self._pieces = 0
        self.count = 0

    def add(self, record: Any) -> None:
        """Keep one more."""
        self._kept.append(record)
        self.count += 1
        if len(self._kept) >= _KEEP:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_files`
            self._file = self._files.enter_context(file)
        for start in range(0, len(self._kept), _PIECE):
            pickle.dump(self._kept[start : start + _PIECE], self._file, pickle.HIGHEST_PROTOCOL)
            self._pieces += 1
        self._kept = []

    def __iter__(self) -> Iterator[Any]:
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._pieces):
                yield from pickle.load(self._file)  # noqa: S301 - written by `_spill` a moment ago
        yield from self._kept


class AlertBuffer:
    """Alerts: few in the order of the file, many alert by alert, so that its occurrences are written together."""

    def __init__(self, files: ExitStack) -> None:
        self._few = RecordBuffer(files)
        self._many = [RecordBuffer(files) for _ in range(_BUCKETS)]
        self.count = 0

    def add(self, record: Any) -> None:
        """Keep one more."""
        self.count += 1
        if self.count <= _KEEP - 1:
            self._few.add(record)
        else:
            self._many[hash((record.source, record.dedup_key)) % _BUCKETS].add(record)

    def __iter__(self) -> Iterator[AlertRecord]:
        yield from self._few
        for bucket in self._many:
            alerts: dict[tuple[str, tuple[str, ...]], list[AlertRecord]] = {}
            for record in bucket:
                alerts.setdefault((record.source, record.dedup_key), []).append(record)
            for records in alerts.values():
                yield from records


class Staging:
    """The buffers of one import; a context manager that removes what went to disk."""

    def __init__(self) -> None:
        self._files = ExitStack()
        self._buffers: dict[type, RecordBuffer | AlertBuffer] = {
            kind: RecordBuffer(self._files) for kind in STORED
        }
        self._buffers[AlertRecord] = AlertBuffer(self._files)
        self.rejected: list[Rejected] = []
        self.sources: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, item: Item) -> None:
        """Put one item on its buffer."""
        if isinstance(item, Rejected):
            self.rejected.append(item)
        else:
            self._buffers[type(item)].add(item)
            self.sources[str(getattr(item, "source", ""))] += 1

    def fill(self, items: Iterable[Item]) -> None:
        """Put all items on their buffers."""
        for item in items:
            self.add(item)

    def buffer(self, kind: type) -> Iterable[Any]:
        """The records of a kind."""
        return self._buffers[kind]

    @property
    def source(self) -> str:
        """What most of it is from."""
        return next((name for name, _ in self.sources.most_common(1)), "")

    @property
    def holds_nothing(self) -> bool:
        """Nothing but ends of scans."""
        return not self.rejected and self.count == self._buffers[ScanRecord].count

    @property
    def count(self) -> int:
        """How many records are staged."""
        return sum(buffer.count for buffer in self._buffers.values())


__all__ = ["KINDS", "ImportOutcome", "Kind", "Ledger", "Progress", "store", "store_at_once"]

Progress = Callable[[int, int], None]  # records written, records in all
T = TypeVar("T")


def store(
    items: Iterable[Item],
    actor: Actor,
    *,
    digest: str = "",
    received_at: datetime | None = None,
    progress: Progress | None = None,
    announce: bool = True,
    keep: Callable[[ImportOutcome], None] | None = None,
) -> ImportOutcome:
    """Read every item, then write. Never call it inside a transaction: it commits piece by piece.

    ``digest`` of a file makes the time of its first import the time of records that carry none, so that importing
    it again changes nothing. Interrupted, what was committed stays, and is compared by others (`comparisons`); the same
    call completes the rest. ``announce`` has people told of alerts. ``keep`` is called in the transaction of the last
    records, with the counts so far. Raises what `items` raises before its first record, and Forbidden, with nothing
    written, where any comes from a source that the actor may not speak for.
    """
    with Staging() as staging:
        _fill(staging, as_stored(actor, speaking.permitted(actor, items)))
        received = received_at or (_first_time(digest) if digest else timezone.now())
        session = Session(actor, timezone.now(), received, announce)
        session.ledger.rejected += staging.rejected
        session.ledger.nothing = staging.holds_nothing
        _Writer(session, staging, progress, keep).write()
        _finish(session)
        return _counted(staging, session.ledger.outcome())


def store_at_once(
    items: Iterable[Item],
    actor: Actor,
    *,
    received_at: datetime,
    beside: Callable[[ImportOutcome], None],
) -> ImportOutcome:
    """For the little that messages bring: everything, and what `beside` writes, in one transaction.

    Raises what `items` raises before its first record; then nothing is written.
    """
    with Staging() as staging:
        _fill(staging, as_stored(actor, speaking.permitted(actor, items)))
        session = Session(actor, timezone.now(), received_at)
        session.ledger.rejected += staging.rejected
        session.ledger.nothing = staging.holds_nothing
        with import_transaction():
            _Writer(session, staging, None, None).write()
            beside(session.ledger.outcome())
        _finish(session)
        return _counted(staging, session.ledger.outcome())


def _counted(staging: Staging, outcome: ImportOutcome) -> ImportOutcome:
    for source, number in staging.sources.items():
        RECORDS.add(source, by=number)
    for result in ("created", "updated", "unchanged"):
        for kind, number in getattr(outcome, result).items():
            THINGS.add(kind, result, by=number)
    THINGS.add("", "rejected", by=len(outcome.rejected))
    return outcome


def _fill(staging: Staging, items: Iterable[Item]) -> None:
    """A limit that is reached midway ends the reading; what was read stands."""
    source = iter(items)
    try:
        staging.fill(source)
    except Forbidden:
        raise
    except BifangError as error:
        if not staging.count:
            raise
        staging.add(Rejected("文件后部", error.message, fatal=True))


class _Writer:
    """Writes what is staged, in the order in which one kind needs another."""

    def __init__(
        self,
        session: Session,
        staging: Staging,
        progress: Progress | None,
        keep: Callable[[ImportOutcome], None] | None,
    ) -> None:
        self._session = session
        self._staging = staging
        self._progress = progress
        self._keep = keep
        self._written = 0

    def write(self) -> None:
        """Everything, with a transaction for each piece."""
        self._write(AssetRecord, write_assets)
        self._write_scores_apart()
        self._write(ComponentRecord, write_components)
        self._write(FindingRecord, write_findings)
        self._write(ListedRecord, write_listed)
        self._write(VexRecord, write_statements)
        self._run(self._staging.buffer(AlertRecord), write_alerts, _pace_of(self._staging.source))
        if not any(each.fatal for each in self._staging.rejected):
            for scan in self._staging.buffer(ScanRecord):
                self._end_scan(scan)

    def _write(self, kind: type, write: Callable[[Session, Sequence[Any]], object]) -> None:
        self._run(self._staging.buffer(kind), write)

    def _write_scores_apart(self) -> None:
        buffer = self._staging.buffer(VulnerabilityRecord)
        known = _known_scores(buffer)
        self._run((each for each in buffer if is_score(each)), partial(write_scores, known=known))
        self._run(
            (each for each in buffer if not is_score(each) or each.vuln_id in known), write_vulnerabilities
        )

    def _run(
        self,
        records: Iterable[T],
        write: Callable[[Session, Sequence[T]], object],
        pace: Pace | None = None,
    ) -> None:
        for piece in (pace or Pace()).chunks(records):
            with import_transaction():
                write(self._session, piece)
                self._session.remainder.note(self._session.ledger.take_news())
                if self._keep and self._written + len(piece) >= self._staging.count:
                    self._keep(self._session.ledger.outcome())
            join_bridged(self._session)
            self._written += len(piece)
            if self._progress:
                self._progress(min(self._written, self._staging.count), self._staging.count)

    def _end_scan(self, scan: ScanRecord) -> None:
        at = scan.scanned_at or self._session.received_at
        with import_transaction():
            write_assets(self._session, [scan.asset])
        join_bridged(self._session)
        asset_id = self._session.assets[scan.asset]
        gone = vanished_ids(self._session, scan.source, asset_id, scan.kinds, at)
        for piece in Pace().chunks(gone):
            with import_transaction():
                retire_findings(self._session, piece, at)
        self._retire_components(scan.source, asset_id, at)

    def _retire_components(self, source: str, asset_id: int, at: datetime) -> None:
        seen = self._session.components.get((source, asset_id))
        if not seen:
            return
        rows = _components_before(source, asset_id, at)
        for piece in Pace().chunks(pk for pk in rows if pk not in seen):
            with import_transaction():
                retire_components(piece)
                self._session.remainder.note({"component": piece})


@lru_cache(maxsize=100)
def _pace_of(source: str) -> Pace:
    """For alerts, by what the imports of a source before this one took: most bring fewer than it takes to learn that."""
    return Pace(thing_of=_alert_of)


def _alert_of(record: AlertRecord) -> tuple[str, tuple[str, ...]]:
    return record.source, record.dedup_key


def _components_before(source: str, asset_id: int, at: datetime) -> list[int]:
    rows = Component.objects.filter(asset_id=asset_id, source=source, active=True, last_seen__lte=at)
    return list(rows.values_list("pk", flat=True))


def _known_scores(records: Iterable[VulnerabilityRecord]) -> set[str]:
    """Of the CVEs that a feed of scores names, those that are known as vulnerabilities."""
    names = {each.vuln_id.upper(): each.vuln_id for each in records if is_score(each)}
    return {names[alias] for (alias,) in values_by(VulnerabilityAlias, ("alias",), alias=names)}


def _finish(session: Session) -> None:
    """What follows from what is new."""
    ledger = session.ledger
    ledger.matched, settled = session.remainder.compare(session.actor)
    ledger.update("finding", settled)
    if ledger.touched("indicator"):
        retrospect.nudge()


def _first_time(digest: str) -> datetime:
    """When a file was imported first."""
    run, _ = ImportRun.objects.get_or_create(digest=digest, defaults={"first_at": timezone.now()})
    return run.first_at
