"""People read words, not the keys of the program: the demo estate's pages, the history, the glossary."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db.models import Field
from django.test import Client
from django.urls import reverse

from secops_agent.importers.registry import importers
from secops_agent.models import Alert, Asset, Component, Finding
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.assets import inventory
from secops_agent.services.audit import history
from secops_agent.services.records import KeyKind
from secops_agent.services.records.identity import KEYS as KEYS_OF_ASSETS
from secops_agent.services.vulnerabilities import findings
from tests.admin_pages import MODELS, ROWS, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
GLOSSARY = Path(__file__).parents[2] / "docs/glossary.md"
WHO = Actor("person", "corp:lisi", "李四", "admin")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def keys() -> dict[str, str]:
    """Every key of a choice of our own columns whose word is another one."""
    ours = [one for one in apps.get_models() if one.__module__.split(".")[0] in ("bifang", "secops_agent", "dingtalk_integration")]  # fmt: skip
    columns = [field for model in ours for field in model._meta.get_fields() if isinstance(field, Field)]
    return {
        str(value): str(label)
        for column in columns
        for value, label in column.flatchoices
        if str(value) and not str(value).isdigit() and str(value).lower() != str(label).lower()
        if value not in importers()  # formats are called what one types
    }


KEYS = keys()


class Words(HTMLParser):
    """What is read: text outside of code, JSON, scripts and the boxes that one fills in."""

    SILENT = ("script", "style", "template", "pre", "code", "textarea")

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        symbol = tag == "span" and "material-symbols" in (dict(attrs).get("class") or "")
        if tag in self.SILENT or symbol:
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent and tag == self._silent[-1]:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.parts.append(data.strip())


def bare(html: str) -> list[str]:
    """Keys that stand alone, or as one side of a change, where a word should stand."""
    reader = Words()
    reader.feed(html)
    pieces = [
        piece.strip() for part in reader.parts for piece in re.split(r"[：→、，,;；|()（）]|\s{2,}", part)
    ]
    return sorted({piece for piece in pieces if piece in KEYS or piece == "dry_run"})


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_pages_show_words(model: Any) -> None:
    label = model._meta.label_lower
    row, client = ROWS[label](), superuser()
    for page in ("", f"{row.pk}/change/", "add/"):
        answer = client.get(f"/admin/{label.replace('.', '/')}/{page}")
        if answer.status_code == 200:
            assert not bare(answer.content.decode()), page


@pytest.mark.slow
def test_the_demo_estate_and_its_histories_show_words() -> None:
    call_command("load_demo", verbosity=0)
    alert, finding, asset = (
        Alert.objects.filter(status="open").first(),
        Finding.objects.filter(decision="").exclude(vulnerability__kev=True).first(),
        Asset.objects.first(),
    )
    triage.acknowledge(alert.pk, WHO)
    triage.close(alert.pk, "true_positive", WHO, "核实")
    findings.decide(finding.pk, "accepted", WHO)
    inventory.update(
        asset.pk, WHO, importance="critical", asset_type="website", tags=["a"], environment="生产"
    )
    client = superuser()
    for kind, row in {"alert": alert, "finding": finding, "asset": asset}.items():
        tab = "?tab=history" if kind == "asset" else ""
        html = client.get(reverse(f"web:{kind}", args=[row.pk]) + tab).content.decode()
        assert "→" in html
        assert not bare(html), kind
        assert not bare(client.get(reverse(f"web:{kind}s")).content.decode()), kind


def test_every_change_that_history_knows_has_words() -> None:
    """Each column of each thing that has a history, with each of its keys."""
    for entity, model in history.MODELS.items():
        for column in [field for field in model._meta.get_fields() if isinstance(field, Field)]:
            values = [value for value, _ in column.flatchoices] or [True, None, "文字", ["a", "b"]]
            for value in values:
                [(label, old, new)] = history.worded(entity, {column.name: (None, value)})
                assert old == history.EMPTY
                assert new not in KEYS, (entity, column.name, value)
                assert column.name not in TOLD[entity] or re.search("[一-鿿]|^KEV|^CVSS|^EPSS|^IP", label), (
                    label
                )


TOLD = {
    "alert": {"status", "verdict", "assignee", "severity", "due_at"},
    "case": {"title", "severity", "status", "verdict", "owner", "summary"},
    "finding": {"decision", "state", "severity", "fixed_version"},
    "asset": {"name", "asset_type", "owner", "importance", "environment", "tags", "description", "ips"},
    "runbook": {"title", "tags", "techniques"},
    "vulnerability": {"severity", "kev", "fixed_versions", "title"},
}


def test_every_action_of_the_history_is_named() -> None:
    found = set()
    for path in (GLOSSARY.parents[1] / "secops_agent").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"history\.(?:record|entry)\([^)]*?actor, \"(\w+)\"", text, re.S))
        found |= set(re.findall(r"_change\(\w+, actor, \"(\w+)\"", text))
    assert len(found) > 6
    assert found <= set(history.ACTIONS)


def test_every_kind_of_key_has_a_word() -> None:
    assert set(KEYS_OF_ASSETS) == set(get_args(KeyKind))


def test_times_of_a_history_are_local() -> None:
    told = history.worded("alert", {"due_at": ("2026-11-26T00:06:59+00:00", None)})
    assert told == (("处理时限", "2026-11-26 08:06:59", history.EMPTY),)


def test_the_log_of_accounts_is_chinese() -> None:
    client, someone = superuser(), User.objects.create_user("someone")
    group = Group.objects.create(name="我们的组")
    values = {"username": "someone2", "first_name": "三", "last_name": "张", "is_active": "", "is_superuser": "on", "groups": [group.pk]}  # fmt: skip
    client.post(reverse("admin:auth_user_change", args=[someone.pk]), values)
    message = LogEntry.objects.get(object_id=str(someone.pk)).get_change_message()
    assert "用户组" in message
    assert not re.search("[A-Za-z]", message), message
    assert message in text_of(client.get(reverse("admin:auth_user_history", args=[someone.pk])))


@pytest.mark.slow
def test_the_button_of_the_history_leads_to_something() -> None:
    for label, make in ROWS.items():
        row, client = make(), Client()
        client.force_login(User.objects.get_or_create(username="root", is_superuser=True, is_staff=True)[0])
        base = f"/admin/{label.replace('.', '/')}/{row.pk}"
        answer = client.get(f"{base}/change/")
        if answer.status_code == 200 and f"{base}/history/" in answer.content.decode():
            assert "没有变更历史" not in text_of(client.get(f"{base}/history/")), label


def test_names_stand_as_they_are_written() -> None:
    component = ROWS["secops_agent.component"]()
    Component.objects.filter(pk=component.pk).update(name="jump-01")
    text = text_of(superuser().get(reverse("admin:secops_agent_component_change", args=[component.pk])))
    assert "jump-01" in text
    assert "Jump-01" not in text


def table_words() -> Iterator[tuple[str, str]]:
    """(word column, code column) of every row of the glossary."""
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not cells[0].startswith(("-", "词")):
            yield f"{cells[0]} {cells[1]}", cells[2]


@pytest.mark.parametrize(
    ("model", "column"),
    [(Alert, "severity"), (Alert, "status"), (Alert, "verdict"), (Asset, "importance"), (Finding, "state"), (Finding, "decision")],
)  # fmt: skip
def test_the_glossary_says_what_the_pages_say(model: Any, column: str) -> None:
    choices = model._meta.get_field(column).flatchoices
    rows = [
        words
        for words, code in table_words()
        if [value for value, _ in choices if value] == re.findall(r"`(\w+)`", code)
    ]
    assert rows
    assert any(all(str(label) in words for value, label in choices if value) for words in rows)


def test_the_glossary_names_every_screen() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    missing = [str(one._meta.verbose_name) for one in admin.site._registry if one._meta.app_label != "django_q" and str(one._meta.verbose_name) not in text]  # fmt: skip
    assert not missing
