"""校验审计链 on a page: step by step, in words, and the whole at once without scripts."""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.core.rights import AUDITOR
from bifang.core.secrets.crypto import generate_key
from secops_agent.models import AuditKind, AuditRecord, AuditSegment, Role
from secops_agent.services.actors import Actor
from secops_agent.services.audit import chain, head, trail
from secops_agent.web import audit_check
from tests.admin_pages import PRIVATE, member, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
PAGE, STEP = "/audit/check/", "/audit/check/step/"
LIST = "/admin/secops_agent/auditrecord/"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def sealed(days: int = 3) -> None:
    """A chain of a segment a day, two records each."""
    for number in range(days):
        for _ in range(2):
            trail.append([trail.entry(AuditKind.CHANGE, f"第{number}天", Actor.system("test"))])
        chain.seal(timezone.now() - timedelta(days=days - number))


def run(client: Client, **given: str) -> tuple[str, int]:
    """Follow the steps as the page does; the text of all answers, and how many there were."""
    told, steps, asked = "", 0, {"after": "0", **given}
    while asked and steps < 30:
        answer = client.post(STEP, asked)
        told, steps = f"{told} {text_of(answer)}", steps + 1
        fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.content.decode())
        asked = {name: unescape(value) for name, value in fields}
    return told, steps


def test_an_untouched_chain_is_found_whole_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed()
    monkeypatch.setattr(audit_check, "STEP_S", 0)
    told, steps = run(superuser())
    assert "完整 ¦ 没有发现改动" in told
    assert AuditSegment.objects.latest("number").digest in told
    assert steps == AuditSegment.objects.count()
    assert AuditRecord.objects.filter(what="校验审计链").count() == 1


@pytest.mark.parametrize("step_s", [0, 10])
def test_a_changed_record_is_found_and_named(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    sealed()
    monkeypatch.setattr(audit_check, "STEP_S", step_s)
    first = AuditRecord.objects.order_by("pk").first()
    assert first is not None
    AuditRecord.objects.filter(pk=first.pk).update(what="改过")
    client = superuser()
    for told in (run(client)[0], text_of(client.post(PAGE))):
        assert "第 1 段" in told
        assert "有记录被修改或调换" in told
        assert "被动过 ¦ 发现 1 处问题" in told


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [0, 10])
def test_a_missing_key_is_not_called_tampering(
    monkeypatch: pytest.MonkeyPatch, settings: Any, step_s: float
) -> None:
    sealed()
    monkeypatch.setattr(audit_check, "STEP_S", step_s)
    client = superuser()
    settings.ENCRYPTION_KEY_FILE.write_text(generate_key(), encoding="utf-8")
    for told in (run(client)[0], text_of(client.post(PAGE))):
        assert "无法校验 ¦ 发现 3 处问题" in told
        assert "放回封存时的密钥" in told
        assert "被动过 ¦ 发现" not in told


def test_an_end_that_was_cut_off_shows_by_what_this_host_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed()
    now = head.current()
    assert now is not None
    head.keep(now)
    monkeypatch.setattr(audit_check, "STEP_S", 0)
    client = superuser()
    assert f"已对照本机记下的链尾：{now}" in run(client)[0]
    AuditRecord.objects.filter(segment__number=3).delete()
    AuditSegment.objects.filter(number=3).delete()
    for told in (run(client)[0], text_of(client.post(PAGE))):
        assert "被动过" in told
        assert "不在链上" in told


def test_a_digest_of_before_proves_that_nothing_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(2)
    monkeypatch.setattr(audit_check, "STEP_S", 0)
    client, head = superuser(), AuditSegment.objects.order_by("number")[0].digest
    assert "完整" in run(client, expect=head)[0]
    assert "链上没有给出的摘要" in run(client, expect="f" * 64)[0]
    assert "链上没有给出的摘要" in text_of(client.post(PAGE, {"expect": "f" * 64}))


def test_only_those_who_see_the_segments_verify() -> None:
    for role in (Role.VIEWER, Role.APPROVER):
        client = member(role)
        assert client.get(PAGE).status_code == 403
        assert client.post(STEP).status_code == 403
    assert member(AUDITOR).get(PAGE).status_code == 200
    assert superuser().get(STEP).status_code == 405


@pytest.mark.slow
def test_records_are_found_by_words_days_and_numbers() -> None:
    private = trail.entry(
        AuditKind.MESSAGE,
        "提问",
        Actor("person", "c:1", "王五", "dingtalk"),
        text=PRIVATE,
        subject="alert:12",
    )
    other = trail.entry(AuditKind.CHANGE, "修改人员「赵六」", Actor.system("test"))
    trail.append([private, other])
    client = superuser()

    def count(page: Client = client, **asked: str) -> int:
        return len(page.get(LIST, asked).context["cl"].result_list)

    assert count(q="工资条") == 1
    assert count(q="王五") == 1
    assert count(q="alert:12") == 1
    assert count(q="赵六") == 1
    assert count(q="9" * 40) == 0
    assert count(at_from="2020-01-01", at_to="2020-01-02") == 0
    assert count(at_from="2020-01-01") == AuditRecord.objects.count()
    assert count(at_from="gestern") == AuditRecord.objects.count()
    assert count(at_from="2020-01-01", q="工资条") == 1


def test_text_is_not_searched_for_those_who_may_not_read_it() -> None:
    trail.append([trail.entry(AuditKind.MESSAGE, "提问", Actor.system("test"), text=PRIVATE)])
    blind = member("运维操作员")
    if blind.get(LIST).status_code == 200:
        assert len(blind.get(LIST, {"q": "工资条"}).context["cl"].result_list) == 0
    assert len(member(AUDITOR).get(LIST, {"q": "工资条"}).context["cl"].result_list) == 1


def test_the_list_leads_to_the_check() -> None:
    assert reverse("web:audit_check") in superuser().get(LIST).content.decode()
