"""The estate in the admin: lists, and the runbooks."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from secops_agent.models import History, Role, Runbook
from secops_agent.services import runbooks
from tests.admin_pages import member, serve_plain_static, superuser, text_of
from tests.secops.api.callers import estate

pytestmark = pytest.mark.django_db
LISTS = ("component", "runbook", "importjob", "apitoken")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def page(model: str, row: Any, name: str = "change") -> str:
    return reverse(f"admin:secops_agent_{model}_{name}", args=[row.pk])


@pytest.mark.slow
@pytest.mark.parametrize("model", LISTS)
def test_a_list_costs_the_same_with_many_rows(model: str) -> None:
    client, address = superuser(), reverse(f"admin:secops_agent_{model}_changelist")
    costs = []
    for size in (3, 30):
        estate(size)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1], costs


@pytest.mark.parametrize(
    ("model", "word", "hits"),
    [("component", "openssl", 2)],
)
def test_a_search_finds(model: str, word: str, hits: int) -> None:
    estate(2)
    found = superuser().get(reverse(f"admin:secops_agent_{model}_changelist"), {"q": word})
    assert found.context["cl"].result_count == hits


def test_a_runbook_is_written_found_and_removed() -> None:
    client = member(Role.ADMIN)
    add, values = (
        reverse("admin:secops_agent_runbook_add"),
        {
            "title": "勒索病毒",
            "body": "断网。",
            "tags": "勒索",
            "techniques": "",
            "role": "viewer",
            "published": "on",
        },
    )
    assert client.post(add, values).status_code == 302
    row = Runbook.objects.get()
    assert [hit.title for hit in runbooks.search("勒索")] == ["勒索病毒"]
    client.post(page("runbook", row), values | {"title": "勒索软件"})
    assert [hit.title for hit in runbooks.search("勒索")] == ["勒索软件"]
    assert "已存在" in text_of(client.post(add, values | {"title": "勒索软件"})).replace("已经存在", "已存在")
    client.post(page("runbook", row, "delete"), {"post": "yes"})
    assert not Runbook.objects.exists()
    actions = History.objects.filter(entity="runbook").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["create", "update", "delete"]
