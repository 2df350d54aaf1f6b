"""The box of the frame (Ctrl+K): pages, alerts, assets, vulnerabilities and people that one may see."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from bifang.shell.table import may_see, walk
from secops_agent.models import Alert, Staff, Vulnerability
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.assets import inventory
from secops_agent.services.privacy import login_may_read
from secops_agent.web.access import page

MOST: Final = 6  # of a kind
NUMBER: Final = re.compile(r"[Aa#]?(\d{1,18})")
Hits = Iterator[tuple[str, str, str]]  # title, what it is, address


@require_safe
@page()
def find(request: HttpRequest) -> HttpResponse:
    """What was found for ``q``, the nearest first: the list for the frame."""
    wanted = request.GET.get("q", "").strip()[:100]
    found = {
        title: list(hits(request, wanted))
        for title, (right, hits) in KINDS.items()
        if wanted and _may(request, right)
    }
    context = {"wanted": wanted, "found": {title: hits for title, hits in found.items() if hits}}
    return render(request, "pages/found.html", context)


def _may(request: HttpRequest, right: str) -> bool:
    return not right or request.user.has_perm(right)


def _pages(request: HttpRequest, wanted: str) -> Hits:
    fits = (way for way in walk() if way[-1].address and may_see(request, way[-1]))
    named = [(" / ".join(each.title for each in way), way[-1]) for way in fits]
    hits = [(title, each) for title, each in named if wanted.lower() in f"{title} {each.words}".lower()]
    return ((each.title, title, each.address) for title, each in hits[:MOST])


def _alerts(request: HttpRequest, wanted: str) -> Hits:
    number = NUMBER.fullmatch(wanted)
    named = Alert.objects.filter(pk=int(number[1])) if number else Alert.objects.none()
    like = triage.search(AlertFilter(keyword=wanted, private=login_may_read(request.user), limit=MOST)).items
    for pk, title in (
        {each.pk: each.title for each in named} | {each.id: each.title for each in like}
    ).items():
        yield f"A{pk} {title}", "告警", reverse("web:alert", args=[pk])


def _assets(request: HttpRequest, wanted: str) -> Hits:
    matches = inventory.find(wanted)
    for each in [matches.asset] if matches.asset else matches.candidates[:MOST]:
        yield each.name, "资产", reverse("web:asset", args=[each.id])


def _vulnerabilities(request: HttpRequest, wanted: str) -> Hits:
    for row in Vulnerability.objects.filter(vuln_id__istartswith=wanted).order_by("-vuln_id")[:MOST]:
        yield f"{row.vuln_id} {row.title}", "漏洞", reverse("web:vulnerability", args=[row.pk])


def _people(request: HttpRequest, wanted: str) -> Hits:
    rows = Staff.objects.filter(name__icontains=wanted) | Staff.objects.filter(staff_id__istartswith=wanted)
    for row in rows.order_by("name")[:MOST]:
        yield (
            row.name or row.staff_id,
            row.get_role_display(),
            reverse("admin:secops_agent_staff_change", args=[row.pk]),
        )


KINDS: Final[Mapping[str, tuple[str, Callable[[HttpRequest, str], Hits]]]] = {
    "页面": ("", _pages), "告警": ("secops_agent.view_alert", _alerts), "资产": ("secops_agent.view_asset", _assets),
    "漏洞": ("secops_agent.view_vulnerability", _vulnerabilities), "人员": ("secops_agent.view_staff", _people),
}  # fmt: skip
