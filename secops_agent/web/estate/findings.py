"""发现: what is wrong on our assets, in groups or one by one, the most urgent first; deciding about many at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from bifang.channels.text.visible import visible
from bifang.core.admin.base import CappedPaginator
from bifang.core.database.rows import Among
from bifang.core.spreadsheets import csv_file
from secops_agent.admin.inventory import actor_of, severity_badge
from secops_agent.models import Asset, Finding, Role, Staff
from secops_agent.models.choices import FindingDecision, FindingKind, FindingState, Severity, VexJustification
from secops_agent.services.pages import count_of, counts_of
from secops_agent.services.people.directory import selectable
from secops_agent.services.people.eligibility import able, account_of
from secops_agent.services.people.logins import accounts
from secops_agent.services.sla import findings_overdue
from secops_agent.services.vulnerabilities import findings, groups, resolutions, states, tallies
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.estate.flaw_rows import FindingLine, advice_of, line, time_left
from secops_agent.web.listing import MOST_EXPORTED, Facet, ListLink, ListQuery, ListShape
from secops_agent.web.triage.alert_rows import plain_line

SEE: Final = "secops_agent.view_finding"
ACT: Final = "secops_agent.change_finding"
TABS: Final[Mapping[str, str]] = {
    "open": "待处理", "overdue": "已超时", "due": "7 天内到期", "ending": "接受快到期", "mine": "我负责的", "decided": "已决定", "all": "全部",
}  # fmt: skip
EACH: Final = "each"
BY: Final[Mapping[str, str]] = {**{way: each.label for way, each in groups.WAYS.items()}, EACH: "逐条"}
ORDERS: Final[Mapping[str, tuple[str, tuple[Any, ...]]]] = {
    "urgent": ("最该处理的优先", ("-priority", "-id")), "due": ("时限最近的优先", (F("due_at").asc(nulls_last=True), "id")),
    "newest": ("最近发现的优先", ("-last_seen", "-id")),
}  # fmt: skip
_OF_GROUPS: Final = {"due": (F("due").asc(nulls_last=True), "-peak"), "newest": ("-newest", "-peak")}
KEV: Final = {"1": "已被利用", "0": "没有收录"}
DECISIONS: Final = {"none": "没有决定", **dict(FindingDecision.choices)}
_TIMES: Final = {"overdue": findings_overdue, "due": tallies.due_soon, "ending": tallies.ending_soon}
FACETS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "severity": ("级别", dict(Severity.choices)), "kev": ("KEV", KEV), "kind": ("种类", dict(FindingKind.choices)),
    "state": ("状态", dict(FindingState.choices)), "decision": ("决定", DECISIONS), "source": ("来源", {}),
}  # fmt: skip
SHAPE: Final = ListShape(
    choices={"tab": TABS, "by": BY, "sort": ORDERS, **{name: words for name, (_, words) in FACETS.items() if words}},
    texts=("q", "source", "cve", "rule", "component", "fixed"), numbers=("asset", "owner"), several=tuple(FACETS),
    longest=dict.fromkeys(("rule", "component", "fixed"), 500),
)  # fmt: skip
TITLES: Final = {
    "q": "搜索",
    "cve": "漏洞",
    "rule": "规则",
    "component": "组件",
    "fixed": "修复版本",
    "asset": "资产",
    "owner": "负责人",
    **{name: title for name, (title, _) in FACETS.items()},
}
_WITH: Final = ("asset", "component", "vulnerability", "assignee")
_COLUMNS: Final = (
    "编号", "级别", "标题", "种类", "漏洞", "KEV", "EPSS", "建议", "资产", "资产重要性", "组件", "位置", "修复版本", "状态", "决定", "接受到",
    "修复时限", "首次发现", "最近发现", "来源", "处理人",
)  # fmt: skip


_MOST_SETTLED: Final = 5000  # findings


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group, ready to be shown; ``value``: its conditions, as its box sends them."""

    value: str
    url: str
    title: str
    about: str
    severity: str
    level: SafeString | str
    kev: int
    findings: int
    assets: int
    due: SafeString | str


@require_safe
@page(SEE)
def list_findings(request: HttpRequest) -> HttpResponse:
    """The list. Without a word in the address: what still needs someone, by vulnerability."""
    query = listing.read(request.GET, SHAPE)
    now, by, sort = timezone.now(), way_of(query), query.get("sort") or "urgent"
    every = _settled(query, matched(query))
    found = _of_tab(every, query.get("tab") or "open", request.user, now)
    rows = tallies.narrowed(found, _chosen(query))
    if request.GET.get("export") == "csv":
        ordered = rows.order_by(*ORDERS[sort][1]).select_related(*_WITH)
        return csv_file("findings", _COLUMNS, _cells(ordered[:MOST_EXPORTED]))
    pages, lines = _each(request, rows, sort, now) if by == EACH else _groups(request, query, rows, by, now)
    may_act = request.user.has_perm(ACT)
    context = {
        "title": "发现", "query": query, "query_words": query.get("q"), "pages": pages, "total": listing.counted(pages), "count": pages.paginator.count,
        "lines": lines, "tabs": _tabs(query, every, request.user, now), "by": by, "noun": "条" if by == EACH else f"组，{count_of(rows).text} 条发现",
        "ways": [ListLink(label, query.with_(by=name), name == by) for name, label in BY.items()],
        "facets": _facets(query, found), "chips": listing.chips(query, TITLES, _words(query)),
        "orders": [ListLink(label, name, name == sort) for name, (label, _) in ORDERS.items()],
        "export_url": query.with_(export="csv"), "most_exported": MOST_EXPORTED, "may_act": may_act, "most": resolutions.MOST,
        "mark": _newest() if may_act else 0, **(deciding(request, now) if may_act else {}),
    }  # fmt: skip
    return render(request, "pages/findings.html", context)


def way_of(query: ListQuery) -> str:
    """How the list is grouped: as asked, else one by one where it shows one group only, else by vulnerability."""
    one = any(query.get(name) for name in ("cve", "rule", "fixed", "asset"))
    return query.get("by") or (EACH if one else "flaw")


def _each(
    request: HttpRequest, rows: "QuerySet[Finding]", sort: str, now: datetime
) -> tuple[Page[Any], list[FindingLine]]:
    pages = listing.page_of(rows.order_by(*ORDERS[sort][1]), request.GET)
    ids = [row.pk for row in pages.object_list]
    shown = Finding.objects.select_related(*_WITH).in_bulk(ids)
    return pages, [line(shown[pk], now) for pk in ids if pk in shown]


def _groups(
    request: HttpRequest, query: ListQuery, rows: "QuerySet[Finding]", by: str, now: datetime
) -> tuple[Page[Any], list[GroupLine]]:
    order = _OF_GROUPS.get(query.get("sort"), groups.WAYS[by].order)
    every = groups.grouped(rows, by).order_by(*order, *groups.WAYS[by].columns)
    # Read once: counting the groups costs as much as making them.
    pages = Paginator(list(every[: CappedPaginator.cap]), listing.PER_PAGE).get_page(request.GET.get("page"))
    found = groups.views(by, list(pages.object_list), rows)
    return pages, [
        GroupLine(
            urlencode(each.within), query.with_(by=EACH, **each.within), plain_line(each.title), plain_line(each.about) if each.about else "", each.severity,
            severity_badge(each.severity), each.kev, each.findings, each.assets, _limit(each, now),
        )
        for each in found
    ]  # fmt: skip


def _limit(each: groups.FindingGroup, now: datetime) -> SafeString | str:
    """What is due first; where nothing of it needs someone, until when it is accepted."""
    if each.due_at is None and each.until:
        return f"接受到 {timezone.localtime(each.until):%Y-%m-%d}"
    return time_left(each.due_at, now)


def matched(query: ListQuery) -> "QuerySet[Finding]":
    """What the search leaves, before the tab and the facets."""
    wanted = FindingFilter(
        states=tuple(FindingState.values), asset_id=query.number("asset"), vulnerability=query.get("cve"), keyword=query.get("q"),
        owner_id=query.number("owner"), rule=query.get("rule"), component=query.get("component"), fixed=query.get("fixed"),
    )  # fmt: skip
    return findings.matching(wanted)


def _settled(query: ListQuery, rows: "QuerySet[Finding]") -> "QuerySet[Finding]":
    """What has the keyword looked up once, if it is not too much: no index knows it, and the page asks for every tab."""
    if not query.get("q"):
        return rows
    ids = list(rows.order_by().values_list("pk", flat=True)[: _MOST_SETTLED + 1])
    return Finding.objects.filter(Among(ids)) if len(ids) <= _MOST_SETTLED else rows


def _of_tab(rows: "QuerySet[Finding]", tab: str, user: Any, now: datetime) -> "QuerySet[Finding]":
    if tab == "all":
        return rows
    if tab == "decided":
        return rows.exclude(decision="")
    if tab in _TIMES:
        return rows.filter(_TIMES[tab](now))
    rows = rows.filter(active=True)
    if tab == "mine":
        return rows.filter(groups.of([row.pk for row in accounts(user)]))
    return rows


def _chosen(query: ListQuery) -> dict[str, list[str]]:
    """facet → its chosen values, as the columns have them."""
    return {name: ["" if value == "none" else value for value in query.all(name)] for name in FACETS}


def narrowed(query: ListQuery, user: Any, now: datetime) -> "QuerySet[Finding]":
    """Everything that the list shows on all its pages."""
    rows = _of_tab(matched(query), query.get("tab") or "open", user, now)
    return tallies.narrowed(rows, _chosen(query))


def deciding(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What the dialogs of a decision and of giving it to somebody need, and what was just decided."""
    today = timezone.localdate(now)
    return {
        "decided": resolutions.undoable(actor_of(request)), "undo_minutes": resolutions.UNDO_FOR.seconds // 60,
        "second": states.SECOND, "choices": FindingDecision.choices, "justifications": VexJustification.choices,
        "first_day": today + resolutions.DAY, "usual_day": today + resolutions.USUAL,
        "last_day": today + resolutions.LONGEST - resolutions.DAY, "me": account_of(request.user.pk), "people": selectable(able(Role.VIEWER)),
    }  # fmt: skip


def _newest() -> int:
    return Finding.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _tabs(query: ListQuery, rows: "QuerySet[Finding]", user: Any, now: datetime) -> list[ListLink]:
    """How many of what is searched and chosen there are in each."""
    within = tallies.narrowed(rows, _chosen(query))
    counts = counts_of([_of_tab(within, tab, user, now) for tab in TABS])
    chosen = query.get("tab") or "open"
    return [
        ListLink(label, query.with_(tab=tab), tab == chosen, total.text)
        for (tab, label), total in zip(TABS.items(), counts, strict=True)
    ]


def _facets(query: ListQuery, rows: "QuerySet[Finding]") -> Sequence[Facet]:
    found = tallies.tally(rows, _chosen(query))
    found["decision"]["none"] = found["decision"].pop("", 0)
    facets = []
    for name, (title, words) in FACETS.items():
        labels = words or {value: visible(value) for value, _ in found[name].most_common(12)}
        facets.append(listing.facet(title, query, name, labels, found[name]))
    return [each for each in facets if each.links]


def _words(query: ListQuery) -> dict[tuple[str, str], str]:
    words = {(name, value): label for name, (_, labels) in FACETS.items() for value, label in labels.items()}
    words |= {("owner", "0"): "没有", ("fixed", groups.NO_UPDATE): "没有", ("fixed", groups.ANY_UPDATE): "有"}
    for named, model in (("asset", Asset), ("owner", Staff)):
        if number := query.number(named):
            row = model._default_manager.filter(pk=number).first()
            words[named, str(number)] = visible(row.name) if row else f"编号 {number}（已不存在）"
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
            row.last_seen, row.source, row.assignee.name if row.assignee else "",
        )  # fmt: skip
