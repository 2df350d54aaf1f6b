"""Writes vulnerabilities: CVE, GHSA, CNVD, CNNVD are names of one record, and every source adds to it."""

from collections.abc import Sequence
from typing import Any

from bifang.core.rows import update_rows
from secops_agent.models import (
    AffectedRange,
    EpssScore,
    Finding,
    History,
    SupplierStatement,
    Vulnerability,
    VulnerabilityAlias,
)
from secops_agent.services.audit import history
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.merging import absorb, complete, new_ranges
from secops_agent.services.intake.writers.names import AliasGroup, group_records, is_cve
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import VulnerabilityRecord
from secops_agent.services.vulnerabilities.priority import priority
from secops_agent.services.writing import assign, by_key

_WRITTEN = (
    "vuln_id", "title", "description", "severity", "cvss", "score", "cwes", "epss", "epss_percentile", "epss_date",
    "kev", "kev_added", "kev_due", "kev_action", "ransomware", "fixed_versions", "references", "published", "modified",
    "withdrawn", "sources", "priority", "updated_at",
)  # fmt: skip
_TOLD = ("vuln_id", "severity", "score", "kev", "kev_due", "fixed_versions", "withdrawn")


def write_vulnerabilities(session: Session, records: Sequence[VulnerabilityRecord]) -> None:
    """Create or complete vulnerabilities. One transaction's work."""
    groups = group_records(list(dict.fromkeys(records)))
    owners = _owners(groups)
    rows = by_key(rows_by(Vulnerability, "id", set(owners.values())), "pk")
    ranges = _ranges(list(rows))
    book = _Book(session, ranges)
    scores = _scores([group.cve for group in groups if group.cve])
    for group in groups:
        mine = [rows[pk] for pk in dict.fromkeys(owners[name] for name in group.names if name in owners)]
        book.take(group, _allowed(group, mine), scores.get(group.cve))
    book.save(owners)


def _owners(groups: Sequence[AliasGroup]) -> dict[str, int]:
    """Name → id of the vulnerability that has it."""
    names = {name for group in groups for name in group.names}
    return dict(values_by(VulnerabilityAlias, ["alias", "vulnerability_id"], alias=names))


def _ranges(ids: list[int]) -> dict[int, list[AffectedRange]]:
    found: dict[int, list[AffectedRange]] = {}
    for row in rows_by(AffectedRange, "vulnerability_id", ids):
        found.setdefault(row.vulnerability_id, []).append(row)
    return found


def _scores(cves: list[str]) -> dict[str, EpssScore]:
    return by_key(rows_by(EpssScore, "cve", cves), "cve")


def _allowed(group: AliasGroup, rows: Sequence[Vulnerability]) -> list[Vulnerability]:
    """Those that may be the group's, the one with a CVE first: two CVEs are two vulnerabilities."""
    fitting = [row for row in rows if not is_cve(row.vuln_id) or group.accepts([row.vuln_id])]
    cves = {row.vuln_id for row in fitting if is_cve(row.vuln_id)}
    if len(cves) > 1:
        fitting = [row for row in fitting if not is_cve(row.vuln_id)]
    return sorted(fitting, key=lambda row: (not is_cve(row.vuln_id), row.pk))


class _Book:
    """What becomes of the groups of one transaction."""

    def __init__(self, session: Session, ranges: dict[int, list[AffectedRange]]) -> None:
        self._session = session
        self._ranges = ranges
        self._new: list[tuple[Vulnerability, AliasGroup]] = []
        self._old: list[tuple[Vulnerability, AliasGroup, dict[str, tuple[Any, Any]]]] = []
        self._new_ranges: list[AffectedRange] = []
        self._merged: dict[int, Vulnerability] = {}

    def take(self, group: AliasGroup, rows: Sequence[Vulnerability], score: EpssScore | None) -> None:
        """Decide about one group; ``rows`` are the known vulnerabilities it names."""
        rows = [row for row in rows if row.pk not in self._merged]
        if not rows:
            row = Vulnerability(
                vuln_id=group.vuln_id, created_at=self._session.now, updated_at=self._session.now
            )
            self._fill(row, group, score, _state(row))
            self._new.append((row, group))
            return
        row, *others = rows
        before = _state(row)
        for other in others:
            absorb(row, other)
        changes = self._fill(row, group, score, before)
        for other in others:
            self._merged[other.pk] = row
            changes["aliases"] = ([], [*changes.get("aliases", ([], []))[1], other.vuln_id])
        self._old.append((row, group, changes))

    def _fill(
        self, row: Vulnerability, group: AliasGroup, score: EpssScore | None, before: dict[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        if row.epss is None and score is not None:
            row.epss, row.epss_percentile, row.epss_date = score.epss, score.percentile, score.date
        if group.cve and not is_cve(row.vuln_id):
            row.vuln_id = group.cve
        known = self._ranges.setdefault(row.pk, []) if row.pk else []
        added: list[AffectedRange] = []
        for record in group.records:
            complete(row, record)
            added += new_ranges(row, record, [*known, *added])
        self._new_ranges += added
        row.priority = priority(row.severity, kev=row.kev, epss=row.epss)
        changes = {
            name: (old, getattr(row, name)) for name, old in before.items() if old != getattr(row, name)
        }
        if added:
            changes["affected"] = (len(known), len(known) + len(added))
        return changes

    def save(self, owners: dict[str, int]) -> None:
        """Write everything, aliases last."""
        ledger = self._session.ledger
        Vulnerability.objects.bulk_create([row for row, _ in self._new])
        ledger.create("vulnerability", (row.pk for row, _ in self._new))
        self._merge()
        changed = [(row, changes) for row, _, changes in self._old if changes]
        for row, _ in changed:
            row.updated_at = self._session.now
        update_rows(Vulnerability, _WRITTEN, (row for row, _ in changed))
        for each in self._new_ranges:
            each.vulnerability_id = each.vulnerability.pk
        AffectedRange.objects.bulk_create(self._new_ranges)
        ledger.see("vulnerability", (row.pk for row, _, _ in self._old))
        aliased = self._save_names(owners)
        ledger.update("vulnerability", {row.pk for row, _ in changed} | aliased)
        self._tell(changed)
        _raise_findings([row.pk for row, changes in changed if "priority" in changes])

    def _save_names(self, owners: dict[str, int]) -> set[int]:
        """Names that nobody has yet. Returns the ids of known vulnerabilities that got one."""
        # One that is known has its own name already, whatever this file calls it.
        pairs = [(row, [*group.names, row.vuln_id.upper()]) for row, group in self._new]
        pairs += [(row, list(group.names)) for row, group, _ in self._old]
        rows, grown = [], set()
        for row, names in pairs:
            for name in dict.fromkeys(names):
                if name not in owners:
                    owners[name] = row.pk
                    rows.append(VulnerabilityAlias(alias=name, vulnerability=row))
                    grown.add(row.pk)
        # A vulnerability that took another's CVE as its id has that alias already.
        VulnerabilityAlias.objects.bulk_create(rows, ignore_conflicts=True)
        return grown - self._session.ledger.created("vulnerability")

    def _merge(self) -> None:
        """Two rows that turn out to be one: everything goes to the survivor."""
        for gone, row in self._merged.items():
            VulnerabilityAlias.objects.filter(vulnerability_id=gone).update(vulnerability=row)
            AffectedRange.objects.filter(vulnerability_id=gone).update(vulnerability=row)
            Finding.objects.filter(vulnerability_id=gone).update(vulnerability=row)
            SupplierStatement.objects.filter(vulnerability_id=gone).update(vulnerability=row)
            Vulnerability.objects.filter(pk=gone).delete()

    def _tell(self, changed: Sequence[tuple[Vulnerability, dict[str, tuple[Any, Any]]]]) -> None:
        entries = []
        for row, changes in changed:
            told = {name: change for name, change in changes.items() if name in (*_TOLD, "aliases")}
            if told:
                entries.append(history.entry("vulnerability", row.pk, self._session.actor, "import", told))
        History.objects.bulk_create(entries)


def _state(row: Vulnerability) -> dict[str, Any]:
    """The values to compare with; merging replaces lists, it never changes them in place."""
    return {name: getattr(row, name) for name in _WRITTEN if name != "updated_at"}


def _raise_findings(ids: list[int]) -> None:
    """Findings follow their vulnerability's KEV and EPSS."""
    if not ids:
        return
    rows = list(Finding.objects.filter(vulnerability_id__in=ids).select_related("vulnerability"))
    for row in rows:
        if row.vulnerability is not None:
            value = priority(row.severity, kev=row.vulnerability.kev, epss=row.vulnerability.epss)
            assign(row, {"priority": value})
    update_rows(Finding, ["priority"], rows)
