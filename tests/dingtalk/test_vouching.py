"""Whose word counts: whoever may change a configuration is not everybody, and an address is no approval."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from bifang.channels.models import InboxRow
from bifang.core.changes import Author
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from bifang.core.rights import OPERATOR
from dingtalk_integration.webhook import signatures, views
from secops_agent.models import Action, AuditRecord, Role, Staff
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import identify, learn_corporation, leave_organisation
from tests.admin_pages import (
    dingtalk,
    form_of,
    member,
    messages_of,
    serve_plain_static,
    superuser,
    text_of,
    with_role,
)
from tests.dingtalk.webhook_aid import Caller, in_http_mode, now
from tests.secops.decisions_aid import company, propose, robot, show_card, the

pytestmark = pytest.mark.django_db
LIST = "/admin/core/systemconfig/"
OPERATES = Author(7, "operator", "admin")
MINE = {"client_id": "dingevil", "client_secret": "my-own-secret"}
WHO = [OPERATOR, Role.ADMIN]


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.SIMULATOR = True  # plain http
    views._written.clear()
    views._began.clear()


def page(config: SystemConfig) -> str:
    return reverse("admin:core_systemconfig_change", args=[config.pk])


def refusal(given: dict[str, Any], config: SystemConfig | None = None, *, enabled: bool = True) -> str:
    """What an operator is told who saves this; "" if it was saved."""
    try:
        name = config.name if config else "新的"
        configs.save("dingtalk", name, enabled, given, config=config, author=OPERATES)
    except configs.FieldErrors as errors:
        return str(errors)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"use_stream_push": False, "corp_id": "corp"}, "没有签名"),
        ({"sign_in": True, "corp_id": "corp"}, "允许用钉钉登录"),
        ({"default_role": "viewer", "corp_id": "corp"}, "未登记的人员"),
        ({"corp_id": ""}, "还没有登记过"),
        ({"corp_id": "dingevil"}, "还没有登记过"),
    ],
    ids=str,
)
def test_own_robot_that_says_whose_word_counts_is_a_superusers(given: dict[str, Any], why: str) -> None:
    company()
    told = refusal(MINE | given)
    assert why in told
    assert "只有超级管理员" in told
    assert "谁的账号" in refusal(MINE | {"corp_id": "corp"}), "nor a second robot of the company"
    own = configs.save("dingtalk", "新的", True, MINE | {"corp_id": "corp"})[0]
    assert why in refusal(given, own), "nor made of one that he may change"


def test_the_robot_of_the_company_stays_the_companys() -> None:
    """Everything that is said goes through its application: to whom that belongs is not an operator's to change."""
    config = company()
    assert "谁的账号" in refusal(MINE, config)
    client = member(OPERATOR)
    form = form_of(client.get(page(config))) | MINE
    assert "谁的账号" in text_of(client.post(page(config), form))
    config.refresh_from_db()
    assert config.client_id != "dingevil"
    assert refusal({"client_id": config.client_id, "client_secret": "rotated"}, config) == ""


CHANGES: list[dict[str, Any]] = [
    {"client_id": "dingevil"}, {"client_secret": "mine"}, {"corp_id": "corp2"}, {"use_stream_push": True},
    {"callback_token": "abc123"}, {"callback_aes_key": "A" * 43}, {"callback_path": "p" * 24}, {"default_role": "viewer"},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_http_mode_is_changed_and_left_by_superusers_alone(change: dict[str, Any]) -> None:
    config = in_http_mode()
    assert "只有超级管理员" in refusal(change, config)
    config.refresh_from_db()
    assert config.revision == 1
    assert configs.save("dingtalk", config.name, True, change, config=config)[1]


@pytest.mark.slow
@pytest.mark.parametrize("who", WHO)
def test_pages_and_list_actions_keep_to_it(who: str) -> None:
    company()
    config, client = in_http_mode(enabled=False), member(who)
    chosen = {"_selected_action": [config.pk], "index": 0}
    assert "只有超级管理员" in messages_of(client.post(LIST, {"action": "enable", **chosen}, follow=True))
    answer = client.post(page(config), form_of(client.get(page(config))) | {"enabled": "on"})
    assert "只有超级管理员" in text_of(answer)
    answer = client.post(
        reverse("admin:core_systemconfig_delete", args=[config.pk]), {"post": "yes"}, follow=True
    )
    assert answer.status_code == 403 or "只有超级管理员" in messages_of(answer)
    config.refresh_from_db()
    assert (config.enabled, config.archived_at) == (False, None)
    configs.set_enabled(config, True)
    client.post(LIST, {"action": "disable", **chosen})
    config.refresh_from_db()
    assert not config.enabled, "a door that harms is shut by whoever sees it"


@pytest.mark.slow
@pytest.mark.parametrize("who", [*WHO, Role.VIEWER, Role.ANALYST, Role.APPROVER, Role.NONE])
def test_the_page_of_keys_is_for_superusers(who: str) -> None:
    config, client = in_http_mode(), member(who)
    address = reverse("admin:dingtalk_callback_page", args=[config.pk])
    assert client.get(address).status_code in (302, 403)
    assert address not in client.get(page(config)).content.decode()
    assert address in superuser().get(page(config)).content.decode()
    assert Client().get(address).status_code == 302


# The secret of card callbacks


@pytest.mark.slow
def test_the_secret_of_card_callbacks_is_random_and_shown_nowhere() -> None:
    configs_made, client = [in_http_mode("一"), in_http_mode("二")], superuser()
    secrets = [configs.load(each).callback_card_secret for each in configs_made]
    assert len(set(secrets)) == 2
    assert all(len(each) == 64 for each in secrets)
    row = configs_made[0]
    shown = client.get(page(row)).content.decode() + client.get(LIST).content.decode()
    shown += client.get(reverse("admin:dingtalk_callback_page", args=[row.pk])).content.decode()
    shown += str(SystemConfig.objects.values()) + repr(configs.load(row)) + str(AuditRecord.objects.values())
    assert secrets[0] not in shown
    assert "callback_card_secret" not in form_of(client.get(page(row)))
    client.post(page(row), form_of(client.get(page(row))) | {"callback_card_secret": "mine", "app_id": "x"})
    row.refresh_from_db()
    assert (configs.load(row).app_id, configs.load(row).callback_card_secret) == ("x", secrets[0])


def derived(path: str) -> str:
    """The key that was made of the address."""
    return hmac.new(path.encode(), b"card callbacks", hashlib.sha256).hexdigest()


def click(caller: Caller, secret: str, code: str, who: str = "wang", track: str = "to-wang") -> int:
    """A press of 同意, signed with this; the status of the answer."""
    private = {"actionIds": ["approve"], "params": {"code": code, "verdict": "approve"}}
    content = json.dumps({"cardPrivateData": private})
    body = {"outTrackId": track, "corpId": "corp", "userId": who, "spaceId": who, "content": content}
    stamp = now()
    signed = {
        "x-ddpaas-signature-timestamp": stamp, "x-ddpaas-signature": signatures.card_signature(secret, stamp),
    }  # fmt: skip
    return caller.post("cards", json.dumps(body).encode(), **signed).status_code


@pytest.mark.slow
def test_whoever_knows_the_address_presses_no_button() -> None:
    company()
    config = in_http_mode()
    caller = Caller(config)
    code = show_card(config, propose(config, "zhao"), "to-wang", "wang")
    for secret in (derived(caller.settings.callback_path), "", caller.settings.callback_path, "s" * 20):
        assert click(caller, secret, code) == 403
    assert (the(code).state, Action.objects.count(), InboxRow.objects.count()) == ("proposed", 0, 0)
    right = Caller(config)
    assert click(right, right.settings.callback_card_secret, code, track="forged") == 200
    assert the(code).state == "proposed", "and with the key, only on a card that was sent"
    assert click(right, right.settings.callback_card_secret, code) == 200
    assert (the(code).state, the(code).decider_id) == ("approved", "corp:wang")


def test_a_new_endpoint_gets_a_new_secret(settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = ["dingtalk.corp.example"]
    config = in_http_mode()
    loaded = configs.load(config)
    kept = {name: getattr(loaded, name) for name in ("callback_token", "callback_aes_key", "callback_path")}
    given = {"endpoint": "https://dingtalk.corp.example", "client_secret": "s" * 20, **kept}
    configs.save("dingtalk", config.name, True, given, config=config)
    assert configs.load(config).callback_card_secret not in ("", loaded.callback_card_secret)


# People listed without a corporation, and what another application says


def test_people_without_corporation_are_nobodys_where_two_are_named() -> None:
    """The first robot to be heard would take them, and its people with the same ids would be them."""
    Staff.objects.create(staff_id="wangwu", name="王五", role=Role.APPROVER)
    dingtalk("公司", corp_id="corp")
    assert identify("corp", "wangwu", "", "none").role == Role.APPROVER
    dingtalk("另一家", corp_id="dingevil")
    assert identify("dingevil", "wangwu", "", "none").role == Role.NONE
    assert eligibility.listed("dingevil", "wangwu") is None
    assert learn_corporation("dingevil", "dingtalk") == 0
    assert leave_organisation("dingevil", ["wangwu"], "dingtalk") == 0
    assert Staff.objects.get().active


def test_people_without_corporation_are_those_of_each_platform_where_it_has_one() -> None:
    """As they were: nobody chooses an id of the other platform."""
    Staff.objects.create(staff_id="wangwu", name="王五", role=Role.APPROVER)
    dingtalk("公司", corp_id="corp")
    robot("tenant", "feishu")
    assert identify("corp", "wangwu", "", "none").role == Role.APPROVER
    assert eligibility.listed("corp", "wangwu") is not None


def test_events_need_the_keys_that_only_superusers_see() -> None:
    Staff.objects.create(staff_id="wangwu", name="王五", role=Role.APPROVER, corp_id="corp")
    caller = Caller(in_http_mode())
    left = {"EventType": "user_leave_org", "EventId": "e1", "CorpId": "corp", "UserId": ["wangwu"]}
    assert caller.tell(left, token="guessed").status_code == 403
    assert not InboxRow.objects.exists()


# Conversations of our own pages


@pytest.mark.parametrize("conversation", ["web:1", "web:"])
def test_a_callback_names_no_conversation_of_our_pages(conversation: str) -> None:
    caller = Caller(in_http_mode())
    with_role(Role.VIEWER)
    assert caller.say("有哪些告警", conversationId=conversation).status_code == 200
    row = InboxRow.objects.get()
    assert (row.state, row.conversation_id, row.target) == ("dead", "", None)
    assert "毕方自己的网页" in row.last_error
