"""Where alerts and the estate were before they had pages of our own: bookmarks and old messages still lead to them."""

from typing import Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from secops_agent.services import links

_NOW: Final = {
    "q": "q", "severity__exact": "severity", "status__exact": "status", "verdict__exact": "verdict", "source": "source",
    "source__exact": "source", "assignee__id__exact": "assignee",
}  # fmt: skip
_LISTS: Final = {"asset": "web:assets", "finding": "web:findings", "vulnerability": "web:vulnerabilities"}
_SAME: Final = {
    "asset": {"q"},
    "finding": {"q", "severity", "kind", "state", "decision", "source"},
    "vulnerability": {"q", "severity"},
}


def former_list(request: HttpRequest) -> HttpResponse:
    """With the filters that are still the same."""
    query = QueryDict(mutable=True)
    query["tab"] = "all"
    for name, value in request.GET.items():
        if name in _NOW:
            query[_NOW[name]] = str(value)
    return redirect(f"{reverse('web:alerts')}?{query.urlencode()}", permanent=False)


def former_alert(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of the alert."""
    return redirect(links.alert(pk))


def former_estate(request: HttpRequest, kind: str) -> HttpResponse:
    """The list of assets, findings or vulnerabilities, with the filters that are still the same."""
    query = QueryDict(mutable=True)
    for name, value in request.GET.items():
        plain = name.removesuffix("__exact")
        if plain in _SAME[kind]:
            query[plain] = str(value)
    return redirect(f"{reverse(_LISTS[kind])}?{query.urlencode()}", permanent=False)


def former_record(request: HttpRequest, kind: str, pk: str) -> HttpResponse:
    """The page of one."""
    return redirect(links.record(kind, int(pk)))
