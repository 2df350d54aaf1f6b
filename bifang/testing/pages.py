"""`PageCases`: a page asks the database little, is shown to who may see it and nobody else, and can be read aloud."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

_NAMED = ("a", "button")


class _Reader(HTMLParser):
    """What a reader of the page would stumble over, by the oldest rules of accessibility."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._ids: set[str] = set()
        self._open: list[tuple[str, list[str]]] = []
        self.languages: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.languages.append(given.get("lang", ""))
        if tag == "img" and "alt" not in given:
            self.faults.append(f"img without alt: {given.get('src', '')[:60]}")
        if (name := given.get("id")) and name in self._ids:
            self.faults.append(f"id twice: {name}")
        self._ids.add(given.get("id", ""))
        if tag in _NAMED:
            label = given.get("aria-label") or given.get("title") or given.get("aria-labelledby") or ""
            self._open.append((tag, [label]))
        elif self._open and tag == "img":
            self._open[-1][1].append(given.get("alt", ""))

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1][1].append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            _, words = self._open.pop()
            if not any(words):
                self.faults.append(f"{tag} without a name")


@pytest.mark.django_db
class PageCases:
    """``path`` of the page; ``permissions`` that its readers have ("secops_agent.view_alert"). ``queries``: the most it may ask.

    A browser finds more: `make test-outside` runs axe over every page of ours.
    """

    path: ClassVar[str]
    permissions: ClassVar[tuple[str, ...]] = ()
    queries: ClassVar[int] = 20

    @pytest.fixture(autouse=True)
    def _plain_static(self, settings: Any, tmp_path: Path) -> None:
        """Pages name their files without a manifest, and there is a folder for them."""
        plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
        settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": plain}}
        settings.STATIC_ROOT = str(tmp_path)

    def client(self, *permissions: str, superuser: bool = False) -> Client:
        """Somebody who is logged in with these rights."""
        from django.contrib.auth.models import Permission

        user = User.objects.create_user("reader", is_superuser=superuser)
        for name in permissions:
            label, _, codename = name.partition(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=label, codename=codename)
            )
        client = Client()
        client.force_login(user)
        return client

    def test_nobody_sees_it_without_logging_in(self) -> None:
        answer = Client().get(self.path)
        assert answer.status_code in (302, 401, 403)

    def test_who_has_no_right_does_not_see_it(self) -> None:
        if self.permissions:
            assert self.client().get(self.path).status_code in (302, 403)

    def test_reader_sees_it_for_few_queries(self) -> None:
        client = self.client(*self.permissions)
        client.get(self.path)
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(self.path)
        assert answer.status_code == 200, (answer.status_code, answer.headers)
        assert len(seen.captured_queries) <= self.queries

    def test_it_can_be_read_aloud(self) -> None:
        reader = _Reader()
        reader.feed(self.client(*self.permissions).get(self.path).content.decode())
        assert reader.languages
        assert all(reader.languages)
        assert reader.faults == []
