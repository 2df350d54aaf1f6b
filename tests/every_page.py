"""Every page that a browser can be led to, found by walking the addresses, with a row of everything there."""

import re
from collections.abc import Iterator, Mapping

from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from bifang.channels.models import InboxRow
from bifang.core.configuration.kinds import all_kinds
from secops_agent.models import Alert, Asset, Case, Finding, Proposal, Staff, Vulnerability
from tests.admin_pages import MODELS, ROWS

# Which rows the number in an own address counts, by the first word of the address.
COUNTED: dict[str, type[Model]] = {
    "alerts": Alert, "approvals": Proposal, "assets": Asset, "cases": Case, "conversations": InboxRow, "findings": Finding,
    "vulnerabilities": Vulnerability,
}  # fmt: skip
SCREENS = "admin/"
QUERIES = 20  # of a page
MACHINES = ("api/", "mcp", "^")  # what no browser is led to, and what is left over


def fill() -> dict[type[Model], Model]:
    """A row of every model that has a screen: what is there, or one that is made."""
    return {
        model: model._default_manager.order_by("pk").first() or ROWS[model._meta.label_lower]()
        for model in MODELS
    }


def own_pages(client: Client) -> list[str]:
    """Our own pages, without parts of pages, files and what only takes a POST."""
    return [path for path in own_addresses() if is_page(client, path)]


def admin_pages(client: Client, rows: dict[type[Model], Model]) -> list[str]:
    """The admin's pages: those of every screen, their own extras, and those that belong to no model; not those of a link
    that is sent to somebody."""
    found = [f"{reverse('admin:core_systemconfig_add')}?kind={kind.name}" for kind in all_kinds()]
    found += [path for path in _screen_addresses(rows) if "<" not in path]
    return [path for path in dict.fromkeys(found) if is_page(client, path)]


def is_page(client: Client, path: str) -> bool:
    """Does it answer with a whole page?"""
    answer = client.get(path)
    whole = answer.get("Content-Type", "").startswith("text/html") and not answer.streaming
    return bool(answer.status_code == 200 and whole and b"<html" in answer.content)


def queries_of(client: Client, path: str) -> list[str]:
    """What a page asks the database for; visit it once before, for what is read once a process."""
    with CaptureQueriesContext(connection) as seen:
        client.get(path)
        return [each["sql"] for each in seen]  # the next request forgets them


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Every route of the site, as it is written, and its name."""
    for each in (resolver or get_resolver()).url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route, each.name or ""
        elif not route.startswith(MACHINES):
            yield from routes(each, route)


def own_addresses() -> Iterator[str]:
    """Our own addresses: pages, parts of pages, files, and what takes a POST."""
    for route, _ in routes():
        if not route.startswith((SCREENS, *MACHINES)):
            model = COUNTED.get(route.partition("/")[0])
            yield _filled(route, model._default_manager.order_by("pk").first() if model else None)


def _screen_addresses(rows: Mapping[type[Model], Model]) -> Iterator[str]:
    screens = {f"{SCREENS}{model._meta.app_label}/{model._meta.model_name}": model for model in rows}
    for route, name in routes():
        model = screens.get("/".join(route.split("/")[:3]))
        if not route.startswith(SCREENS) or "^" in route:
            continue
        if not name.endswith(("_history", "_delete")) or model is Staff:  # Django's own, the same everywhere
            yield _filled(route, rows[model] if model else None)


def _filled(route: str, row: Model | None) -> str:
    return "/" + re.sub(r"<(int|path):\w+>", str(row.pk if row else 0), route)
