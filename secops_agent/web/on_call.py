"""值班: who is on call."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from secops_agent.web.access import page


@page("secops_agent.view_oncallschedule")
def on_call(request: HttpRequest) -> HttpResponse:
    """The page."""
    return render(request, "pages/base.html", {"title": "值班"})
