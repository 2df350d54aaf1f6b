"""One asset: whose it is, how much it matters, and all that concerns it."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from django.contrib import messages
from django.db.models import Case, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from bifang.channels.text.visible import visible
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.admin.inventory import actor_of, importance_badge
from secops_agent.models import Alert, Asset, Component, Finding, Staff
from secops_agent.models.choices import AlertStatus, AssetType, FindingKind, Importance
from secops_agent.services import links
from secops_agent.services.assets import inventory, neighbours
from secops_agent.services.assets.open_counts import OpenCounts, open_counts
from secops_agent.services.assets.reach import exposure_of, is_public
from secops_agent.services.assets.taking_back import can_take_back, take_back
from secops_agent.services.decisions.ledger.blocks import in_force
from secops_agent.services.intake import merging
from secops_agent.services.people.directory import selectable
from secops_agent.services.people.logins import homes_of
from secops_agent.services.privacy import login_may_read
from secops_agent.services.records.identity import FORMER, KEYS
from secops_agent.services.sla import RiskClock
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.blocks import standing_badge
from secops_agent.web.changes import changes_of
from secops_agent.web.estate.assets import CHANGE, SEE
from secops_agent.web.estate.flaw_rows import line
from secops_agent.web.listing import ListLink, ListShape
from secops_agent.web.send_again import back_to
from secops_agent.web.triage.alert_rows import lines, plain_line

# tab → its title, and the right without which nobody sees it
TABS: Final[Mapping[str, tuple[str, str]]] = {
    "alerts": ("告警", "secops_agent.view_alert"), "findings": ("发现", "secops_agent.view_finding"),
    "components": ("组件", "secops_agent.view_component"), "exposure": ("暴露面", "secops_agent.view_component"),
    "history": ("历史", SEE),
}  # fmt: skip
SHAPE: Final = ListShape(choices={"tab": TABS})
SHOWN: Final = 50
LONGEST_TEXT: Final = 5000
EDITED: Final = ("name", "asset_type", "importance", "environment", "description")


@require_safe
@page(SEE)
def asset(request: HttpRequest, pk: int) -> HttpResponse:
    """The page. ``tab``: one of `TABS`; ``q``: part of a component's name."""
    row = Asset.objects.select_related("owner").filter(pk=pk).first() if pk < 2**63 else None
    if row is None:
        if (survivor := inventory.merged_into(pk)) is None:
            raise Http404(f"no asset {pk}")
        return redirect("web:asset", survivor)
    query = listing.read(request.GET, SHAPE)
    seen = [name for name, (_, right) in TABS.items() if request.user.has_perm(right)]
    tab = query.get("tab") or seen[0]
    may_change, standing = request.user.has_perm(CHANGE), open_counts([pk])[pk]
    context = {
        "title": plain_line(row.name), "row": row, "importance": importance_badge(row.importance), "exposure": exposure_of(row),
        "owner": visible(row.owner.name if row.owner else row.owner_text), "tags": [visible(str(each)) for each in row.tags],
        "about": visible(row.description), "origin": "、".join(visible(str(each)) for each in row.sources),
        "addresses": [visible(str(each)) for each in row.ips], "kind": row.get_asset_type_display(),
        "environment": visible(row.environment), "tab": tab, "tabs": _tabs(pk, seen, tab, standing), "query": query,
        "standing": standing, "cut_off": standing_badge(in_force(asset_ids=[pk]).get(pk)), "may_change": may_change, "ask_url": f"{reverse('web:chat')}?q={quote(f'资产 {row.name} 有什么风险')}",
        **(_form(row) if may_change else {}), **(_PARTS[tab](request, row) if tab in seen else {}),
    }  # fmt: skip
    return render(request, "pages/asset.html", context)


def _tabs(pk: int, seen: list[str], tab: str, standing: OpenCounts) -> list[ListLink]:
    components = Component.objects.filter(asset_id=pk, active=True).count()
    counts = {"components": components, "alerts": standing.alerts, "findings": standing.findings}
    return [
        ListLink(TABS[name][0], f"?tab={name}", name == tab, str(counts.get(name) or "")) for name in seen
    ]


def _form(row: Asset) -> dict[str, Any]:
    """What the dialog of a correction offers."""
    return {
        "people": selectable(), "types": AssetType.choices,
        "twins": merging.twins(row), "moves": merging.belongings(row.pk), "levels": Importance.choices, "address_text": "，".join(visible(str(each)) for each in row.ips), "tag_text": "，".join(visible(str(each)) for each in row.tags), "locked": len(row.locked),
    }  # fmt: skip


def _alerts(request: HttpRequest, row: Asset) -> dict[str, Any]:
    """Those that are not closed before the others."""
    rows = Alert.objects.select_related("assignee", "case__owner", "closed_by").filter(asset_links__asset=row)
    is_over = Case(When(status=AlertStatus.CLOSED, then=1), default=0)
    shown = list(rows.order_by(is_over, "-last_seen", "-pk")[:SHOWN])
    return {"alerts": lines(shown, RiskClock(timezone.now()), "", private=login_may_read(request.user))}


def _findings(request: HttpRequest, row: Asset) -> dict[str, Any]:
    rows = Finding.objects.select_related("asset", "assignee", "component", "vulnerability").filter(asset=row)
    now = timezone.now()
    return {
        "findings": [
            line(each, now) for each in rows.filter(active=True).order_by("-priority", "-id")[:SHOWN]
        ]
    }


def _components(request: HttpRequest, row: Asset) -> dict[str, Any]:
    rows = Component.objects.filter(asset=row, active=True).order_by("name", "id")
    words = listing.read(request.GET, SHAPE).get("q")
    if words:
        rows = rows.filter(name__icontains=words)
    pages = listing.page_of(rows, request.GET)
    return {"pages": pages, "asked": words}


def _exposure(request: HttpRequest, row: Asset) -> dict[str, Any]:
    ports = Component.objects.filter(asset=row, active=True, component_type="service")
    wrong = Finding.objects.filter(asset=row, active=True, kind=FindingKind.MISCONFIGURATION)
    found = wrong.select_related("asset", "assignee", "component", "vulnerability").order_by(
        "-priority", "-id"
    )
    near, now = neighbours.around(row), timezone.now()
    keys = row.keys.exclude(kind=FORMER).order_by("id")[:SHOWN]
    return {
        "reach": [(visible(str(each)), is_public(str(each))) for each in row.ips],
        "ports": list(ports.order_by("location", "id")[:SHOWN]),
        "wrong": [line(each, now) for each in found[:SHOWN]], "network": near.network,
        "beside": [(plain_line(each.name), links.asset(each.pk), importance_badge(each.importance)) for each in near.assets],
        "keys": [(KEYS.get(each.kind, each.kind), visible(each.value)) for each in keys],
    }  # fmt: skip


def _history(request: HttpRequest, row: Asset) -> dict[str, Any]:
    may = can_take_back if request.user.has_perm(CHANGE) else lambda _: False
    return {"changes": changes_of("asset", row.pk, may)}


_PARTS: Final[Mapping[str, Callable[[HttpRequest, Asset], dict[str, Any]]]] = {
    "alerts": _alerts, "findings": _findings, "components": _components, "exposure": _exposure, "history": _history,
}  # fmt: skip


@require_POST
@page(SEE, CHANGE, back="web:asset")
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """POST what people know better than the sources; imports keep what is changed."""
    if pk >= 2**63:
        raise Http404(f"no asset {pk}")
    wanted = _changed(request)
    if wanted:
        inventory.update(pk, actor_of(request), **wanted)
    messages.success(request, "已保存。以后的导入不会覆盖您改过的值。" if wanted else "没有要保存的修改。")
    return redirect("web:asset", pk)


@require_POST
@page(SEE, CHANGE)
def undo_change(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``entry``: a change of its history, an import's or an undoing, is undone; back to its history, or to ``next``."""
    try:
        left = take_back(pk, listing.number(request.POST.get("entry", "")), actor_of(request))
    except BifangError as error:
        messages.error(request, error.message)
    else:
        kept = f"{'、'.join(left)}后来又改过，保持现在的值。" if left else ""
        messages.success(request, f"已收回，以后的导入不会再改这些值。{kept}收回错了，在历史里再收回这一次。")
    here = f"{reverse('web:asset', args=[pk])}?tab=history"
    return redirect(back_to(request, request.POST.get("next", "")) or here)


@require_POST
@page(SEE, CHANGE, back="web:asset")
def merge(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``into`` (one of those offered), or ``other``: the asset that this one becomes part of, by number, address or name."""
    named = request.POST.get("into") or request.POST.get("other", "")
    into = inventory.require(named[:300], beside=pk)
    moved = merging.merge(pk, into.id, actor_of(request), homes_of(request.user))
    messages.success(
        request, f"编号 {pk} 已并入「{plain_line(into.name)}」（编号 {into.id}）：{moved or '只有名称'}。"
    )
    return redirect("web:asset", into.id)


def _changed(request: HttpRequest) -> dict[str, Any]:
    """What is not as the form showed it: only that is set, and kept from imports. Raises InvalidInput."""
    posted = request.POST
    touched = {
        name
        for name in (*EDITED, "tags", "ips", "owner")
        if name in posted and posted[name] != posted.get(f"was_{name}")
    }
    wanted: dict[str, Any] = {
        name: posted[name].strip()[: _longest(name)] for name in EDITED if name in touched
    }
    if "tags" in touched:
        wanted["tags"] = [each.strip()[:100] for each in re.split("[，,、]", posted["tags"])][:50]
    if "ips" in touched:
        wanted["ips"] = re.split("[，,、\\s]+", posted["ips"])
    if "owner" in touched:
        wanted["owner"] = _person(posted["owner"])
    return wanted


def _longest(name: str) -> int:
    return getattr(Asset._meta.get_field(name), "max_length", None) or LONGEST_TEXT


def _person(text: str) -> Staff | None:
    if not text:
        return None
    found = Staff.objects.filter(pk=listing.number(text), active=True).first()
    if found is None:
        raise InvalidInput("没有这个负责人，或已离职：请重新选择。")
    return found
