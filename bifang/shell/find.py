"""搜索 (`/search/`) and the box of the frame (Ctrl+K): pages that one may see, and whatever `secops_agent.web.search` finds."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bifang.shell.table import SETTINGS, may_see, walk
from secops_agent.web.access import page
from secops_agent.web.search import SHOWN, FoundGroup, FoundItem, look

MOST: Final = 6  # pages
LONGEST: Final = 200


@require_safe
@page()
def search(request: HttpRequest) -> HttpResponse:
    """What was found for ``q``, the nearest first: a page, or the list alone for the box of the frame."""
    wanted = request.GET.get("q", "").strip()
    if len(wanted) > LONGEST:
        raise BadRequest("nothing is that long")
    pages = FoundGroup("页面", "", tuple(_pages(request, wanted)) if wanted else ())
    groups = [each for each in (pages, *look(request.user, wanted)) if each.items]
    groups.sort(key=lambda each: not any(item.named for item in each.items))
    shown = "pages/found.html" if "HX-Request" in request.headers else "pages/search.html"
    return render(request, shown, {"title": "搜索", "wanted": wanted, "groups": groups})


def _pages(request: HttpRequest, wanted: str) -> Iterator[FoundItem]:
    """By what a page is called; where none is, the settings by the names of what is set there."""
    fits = (way for way in walk() if way[-1].address and may_see(request, way[-1]))
    named = [(" / ".join(each.title for each in way), way[-1]) for way in fits]
    words = wanted.lower().split()
    hits = [(title, each) for title, each in named if all(word in each.known_as for word in words)]
    hits.sort(key=lambda hit: wanted.lower() not in hit[1].title.lower())
    for title, each in hits[:MOST]:
        yield FoundItem(each.title, title, each.address, wanted.lower() in each.title.lower())
    set_here = [way for way in walk(SETTINGS) if way[-1].address and may_see(request, way[-1])]
    told = ((way, way[-1].settings_like(wanted.lower())) for way in set_here if not hits and len(wanted) > 1)
    for way, names in islice((each for each in told if each[1]), MOST):
        title = " / ".join(each.title for each in way)
        yield FoundItem(way[-1].title, f"{title}：{'、'.join(names[:SHOWN])}", way[-1].address)
