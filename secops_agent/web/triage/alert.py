"""One alert: what happened, what it touches, what is known, what to do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from django.db.models import Count, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from bifang.channels.text.visible import visible, visible_value
from bifang.core.admin.base import ago, badge, moment
from secops_agent.admin.alerting.investigations import panel
from secops_agent.admin.alerting.silences import silencing
from secops_agent.admin.inventory import importance_badge, severity_badge
from secops_agent.models import (
    Alert,
    AlertPayload,
    Asset,
    BlockState,
    Finding,
    Role,
)
from secops_agent.models.choices import AlertStatus, Importance, IndicatorKind, Outcome
from secops_agent.models.people.staff import RANK, allows
from secops_agent.services import links, runbooks
from secops_agent.services.alerts.detection_rules import named_rule
from secops_agent.services.alerts.queries.urgency import URGENT, weighed, why
from secops_agent.services.alerts.related import READ, indicators_of, related
from secops_agent.services.alerts.spread import hosts_of_hashes
from secops_agent.services.alerts.timeline import calling
from secops_agent.services.alerts.views import silenced_until
from secops_agent.services.assets import neighbours
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.decisions.ledger.blocks import Block, in_force
from secops_agent.services.decisions.targets import refusals
from secops_agent.services.intelligence.locations import ATTRIBUTION, location_of
from secops_agent.services.intelligence.matching import hits_of
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.matching import LinkedAsset, linked_assets
from secops_agent.services.operations import queues
from secops_agent.services.operations.queues import rule_of
from secops_agent.services.outcomes import course
from secops_agent.services.people.logins import role_of
from secops_agent.services.privacy import NEEDS_ROLE, PRIVATE_INDICATORS, login_may_read, mask, people_of
from secops_agent.services.runbooks.visibility import Reader
from secops_agent.services.sla import RiskClock
from secops_agent.tools.operations.blocks import standing_words
from secops_agent.web.access import page
from secops_agent.web.approvals import VIEW as SEE_ORDERS
from secops_agent.web.blocks import standing_badge
from secops_agent.web.triage import alert_query
from secops_agent.web.triage.alert_query import QueueQuery
from secops_agent.web.triage.alert_rows import closing_notes, closing_told, due_badge, plain_line, state_badge
from secops_agent.web.triage.alert_story import ordered, timeline
from secops_agent.web.triage.alerts import ACT, SEE, acting

MOST_ASSETS: Final = 5
MOST_HOSTS: Final = 6
LONGEST_EVENT: Final = 40_000  # characters of a source's event that are shown
_FLAWS: Final = 5
# How many a silence of its rule covers now.
_ALIKE: Final = Subquery(
    Alert.objects.exclude(status=AlertStatus.CLOSED)
    .filter(rule_name=OuterRef("rule_name"))
    .exclude(rule_name="")
    .order_by()
    .values("rule_name")
    .annotate(alike=Count("pk"))
    .values("alike")
)


@dataclass(frozen=True, slots=True)
class Observable:
    """``place``: where a public address is registered. ``hosts``: of a hash, the other machines with it as (name, address, how many
    alerts), ``more``: where all of them are; None for what is no hash. ``standing``: of a blocked address, in a badge."""

    kind: str
    label: str
    value: str
    place: str
    hosts: list[tuple[str, str, int]] | None
    more: str
    standing: SafeString | str


def find(pk: int) -> Alert:
    """Raises Http404."""
    row = (
        weighed(Alert.objects.select_related("assignee", "case__owner", "closed_by", "suppressed_by"), [pk])
        .annotate(alike=_ALIKE)
        .first()
        if pk < 2**63
        else None
    )
    if row is None:
        raise Http404(f"no alert {pk}")
    return row


@require_safe
@page(SEE)
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    """The page. The address names the list that one came from, if one did."""
    row, query, clock = find(pk), alert_query.read(request.GET), RiskClock(timezone.now())
    linked = linked_assets([row])
    assets = linked.get(pk, ())[:MOST_ASSETS]
    private = login_may_read(request.user)
    seen = indicators_of(pk)
    addresses = [value for kind, value in seen if kind == IndicatorKind.IP]
    cut_off = in_force(addresses, [each.pk for each in assets])
    observed = _observed(pk, seen, cut_off, private)
    about = row.description if private else mask(row.description, people_of([pk]), NEEDS_ROLE)
    active = silences.active(clock.now)
    quiet = silenced_until([row], active, linked).get(pk)
    title = plain_line(row.title)
    aims: dict[str, Sequence[Any]] = {"ip": addresses, "asset_id": [each.pk for each in assets]}
    orders = ordered(row, aims, request.user) if request.user.has_perm(SEE_ORDERS) else ()
    story = timeline(row, clock, orders, private=private)
    context = {
        "title": f"A{pk} {title}", "row": row, "headline": title, "is_odd": visible(row.title) != row.title, "query": query,
        "level": severity_badge(row.severity), "state": state_badge(row, quiet), "due": due_badge(row, clock), "quiet": quiet,
        "rule": plain_line(rule_of(row)), "source": plain_line(row.source), "about": visible(about),
        "assets": [_named(each, cut_off.get(each.pk), row) for each in assets], "observed": observed,
        "techniques": [visible(str(each)) for each in row.techniques], "references": [visible(str(each)) for each in row.references],
        "seen": ago(row.last_seen), "first": moment(row.first_seen), "timeline": story,
        "closing": closing_told(row, closing_notes([row], private=private).get(pk, "")),
        "calling": None if is_closed(row) else calling(row, active, story.ringing),
        "listed": _listed(pk, private), "attribution": ATTRIBUTION if any(each.place for each in observed) else "",
        "course": course(row.way, row.outcome), "why": why(row), "order": URGENT,
        "suppressor": row.suppressed_by if row.suppressed_by_id and is_closed(row) else None,
        "private": private, "ask_url": _ask(row), **silencing(request.user, clock.now), "alike": getattr(row, "alike", 0) or 0, **_place(request, query, pk, clock),
    }  # fmt: skip
    return render(request, "pages/alert.html", context | _deeds(request, row, assets, addresses, cut_off))


def _is_isolated(standing: Block | None) -> bool:
    return standing is not None and standing.state == BlockState.ACTIVE and not standing.drifts


def _named(asset: LinkedAsset, standing: Block | None, row: Alert) -> tuple[str, str, SafeString | str]:
    """Name, page, and in a badge that it is isolated, and whether the alert occurred all the same."""
    told = standing_badge(standing)
    if standing and _is_isolated(standing) and row.last_seen > standing.at and row.outcome != Outcome.BLOCKED:
        told = format_html("{} {}", told, badge("隔离以后又发生", "bad"))
    return plain_line(asset.name), links.asset(asset.pk), told


def is_closed(row: Alert) -> bool:
    """Has it ended?"""
    return row.status == AlertStatus.CLOSED


def _place(request: HttpRequest, query: QueueQuery, pk: int, clock: RiskClock) -> dict[str, str]:
    """Back to the list, and the alerts beside this one in it."""
    back = {"back_url": f"{reverse('web:alerts')}?{query.text}"}
    if not query.is_given:
        return back | {"before_url": "", "after_url": ""}
    queue = queues.settle(query.queue(request.user, clock.now), clock)
    names = zip(("before_url", "after_url"), queues.neighbours(queue, pk, clock), strict=True)
    return back | {name: f"{links.alert(each)}?{query.text}" if each else "" for name, each in names}


def _ask(row: Alert) -> str:
    """The chat with a question about it."""
    return f"{reverse('web:chat')}?q={quote(f'调查告警 {row.pk}')}"


def _observed(
    pk: int, found: Sequence[tuple[str, str]], cut_off: Mapping[str | int, Block], private: bool
) -> list[Observable]:
    others = hosts_of_hashes(pk, [value for kind, value in found if kind == IndicatorKind.HASH])
    return [
        Observable(
            kind, str(IndicatorKind(kind).label), NEEDS_ROLE if kind in PRIVATE_INDICATORS and not private else visible(value),
            location_of(value) if kind == "ip" else "",
            [(plain_line(each.name), links.asset(each.id), len(each.alerts)) for each in others[value][:MOST_HOSTS]] if value in others else None,
            f"{reverse('web:alerts')}?tab=all&q={quote(value)}" if len(others.get(value, ())) > MOST_HOSTS else "",
            standing_badge(cut_off.get(value)) if kind == "ip" else "",
        )
        for kind, value in found
    ]  # fmt: skip


def _listed(pk: int, private: bool) -> list[tuple[str, str, str, str, SafeString | str]]:
    """(observable, list, note, origin, until when) of what lists of indicators say."""
    return [
        (NEEDS_ROLE if each.is_private and not private else visible(each.observed[1]), plain_line(each.list),
         plain_line(each.note), plain_line(each.origin), moment(each.expires_at) if each.expires_at else "长期")
        for each in hits_of(pk)
    ]  # fmt: skip


def _deeds(
    request: HttpRequest,
    row: Alert,
    assets: Sequence[LinkedAsset],
    seen: Sequence[str],
    cut_off: Mapping[str | int, Block],
) -> dict[str, Any]:
    """What this person may do to it as it is."""
    query = alert_query.read(request.GET).text if "tab" in request.GET else ""
    context = acting(request, query, row.pk)
    if not context["may_act"]:
        return context
    may_propose = allows(role_of(request.user), Role.RESPONDER)
    seen = seen if may_propose else []
    refused = refusals(seen) if seen else {}
    words = {key: standing_words(each) for key, each in cut_off.items()}
    return context | {
        "is_open": row.status == AlertStatus.OPEN, "is_closed": row.status == AlertStatus.CLOSED,
        "addresses": sorted(
            ((each, refused.get(each, ""), words.get(each, "")) for each in seen), key=lambda each: (bool(each[1]), bool(each[2]))
        ),
        "blockable": len(seen) > len(refused),
        "machines": [
            (each, str(Importance(each.importance).label) if each.importance else "", words.get(each.pk, ""))
            for each in assets if may_propose and each.asset_type in ("host", "cloud", "other") and not _is_isolated(cut_off.get(each.pk))
        ],
    }  # fmt: skip


@require_safe
@page(SEE)
def touches(request: HttpRequest, pk: int) -> HttpResponse:
    """A part of the page: the assets, what is wrong on them, what stands beside them."""
    row = find(pk)
    assets = list(row.assets.select_related("owner").order_by("alert_links__pk")[:MOST_ASSETS])
    near = neighbours.around(assets[0]) if assets else neighbours.Neighbourhood()
    cut_off = in_force(asset_ids=[each.pk for each in assets])
    context = {
        "title": "涉及什么", "assets": [_card(each, cut_off.get(each.pk)) for each in assets], "flaws": _flaws(assets), "network": near.network,
        "beside": [(plain_line(each.name), links.asset(each.pk), importance_badge(each.importance)) for each in near.assets],
    }  # fmt: skip
    return render(request, "pages/alert_touches.html", context)


@dataclass(frozen=True, slots=True)
class AssetCard:
    """An asset that an alert concerns, as the page shows it."""

    name: str
    url: str
    kind: str
    importance: SafeString | str
    owner: str
    environment: str
    addresses: str
    exposure: str
    standing: SafeString | str


def _card(row: Asset, cut_off: Block | None) -> AssetCard:
    return AssetCard(
        plain_line(row.name), links.asset(row.pk), str(row.get_asset_type_display()), importance_badge(row.importance),
        visible(row.owner.name if row.owner else row.owner_text), visible(row.environment),
        "、".join(visible(str(each)) for each in row.ips[:4]), visible(exposure_of(row)), standing_badge(cut_off),
    )  # fmt: skip


def _flaws(assets: Sequence[Asset]) -> list[dict[str, Any]]:
    """The worst that is open on them, five; a vulnerability of several components or assets once."""
    rows = Finding.objects.filter(asset_id__in=[each.pk for each in assets], active=True)
    rows = rows.select_related("vulnerability", "component", "asset").order_by("-priority", "-id")
    worst: dict[object, Finding] = {}
    for each in rows[: _FLAWS * 8]:
        worst.setdefault(each.vulnerability_id or each.title, each)
    return [
        {
            "name": plain_line(each.vulnerability.vuln_id if each.vulnerability else each.title),
            "what": plain_line(f"{each.component or each.title}，{each.asset}"),
            "level": severity_badge(each.severity), "url": links.record("finding", each.pk),
            "kev": bool(each.vulnerability and each.vulnerability.kev), "fix": visible(each.fixed_version),
        }
        for each in list(worst.values())[:_FLAWS]
    ]  # fmt: skip


@require_safe
@page(SEE)
def known(request: HttpRequest, pk: int) -> HttpResponse:
    """A part of the page: the investigation, related alerts, indicators, runbooks."""
    row, private = find(pk), login_may_read(request.user)
    asset_ids = [each.pk for each in row.assets.all()[:MOST_ASSETS]]
    alike, seen = related(row, asset_ids, indicators_of(pk))
    shown = [
        (f"{links.alert(each.alert.pk)}", each.alert.pk, plain_line(each.alert.title), severity_badge(each.alert.severity),
         state_badge(each.alert), ago(each.alert.last_seen), "、".join(each.shared))
        for each in alike
    ]  # fmt: skip
    indicators = [
        (IndicatorKind(each.kind).label, NEEDS_ROLE if each.kind in PRIVATE_INDICATORS and not private else visible(each.value),
         each.others, f"{each.others}+" if each.others >= READ else each.others, each.own, links.asset(each.own[0]) if each.own else "",
         f"{reverse('web:alerts')}?tab=all&q={quote(each.value)}")
        for each in seen
    ]  # fmt: skip
    role = (
        Role.ADMIN
        if request.user.is_superuser
        else max(role_of(request.user), Role.VIEWER, key=RANK.__getitem__)
    )
    rule = named_rule(row.rule_id, row.rule_name, row.title)
    hits = runbooks.search_for(row.techniques, (row.rule_name or row.title)[:200], 3, Reader(role))
    context = {
        "title": "已知什么", "pk": pk, "rule": rule, "alike": shown, "indicators": indicators, "found": panel(row, private=private),
        "runbooks": [(visible(hit.title), links.record("runbook", hit.id), visible(hit.when)) for hit in hits],
        "may_act": request.user.has_perm(ACT), "list": alert_query.read(request.GET).text if "tab" in request.GET else "",
    }  # fmt: skip
    return render(request, "pages/alert_known.html", context)


@require_safe
@page(SEE)
def event(request: HttpRequest, pk: int) -> HttpResponse:
    """A part of the page: the source's own event, for those who may read it."""
    row = find(pk)
    raw = AlertPayload.objects.filter(alert=row).values_list("raw", flat=True).first()
    private = login_may_read(request.user)
    text = json.dumps(visible_value(raw), ensure_ascii=False, indent=2) if raw and private else ""
    context = {
        "title": "原始事件", "private": private, "text": text[:LONGEST_EVENT], "cut": len(text) > LONGEST_EVENT,
        "longest": LONGEST_EVENT,
    }  # fmt: skip
    return render(request, "pages/alert_event.html", context)
