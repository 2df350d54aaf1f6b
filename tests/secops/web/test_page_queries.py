"""What a page costs the database: every page that a browser can be led to, on the demo's estate with a row of everything; and
lists, searches and one alert of a list."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from secops_agent.demo.loading import load
from secops_agent.models import Alert, Staff
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders
from secops_agent.services.on_call.schedules import apply_on_call_entries
from tests.admin_pages import serve_plain_static
from tests.databases import Templates
from tests.every_page import QUERIES, admin_pages, fill, own_pages, queries_of
from tests.secops.demo_aid import demo  # noqa: F401

pytestmark = pytest.mark.slow


# With the clock of the database, of which only PostgreSQL is asked.
BESIDE = (
    "/alerts/1/?tab=all", "/alerts/?tab=all&status=closed", "/alerts/?tab=mine", "/alerts/?q=web-01", "/search/?q=web-01",
    "/search/?q=zhangsan", "/search/?q=没有的词", "/?part=now", "/?part=risks", "/?part=steps",
)  # fmt: skip


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def estate(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[None]:  # fmt: skip
    """The demo's, on either database."""
    if request.param == "sqlite":
        request.getfixturevalue("demo")
        yield
        return
    home = tmp_path_factory.mktemp("estate") / "var"
    with django_db_blocker.unblock(), templates.database("postgresql", home):
        load()
        yield


@pytest.fixture(scope="module")
def pages(estate: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, list[str]]]:
    """One who may do everything, and all that there is to see; a large case among it."""
    with override_settings():
        serve_plain_static(settings, Path(tmp_path_factory.mktemp("static")))
        root = User.objects.create_superuser("root", "root@example.com")
        Staff.objects.filter(staff_id="manager01").update(user=root)
        rows = fill()
        rota = {"rotation": "daily", "start": "2026-11-01", "staff": ["lisi", "wangwu"]}
        apply_on_call_entries([{"name": name, **rota} for name in ("夜班", "周末")])
        open_ones = Alert.objects.exclude(status=AlertStatus.CLOSED).filter(case=None).order_by("pk")
        orders.create(list(open_ones.values_list("pk", flat=True)[:50]), Actor.system("test"), "一次攻击")
        client = Client()
        client.force_login(root)
        yield client, [*own_pages(client), *admin_pages(client, rows), *BESIDE]


def test_a_page_takes_few_queries(pages: tuple[Client, list[str]]) -> None:
    client, paths = pages
    Staff.objects.update(corp_id="dingcorp")
    found = {path: len(queries_of(client, path)) for path in paths}
    over = {path: queries for path, queries in found.items() if queries > QUERIES}
    assert len(paths) > 100
    assert not over
