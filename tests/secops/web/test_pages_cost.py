"""Every page of ours asks the database little, whatever there is of everything."""

from pathlib import Path

from django.contrib.auth.models import User
from django.test import Client

from secops_agent.models import Staff
from tests.admin_pages import serve_plain_static
from tests.databases import Database
from tests.every_page import QUERIES, fill, own_pages, queries_of
from tests.secops.demo_aid import demo  # noqa: F401


def test_own_pages_ask_the_database_little(
    demo: Database,  # noqa: F811
    settings: object,
    tmp_path: Path,
) -> None:
    serve_plain_static(settings, tmp_path)
    root = User.objects.create_superuser("root")
    Staff.objects.filter(staff_id="manager01").update(
        user=root, corp_id="dingcorp"
    )  # as the first message tells
    client = Client()
    client.force_login(root)
    fill()
    pages = [*own_pages(client), "/search/?q=web-01", "/alerts/?q=web-01&severity=high"]
    found = {page: queries_of(client, page) for page in pages}
    assert {page: len(asked) for page, asked in found.items() if len(asked) > QUERIES} == {}
