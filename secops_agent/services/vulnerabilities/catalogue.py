"""Catalogue of vulnerabilities: one by any of its names, lists, who is affected, and what a word for software stands for."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from secops_agent.models import (
    AffectedRange,
    Component,
    EpssScore,
    Finding,
    Vulnerability,
    VulnerabilityAlias,
)
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter, software
from secops_agent.services.assets.lower import is_below
from secops_agent.services.audit import history
from secops_agent.services.pages import Page, Total, count_of, cut, order_of
from secops_agent.services.records import Affected, Kev
from secops_agent.services.sla import findings_overdue
from secops_agent.services.vulnerabilities.comparison.exposure import affected_assets
from secops_agent.services.vulnerabilities.priority import rank
from secops_agent.services.vulnerabilities.views import (
    ExposedAsset,
    Exposure,
    VulnerabilityDetail,
    VulnerabilitySummary,
    cvss_views,
    vulnerability_summaries,
)

__all__ = [
    "ExposedAsset", "Exposure", "VulnerabilityDetail", "VulnerabilityFilter", "VulnerabilitySummary", "affected_assets",
    "count", "detail", "first", "lookup", "matching", "search",
]  # fmt: skip
# Both directions of the one index.
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_MOST = 3
_READ = 2000
ORDERS = {"-priority": ("-priority", "-id"), "priority": ("priority", "id")}


@dataclass(frozen=True, slots=True)
class VulnerabilityFilter:
    """Empty values do not filter. ``present_only``: only those with an open finding (on ``asset`` if given); ``overdue``:
    with one that is over its time limit; ``owner_id``: on what this person looks after; ``epss``: no less, 0..1; ``score``: of CVSS, no less; ``found_before``: with one that was first seen by then; ``due_before``: with one that must be
    mended by then; ``on``: on an asset like this; ``source``: found by this tool. ``order``: `ORDERS`, or "assets": those on the most assets first."""

    severities: tuple[str, ...] = ()
    kev_only: bool = False
    asset: str = ""
    asset_id: int | None = None
    fix_available: bool | None = None
    keyword: str = ""
    present_only: bool = True
    overdue: bool = False
    owner_id: int | None = None
    epss: float | None = None
    not_kev: bool = False
    due_before: datetime | None = None
    found_before: datetime | None = None
    score: float | None = None
    on: AssetFilter | None = None
    source: str = ""
    order: str = "-priority"
    limit: int = 20
    cursor: str = ""


def search(wanted: VulnerabilityFilter) -> Page[VulnerabilitySummary]:
    """Exploited ones first, then by severity and EPSS. Raises InvalidInput, NotFound for an unknown asset."""
    rows = matching(wanted)
    if wanted.order == "assets":
        hosts = Count("findings__asset", filter=Q(findings__active=True), distinct=True)
        keys = (
            rows.order_by()
            .annotate(hosts=hosts)
            .order_by("-hosts", "-priority", "-id")
            .values_list("pk", flat=True)
        )
        found, total = list(keys[: wanted.limit]), count_of(rows)
        by_key = Vulnerability.objects.in_bulk(found)
        most = [by_key[pk] for pk in found]
        return Page(tuple(vulnerability_summaries(most)), total.count, total.capped)
    return cut(rows, order_of(wanted.order, ORDERS), wanted.limit, wanted.cursor, vulnerability_summaries)


def matching(wanted: VulnerabilityFilter) -> QuerySet[Vulnerability]:
    """Every one, in no order. Raises NotFound for an unknown asset."""
    conditions = {
        "severity__in": wanted.severities,
        "kev": wanted.kev_only,
        "epss__gte": wanted.epss,
        "score__gte": wanted.score,
    }
    rows = Vulnerability.objects.filter(**{name: value for name, value in conditions.items() if value})
    if wanted.not_kev:
        rows = rows.filter(kev=False)
    open_now = _open_there(wanted).filter(vulnerability_id=OuterRef("pk"))
    narrowed = (
        wanted.overdue,
        wanted.owner_id,
        wanted.asset_id,
        wanted.asset.strip(),
        wanted.due_before,
        wanted.found_before,
        wanted.on,
        wanted.source,
    )
    if wanted.present_only or any(narrowed):
        rows = rows.filter(Exists(open_now))
    if wanted.fix_available is not None:
        fixed = Q(Exists(open_now.exclude(fixed_version=""))) | ~Q(fixed_versions=[])
        rows = rows.filter(fixed) if wanted.fix_available else rows.exclude(fixed)
    keyword = wanted.keyword.strip()
    return rows.filter(_about(keyword)) if keyword else rows


def _open_there(wanted: VulnerabilityFilter) -> "QuerySet[Finding]":
    """The open findings where, and until when, they are asked for. Raises NotFound for an unknown asset."""
    rows = Finding.objects.filter(active=True)
    assets = (
        (wanted.asset_id,)
        if wanted.asset_id
        else inventory.meant(wanted.asset)
        if wanted.asset.strip()
        else ()
    )
    conditions = {
        "asset_id__in": assets,
        "asset__owner_id": wanted.owner_id,
        "due_at__lte": wanted.due_before,
        "first_seen__lte": wanted.found_before,
        "source": wanted.source,
    }
    rows = rows.filter(**{name: value for name, value in conditions.items() if value})
    if wanted.overdue:
        rows = rows.filter(findings_overdue(timezone.now()))
    return rows.filter(asset_id__in=inventory.matching(wanted.on).values("pk")) if wanted.on else rows


def _about(keyword: str) -> Q:
    """By keys that are found once: asked of each vulnerability by itself, the components are read as often."""
    named = VulnerabilityAlias.objects.filter(alias__icontains=keyword)
    on = Finding.objects.filter(active=True, component__in=Component.objects.filter(name__icontains=keyword))
    ids = [rows.values("vulnerability_id") for rows in (named, on.exclude(vulnerability=None))]
    return Q(title__icontains=keyword) | Q(pk__in=ids[0]) | Q(pk__in=ids[1])


BY: Final = {
    "asset": F("asset__name"),
    "owner": Coalesce(F("asset__owner__name"), F("asset__owner_text")),
    "severity": F("vulnerability__severity"),
    "environment": F("asset__environment"),
}


def next_due(wanted: VulnerabilityFilter) -> datetime | None:
    """Until when the first of their open findings must be mended. Raises NotFound for an unknown asset."""
    return open_now(wanted)[1]


def open_now(wanted: VulnerabilityFilter) -> tuple[int, datetime | None]:
    """How many open findings they have, where they are asked for, and until when the first must be mended. Raises NotFound for an
    unknown asset."""
    found = _open_of(wanted).aggregate(number=Count("pk"), due=Min("due_at"))
    return found["number"], found["due"]


def _open_of(wanted: VulnerabilityFilter) -> "QuerySet[Finding]":
    """Their open findings, where they are asked for."""
    return _open_there(wanted).filter(vulnerability__in=matching(wanted).values("pk"))


def grouped(wanted: VulnerabilityFilter, by: str) -> list[tuple[str, int, int]]:
    """The values of `BY` with the most of them, how many, and how many of these are exploited. Raises NotFound for an unknown asset."""
    open_now = _open_of(wanted)
    flaws = Count("vulnerability", distinct=True)
    kev = Count("vulnerability", distinct=True, filter=Q(vulnerability__kev=True))
    rows = open_now.annotate(value=BY[by]).values_list("value").annotate(flaws=flaws, exploited=kev)
    return [
        (value or "", *counts)
        for value, *counts in rows.order_by("-flaws", "-exploited", "value")[: wanted.limit]
    ]


def first(wanted: VulnerabilityFilter) -> tuple[str, ...]:
    """Only the ids of what `search` would list. Raises InvalidInput, NotFound for an unknown asset."""
    rows = matching(wanted).order_by(*order_of(wanted.order, ORDERS))
    return tuple(rows.values_list("vuln_id", flat=True)[: wanted.limit])


def count(wanted: VulnerabilityFilter) -> Total:
    """How many `search` would find. Raises NotFound for an unknown asset."""
    return count_of(matching(wanted))


def lookup(any_id: str) -> VulnerabilityDetail | None:
    """By CVE, GHSA, CNVD, CNNVD or any other alias in any case; None: nothing about it is stored."""
    name = any_id.strip().upper()
    found = VulnerabilityAlias.objects.select_related("vulnerability").filter(alias=name).first()
    if found is None:
        return _only_score(name)
    return detail(found.vulnerability)


def detail(row: Vulnerability) -> VulnerabilityDetail:
    """Everything stored about it."""
    ranges = AffectedRange.objects.filter(vulnerability=row).order_by("id")[:200]
    findings = Finding.objects.filter(vulnerability=row, active=True)
    kev = Kev(row.kev_added, row.kev_due, row.kev_action, row.ransomware) if row.kev else None
    names = VulnerabilityAlias.objects.filter(vulnerability=row).order_by("alias")
    summary = vulnerability_summaries([row])[0]
    return VulnerabilityDetail(
        summary=summary,
        aliases=tuple(each.alias for each in names if each.alias != row.vuln_id.upper()),
        description=row.description,
        cvss=cvss_views(row.cvss),
        cwes=tuple(row.cwes),
        affected=tuple(_affected(each) for each in ranges),
        fixed_versions=tuple(row.fixed_versions),
        references=tuple(row.references),
        published=row.published,
        modified=row.modified,
        withdrawn=row.withdrawn,
        sources=tuple(row.sources),
        kev=kev,
        epss=row.epss,
        epss_percentile=row.epss_percentile,
        epss_date=row.epss_date,
        updated_at=row.updated_at,
        open_findings=findings.count(),
        affected_assets=summary.assets,
        history=history.entries("vulnerability", row.pk),
    )


@dataclass(frozen=True, slots=True)
class OpenOn:
    """An asset with an open finding of one vulnerability: whose it is, how much it matters, until when it must be mended."""

    asset_id: int
    name: str
    owner: str
    importance: str
    software: str
    due_at: datetime | None


def open_on(vuln_id: str) -> tuple[OpenOn, ...]:
    """The most important assets first, then what is due first. One query."""
    rows = Finding.objects.filter(vulnerability__vuln_id=vuln_id, active=True).values_list(
        "asset_id", "asset__name", "asset__owner__name", "asset__owner_text", "asset__importance",
        "component__name", "component__version", "due_at",
    )  # fmt: skip
    found = (
        OpenOn(
            pk,
            name,
            person or text,
            importance,
            f"{(software or '').rpartition(':')[2]} {version or ''}".strip(),
            due,
        )
        for pk, name, person, text, importance, software, version, due in rows[:_READ]
    )
    return tuple(sorted(found, key=lambda one: (-rank(one.importance), one.due_at or _NEVER, one.name)))


def _affected(each: AffectedRange) -> Affected:
    return Affected(
        each.ecosystem, each.package, each.purl, each.introduced, each.fixed, each.last_affected, each.raw,
        each.range_type, tuple(each.versions),
    )  # fmt: skip


def _only_score(cve: str) -> VulnerabilityDetail | None:
    """Of most CVEs we only have the EPSS feed's score."""
    score = EpssScore.objects.filter(cve=cve).first()
    if score is None or score.date is None:
        return None
    summary = VulnerabilitySummary(0, cve, "", "info", None, score.epss, False, False, 0, None)
    return VulnerabilityDetail(
        summary, (), "", (), (), (), (), (), None, None, None, ("epss",), None, score.epss, score.percentile,
        score.date, score.date, 0, 0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Installed:
    """Of one asset: components with their versions, and the vulnerabilities found in them, gravest first."""

    components: tuple[str, ...]
    flaws: tuple[str, ...]


def software_named(word: str, assets: Collection[int], below: str = "") -> Mapping[int, Installed]:
    """What is on these assets of which the name holds the word, or the name and the version; ``below``: in a lower version."""
    rows = Component.objects.filter(software(word), asset__in=assets, active=True).order_by("name", "id")
    found: dict[int, dict[str, None]] = defaultdict(dict)
    for asset_id, name, version in rows.values_list("asset_id", "name", "version")[:_READ]:
        if below and not is_below(version, below):
            continue
        found[asset_id][f"{name.rpartition(':')[2]} {version}".strip()] = None
    findings = Finding.objects.filter(software(word, "component__"), asset__in=assets, active=True)
    flaws: dict[int, dict[str, None]] = defaultdict(dict)
    worst = findings.order_by("-vulnerability__priority").values_list("asset_id", "vulnerability__vuln_id")
    for asset_id, vuln_id in worst[:_READ]:
        flaws[asset_id][vuln_id] = None
    return {each: Installed(tuple(names), tuple(flaws[each])) for each, names in found.items()}


def related_flaws(word: str) -> tuple[str, ...]:
    """The ids of the gravest vulnerabilities whose title, alias or component holds the word, those here first."""
    wanted = VulnerabilityFilter(keyword=word, limit=_MOST)
    return first(wanted) or first(replace(wanted, present_only=False))
