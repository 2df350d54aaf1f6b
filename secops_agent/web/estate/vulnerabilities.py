"""漏洞: what is known, what affects us first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from bifang.channels.text.visible import visible
from bifang.core.admin.base import NOTHING, ago
from bifang.core.spreadsheets import csv_file
from secops_agent.admin.inventory import gravity, severity_badge
from secops_agent.models import Finding, Vulnerability
from secops_agent.models.choices import Severity
from secops_agent.services import links
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.pages import count_of
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter
from secops_agent.services.vulnerabilities.openvex import statements, vex
from secops_agent.services.vulnerabilities.priority import graver
from secops_agent.services.vulnerabilities.views import ExposedAsset
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.changes import changes_of
from secops_agent.web.estate.flaw_rows import (
    advice_badge,
    advice_of,
    exploit_line,
    line,
    said_lines,
    web_links,
)
from secops_agent.web.estate.risk import Urgency, risk_of
from secops_agent.web.listing import MOST_EXPORTED, ListLink, ListQuery, ListShape
from secops_agent.web.triage.alert_rows import plain_line

SEE: Final = "secops_agent.view_vulnerability"
TABS: Final[Mapping[str, str]] = {"ours": "影响我们", "kev": "已被利用（KEV）", "all": "全部"}
FIXES: Final = {"1": "已有修复版本", "0": "还没有修复版本"}
SHAPE: Final = ListShape(
    choices={"tab": TABS, "severity": Severity.values, "fix": FIXES},
    texts=("q", "source"),
    numbers=("asset",),
    several=("severity",),
)
TITLES: Final = {"q": "搜索", "severity": "级别", "fix": "修复", "asset": "资产", "source": "来源"}
_COLUMNS: Final = (
    "编号", "标题", "级别", "CVSS", "EPSS", "KEV", "勒索", "KEV 期限", "建议", "影响资产", "修复版本", "发布时间", "更新时间",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlawReach:
    """How many assets have it open, and how important the most important one is."""

    assets: int = 0
    importance: str = ""


@dataclass(frozen=True, slots=True)
class FlawLine:
    """One line of the list, ready to be shown."""

    url: str
    vuln_id: str
    title: str
    severity: str
    level: SafeString | str
    advice: SafeString | str
    kev: bool
    ransomware: bool
    exploit: str
    score: float | None
    assets: int
    fix: str
    published: SafeString | str


@require_safe
@page(SEE)
def list_vulnerabilities(request: HttpRequest) -> HttpResponse:
    """The list. Without a word in the address: what affects us."""
    query = listing.read(request.GET, SHAPE)
    tab = query.get("tab") or "ours"
    rows = _matching(query, tab).order_by("-priority", "-id")
    if request.GET.get("export") == "csv":
        return csv_file("vulnerabilities", _COLUMNS, _cells(rows[:MOST_EXPORTED]))
    pages = listing.page_of(rows, request.GET)
    shown = list(pages.object_list)
    reached = reach_of([row.pk for row in shown])
    context = {
        "title": "漏洞", "query": query, "query_words": query.get("q"), "pages": pages, "total": listing.counted(pages), "count": pages.paginator.count,
        "lines": [_line(row, reached[row.pk]) for row in shown], "tabs": _tabs(query, tab), "tab": tab, "all_url": query.with_(tab="all"),
        "chips": listing.chips(query, TITLES, _words()), "export_url": query.with_(export="csv"), "most_exported": MOST_EXPORTED,
        "levels": [ListLink(str(label), query.toggled("severity", value), value in query.all("severity")) for value, label in Severity.choices],
        "fixes": [ListLink(label, query.toggled("fix", value), query.get("fix") == value) for value, label in FIXES.items()],
    }  # fmt: skip
    return render(request, "pages/vulnerabilities.html", context)


def _matching(query: ListQuery, tab: str) -> "QuerySet[Vulnerability]":
    fix = query.get("fix")
    return catalogue.matching(
        VulnerabilityFilter(
            severities=query.all("severity"), kev_only=tab == "kev", asset_id=query.number("asset"), keyword=query.get("q"), source=query.get("source"),
            present_only=tab == "ours", fix_available=fix == "1" if fix else None,
        )
    )  # fmt: skip


def _tabs(query: ListQuery, tab: str) -> list[ListLink]:
    """How many there are in each, whatever else is chosen."""
    links_ = []
    for name, label in TABS.items():
        total = count_of(_matching(ListQuery(), name))
        links_.append(
            ListLink(label, query.with_(tab=name), name == tab, f"{total.count}{'+' * total.capped}")
        )
    return links_


def reach_of(ids: Sequence[int]) -> dict[int, FlawReach]:
    """One query."""
    rows = Finding.objects.filter(vulnerability_id__in=ids, active=True).order_by()
    cells = rows.values_list("vulnerability_id", "asset__importance").annotate(
        number=Count("asset_id", distinct=True)
    )
    found = dict.fromkeys(ids, FlawReach())
    for pk, importance, number in cells:
        known = found[pk]
        worst = graver(known.importance, importance) if known.importance else importance
        found[pk] = FlawReach(known.assets + number, worst)
    return found


def _line(row: Vulnerability, reach: FlawReach) -> FlawLine:
    fixes = [visible(str(each)) for each in row.fixed_versions]
    return FlawLine(
        links.record("vulnerability", row.pk), visible(row.vuln_id), plain_line(row.title) if row.title else "", row.severity,
        severity_badge(row.severity), advice_badge(advice_of(row, reach.importance)) if reach.assets else NOTHING, row.kev, row.ransomware, exploit_line(row),
        row.score, reach.assets, "、".join(fixes[:2]) + (" …" if len(fixes) > 2 else ""), ago(row.published),
    )  # fmt: skip


def _words() -> dict[tuple[str, str], str]:
    words = {("severity", value): str(label) for value, label in Severity.choices}
    return words | {("fix", value): label for value, label in FIXES.items()}


def _cells(rows: "QuerySet[Vulnerability]") -> Iterator[tuple[Any, ...]]:
    for piece in listing.pieces(rows):
        reached = reach_of([row.pk for row in piece])
        for row in piece:
            reach = reached[row.pk]
            yield (
                row.vuln_id, row.title, row.get_severity_display(), row.score, row.epss, "是" if row.kev else "",
                "是" if row.ransomware else "", row.kev_due, advice_of(row, reach.importance).label if reach.assets else "", reach.assets,
                "、".join(map(str, row.fixed_versions)), row.published, row.updated_at,
            )  # fmt: skip


# One vulnerability: how urgent and why, which of our assets it affects, what people decided.

SHOWN: Final = 50
_WEIGHED: Final = 500  # assets that are looked at for the most important one that can be reached from outside


def _find(pk: int) -> Vulnerability:
    row = Vulnerability.objects.filter(pk=pk).first() if pk < 2**63 else None
    if row is None:
        raise Http404(f"no vulnerability {pk}")
    return row


@require_safe
@page(SEE)
def vulnerability(request: HttpRequest, pk: int) -> HttpResponse:
    """The page."""
    row, now = _find(pk), timezone.now()
    known = catalogue.detail(row)
    may_see_findings = request.user.has_perm("secops_agent.view_finding")
    rows = Finding.objects.select_related("asset__owner", "assignee", "component", "vulnerability").filter(
        vulnerability=row, active=True
    )
    weighed = rows.order_by(gravity("asset__importance").desc(), "asset__name", "id")
    worst = list(weighed[:_WEIGHED]) if may_see_findings else []
    context = {
        "title": row.vuln_id, "row": row, "known": known, "level": severity_badge(row.severity), "headline": plain_line(row.title or row.vuln_id),
        "risk": _risk(row, worst), "findings": [line(each, now) for each in worst[:SHOWN]], "shown": SHOWN,
        "aliases": [visible(each) for each in known.aliases[:50]], "fixes": [visible(each) for each in known.fixed_versions],
        "about": visible(row.description), "references": web_links(list(known.references[:40])),
        "kev_action": visible(row.kev_action), "statements": vex.statements(row) if may_see_findings else (),
        "changes": changes_of("vulnerability", pk), "said": said_lines(statements.about_vulnerability(pk)), "may_see_findings": may_see_findings,
        "findings_url": f"{reverse('web:findings')}?cve={quote(row.vuln_id)}",
        "ask_url": f"{reverse('web:chat')}?q={quote(f'{row.vuln_id} 影响我们吗')}",
    }  # fmt: skip
    return render(request, "pages/vulnerability.html", context)


def _risk(row: Vulnerability, worst: list[Finding]) -> Urgency:
    """With the most important asset that has it, and the first that can be reached from outside."""
    reach = reach_of([row.pk])[row.pk]
    exposed = ((each.asset, exposure_of(each.asset)) for each in worst)
    outside = next(((asset, why) for asset, why in exposed if why), None)
    told = f"{plain_line(outside[0].name)} {outside[1]}" if outside else ""
    risk = risk_of(row, advice_of(row, reach.importance), reach.importance, told)
    return replace(risk, supposed=not reach.assets)


@require_safe
@page(SEE, "secops_agent.view_finding")
def compared(request: HttpRequest, pk: int) -> HttpResponse:
    """A part of the page: what comparing versions says about each asset, "not affected" and "cannot say" too."""
    found = catalogue.affected_assets(_find(pk).vuln_id)
    groups = [
        (title, tone, [_exposed(each) for each in assets[:SHOWN]], len(assets))
        for title, tone, assets in (
            ("受影响", "bad", found.affected), ("无法判断", "warn", found.unknown), ("不受影响", "ok", found.unaffected),
        )
    ]  # fmt: skip
    return render(request, "pages/vulnerability_compared.html", {"groups": groups})


def _exposed(each: ExposedAsset) -> dict[str, Any]:
    return {
        "name": plain_line(each.asset.name), "url": links.asset(each.asset.id), "importance": each.asset.importance,
        "component": visible(f"{each.component} {each.version}".strip()), "fix": visible(each.fixed_version),
        "reason": visible(each.reason), "sources": visible("、".join(each.sources)),
    }  # fmt: skip
