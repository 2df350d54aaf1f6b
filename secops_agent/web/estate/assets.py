"""资产: what we have, the most endangered first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bifang.channels.text.visible import visible
from bifang.core.admin.base import ago
from bifang.core.spreadsheets import csv_file
from secops_agent.admin.inventory import gravity, importance_badge
from secops_agent.models import Asset, Staff
from secops_agent.models.choices import AssetType, Importance
from secops_agent.services import links
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.assets.open_counts import OpenCounts, open_counts, worst_first
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.listing import MOST_EXPORTED, ListQuery, ListShape
from secops_agent.web.triage.alert_rows import plain_line

SEE: Final = "secops_agent.view_asset"
CHANGE: Final = "secops_agent.change_asset"
ORDERS: Final[Mapping[str, str]] = {
    "risk": "风险最高的优先", "importance": "最重要的优先", "name": "按名称", "newest": "最近发现的优先",
}  # fmt: skip
SHAPE: Final = ListShape(
    choices={"type": AssetType.values, "importance": Importance.values, "sort": ORDERS},
    texts=("q", "environment", "tag", "source"), numbers=("owner",),
)  # fmt: skip
TITLES: Final = {
    "q": "搜索", "type": "类型", "importance": "重要性", "owner": "负责人", "environment": "环境", "tag": "标签", "source": "来源",
}  # fmt: skip
NOBODY: Final = "0"
_MOST_CHOICES: Final = 300
_COLUMNS: Final = (
    "编号", "名称", "类型", "IP 地址", "重要性", "负责人", "环境", "标签", "未关闭告警", "待处理发现", "KEV", "来源", "首次发现", "最近发现",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AssetLine:
    """One line of the list, ready to be shown."""

    pk: int
    url: str
    name: str
    kind: str
    addresses: str
    importance: Any
    owner: str
    environment: str
    tags: tuple[str, ...]
    standing: OpenCounts
    seen: Any


@require_safe
@page(SEE)
def list_assets(request: HttpRequest) -> HttpResponse:
    """The list."""
    query = listing.read(request.GET, SHAPE)
    rows = _ordered(_matching(query), query.get("sort") or "risk")
    if request.GET.get("export") == "csv":
        return csv_file("assets", _COLUMNS, _cells(rows.select_related("owner")[:MOST_EXPORTED]))
    pages = listing.page_of(rows.select_related("owner"), request.GET)
    shown = list(pages.object_list)
    counts = open_counts([row.pk for row in shown])
    context = {
        "title": "资产", "query": query, "query_words": query.get("q"), "pages": pages, "total": listing.counted(pages), "count": pages.paginator.count,
        "lines": [_line(row, counts[row.pk]) for row in shown], "chips": listing.chips(query, TITLES, _words(query)),
        "orders": listing.options(ORDERS, query.get("sort") or "risk"), "types": listing.options(dict(AssetType.choices), query.get("type")),
        "levels": listing.options(dict(Importance.choices), query.get("importance")), "owners": listing.options(_owners(), query.get("owner")),
        "environments": listing.options(_environments(), query.get("environment")), "tag": query.get("tag"), "source": query.get("source"),
        "export_url": query.with_(export="csv"), "most_exported": MOST_EXPORTED,
    }  # fmt: skip
    return render(request, "pages/assets.html", context)


def _matching(query: ListQuery) -> "QuerySet[Asset]":
    owner = query.get("owner")
    importance = query.get("importance")
    return inventory.matching(
        AssetFilter(
            keyword=query.get("q"), asset_type=query.get("type"), environment=query.get("environment"), tag=query.get("tag"), source=query.get("source"),
            owner_id=int(owner) if owner and owner != NOBODY else None, unowned=owner == NOBODY,
            importance=(importance,) if importance else (),
        )
    )  # fmt: skip


def _ordered(rows: "QuerySet[Asset]", order: str) -> "QuerySet[Asset]":
    if order == "risk":
        return worst_first(rows)
    if order == "importance":
        return rows.order_by(gravity("importance").desc(), "name", "id")
    return rows.order_by("-last_seen", "-id") if order == "newest" else rows.order_by("name", "id")


def _line(row: Asset, standing: OpenCounts) -> AssetLine:
    return AssetLine(
        row.pk, links.asset(row.pk), plain_line(row.name), str(row.get_asset_type_display()),
        "、".join(visible(str(each)) for each in row.ips[:3]) + (" …" if len(row.ips) > 3 else ""),
        importance_badge(row.importance), visible(row.owner.name if row.owner else row.owner_text), visible(row.environment),
        tuple(visible(str(each)) for each in row.tags[:5]), standing, ago(row.last_seen),
    )  # fmt: skip


def _owners() -> dict[str, str]:
    """Those who own something, and nobody."""
    rows = Staff.objects.filter(assets__isnull=False).distinct().order_by("name", "pk")[:_MOST_CHOICES]
    return {NOBODY: "没有负责人", **{str(row.pk): visible(row.name) for row in rows}}


def _environments() -> dict[str, str]:
    names = Asset.objects.exclude(environment="").order_by("environment")
    return {name: visible(name) for name in names.values_list("environment", flat=True).distinct()[:50]}


def _words(query: ListQuery) -> dict[tuple[str, str], str]:
    words = {("type", value): label for value, label in AssetType.choices}
    words |= {("importance", value): label for value, label in Importance.choices}
    owner = query.get("owner")
    if owner:
        name = Staff.objects.filter(pk=owner).values_list("name", flat=True).first()
        words["owner", owner] = (
            "没有" if owner == NOBODY else visible(name) if name else f"编号 {owner}（已不存在）"
        )
    return {key: str(label) for key, label in words.items()}


def _cells(rows: "QuerySet[Asset]") -> Iterator[tuple[Any, ...]]:
    for piece in listing.pieces(rows):
        counts = open_counts([row.pk for row in piece])
        for row in piece:
            found = counts[row.pk]
            yield (
                row.pk, row.name, row.get_asset_type_display(), "、".join(map(str, row.ips)),
                row.get_importance_display() if row.importance else "", row.owner.name if row.owner else row.owner_text,
                row.environment, "、".join(map(str, row.tags)), found.alerts, found.findings, found.kev,
                "、".join(map(str, row.sources)), row.first_seen, row.last_seen,
            )  # fmt: skip
