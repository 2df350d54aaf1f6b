"""工作台: what needs somebody now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from secops_agent.web.access import page


@page()
def home(request: HttpRequest) -> HttpResponse:
    """The first page after the login."""
    return render(request, "pages/home.html", {"title": "工作台"})
