"""The frame around every page: what this person's menu, tabs and crumbs are."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from bifang.channels.admin.figures import dead_letter_badge, frame_counts, mute_robots
from bifang.core.admin.dashboard import switches_on
from bifang.shell.table import ALL, SETTINGS, STATUS, MenuPage, may_see, trail


def frame(request: HttpRequest) -> dict[str, Any]:
    """A context processor: what the frame shows, asked for only where it is printed."""
    return {
        "house_menu": SimpleLazyObject(lambda: menu(request)),
        "house_tabs": SimpleLazyObject(lambda: _tabs(request)),
        "house_crumbs": SimpleLazyObject(lambda: _crumbs(request)),
        "house_switches": SimpleLazyObject(lambda: switches_on(frame_counts(request))),
        "house_mute": SimpleLazyObject(lambda: mute_robots(request)),
    }


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu of this person: an entry for each page of which they may see it or one of its tabs or cards."""
    here = trail(request.path)[:1]
    return [_entry(request, page, page in here) for page in ALL if _seen(request, page)]


def _seen(request: HttpRequest, page: MenuPage) -> list[MenuPage]:
    return [each for each in (page, *page.tabs) if each.address and may_see(request, each)]


def _entry(request: HttpRequest, page: MenuPage, here: bool) -> dict[str, Any]:
    link = _seen(request, page)[0].address
    return {
        "title": page.title, "icon": page.icon, "link": link, "thumb": page.thumb,
        "badge": dead_letter_badge(request) if page is STATUS else "",
        "current": here and ("page" if request.path == link else "true"),
    }  # fmt: skip


def _tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The lists that stand side by side with the one that is shown; none on the page of a record."""
    way = [page for page in trail(request.path) if page not in (SETTINGS, STATUS)]
    if not way or not way[0].tabs or request.path not in (way[-1].address, way[-1].records):
        return []
    seen = _seen(request, way[0])
    return [
        {"title": each.title, "link": each.address, "here": each is way[-1]} for each in seen if len(seen) > 1
    ]


def _crumbs(request: HttpRequest) -> list[MenuPage]:
    """The pages above the one that is shown, the highest first."""
    return [page for page in trail(request.path) if page.address != request.path]
