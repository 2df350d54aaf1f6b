"""How one more source changes what is known of a vulnerability."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from secops_agent.models import AffectedRange, Vulnerability
from secops_agent.services.identity import earliest, latest
from secops_agent.services.intake.writers.scores import is_score
from secops_agent.services.records import Affected, Cvss, VulnerabilityRecord
from secops_agent.services.vulnerabilities.priority import graver
from secops_agent.services.vulnerabilities.software import advisory_coordinates

_MOST_RANGES = 2000


def complete(row: Vulnerability, record: VulnerabilityRecord) -> None:
    """Fill what is empty, unite lists, keep the graver severity. Lists are replaced, never changed in place."""
    row.title = row.title or record.title[:500]
    row.description = row.description or record.description
    row.severity = graver(row.severity, record.severity)
    row.cvss = _scores(row.cvss, record.cvss)
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


def _scores(known: Sequence[dict[str, Any]], more: Iterable[Cvss]) -> list[dict[str, Any]]:
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
