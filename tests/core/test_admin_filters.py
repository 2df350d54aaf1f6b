"""A list is narrowed by its own filters: no parameter asks about a column that it does not show."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import Field, ForeignObjectRel, Model
from django.urls import reverse

from bifang.core.admin.base import Screen
from tests.admin_pages import MODELS, PRIVATE, ROWS, dingtalk, received, serve_plain_static, superuser

pytestmark = pytest.mark.django_db
LOOKUPS = ("regex", "startswith", "gt")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def questions(model: type[Model]) -> Iterator[str]:
    """Every column of the model in one way that is no filter's, in turn, and the columns of what it points to."""
    for field, lookup in zip(model._meta.get_fields(), cycle(LOOKUPS), strict=False):
        yield f"{field.name}__{lookup}"
        related = None if isinstance(field, Field) and not field.is_relation else field.related_model
        if isinstance(related, type) and not isinstance(field, ForeignObjectRel):
            yield from (f"{field.name}__{one.name}__regex" for one in related._meta.get_fields())


def declared(model: type[Model]) -> set[str]:
    """What the list's own filters take."""
    screen, names = admin.site._registry[model], set()
    for one in screen.list_filter:
        if isinstance(one, str):
            field = get_fields_from_path(model, one)[-1]
            names |= {one, f"{one}__isnull"} | (
                {f"{one}__gte", f"{one}__lt"} if "Date" in type(field).__name__ else set()
            )
    return names


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_a_list_takes_no_parameter_but_its_filters(model: type[Model]) -> None:
    assert isinstance(admin.site._registry[model], Screen), (
        "a screen that is no Screen keeps none of its rules"
    )
    ROWS[model._meta.label_lower]()
    client = superuser()
    for asked in sorted(set(questions(model)) - declared(model)):
        answer = client.get(list_of(model), {asked: "a"})
        # A page of our own (the switches) is no list, and asks the address nothing.
        assert answer.status_code == 400 or "cl" not in answer.context, asked


@pytest.mark.parametrize("word", ["^(a+)+$", "^我的"])
def test_hidden_text_is_not_told_letter_by_letter(word: str) -> None:
    received(dingtalk())
    assert PRIVATE.startswith("我的")
    page = superuser().get("/admin/channels/inboxrow/", {"text__regex": word})
    assert page.status_code == 400
    assert "result_list" not in page.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "query", ["state__exact=done", "kind__exact=chat", "config__id__exact=1", "received_at__gte=2026-01-01+00:00:00%2B08:00", "o=-1", "q=a", "p=1", "all="]
)  # fmt: skip
def test_the_lists_own_filters_order_and_search_go_on(query: str) -> None:
    received(dingtalk())
    assert superuser().get(f"/admin/channels/inboxrow/?{query}").status_code == 200
