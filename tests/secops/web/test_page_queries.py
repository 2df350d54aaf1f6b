"""What a page costs the database: every page that a browser can be led to, on the demo's estate with a row of everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from secops_agent.models import Alert, Staff
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders
from secops_agent.services.on_call.schedules import apply_on_call_entries
from tests.admin_pages import serve_plain_static
from tests.databases import Database
from tests.every_page import QUERIES, admin_pages, fill, own_pages, queries_of
from tests.secops.demo_aid import demo  # noqa: F401

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(demo: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, list[str]]]:  # noqa: F811
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
        yield client, [*own_pages(client), *admin_pages(client, rows)]


def test_a_page_takes_few_queries(pages: tuple[Client, list[str]]) -> None:
    client, paths = pages
    Staff.objects.update(corp_id="dingcorp")
    found = {path: len(queries_of(client, path)) for path in paths}
    over = {path: queries for path, queries in found.items() if queries > QUERIES}
    assert len(paths) > 100
    assert not over
