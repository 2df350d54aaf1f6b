"""Writer of findings: their state is kept across imports (new, still there, gone, back)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bifang.core.database.rows import update_rows
from secops_agent.models import Finding, History, Vulnerability, VulnerabilityAlias
from secops_agent.models.choices import FindingState
from secops_agent.services.audit import history
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.assets import write_assets
from secops_agent.services.intake.writers.components import write_components
from secops_agent.services.intake.writers.duplicates import absorb_finding
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import FindingRecord, Rejected
from secops_agent.services.records.identity import finding_identity
from secops_agent.services.vulnerabilities.priority import graver, priority
from secops_agent.services.vulnerabilities.states import is_active
from secops_agent.services.writing import assign, by_key

_WRITTEN = (
    "component", "vulnerability", "rule_id", "title", "description", "severity", "location", "fixed_version", "evidence",
    "remediation", "references", "suppressed", "state", "active", "priority", "first_seen", "last_seen", "gone_at",
    "due_at",
)  # fmt: skip
_TOLD = ("severity", "fixed_version", "state", "suppressed")


def write_findings(session: Session, records: Sequence[FindingRecord]) -> None:
    """Create or complete findings, with assets and components. One transaction's work."""
    placed = [record for record in records if record.asset is not None]
    for record in records:
        if record.asset is None:
            session.ledger.rejected.append(
                Rejected(record.title[:80], "没有说明是哪个资产：请在导入时指定资产。")
            )
    write_assets(session, [record.asset for record in placed if record.asset is not None])
    wanted = [record.component for record in placed if record.component and record.component.asset]
    components = write_components(session, wanted) if wanted else {}
    vulnerabilities = _vulnerabilities({record.vulnerability.upper() for record in placed} - {""})
    book = _UnitOfWork(session, placed)
    for record in placed:
        component = components.get(record.component) if record.component else None
        book.take(record, component, vulnerabilities.get(record.vulnerability.upper()))
    book.save()


def _vulnerabilities(names: set[str]) -> dict[str, Vulnerability]:
    owners: dict[str, int] = dict(values_by(VulnerabilityAlias, ["alias", "vulnerability_id"], alias=names))
    rows = by_key(rows_by(Vulnerability, "id", set(owners.values())), "pk")
    return {alias: rows[pk] for alias, pk in owners.items()}


class _UnitOfWork:
    """The findings of one transaction."""

    def __init__(self, session: Session, records: Sequence[FindingRecord]) -> None:
        self._session = session
        self._identities = {
            record: finding_identity(session.assets[record.asset], record)
            for record in records
            if record.asset
        }
        self._rows = by_key(rows_by(Finding, "identity", set(self._identities.values())), "identity")
        self._adopt(records)
        self._changes: dict[int, dict[str, tuple[Any, Any]]] = {}
        self._new: dict[str, Finding] = {}
        self._taken: set[str] = set()

    def _adopt(self, records: Sequence[FindingRecord]) -> None:
        """Rows from before their asset was joined to another still have the identity of that time."""
        former = {
            finding_identity(pk, record): self._identities[record]
            for record in records
            if record.asset
            for pk in self._session.former.get(self._session.assets[record.asset], ())
        }
        for row in rows_by(Finding, "identity", former):
            identity = former[row.identity]
            known = self._rows.get(identity)
            if known is None:
                row.identity = identity
                self._rows[identity] = row
                update_rows(Finding, ["identity"], [row])
            else:
                self._rows[identity] = absorb_finding(self._session, known, row)

    def take(self, record: FindingRecord, component: int | None, vulnerability: Vulnerability | None) -> None:
        """Create or complete one finding."""
        identity = self._identities[record]
        seen = record.seen_at or self._session.received_at
        row = self._rows.get(identity)
        values = _values(record, component, vulnerability)
        if row is None:
            row = self._begin(record, identity, seen)
            assign(row, values)
            self._derive(row, vulnerability)
            self._rows[identity] = self._new[identity] = row
            self._taken.add(identity)
            return
        if identity in self._taken:
            values = _added(row, values)
        self._taken.add(identity)
        changes = assign(row, {name: value for name, value in values.items() if value not in (None, "", [])})
        changes |= _see(row, seen)
        self._derive(row, vulnerability)
        if row.pk:
            known = self._changes.setdefault(row.pk, {})
            for name, (old, new) in changes.items():
                first = known.pop(name)[0] if name in known else old
                if first != new:
                    known[name] = (first, new)

    def _begin(self, record: FindingRecord, identity: str, seen: datetime) -> Finding:
        assert record.asset is not None
        return Finding(
            identity=identity,
            kind=record.kind,
            source=record.source[:60],
            asset_id=self._session.assets[record.asset],
            first_seen=seen,
            last_seen=seen,
        )

    def _derive(self, row: Finding, vulnerability: Vulnerability | None) -> None:
        """What follows from the rest."""
        kev, epss = (vulnerability.kev, vulnerability.epss) if vulnerability else (False, None)
        row.priority = priority(row.severity, kev=kev, epss=epss)
        row.active = is_active(row)
        row.due_at = self._session.limits.finding_due(row.severity, row.first_seen)

    def save(self) -> None:
        """Write rows and history, and remember what this scan saw."""
        ledger = self._session.ledger
        Finding.objects.bulk_create(list(self._new.values()))
        ledger.create("finding", (row.pk for row in self._new.values()))
        old = [row for row in self._rows.values() if row.pk in self._changes]
        update_rows(Finding, _WRITTEN, old)
        ledger.see("finding", self._changes)
        ledger.update("finding", (pk for pk, changes in self._changes.items() if changes))
        for row in self._rows.values():
            self._session.scanned.setdefault((row.source, row.asset_id), set()).add(row.pk)
        entries = []
        for pk, changes in self._changes.items():
            told = {name: change for name, change in changes.items() if name in _TOLD}
            if told:
                entries.append(history.entry("finding", pk, self._session.actor, "import", told))
        History.objects.bulk_create(entries)


def _values(
    record: FindingRecord, component: int | None, vulnerability: Vulnerability | None
) -> dict[str, Any]:
    return {
        "component_id": component,
        "vulnerability_id": vulnerability.pk if vulnerability else None,
        "rule_id": record.rule_id[:200],
        "title": record.title[:500],
        "description": record.description,
        "severity": record.severity,
        "location": record.location[:1000],
        "fixed_version": record.fixed_version[:500],
        "evidence": record.evidence,
        "remediation": record.remediation,
        "references": list(record.references),
        "suppressed": record.suppressed,
    }


def _added(row: Finding, values: dict[str, Any]) -> dict[str, Any]:
    """What a second record of one finding in one import adds: what was empty, and the graver severity."""
    empty = {name: value for name, value in values.items() if getattr(row, name) in (None, "", [])}
    suppressed = row.suppressed and values["suppressed"]
    return empty | {"severity": graver(row.severity, values["severity"]), "suppressed": suppressed}


def _see(row: Finding, seen: datetime) -> dict[str, tuple[Any, Any]]:
    """Seen again. An observation older than what is known changes nothing but the first time."""
    state = row.state
    if row.state == FindingState.GONE:
        if row.gone_at is not None and seen <= row.gone_at:
            return {}
        state = FindingState.BACK
    elif seen > row.last_seen:
        state = FindingState.PRESENT
    row.first_seen, row.last_seen = min(row.first_seen, seen), max(row.last_seen, seen)
    return assign(row, {"state": state, "gone_at": None})


def vanished_ids(
    session: Session, source: str, asset_id: int, kinds: Sequence[str], at: datetime
) -> list[int]:
    """Findings that a complete scan of (source, asset) no longer has, older observations only."""
    rows = Finding.objects.filter(source=source, asset_id=asset_id, kind__in=kinds, last_seen__lte=at)
    ids = rows.exclude(state=FindingState.GONE).values_list("pk", flat=True)
    seen = session.scanned.get((source, asset_id), set())
    return [pk for pk in ids if pk not in seen]


def retire_findings(session: Session, ids: Sequence[int], at: datetime) -> None:
    """Mark as gone. One transaction's work; a conditional update decides for each."""
    rows = list(Finding.objects.select_for_update().filter(pk__in=ids).exclude(state=FindingState.GONE))
    gone = [row.pk for row in rows]
    Finding.objects.filter(pk__in=gone).update(state=FindingState.GONE, active=False, gone_at=at)
    session.ledger.vanished += len(gone)
    session.ledger.update("finding", gone)
    History.objects.bulk_create(
        history.entry("finding", row.pk, session.actor, "import", {"state": (row.state, FindingState.GONE)})
        for row in rows
    )
