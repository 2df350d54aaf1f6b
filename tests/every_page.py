"""Every page that a browser can be led to, found by walking the addresses, with a row of everything there."""

import re
from collections.abc import Iterator

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.urls.exceptions import NoReverseMatch

from bifang.channels.models import InboxRow
from bifang.core.configuration.kinds import all_kinds
from secops_agent.models import Alert, Asset, Case, Finding, Proposal, Staff, Vulnerability
from secops_agent.web.urls import urlpatterns
from tests.admin_pages import MODELS, ROWS

# Which rows the number in an own address counts, by the first word of the address.
COUNTED: dict[str, type[Model]] = {
    "alerts": Alert, "approvals": Proposal, "assets": Asset, "cases": Case, "conversations": InboxRow, "findings": Finding,
    "vulnerabilities": Vulnerability,
}  # fmt: skip
OTHERS = ("admin:index", "admin:password_change", "second_factor", "settings", "status")


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
    """The admin's pages: those of every screen, their own extras, and those that belong to no model."""
    found = [reverse(name) for name in OTHERS]
    found += [f"{reverse('admin:core_systemconfig_add')}?kind={kind.name}" for kind in all_kinds()]
    for model in MODELS:
        found += _screen_addresses(model, rows[model])
    return [path for path in dict.fromkeys(found) if is_page(client, path)]


def is_page(client: Client, path: str) -> bool:
    """Does it answer with a whole page?"""
    answer = client.get(path)
    whole = answer.get("Content-Type", "").startswith("text/html") and not answer.streaming
    return bool(answer.status_code == 200 and whole and b"<html" in answer.content)


def own_addresses() -> Iterator[str]:
    """Our own addresses: pages, parts of pages, files, and what takes a POST."""
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if route.lstrip("^").startswith("admin/"):
            continue
        model = COUNTED.get(route.partition("/")[0])
        row = model._default_manager.order_by("pk").first() if model else None
        yield "/" + re.sub(r"<int:\w+>", str(row.pk if row else 0), route)


def _screen_addresses(model: type[Model], row: Model) -> Iterator[str]:
    for pattern in admin.site._registry[model].get_urls():
        name = str(getattr(pattern, "name", ""))
        if name.endswith(("_history", "_delete")) and model is not Staff:  # Django's own, the same everywhere
            continue
        for arguments in ([], [row.pk]):
            try:
                yield reverse(f"admin:{name}", args=arguments)
            except NoReverseMatch:
                continue
