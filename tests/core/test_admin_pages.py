"""Every page of the admin opens, for everyone who may open it, in Chinese and without inline script."""

import re
from pathlib import Path
from typing import Any

import pytest
import unfold
from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from bifang.core.rights import AUDITOR, OPERATOR
from bifang.unfold import MENU
from secops_agent.models import Role
from tests.admin_pages import MODELS, ROWS, dingtalk, member, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
# Words that stand on our pages in any language.
NAMES = {"Bifang", "Stream", "Client", "Secret", "App", "Key", "Webhook", "Control", "Mac", "Command", "Cron", "CorpId", "Suricata", "Prometheus", "Redis", "Grafana", "Splunk"}  # fmt: skip

# Script that stands in a page, which the content security policy would refuse.
INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=\"|javascript:")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def pages_of(model: type[Model], row: Model) -> list[str]:
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    return [
        reverse(f"{base}_changelist"),
        reverse(f"{base}_add"),
        *(reverse(f"{base}_{page}", args=[row.pk]) for page in ("change", "history", "delete")),
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_every_page_of_a_screen_opens_in_chinese_without_inline_script(model: type[Model]) -> None:
    label = model._meta.label_lower
    assert label in ROWS, f"{label} has a screen: add a row of it to tests/admin_pages.py"
    row = ROWS[label]()
    client = superuser()
    for page in pages_of(model, row):
        response = client.get(page)
        # Closed on purpose (nobody adds a message by hand) is an answer; the rest has to open.
        assert response.status_code in (200, 302, 403), page
        if response.status_code == 200:
            assert not leftovers(text_of(response)), page
            assert not INLINE.search(response.content.decode()), page
    assert client.get(pages_of(model, row)[0]).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("group", [OPERATOR, AUDITOR, Role.ADMIN])
def test_every_page_answers_the_members_of_a_group(group: str) -> None:
    client = member(group)
    for model in MODELS:
        row = ROWS[model._meta.label_lower]()
        for page in pages_of(model, row):
            assert client.get(page).status_code in (200, 302, 403), page


@pytest.mark.parametrize(
    "page", ["web:home", "web:on_call", "admin:core_systemconfig_add", "admin:password_change"]
)
def test_other_pages_open_in_chinese(page: str) -> None:
    response = superuser().get(reverse(page))
    assert response.status_code == 200
    assert not leftovers(text_of(response))


def test_login_opens_in_chinese_and_leads_to_the_first_page() -> None:
    response = Client().get(reverse("admin:login"))
    assert not leftovers(text_of(response))
    assert Client().get("/", follow=True).redirect_chain[-1][0].startswith("/admin/login/")


@pytest.mark.parametrize("model", ["suppressionrule", "notificationrule"])
def test_a_digit_that_is_no_key_leads_back_to_the_list(model: str) -> None:
    assert superuser().get(f"/admin/secops_agent/{model}/²/change/").status_code == 302


def english(package: str) -> set[str]:
    """The sentences of a package that Chinese pages must not show."""
    texts = set()
    for path in Path(package).rglob("*.html"):
        for match in re.finditer(r"{%\s*trans(?:late)?\s+(?:\"([^\"]+)\"|'([^']+)')", path.read_text()):
            texts.add(match[1] or match[2])
    return {text for text in texts if len(text) > 3}


def leftovers(text: str) -> list[str]:
    """English sentences of the packages, and English words in a row, in a page's text; where we are is no sentence."""
    text = text.replace(str(settings.BASE_DIR), "")
    words = [
        found for found in re.findall(r"[A-Z][a-z]{2,}(?: [A-Za-z]+){1,}", text) if not _is_a_name(found)
    ]
    return words + [
        sentence
        for sentence in SENTENCES
        if sentence in text and re.search(rf"(?<![A-Za-z]){re.escape(sentence)}(?![A-Za-z])", text)
    ]


def _is_a_name(words: str) -> bool:
    return any(word in NAMES for word in words.split())


SENTENCES = english(str(Path(unfold.__file__).parent / "templates")) - {
    "Code",
    "Date",
    "Name",
    "Link",
    "Value",
    "Cron",
    "User",  # of a systemd unit
}


@pytest.mark.slow
def test_the_menu_says_what_the_pages_are_called() -> None:
    entries = [entry for _, group in MENU for entry in group]
    client = superuser()
    for entry in entries:
        if entry.page:
            page = client.get(reverse(entry.page)).content.decode()
            assert f"<h1>{entry.title}</h1>" in page, entry
        else:
            assert entry.title == str(apps.get_model(entry.model)._meta.verbose_name_plural)
    titles = [entry.title for entry in entries]
    assert len(titles) == len(set(titles))
    screens = {model._meta.label_lower for model in MODELS}
    assert (
        {entry.model for entry in entries if not entry.page} <= screens <= {entry.model for entry in entries}
    )


def test_the_menu_marks_the_page_that_is_shown_and_no_other() -> None:
    html = superuser().get("/admin/core/systemconfig/").content.decode()
    assert re.findall(r'<a href="([^"]+)" class="[^"]* active"', html) == ["/admin/core/systemconfig/"]


@pytest.mark.slow
def test_a_screen_leads_back_to_the_page_of_its_menu_and_to_the_first_one() -> None:
    row, client = ROWS["secops_agent.oncallschedule"](), superuser()
    for name, given in (("changelist", []), ("change", [row.pk]), ("add", [])):
        html = client.get(reverse(f"admin:secops_agent_oncallschedule_{name}", args=given)).content.decode()
        crumbs = re.findall(r'<a href="([^"]+)" class="align-middle', html)
        assert crumbs[:2] == ["/", reverse("web:on_call")], crumbs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "most"),
    [
        ("channels.inboxrow", 20), ("secops_agent.notificationrule", 30), ("secops_agent.silence", 20), ("secops_agent.runbook", 20),
        ("secops_agent.oncallschedule", 20), ("core.systemconfig", 20),
    ],
)  # fmt: skip
def test_a_form_costs_little_with_many_robots(
    label: str, most: int, django_assert_max_num_queries: Any
) -> None:
    row = ROWS[label]()
    for number in range(8):
        dingtalk(f"配置{number}")
    client = superuser()
    page = reverse(f"admin:{label.replace('.', '_')}_change", args=[row.pk])
    with django_assert_max_num_queries(most):
        assert client.get(page).status_code == 200
