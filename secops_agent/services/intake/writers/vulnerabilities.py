"""Writer of vulnerabilities: CVE, GHSA, CNVD, CNNVD are names of one record, and every source adds to it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bifang.core.database.rows import update_rows
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
from secops_agent.services.intake.writers.scores import is_score
from secops_agent.services.reading import rows_by, values_by
from secops_agent.services.records import Affected, Cvss, VulnerabilityRecord
from secops_agent.services.records.identity import earliest, latest
from secops_agent.services.records.vulnerability_names import AliasGroup, group_records, is_cve
from secops_agent.services.vulnerabilities.comparison.software import advisory_coordinates
from secops_agent.services.vulnerabilities.priority import graver, priority
from secops_agent.services.writing import assign, by_key

# How one more source changes what is known of a vulnerability.

_MOST_RANGES = 2000


def complete(row: Vulnerability, record: VulnerabilityRecord) -> None:
    """Fill what is empty, unite lists, keep the graver severity. Lists are replaced, never changed in place."""
    row.title = row.title or record.title[:500]
    row.description = row.description or record.description
    row.severity = graver(row.severity, record.severity)
    row.cvss = _merging_scores(row.cvss, record.cvss)
    row.score = max((each["score"] for each in row.cvss), default=None)
    row.cwes = _union(row.cwes, record.cwes, 50)
    row.fixed_versions = _union(row.fixed_versions, record.fixed_versions, 100)
    row.references = _union(row.references, record.references, 100)
    if record.withdrawn and not _upheld(row, record):
        row.withdrawn = latest([row.withdrawn, record.withdrawn])
    if record.source and not is_score(record):  # scores reach a vulnerability by more than one way
        row.sources = _union(row.sources, [record.source], 30)
    row.published = earliest([row.published, record.published])
    row.modified = latest([row.modified, record.modified])
    _take_epss(row, record)
    _take_kev(row, record)


def _upheld(row: Vulnerability, record: VulnerabilityRecord) -> bool:
    """Does another source know this vulnerability? Then one that takes back its own advisory does not end it."""
    return bool(set(row.sources) - {record.source}) and row.withdrawn is None


def absorb(row: Vulnerability, other: Vulnerability) -> None:
    """Another row turns out to be the same vulnerability."""
    row.title, row.description = row.title or other.title, row.description or other.description
    row.severity = graver(row.severity, other.severity)
    for name in ("cwes", "fixed_versions", "references", "sources"):
        setattr(row, name, _union(getattr(row, name), getattr(other, name), 100))
    row.cvss = [*row.cvss, *(each for each in other.cvss if each not in row.cvss)]
    row.score = max((each["score"] for each in row.cvss), default=None)
    row.published = earliest([row.published, other.published])
    row.modified = latest([row.modified, other.modified])
    row.withdrawn = latest([row.withdrawn, other.withdrawn]) if row.withdrawn and other.withdrawn else None
    if row.epss is None:
        row.epss, row.epss_percentile, row.epss_date = other.epss, other.epss_percentile, other.epss_date
    if other.kev and not row.kev:
        for name in ("kev", "kev_added", "kev_due", "kev_action", "ransomware"):
            setattr(row, name, getattr(other, name))


def _take_epss(row: Vulnerability, record: VulnerabilityRecord) -> None:
    if record.epss is None or _older(record.epss_date, row.epss_date):
        return
    row.epss = record.epss
    if record.epss_percentile is not None:
        row.epss_percentile = record.epss_percentile
    row.epss_date = record.epss_date or row.epss_date


def _take_kev(row: Vulnerability, record: VulnerabilityRecord) -> None:
    if record.kev is None:
        return
    row.kev = True
    row.kev_added = record.kev.added or row.kev_added
    row.kev_due = record.kev.due or row.kev_due
    row.kev_action = record.kev.action or row.kev_action
    row.ransomware = row.ransomware or record.kev.ransomware


def _older(one: datetime | None, other: datetime | None) -> bool:
    """Is `one` known to be older? Without a date on the feed's side, a dated score stands."""
    if other is None:
        return False
    return one is None or one < other


def _merging_scores(known: Sequence[dict[str, Any]], more: Iterable[Cvss]) -> list[dict[str, Any]]:
    merged = {(each["version"], each["source"], each["vector"]): each for each in known}
    for each in more:
        merged[(each.version, each.source, each.vector)] = asdict(each)
    return list(merged.values())[:20]


def _union(old: Sequence[str], more: Sequence[str], most: int) -> list[str]:
    return list(dict.fromkeys([*old, *more]))[:most]


def new_ranges(
    row: Vulnerability, record: VulnerabilityRecord, known: Sequence[AffectedRange]
) -> list[AffectedRange]:
    """The ranges of a record that the vulnerability does not have yet; those of a withdrawn record do not count."""
    if record.withdrawn and row.withdrawn is None:
        return []
    have = {_mark(each) for each in known}
    added = []
    for affected in dict.fromkeys(record.affected):
        fresh = _range(row, affected)
        if _mark(fresh) not in have and len(have) < _MOST_RANGES:
            have.add(_mark(fresh))
            added.append(fresh)
    return added


def _range(row: Vulnerability, affected: Affected) -> AffectedRange:
    found = advisory_coordinates(affected.ecosystem, affected.package, affected.purl)
    return AffectedRange(
        vulnerability=row,
        scheme=found.scheme[:30],
        name=found.package[:300],
        ecosystem=affected.ecosystem[:100],
        package=affected.package[:300],
        purl=affected.purl[:1000],
        introduced=affected.introduced[:200],
        fixed=affected.fixed[:200],
        last_affected=affected.last_affected[:200],
        raw=affected.raw,
        range_type=affected.range_type[:20],
        versions=list(affected.versions),
    )


def _mark(each: AffectedRange) -> tuple[Any, ...]:
    place = (each.ecosystem, each.package, each.purl, each.introduced, each.fixed, each.last_affected)
    return (*place, each.raw, each.range_type, tuple(each.versions))


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
    book = _UnitOfWork(session, ranges)
    scores = by_key(rows_by(EpssScore, "cve", [group.cve for group in groups if group.cve]), "cve")
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


def _allowed(group: AliasGroup, rows: Sequence[Vulnerability]) -> list[Vulnerability]:
    """Those that may be the group's, the one with a CVE first: two CVEs are two vulnerabilities."""
    fitting = [row for row in rows if not is_cve(row.vuln_id) or group.accepts([row.vuln_id])]
    cves = {row.vuln_id for row in fitting if is_cve(row.vuln_id)}
    if len(cves) > 1:
        fitting = [row for row in fitting if not is_cve(row.vuln_id)]
    return sorted(fitting, key=lambda row: (not is_cve(row.vuln_id), row.pk))


class _UnitOfWork:
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
