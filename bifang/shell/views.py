"""设置 and 运行状态: a card for each page, with what it is for and how it stands now."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.apps import apps
from django.db.models import Count, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bifang.shell.table import SETTINGS, STATUS, MenuPage, may_see
from secops_agent.web.access import page

MOST_COUNTED: Final = 1000


@require_safe
@page()
def settings(request: HttpRequest) -> HttpResponse:
    """设置: what is set up once."""
    return _cards(request, SETTINGS)


@require_safe
@page()
def status(request: HttpRequest) -> HttpResponse:
    """运行状态: whether everything runs, and what was done."""
    return _cards(request, STATUS)


def _cards(request: HttpRequest, shown: MenuPage) -> HttpResponse:
    seen = [each for each in (*shown.tabs, *shown.links) if may_see(request, each)]
    numbers = counted(each.model for each in seen if not each.state)
    cards = [_card(request, each, numbers) for each in seen]
    return render(request, "pages/cards.html", {"title": shown.title, "cards": cards})


def _card(request: HttpRequest, shown: MenuPage, numbers: Mapping[str, int]) -> dict[str, Any]:
    count = numbers.get(shown.model, 0)
    many = f"{count} 条" if count < MOST_COUNTED else f"{MOST_COUNTED - 1} 条以上"
    state, tone = shown.state(request) if shown.state else (many if count else "还没有", "idle")
    below = [each for each in shown.tabs if may_see(request, each)]
    return {"page": shown, "state": state, "tone": tone, "below": below}


def counted(models: Iterable[str]) -> dict[str, int]:
    """Name of a model → its rows, counted no further than `MOST_COUNTED`; one query for all of them."""
    parts = [_counted(name) for name in models]
    return dict(parts[0].union(*parts[1:], all=True)) if parts else {}


def _counted(name: str) -> "QuerySet[Any, Any]":
    rows = apps.get_model(name)._default_manager.order_by()
    few = rows.filter(pk__in=rows.values("pk")[:MOST_COUNTED]).annotate(part=Value(name)).values_list("part")
    found: QuerySet[Any, Any] = few.annotate(number=Count("pk"))
    return found
