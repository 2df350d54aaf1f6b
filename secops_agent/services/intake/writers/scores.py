"""Writer of EPSS scores: a quarter of a million, of which few concern what we have."""

from collections.abc import Collection, Sequence
from datetime import datetime

from secops_agent.models import EpssScore
from secops_agent.services.intake.session import Session
from secops_agent.services.records import VulnerabilityRecord


def is_score(record: VulnerabilityRecord) -> bool:
    """Does the record say nothing but an EPSS score of a CVE?"""
    said = (
        record.title, record.description, record.cvss, record.cwes, record.kev, record.affected, record.aliases,
        record.fixed_versions, record.published, record.modified, record.withdrawn,
    )  # fmt: skip
    return record.epss is not None and record.vuln_id.upper().startswith("CVE-") and not any(said)


def write_scores(
    session: Session, records: Sequence[VulnerabilityRecord], known: Collection[str] = ()
) -> None:
    """Keep scores by CVE. One transaction's work; those of ``known`` vulnerabilities are counted with these."""
    latest = {record.vuln_id.upper(): record for record in records}
    stored = EpssScore.objects.in_bulk(list(latest))
    rows, counts = [], session.ledger.scores
    for cve, record in latest.items():
        assert record.epss is not None
        row = stored.get(cve)
        same = row is not None and not _differs(row, record)
        if record.vuln_id not in known:
            counts["unchanged" if same else "created" if row is None else "updated"] += 1
        if same:
            continue
        rows.append(
            EpssScore(cve=cve, epss=record.epss, percentile=record.epss_percentile, date=record.epss_date)
        )
    EpssScore.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["cve"], update_fields=["epss", "percentile", "date"]
    )


def _differs(row: EpssScore, record: VulnerabilityRecord) -> bool:
    if _is_older(record.epss_date, row.date):
        return False
    return (row.epss, row.percentile, row.date) != (record.epss, record.epss_percentile, record.epss_date)


def _is_older(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other
