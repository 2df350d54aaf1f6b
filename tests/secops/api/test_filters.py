"""A list of the API takes the parameters that it declares, and no other."""

import pytest
from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from secops_agent.api import urls
from tests.secops.api.callers import estate, with_token

pytestmark = pytest.mark.django_db
LISTS = [
    f"/api/{each.pattern}"
    for each in urls.urlpatterns
    if isinstance(each, URLPattern)
    and "<" not in str(each.pattern)
    and "GET" in getattr(getattr(each.callback, "view_class", None), "needs", {})
]


@pytest.mark.slow
@pytest.mark.parametrize("address", LISTS)
def test_a_list_refuses_what_it_does_not_declare(address: str) -> None:
    estate(1)
    client = with_token("read")
    for asked in (
        "title__regex",
        "description__contains",
        "text__startswith",
        "owner__name",
        "pk",
        "ordering",
    ):
        answer = client.get(address, {asked: "^(a+)+$"})
        assert answer.status_code == 400, asked
        assert answer.json()["error"]["fields"][asked], asked


def test_the_lists_are_found() -> None:
    assert get_resolver().resolve(LISTS[0])
    assert len(LISTS) >= 8
