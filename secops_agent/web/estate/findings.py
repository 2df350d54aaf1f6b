"""发现: what is wrong on our assets, the most urgent first; deciding about many at once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from bifang.channels.text.visible import visible
from bifang.core.spreadsheets import csv_file
from secops_agent.models import Asset, Finding
from secops_agent.models.choices import FindingDecision, FindingKind, FindingState, Severity, VexJustification
from secops_agent.services.pages import count_of
from secops_agent.services.people.logins import accounts
from secops_agent.services.sla import findings_overdue
from secops_agent.services.vulnerabilities import findings, resolutions, tallies
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.estate.flaw_rows import advice_of, line
from secops_agent.web.listing import MOST_EXPORTED, Facet, ListLink, ListQuery, ListShape

SEE: Final = "secops_agent.view_finding"
ACT: Final = "secops_agent.change_finding"
TABS: Final[Mapping[str, str]] = {
    "open": "待处理", "overdue": "已超期", "mine": "我负责的", "decided": "已决定", "all": "全部",
}  # fmt: skip
ORDERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "urgent": ("最该处理的优先", ("-priority", "-id")), "due": ("时限最近的优先", ("due_at", "id")),
    "newest": ("最近发现的优先", ("-last_seen", "-id")),
}  # fmt: skip
KEV: Final = {"1": "已被利用", "0": "没有收录"}
DECISIONS: Final = {"none": "没有决定", **dict(FindingDecision.choices)}
FACETS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "severity": ("级别", dict(Severity.choices)), "kev": ("KEV", KEV), "kind": ("种类", dict(FindingKind.choices)),
    "state": ("状态", dict(FindingState.choices)), "decision": ("决定", DECISIONS), "source": ("来源", {}),
}  # fmt: skip
SHAPE: Final = ListShape(
    choices={"tab": TABS, "sort": ORDERS, **{name: words for name, (_, words) in FACETS.items() if words}},
    texts=("q", "source", "cve"), numbers=("asset",), several=tuple(FACETS),
)  # fmt: skip
TITLES: Final = {
    "q": "搜索",
    "cve": "漏洞",
    "asset": "资产",
    **{name: title for name, (title, _) in FACETS.items()},
}
_WITH: Final = ("asset", "component", "vulnerability")
_COLUMNS: Final = (
    "编号", "级别", "标题", "种类", "漏洞", "KEV", "EPSS", "建议", "资产", "资产重要性", "组件", "位置", "修复版本", "状态", "决定", "接受到",
    "修复时限", "首次发现", "最近发现", "来源",
)  # fmt: skip


@require_safe
@page(SEE)
def list_findings(request: HttpRequest) -> HttpResponse:
    """The list. Without a word in the address: what still needs someone."""
    query = listing.read(request.GET, SHAPE)
    now = timezone.now()
    rows = tallies.narrowed(chosen_rows(query, request.user, now), _chosen(query))
    ordered = rows.order_by(*ORDERS[query.get("sort") or "urgent"][1])
    if request.GET.get("export") == "csv":
        return csv_file("findings", _COLUMNS, _cells(ordered.select_related(*_WITH)[:MOST_EXPORTED]))
    pages = listing.page_of(ordered, request.GET)
    shown = {row.pk: row for row in Finding.objects.select_related(*_WITH).filter(pk__in=_ids(pages))}
    may_act = request.user.has_perm(ACT)
    context = {
        "title": "发现", "query": query, "query_words": query.get("q"), "pages": pages, "total": listing.counted(pages), "count": pages.paginator.count,
        "lines": [line(shown[pk], now) for pk in _ids(pages) if pk in shown], "tabs": _tabs(query, request.user, now),
        "facets": _facets(query, request.user, now), "chips": listing.chips(query, TITLES, _words(query)),
        "orders": [ListLink(label, name, name == (query.get("sort") or "urgent")) for name, (label, _) in ORDERS.items()],
        "export_url": query.with_(export="csv"), "most_exported": MOST_EXPORTED, "may_act": may_act, "most": resolutions.MOST,
        "mark": _newest() if may_act else 0, **deciding(now),
    }  # fmt: skip
    return render(request, "pages/findings.html", context)


def chosen_rows(query: ListQuery, user: Any, now: datetime) -> "QuerySet[Finding]":
    """What the tab and the search leave, before the facets."""
    wanted = FindingFilter(
        states=tuple(FindingState.values), asset_id=query.number("asset"), vulnerability=query.get("cve"), keyword=query.get("q"),
    )  # fmt: skip
    return _of_tab(findings.matching(wanted), query.get("tab") or "open", user, now)


def _of_tab(rows: "QuerySet[Finding]", tab: str, user: Any, now: datetime) -> "QuerySet[Finding]":
    if tab == "all":
        return rows
    if tab == "decided":
        return rows.exclude(decision="")
    if tab == "overdue":
        return rows.filter(findings_overdue(now))
    rows = rows.filter(active=True)
    return rows.filter(asset__owner__in=[row.pk for row in accounts(user)]) if tab == "mine" else rows


def _chosen(query: ListQuery) -> dict[str, list[str]]:
    """facet → its chosen values, as the columns have them."""
    return {name: ["" if value == "none" else value for value in query.all(name)] for name in FACETS}


def narrowed(query: ListQuery, user: Any, now: datetime) -> "QuerySet[Finding]":
    """Everything that the list shows on all its pages."""
    return tallies.narrowed(chosen_rows(query, user, now), _chosen(query))


def deciding(now: datetime) -> dict[str, Any]:
    """What the dialog of a decision needs."""
    today = timezone.localdate(now)
    return {
        "choices": FindingDecision.choices, "justifications": VexJustification.choices,
        "first_day": today + resolutions.DAY, "usual_day": today + 90 * resolutions.DAY,
        "last_day": today + resolutions.LONGEST - resolutions.DAY,
    }  # fmt: skip


def _ids(pages: Any) -> list[int]:
    return [row.pk for row in pages.object_list]


def _newest() -> int:
    return Finding.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _tabs(query: ListQuery, user: Any, now: datetime) -> list[ListLink]:
    """How many there are in each, whatever else is chosen."""
    counts = {tab: count_of(_of_tab(Finding.objects.all(), tab, user, now)) for tab in TABS}
    chosen = query.get("tab") or "open"
    return [
        ListLink(label, query.with_(tab=tab), tab == chosen, f"{counts[tab].count}{'+' * counts[tab].capped}")
        for tab, label in TABS.items()
    ]


def _facets(query: ListQuery, user: Any, now: datetime) -> Sequence[Facet]:
    found = tallies.tally(chosen_rows(query, user, now), _chosen(query))
    found["decision"]["none"] = found["decision"].pop("", 0)
    facets = []
    for name, (title, words) in FACETS.items():
        labels = words or {value: visible(value) for value, _ in found[name].most_common(12)}
        facets.append(listing.facet(title, query, name, labels, found[name]))
    return [each for each in facets if each.links]


def _words(query: ListQuery) -> dict[tuple[str, str], str]:
    words = {(name, value): label for name, (_, labels) in FACETS.items() for value, label in labels.items()}
    asset = query.number("asset")
    if asset is not None:
        name = Asset.objects.filter(pk=asset).values_list("name", flat=True).first()
        words["asset", str(asset)] = visible(name) if name else f"编号 {asset}（已不存在）"
    return words


def _cells(rows: "QuerySet[Finding]") -> Iterator[tuple[Any, ...]]:
    for row in rows.iterator(2000):
        flaw = row.vulnerability
        advice = advice_of(flaw, row.asset.importance).label if flaw else ""
        yield (
            row.pk, row.get_severity_display(), row.title, row.get_kind_display(), flaw.vuln_id if flaw else row.rule_id,
            "是" if flaw and flaw.kev else "", flaw.epss if flaw else None, advice, row.asset.name,
            row.asset.get_importance_display() if row.asset.importance else "", row.component, row.location, row.fixed_version,
            row.get_state_display(), row.get_decision_display() if row.decision else "", row.until, row.due_at, row.first_seen,
            row.last_seen, row.source,
        )  # fmt: skip
