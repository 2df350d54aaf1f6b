"""A login that is switched off: the person may do nothing by any door, and stays one person."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bifang.channels.models import InboxRow
from secops_agent.models import Action, ApiToken, Proposal, Staff
from secops_agent.services.people import tokens
from secops_agent.services.people.eligibility import same_person
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.secops.decisions_aid import company, propose, robot, talk, the
from tests.secops.test_one_person import Door, Knock, boss, by_card, by_chat, tie

pytestmark = pytest.mark.django_db
chat_doors = pytest.mark.parametrize("door", [by_chat, by_card], ids=lambda door: door.__name__)


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def switch(user: User, on: bool) -> None:
    User.objects.filter(pk=user.pk).update(is_active=on)


@chat_doors
def test_in_the_chat_it_decides_nothing_until_it_is_switched_on_again(door: Door) -> None:
    config, account = company(), boss()
    code, user = propose(config, "zhao"), tie(account)
    switch(user, False)
    told = door(Knock(config, code, account))
    assert {by_chat: "还没有使用毕方的权限", by_card: "停用"}[door] in told, told
    assert the(code).state == "proposed"
    switch(user, True)
    assert f"已同意 {code}" in door(Knock(config, code, account))


@chat_doors
def test_through_the_tie_it_decides_nothing_on_the_other_platform(door: Door) -> None:
    """Neither of the two accounts: each is tied to the login."""
    config, there = company(), robot("tenant", "feishu")
    account, other = boss(), boss("tenant", "ou_boss")
    code, user = propose(config, "zhao"), tie(account, other)
    switch(user, False)
    told = door(Knock(there, code, other))
    assert {by_chat: "还没有使用毕方的权限", by_card: "没有代码"}[door] in told, told
    assert the(code).state == "proposed"
    assert same_person(Staff.objects.get(pk=account.pk), Staff.objects.get(pk=other.pk))


def test_what_it_asked_for_is_not_done_any_more() -> None:
    config = company()
    code, user = propose(config, "zhao"), tie(Staff.objects.get(staff_id="zhao"))
    switch(user, False)
    by_card(Knock(config, code, boss()))
    assert the(code).state == "proposed"
    assert not Action.objects.exists()


def test_pages_api_tokens_and_mcp_are_shut() -> None:
    config, account = company(), boss()
    code, user = propose(config, "zhao"), tie(account)
    token, secret = tokens.create("令牌", ["read", "write", "approve"], owner_id=user.pk)
    browser, program = Client(), Client(headers={"Authorization": f"Bearer {secret}"})
    browser.force_login(user)
    verdict, decision = {"verdict": "approve"}, f"/api/v1/proposals/{code}/decision/"
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert program.post("/mcp/", hello, "application/json").status_code == 200
    switch(user, False)
    assert browser.post(reverse("web:approval_decide", args=[the(code).pk]), verdict).status_code == 302
    asked = browser.post(reverse("web:chat_say"), {"text": f"同意 {code}", "nonce": "0" * 32})
    assert (asked.status_code, InboxRow.objects.count()) == (302, 0)
    assert browser.post(decision, verdict, "application/json").status_code in (401, 403)
    assert program.post(decision, verdict, "application/json").status_code == 401
    assert program.post("/mcp/", hello, "application/json").status_code == 401
    assert the(code).state == "proposed"
    assert ApiToken.objects.get(pk=token.pk).revoked_at is None, "it works again when the login does"


def test_in_the_chat_it_reads_and_orders_nothing() -> None:
    config = company()
    before, _ = talk(config, ("zhao", "今天有哪些严重告警"), ("zhao", "封禁 203.0.113.5 一小时"))
    assert "查询条件" in before
    Proposal.objects.all().delete()
    switch(tie(Staff.objects.get(staff_id="zhao")), False)
    answers = talk(config, ("zhao", "今天有哪些严重告警"), ("zhao", "封禁 203.0.113.5 一小时"))
    assert not any("查询条件" in answer for answer in answers)
    assert not Proposal.objects.exists()


def test_the_list_of_people_says_so() -> None:
    company()
    account = boss()
    user = tie(account)
    client, page = superuser(), reverse("admin:secops_agent_staff_changelist")
    assert "登录已停用" not in text_of(client.get(page))
    switch(user, False)
    assert "登录已停用" in text_of(client.get(page))
