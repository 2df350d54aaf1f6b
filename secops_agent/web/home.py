"""工作台: what needs somebody now; then what is exposed; then whether everything runs."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from bifang.core.admin import dashboard, panels
from secops_agent.web import home_alerts, home_risks
from secops_agent.web.access import page


def _now(request: HttpRequest) -> dict[str, Any]:
    """The part that is there at once and asked for again most often."""
    now = timezone.now()
    return {
        "at": timezone.localtime(now),
        **home_alerts.alerts(request, now),
        **home_alerts.people(request, now),
    }


def _risks(request: HttpRequest) -> dict[str, Any]:
    return home_risks.risks(request, timezone.now())


def _system(request: HttpRequest) -> dict[str, Any]:
    connections = dashboard.connections(request)
    return {
        "cards": panels.cards(request),
        "connections": connections,
        "connected": sum(live.tone == "ok" for _, live in connections),
    }


def _steps(request: HttpRequest) -> dict[str, Any]:
    steps = panels.steps(request)
    return {"steps": steps, "left": sum(not step.done for step in steps)}


PARTS: Final[Mapping[str, Callable[[HttpRequest], dict[str, Any]]]] = {
    "now": _now, "risks": _risks, "system": _system, "steps": _steps,
}  # fmt: skip


@page()
def home(request: HttpRequest) -> HttpResponse:
    """The whole page, or the ``part`` of it that its own polling asks for."""
    name = request.GET.get("part", "")
    if not name:
        return render(request, "pages/home.html", {"title": "工作台", **_now(request)})
    if name not in PARTS:
        raise Http404
    return render(request, f"pages/home_{name}.html", PARTS[name](request))
