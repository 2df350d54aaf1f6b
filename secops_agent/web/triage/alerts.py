"""告警处置: the list of alerts that people work through."""

import re
from dataclasses import replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from bifang.channels.text.visible import visible
from secops_agent.models import Alert, SavedView
from secops_agent.models.choices import Verdict
from secops_agent.services import links
from secops_agent.services.alerts import batches
from secops_agent.services.alerts.queries.filters import ALERTS
from secops_agent.services.alerts.queries.urgency import URGENT, weighed
from secops_agent.services.operations import queues
from secops_agent.services.operations.queues import REACH, Facets
from secops_agent.services.pages import Total
from secops_agent.services.people.directory import selectable
from secops_agent.services.people.logins import accounts
from secops_agent.services.privacy import login_may_read
from secops_agent.services.sla import RiskClock
from secops_agent.web.access import page
from secops_agent.web.listing import ListLink, number, options
from secops_agent.web.triage import alert_query
from secops_agent.web.triage.alert_query import PAGE, TABS, QueueQuery
from secops_agent.web.triage.alert_rows import lines, plain_line

SEE: Final = "secops_agent.view_alert"
ACT: Final = "secops_agent.change_alert"
_CODE: Final = re.compile(r"\s*[Aa]([0-9]{1,18})\s*")


@require_safe
@page(SEE)
def alerts(request: HttpRequest) -> HttpResponse:
    """The list. Without a word in the address: everything that is not closed. A12 is looked for: its page."""
    query = alert_query.read(request.GET)
    if (code := _CODE.fullmatch(query.get("q"))) and Alert.objects.filter(pk=int(code[1])).exists():
        return redirect(links.alert(int(code[1])))
    clock = RiskClock(timezone.now())
    tab, tabs = query.get("tab") or "all", query.queues(request.user, clock.now)
    queue = queues.settle(tabs[tab], clock)
    once = {name: getattr(queue, name) for name in ("among", "sources", "is_spelled")}
    every = [replace(each, **once) for each in tabs.values()]
    counts = dict(zip(tabs, queues.counts(every, clock), strict=True))
    found = queues.ids(queue, clock, min(query.page * PAGE + 1, REACH))[(query.page - 1) * PAGE :]
    rows = weighed(
        Alert.objects.select_related("assignee", "case__owner", "closed_by"), found[:PAGE]
    ).in_bulk()
    wanted = [rows[pk] for pk in found[:PAGE] if pk in rows]
    shown = lines(wanted, clock, query.text, private=login_may_read(request.user))
    total, spans = (
        counts[tab],
        {"": "不限时间", **{name: label for name, (label, _) in alert_query.SPANS.items()}},
    )
    context = {
        "title": "告警", "query": query, "lines": shown, "total": f"{total.count}+" if total.capped else str(total.count),
        "whole": total.count, "too_many": total.capped or total.count > batches.MOST, "most": batches.MOST,
        "tabs": _tabs(query, counts), "chips": _chips(query), "orders": options(alert_query.ORDERS, query.get("sort") or "urgent"), "spans": options(spans, query.get("span")),
        "views": _views(request, query), "mark": _newest(), "older": _at(query, query.page + 1) if len(found) > PAGE else "",
        "newer": _at(query, query.page - 1) if query.page > 1 else "", "reach": REACH, "asked": query.get("q"),
        "first_day": query.get("from"), "last_day": query.get("to"), "order": URGENT if queue.order == "urgent" else "", "query_tab": tab, "query_span": query.get("span"),
    }  # fmt: skip
    return render(request, "pages/alerts.html", context | acting(request, query.text))


def acting(request: HttpRequest, query: str, alert_id: int | None = None) -> dict[str, Any]:
    """What the templates of those need who may act: people, verdicts, what can be undone (beside an alert, if it is one's page)."""
    if not request.user.has_perm(ACT):
        return {"may_act": False}
    mine = [row for row in accounts(request.user) if row.active]
    return {
        "may_act": True, "verdicts": Verdict.choices, "people": selectable(),
        "me": mine[0] if mine else None, "undo": batches.undoable(request.user.pk or 0, alert_id), "list": query, "collect_url": _collect(request), "undo_minutes": batches.UNDO_FOR.seconds // 60,
    }  # fmt: skip


def _collect(request: HttpRequest) -> str:
    """Where alerts become a case, for those who may, once there is such a page."""
    return reverse("web:case_collect") if request.user.has_perm("secops_agent.change_case") else ""


def _newest() -> int:
    return Alert.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _tabs(query: QueueQuery, counts: dict[str, Total]) -> list[ListLink]:
    chosen = query.get("tab") or "all"
    return [
        ListLink(title, _url(query.with_(tab=tab)), tab == chosen, counts[tab].text)
        for tab, title in TABS.items()
    ]


def _url(query: str) -> str:
    return f"{reverse('web:alerts')}?{query}"


def _at(query: QueueQuery, number: int) -> str:
    return _url(f"{query.text}&page={number}")


def _views(request: HttpRequest, query: QueueQuery) -> list[tuple[SavedView, ListLink]]:
    rows = SavedView.objects.filter(owner_id=request.user.pk)
    return [(row, ListLink(row.name, _url(row.query), row.query == query.text)) for row in rows]


def _chips(query: QueueQuery) -> list[ListLink]:
    """What restricts the list, each with the way to take it off."""
    chips = []
    for name, each in ALERTS.facets().items():
        names = queues.labels(name, query.all(name))
        chips += [
            ListLink(f"{each.label}：{plain_line(names.get(value, value))}", _url(query.toggled(name, value)))
            for value in query.all(name)
        ]
    for name, title in (("q", "搜索"), ("from", "从"), ("to", "到")):
        if value := query.get(name):
            chips.append(ListLink(f"{title}：{visible(value)}", _url(query.with_(**{name: ""}))))
    return chips


@require_safe
@page(SEE)
def facets(request: HttpRequest) -> HttpResponse:
    """How many of what there are in the list, to narrow it: a part of the page."""
    query = alert_query.read(request.GET)
    if (code := _CODE.fullmatch(query.get("q"))) and Alert.objects.filter(pk=int(code[1])).exists():
        return redirect(links.alert(int(code[1])))
    clock = RiskClock(timezone.now())
    found = queues.facets(queues.settle(query.queue(request.user, clock.now), clock), clock)
    context = {
        "title": "告警",
        "facets": _groups(query, found),
        "sampled": found.sampled,
        "sample": queues.SAMPLE,
        "query": query,
    }
    return render(request, "pages/alert_facets.html", context)


def _groups(query: QueueQuery, found: Facets) -> list[tuple[str, list[ListLink]]]:
    groups = []
    for name, each in ALERTS.facets().items():
        chosen = query.all(name)
        buckets = [
            ListLink(
                plain_line(bucket.label),
                _url(query.toggled(name, bucket.value)),
                bucket.value in chosen,
                str(bucket.count),
            )
            for bucket in found.buckets[name]
        ]
        groups.append((each.label, buckets))
    return [(title, buckets) for title, buckets in groups if buckets]


@require_safe
@page(SEE)
def news(request: HttpRequest) -> HttpResponse:
    """How many have come in since the list was drawn (``mark``: the newest alert then): a line above it."""
    query = alert_query.read(request.GET, beside=("mark",))
    mark = number(request.GET.get("mark", ""))
    clock = RiskClock(timezone.now())
    count = (
        queues.newer(queues.settle(query.queue(request.user, clock.now), clock), mark, clock) if mark else 0
    )
    return render(request, "pages/alert_news.html", {"count": count, "url": _url(query.text)})
