"""The estate in the admin: lists, state changes with history, what people correct."""

import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bifang.core.groups import AUDITOR, OPERATOR
from secops_agent.models import Asset, Finding, History, Role, Runbook, Staff
from secops_agent.services import runbooks
from secops_agent.services.intake import ingest
from tests.admin_pages import member, messages_of, serve_plain_static, superuser, text_of
from tests.secops.api.callers import SYSTEM, estate, host

pytestmark = pytest.mark.django_db
LISTS = ("asset", "component", "vulnerability", "finding", "runbook", "importjob", "apitoken")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def page(model: str, row: Any, name: str = "change") -> str:
    return reverse(f"admin:secops_agent_{model}_{name}", args=[row.pk])


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


def test_only_those_who_may_change_findings_do() -> None:
    estate(1)
    row = Finding.objects.first()
    for group in (AUDITOR, OPERATOR):
        client = member(group)
        assert client.post(page("finding", row, "act"), {"act": "accepted"}).status_code == 403
        assert "bf-acts" not in client.get(page("finding", row)).content.decode()
    assert superuser().get(page("finding", row, "act")).status_code == 405
    row.refresh_from_db()
    assert row.decision == ""


LISTS_WITH_ACTS = {"finding": Finding}


def asked(client: Client, model: str, act: str, rows: Any, query: str = "") -> Any:
    """The page before an act on many."""
    address = reverse(f"admin:secops_agent_{model}_changelist") + query
    return client.post(address, {"action": act, "_selected_action": [row.pk for row in rows]})


def fields_of(page: Any) -> dict[str, str]:
    """What the browser sends back from it."""
    html = page.content.decode()
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', html) for name in ("ids", "filters", "act")}
    return {name: unescape(match[1]) for name, match in found.items() if match}


@pytest.mark.parametrize(
    ("model", "act", "label"), [("finding", "accepted", "标记为接受风险")]
)  # fmt: skip
def test_many_are_ended_only_after_a_reason(model: str, act: str, label: str) -> None:
    estate(3)
    kind, client = LISTS_WITH_ACTS[model], member(Role.ADMIN)
    rows = list(kind.objects.order_by("pk"))[:3]
    page, where = asked(client, model, act, rows, "?severity__exact=high&o=-2"), page_acts(model)
    assert f"{label} 3 条" in text_of(page)
    assert all(row.title in text_of(page) for row in rows)
    assert not History.objects.filter(entity=model).exclude(actor_kind="system").exists()
    again = client.post(where, fields_of(page))
    assert "请写明原因" in text_of(again)
    assert not History.objects.filter(entity=model).exclude(actor_kind="system").exists()
    done = client.post(where, fields_of(again) | {"note": "内部扫描"}, follow=True)
    assert f"已{label} 3 条。" in messages_of(done)
    assert done.redirect_chain[-1][0].endswith("?severity__exact=high&o=-2")
    assert History.objects.filter(entity=model, note="内部扫描").count() == 3
    assert "3 条没有变化" in messages_of(
        client.post(where, fields_of(page) | {"note": "又一次"}, follow=True)
    )


def page_acts(model: str) -> str:
    return reverse(f"admin:secops_agent_{model}_acts")


def test_all_pages_of_a_list_are_taken_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    estate(3)
    client, monkey = member(Role.ADMIN), monkeypatch
    monkey.setattr("secops_agent.admin.acts.MOST_AT_ONCE", 2)
    said = client.post(
        reverse("admin:secops_agent_finding_changelist"),
        {"action": "accepted", "_selected_action": [Finding.objects.first().pk], "select_across": "1"},
        follow=True,
    )
    assert "一次最多处理" in messages_of(said)
    assert set(Finding.objects.values_list("decision", flat=True)) == {""}


def test_those_who_may_not_act_are_offered_nothing() -> None:
    estate(1)
    client = member(AUDITOR)
    assert client.post(page_acts("finding"), {"act": "accepted", "ids": "1"}).status_code == 403
    assert (
        'value="accepted"'
        not in client.get(reverse("admin:secops_agent_finding_changelist")).content.decode()
    )
    assert superuser().get(page_acts("finding")).status_code == 405


@pytest.mark.parametrize("model", LISTS_WITH_ACTS)
@pytest.mark.parametrize("closed", [False, True])
def test_enter_in_the_note_adds_the_note_and_nothing_else(model: str, closed: bool) -> None:
    estate(1)
    client, row = member(Role.ADMIN), LISTS_WITH_ACTS[model].objects.first()
    if closed:
        client.post(page(model, row, "act"), {"act": "accepted"})
    html = client.get(page(model, row)).content.decode()
    form = html[html.index("bf-acts") : html.index("</form>", html.index("bf-acts"))]
    # What Enter presses is the first button that submits.
    first = re.findall(r'<(?:button|input)[^>]*type="submit"[^>]*>', form)[0]
    before = LISTS_WITH_ACTS[model].objects.filter(pk=row.pk).values().get()
    name, value = re.search(r'name="(\w+)" value="(\w+)"', first).groups()
    client.post(page(model, row, "act"), {name: value, "note": "看一下"})
    assert LISTS_WITH_ACTS[model].objects.filter(pk=row.pk).values().get() == before
    newest = History.objects.filter(entity=model, entity_id=row.pk).order_by("-id")[0]
    assert (newest.action, newest.note, newest.changes) == ("comment", "看一下", {})


def test_the_filters_of_the_list_outlive_an_act() -> None:
    estate(1)
    client, row = member(Role.ADMIN), Finding.objects.first()
    kept = "?" + urlencode({"_changelist_filters": "severity__exact=high&o=-3"})
    html = client.get(page("finding", row) + kept).content.decode()
    address = unescape(re.search(r'<form method="post" action="([^"]+)" class="bf-panel bf-acts"', html)[1])
    answer = client.post(address, {"act": "accepted"}, follow=True)
    back = reverse("admin:secops_agent_finding_changelist") + "?severity__exact=high&amp;o=-3"
    assert answer.redirect_chain[-1][0] == page("finding", row) + kept
    assert back in answer.content.decode()
    assert "返回列表" in text_of(answer)
    assert "¦ 关闭 ¦" not in text_of(answer)


@pytest.mark.parametrize(
    ("model", "column", "field", "rising"),
    [
        ("finding", "level", "severity", ["info", "low", "medium", "high", "critical"]),
        ("finding", "state_badge", "state", ["new", "present", "gone", "back"]),
        ("finding", "decision", "decision", ["", "in_progress", "accepted", "false_positive"]),
        ("vulnerability", "level", "severity", ["info", "low", "medium", "high", "critical"]),
        ("asset", "level", "importance", ["", "info", "low", "medium", "high", "critical"]),
    ],
)
def test_levels_and_states_are_sorted_by_rank(model: str, column: str, field: str, rising: list[str]) -> None:
    estate(len(rising))
    screen = next(
        one for kind, one in admin.site._registry.items() if kind._meta.label_lower == f"secops_agent.{model}"
    )
    for row, value in zip(screen.model.objects.order_by("pk"), reversed(rising), strict=False):
        screen.model.objects.filter(pk=row.pk).update(**{field: value})
    client, address = superuser(), reverse(f"admin:secops_agent_{model}_changelist")
    place = client.get(address).context["cl"].list_display.index(column)
    for sign in ("", "-"):
        found = client.get(address, {"o": f"{sign}{place}"})
        seen = list(dict.fromkeys(getattr(row, field) for row in found.context["cl"].result_list))
        wanted = [value for value in (reversed(rising) if sign else rising) if value in seen]
        assert seen == wanted


@pytest.mark.parametrize(
    ("model", "word", "hits"),
    [("asset", "10.0.0.1", 1), ("finding", "CVE-2026-1001", 1),
     ("vulnerability", "GHSA-0001-aaaa-bbbb", 1), ("component", "openssl", 2)],
)  # fmt: skip
def test_a_search_finds(model: str, word: str, hits: int) -> None:
    estate(2)
    found = superuser().get(reverse(f"admin:secops_agent_{model}_changelist"), {"q": word})
    assert found.context["cl"].result_count == hits


def test_what_a_person_sets_on_an_asset_outlives_the_next_import() -> None:
    estate(1)
    Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST)
    row, client = Asset.objects.get(), member(Role.ADMIN)
    values = {
        "name": row.name, "asset_type": row.asset_type, "owner": str(Staff.objects.get(staff_id="lisi").pk), "importance": "critical",
        "environment": "生产", "tags": "电商, 支付，电商", "description": "",
    }  # fmt: skip
    assert client.post(page("asset", row), values).status_code == 302
    ingest.store([host(0)], SYSTEM)
    row.refresh_from_db()
    assert (row.owner.name, row.importance, row.tags) == ("李四", "critical", ["电商", "支付"])
    text = text_of(client.get(page("asset", row)))
    assert "重要性：— → 核心" in text
    assert client.get(page("asset", row, "delete")).status_code == 403


def test_a_finding_is_decided_and_the_decision_withdrawn() -> None:
    estate(1)
    row, client = Finding.objects.filter(source="trivy").get(), member(Role.ADMIN)
    for act, decision in (("accepted", "accepted"), ("withdraw", "")):
        client.post(page("finding", row, "act"), {"act": act, "note": "隔离"})
        row.refresh_from_db()
        assert row.decision == decision
    assert History.objects.filter(entity="finding", action="decide").count() == 2


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


def test_someone_tied_to_a_staff_entry_acts_as_that_person() -> None:
    estate(1)
    client: Client = member(Role.ADMIN)
    Staff.objects.update(staff_id="wangwu", name="王五")
    client.post(page("finding", Finding.objects.first(), "act"), {"act": "comment", "note": "我来看"})
    row = History.objects.get(action="comment")
    assert (row.actor_name, row.actor_id.endswith("wangwu")) == ("王五", True)


@pytest.mark.parametrize(
    ("role", "sees", "works"),
    [(Role.NONE, False, False), (Role.VIEWER, True, False), (Role.ANALYST, True, True), (Role.RESPONDER, True, True),
     (Role.APPROVER, True, True), (Role.ADMIN, True, True)],
)  # fmt: skip
def test_the_role_of_the_person_says_what_they_see_and_do(role: Role, sees: bool, works: bool) -> None:
    """In no group, not even of Django's staff."""
    estate(1)
    client, row = member(role), Finding.objects.first()
    response = client.get(page("finding", row))
    assert (response.status_code == 200) is sees
    assert ("bf-acts" in response.content.decode()) is works
    client.post(page_acts("finding"), {"act": "accepted", "ids": str(row.pk), "note": "知道"})
    row.refresh_from_db()
    assert (row.decision == "accepted") is works
    assert (client.post(page("finding", row, "act"), {"act": "withdraw"}).status_code == 302) is works
    row.refresh_from_db()
    assert row.decision == ""


def test_an_operator_who_is_an_analyst_too_does_both() -> None:
    estate(1)
    client, user = member(OPERATOR), User.objects.get()
    row = Finding.objects.first()
    assert "bf-acts" not in client.get(page("finding", row)).content.decode()
    Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST, user=user)
    assert "bf-acts" in client.get(page("finding", row)).content.decode()
    assert client.get("/admin/core/systemconfig/").status_code == 200
