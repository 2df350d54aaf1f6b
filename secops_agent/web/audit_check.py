"""校验审计链: compute the chain again on a page, a few segments at a time, and say in words what came of it."""

import time
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from secops_agent.admin.inventory import actor_of
from secops_agent.models import AuditSegment
from secops_agent.services.audit import verification
from secops_agent.services.audit.changes import keep
from secops_agent.services.audit.verification import UNKNOWN_HEAD, ChainFault, ChainVerdict, Report
from secops_agent.web.access import page

VIEW: Final = "secops_agent.view_auditsegment"
STEP_S: Final = 0.5  # of one answer; a segment is never cut in two
MOST_SHOWN: Final = 50  # faults of one answer


@page(VIEW)
def audit_check(request: HttpRequest) -> HttpResponse:
    """The page. POST ``expect`` (a digest written down earlier, optional) does it whole, for who has no scripts."""
    context: dict[str, Any] = {
        "title": "校验审计链",
        "segments": AuditSegment.objects.count(),
        "last": AuditSegment.objects.order_by("-number").first(),
        "expect": _digest(request),
    }
    if request.method == "POST":
        _note(request)
        report = verification.verify(_digest(request), settings.AUDIT_RETENTION_DAYS)
        context |= _told(report, len(report.faults), verification.touched(report.faults))
        context["faults"] = report.faults[:MOST_SHOWN]
    return render(request, "pages/audit_check.html", context)


@require_POST
@page(VIEW)
def audit_check_step(request: HttpRequest) -> HttpResponse:
    """POST ``after`` (segments that are done), ``known`` and ``touched`` (faults so far, and how many of them no lost
    key explains), ``expect``, ``met`` (it was on the chain).
    """
    after, expect, met = _number(request, "after"), _digest(request), request.POST.get("met") == "1"
    if after == 0:
        _note(request)
    end, faults = time.monotonic() + STEP_S, list[ChainFault]()
    for check in verification.verify_segments(after, settings.AUDIT_RETENTION_DAYS):
        after, met = check.number, met or expect in check.heads
        faults += check.faults
        if time.monotonic() >= end:
            break
    total = AuditSegment.objects.count()
    context: dict[str, Any] = {"after": after, "total": total, "met": met, "expect": expect}
    known, touched = _number(request, "known"), _number(request, "touched")
    if after >= total:
        report = verification.conclude(() if met or not expect else (UNKNOWN_HEAD,))
        faults += report.faults
        context |= _told(report, known + len(faults), touched + verification.touched(faults))
    context |= {"known": known + len(faults), "touched": touched + verification.touched(faults)}
    return render(request, "pages/audit_check_step.html", context | {"faults": faults[:MOST_SHOWN]})


def _note(request: HttpRequest) -> None:
    keep(actor_of(request), "校验审计链", "audit", {"segments": AuditSegment.objects.count()})


def _told(report: Report, faults: int, touched: int) -> dict[str, Any]:
    found = verification.verdict(faults, touched)
    tone = {ChainVerdict.WHOLE: "ok", ChainVerdict.UNREADABLE: "warn", ChainVerdict.TOUCHED: "bad"}[found]
    return {
        "report": report,
        "fault_count": faults,
        "verdict": found,
        "tone": tone,
        "no_key": verification.NO_KEY,
    }


def _digest(request: HttpRequest) -> str:
    return request.POST.get("expect", "").strip().lower()[:64]


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
