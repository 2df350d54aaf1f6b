"""Views of findings and vulnerabilities: frozen values for tools, pages and the API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone

from secops_agent.models import Finding, Vulnerability
from secops_agent.services.assets.views import AssetRef, AssetSummary
from secops_agent.services.audit.history import HistoryEntry
from secops_agent.services.privacy import private
from secops_agent.services.records import Affected, Cvss, Kev
from secops_agent.services.sla import is_finding_overdue


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """One line of a list. ``vulnerability`` is the id it goes by, "" for other kinds."""

    id: int
    kind: str
    title: str
    severity: str
    state: str
    decision: str
    justification: str
    until: datetime | None
    asset: AssetRef
    component: str
    version: str
    vulnerability: str
    kev: bool
    epss: float | None
    rule_id: str
    fixed_version: str
    source: str
    first_seen: datetime
    last_seen: datetime
    due_at: datetime | None
    overdue: bool
    owner: str = ""
    assignee: str = ""


@dataclass(frozen=True, slots=True)
class StatementView:
    """Who says what, when, why, in which document."""

    author: str
    status: str
    label: str
    justification: str
    note: str
    action: str
    product: str
    document: str
    version: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class FindingDetail:
    """Everything about one finding."""

    summary: FindingSummary
    description: str
    location: str
    remediation: str
    references: tuple[str, ...]
    suppressed: bool
    gone_at: datetime | None
    evidence: str = private("")
    history: tuple[HistoryEntry, ...] = field(default=())
    statements: tuple[StatementView, ...] = ()


@dataclass(frozen=True, slots=True)
class VulnerabilitySummary:
    """One line of a list. ``assets`` is the number of assets with an open finding of it."""

    id: int
    vuln_id: str
    title: str
    severity: str
    score: float | None
    epss: float | None
    kev: bool
    fix_available: bool
    assets: int
    published: datetime | None
    fixed_versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VulnerabilityDetail:
    """Everything stored about one vulnerability; ``updated_at`` tells how old that is."""

    summary: VulnerabilitySummary
    aliases: tuple[str, ...]
    description: str
    cvss: tuple[Cvss, ...]
    cwes: tuple[str, ...]
    affected: tuple[Affected, ...]
    fixed_versions: tuple[str, ...]
    references: tuple[str, ...]
    published: datetime | None
    modified: datetime | None
    withdrawn: datetime | None
    sources: tuple[str, ...]
    kev: Kev | None
    epss: float | None
    epss_percentile: float | None
    epss_date: datetime | None
    updated_at: datetime
    open_findings: int
    affected_assets: int
    history: tuple[HistoryEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class ExposedAsset:
    """An asset and why it is (not) affected. ``sources`` tells who says so; "bifang" is our own comparison."""

    asset: AssetSummary
    component: str
    version: str
    fixed_version: str
    reason: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """Three answers for one vulnerability; ``known`` False: nothing about it is stored."""

    vuln_id: str
    known: bool
    affected: tuple[ExposedAsset, ...] = ()
    unaffected: tuple[ExposedAsset, ...] = ()
    unknown: tuple[ExposedAsset, ...] = ()
    updated_at: datetime | None = None


def finding_summaries(rows: Iterable[Finding]) -> list[FindingSummary]:
    """Views of rows that were read with asset, component and vulnerability."""
    now = timezone.now()
    return [_finding(row, now) for row in rows]


def _finding(row: Finding, now: datetime) -> FindingSummary:
    flaw, component = row.vulnerability, row.component
    return FindingSummary(
        id=row.pk,
        kind=row.kind,
        title=row.title,
        severity=row.severity,
        state=row.state,
        decision=row.decision,
        justification=row.justification,
        until=row.until,
        asset=AssetRef(row.asset_id, row.asset.name),
        component=component.name if component else "",
        version=component.version if component else "",
        vulnerability=flaw.vuln_id if flaw else "",
        kev=bool(flaw and flaw.kev),
        epss=flaw.epss if flaw else None,
        rule_id=row.rule_id,
        fixed_version=row.fixed_version,
        source=row.source,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        due_at=row.due_at,
        overdue=is_finding_overdue(row, now),
        owner=row.asset.owner.name if row.asset.owner else row.asset.owner_text,
        assignee=row.assignee.name if row.assignee else "",
    )


def vulnerability_summaries(rows: Sequence[Vulnerability]) -> list[VulnerabilitySummary]:
    """Views of rows; one query for what is open."""
    ids = [row.pk for row in rows]
    open_now = Finding.objects.filter(vulnerability_id__in=ids, active=True).order_by()
    found = open_now.values("vulnerability_id").annotate(hosts=Count("asset", distinct=True))
    hosts: dict[int, int] = dict(found.values_list("vulnerability_id", "hosts"))
    fixes = set(open_now.exclude(fixed_version="").values_list("vulnerability_id", flat=True).distinct())
    return [_vulnerability(row, hosts.get(row.pk, 0), row.pk in fixes) for row in rows]


def _vulnerability(row: Vulnerability, hosts: int, fix: bool) -> VulnerabilitySummary:
    return VulnerabilitySummary(
        id=row.pk,
        vuln_id=row.vuln_id,
        title=row.title,
        severity=row.severity,
        score=row.score,
        epss=row.epss,
        kev=row.kev,
        fix_available=fix or bool(row.fixed_versions),
        assets=hosts,
        published=row.published,
        fixed_versions=tuple(row.fixed_versions),
    )


def cvss_views(values: Iterable[dict[str, Any]]) -> tuple[Cvss, ...]:
    """As stored by `intake.merging`."""
    return tuple(Cvss(**value) for value in values)
