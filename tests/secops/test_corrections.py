"""没用: taken down right after an answer, for those who may read it, and what becomes of it."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from secops_agent.models import AuditRecord, Correction, Role, Runbook
from secops_agent.services import corrections, runbooks
from tests.admin_pages import member, serve_plain_static, text_of
from tests.secops.decisions_aid import company, talk
from tests.secops.eval.scoring import _question
from tests.secops.investigations.cases import arrive

pytestmark = pytest.mark.django_db
LIST = "admin:secops_agent_correction_changelist"


def test_it_is_taken_down_right_after_the_answer_it_is_about() -> None:
    config = company()
    said = talk(
        config, ("wu", "没用 还没有问过"), ("wu", "有哪些告警"), ("zhao", "有哪些资产"),
        ("wu", "没用"), ("wu", "没用：漏了 web-02"), ("wu", "没用 还漏了 web-03"),
    )  # fmt: skip
    assert "已记下" not in said[0]
    assert "请写明哪里没用" in said[3]
    assert "已记下" in said[4]
    row = Correction.objects.get()
    assert (row.question, row.reason, row.is_group) == ("有哪些告警", "还漏了 web-03", True)
    assert row.answer == said[1]
    assert AuditRecord.objects.filter(what="评价回答：没用").count() == 2


def test_words_that_only_begin_like_it_are_a_question() -> None:
    config = company()
    talk(config, ("wu", "有哪些告警"), ("wu", "没用户名的资产有哪些"))
    assert not Correction.objects.exists()


def some(**more: Any) -> Correction:
    talk(company(), ("wu", "有哪些告警"), ("wu", "没用 漏了 web-02"), is_group=False)
    Correction.objects.update(**more)
    return Correction.objects.get()


def reader(role: Role) -> Client:
    client = member(role)
    user = User.objects.get(pk=client.session["_auth_user_id"])
    user.user_permissions.add(Permission.objects.get(codename="read_private_text"))
    return client


def act(client: Client, row: Correction, name: str) -> Any:
    given = {"action": name, "_selected_action": [row.pk], "agreed": "1"}
    return client.post(reverse(LIST), given, follow=True)


@pytest.mark.slow
def test_who_may_not_read_what_people_write_sees_none_of_it(settings: Any, tmp_path: Any) -> None:
    serve_plain_static(settings, tmp_path)
    row, client = some(), member(Role.ANALYST)
    page = reverse("admin:secops_agent_correction_change", args=[row.pk])
    for address in (reverse(LIST), page):
        text = text_of(client.get(address))
        assert "web-02" not in text
        assert "有哪些告警" not in text
    act(client, row, "write_draft")
    assert not Runbook.objects.exists()
    assert "漏了 web-02" in text_of(reader(Role.ADMIN).get(page))


@pytest.mark.slow
def test_it_becomes_a_draft_once(settings: Any, tmp_path: Any) -> None:
    serve_plain_static(settings, tmp_path)
    row, client = some(), reader(Role.RESPONDER)
    act(client, row, "write_draft")
    made = Runbook.objects.get()
    assert (made.published, made.role) == (False, "responder")
    assert "漏了 web-02" in made.body
    assert runbooks.search("有哪些告警") == ()
    assert "已经处理过" in text_of(act(client, row, "write_draft"))
    assert "已经处理过" in text_of(act(client, row, "dismiss"))
    assert Correction.objects.get().runbook_id == made.pk


def test_it_becomes_a_case_once_somebody_said_what_is_right(settings: Any, tmp_path: Any) -> None:
    serve_plain_static(settings, tmp_path)
    row, client = some(), reader(Role.ANALYST)
    assert "还没有写明" in text_of(act(client, row, "export_cases"))
    page = reverse("admin:secops_agent_correction_change", args=[row.pk])
    client.post(page, {"tool": "list_alerts", "arguments": '{"asset": "web-02"}', "facts": "web-02"})
    line = act(client, row, "export_cases").content.decode()
    case = _question(json.loads(line))
    assert (case.text, case.tool, case.arguments, case.facts) == (
        "有哪些告警", "list_alerts", {"asset": "web-02"}, ("web-02",),
    )  # fmt: skip
    assert _question(json.loads(corrections.case_of(Correction(question="你好", tool="none")))).tool is None


@pytest.mark.slow
def test_investigation_that_is_no_use_waits_there_and_its_case_can_be_exported(
    settings: Any, tmp_path: Any
) -> None:
    serve_plain_static(settings, tmp_path)
    config, row = company(), arrive("now")
    talk(
        config, ("wu", f"调查告警 {row.pk}"), ("wu", f"调查 A{row.pk} 没用 没看同网段"),
        ("wu", f"调查 A{row.pk} 没用 也没看变更"), ("li", f"调查 A{row.pk} 没用 太长"), ("li", f"调查 A{row.pk} 有用"),
    )  # fmt: skip
    mine = Correction.objects.get(author="corp:wu")
    assert (mine.question, mine.reason, mine.state) == (f"调查告警 {row.pk}", "也没看变更", "open")
    assert "建议结论：证据不足" in mine.answer
    assert Correction.objects.get(author="corp:li").state == "dismissed"
    client = reader(Role.RESPONDER)
    case = _question(json.loads(act(client, mine, "export_cases").content.decode()))
    assert (case.tool, case.arguments) == ("investigate_alert", {"alert_id": row.pk})
    page = reverse("admin:secops_agent_correction_change", args=[mine.pk])
    assert "也没看变更" in text_of(client.get(page))
    assert "没看变更" not in text_of(member(Role.ANALYST).get(page))
    act(client, mine, "write_draft")
    assert "也没看变更" in Runbook.objects.get().body
