"""The one door through which importers' records come in: read all, then write in short transactions."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.utils import timezone

from bifang.core.errors import BifangError
from secops_agent.models import Component, ImportRun, VulnerabilityAlias
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import tallies
from secops_agent.services.faults import Forbidden
from secops_agent.services.intake import retrospect, speaking
from secops_agent.services.intake.ledger import KINDS, ImportOutcome, Kind, Ledger
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.staging import Staging
from secops_agent.services.intake.writers.alerts import write_alerts
from secops_agent.services.intake.writers.assets import write_assets
from secops_agent.services.intake.writers.components import retire_components, write_components
from secops_agent.services.intake.writers.findings import retire_findings, vanished_ids, write_findings
from secops_agent.services.intake.writers.joining import join_bridged
from secops_agent.services.intake.writers.listed import write_listed
from secops_agent.services.intake.writers.scores import is_score, write_scores
from secops_agent.services.intake.writers.statements import write_statements
from secops_agent.services.intake.writers.vulnerabilities import write_vulnerabilities
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
from secops_agent.services.writing import Pace, import_transaction

__all__ = ["KINDS", "ImportOutcome", "Kind", "Ledger", "Progress", "store", "store_at_once"]

Progress = Callable[[int, int], None]  # records written, records in all
T = TypeVar("T")


def store(
    items: Iterable[Item],
    actor: Actor,
    *,
    label: str = "",
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
        _fill(staging, speaking.permitted(actor, items))
        run = _begin_run(label, digest) if digest else None
        received = received_at or (run.first_at if run else timezone.now())
        session = Session(actor, timezone.now(), received, announce)
        session.ledger.rejected += staging.rejected
        session.ledger.nothing = staging.holds_nothing
        _Writer(session, staging, progress, keep).write()
        _finish(session)
        outcome = session.ledger.outcome()
        if run is not None:
            _end_run(run, outcome, label)
        return outcome


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
        _fill(staging, speaking.permitted(actor, items))
        session = Session(actor, timezone.now(), received_at)
        session.ledger.rejected += staging.rejected
        session.ledger.nothing = staging.holds_nothing
        with import_transaction():
            _Writer(session, staging, None, None).write()
            beside(session.ledger.outcome())
        _finish(session)
        return session.ledger.outcome()


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
        self._run(self._staging.shelf(AlertRecord), write_alerts, Pace(thing_of=_alert_of))
        if not any(each.fatal for each in self._staging.rejected):
            for scan in self._staging.shelf(ScanRecord):
                self._end_scan(scan)

    def _write(self, kind: type, write: Callable[[Session, Sequence[Any]], object]) -> None:
        self._run(self._staging.shelf(kind), write)

    def _write_scores_apart(self) -> None:
        shelf = self._staging.shelf(VulnerabilityRecord)
        known = _known_scores(shelf)
        self._run((each for each in shelf if is_score(each)), partial(write_scores, known=known))
        self._run(
            (each for each in shelf if not is_score(each) or each.vuln_id in known), write_vulnerabilities
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


def _alert_of(record: AlertRecord) -> tuple[str, tuple[str, ...]]:
    return record.source, record.dedup_key


def _components_before(source: str, asset_id: int, at: datetime) -> list[int]:
    rows = Component.objects.filter(asset_id=asset_id, source=source, active=True, last_seen__lte=at)
    return list(rows.values_list("pk", flat=True))


def _known_scores(records: Iterable[VulnerabilityRecord]) -> set[str]:
    """Of the CVEs that a feed of scores names, those that are known as vulnerabilities."""
    names = [each.vuln_id for each in records if is_score(each)]
    found: set[str] = set()
    for start in range(0, len(names), 500):
        piece = {name.upper(): name for name in names[start : start + 500]}
        rows = VulnerabilityAlias.objects.filter(alias__in=list(piece)).values_list("alias", flat=True)
        found.update(piece[alias] for alias in rows)
    return found


def _finish(session: Session) -> None:
    """What follows from what is new."""
    ledger = session.ledger
    ledger.matched, settled = session.remainder.compare(session.actor)
    ledger.update("finding", settled)
    if ledger.touched("indicator"):
        retrospect.nudge()
    if ledger.touched("alert") and _compaction.is_due():
        with import_transaction():
            tallies.compact()


class _Compaction:
    """Once a minute and process is enough: a transaction more for every webhook would cost a tenth of its time."""

    def __init__(self) -> None:
        self._at = float("-inf")

    def is_due(self) -> bool:
        """Also takes note that it is done."""
        now = time.monotonic()
        due = now - self._at >= 60
        self._at = now if due else self._at
        return due


_compaction = _Compaction()


def _begin_run(label: str, digest: str) -> ImportRun:
    now = timezone.now()
    run, _ = ImportRun.objects.update_or_create(
        digest=digest,
        defaults={"label": label[:200], "last_at": now},
        create_defaults={"label": label[:200], "first_at": now, "last_at": now},
    )
    return run


def _end_run(run: ImportRun, outcome: ImportOutcome, label: str) -> None:
    shown = outcome.as_dict(label)
    shown["rejected"] = len(outcome.rejected)
    ImportRun.objects.filter(pk=run.pk).update(finished_at=timezone.now(), outcome=shown)
