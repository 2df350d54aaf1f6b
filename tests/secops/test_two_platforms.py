"""Four eyes where a company talks in DingTalk and in Feishu: accounts that are tied are one person, others nobody."""

import itertools
from typing import Any

import pytest
from django.contrib.auth.models import User

from bifang.channels.models import OutboxRow
from bifang.channels.ports import Incoming
from bifang.core.models import SystemConfig
from secops_agent.agent.acting.clicks import Outcome, settle
from secops_agent.models import Action, AuditRecord, Role, Staff
from secops_agent.services.decisions import approvals
from secops_agent.services.decisions.requests import Decision, DecisionRequest
from secops_agent.services.people.staff import Person, learn_corporation
from tests.secops.decisions_aid import REAL, company, propose, robot, show_card, the

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)
TENANT = "tenant_demo"


def feishu() -> SystemConfig:
    return robot(TENANT, "feishu")


def in_feishu(name: str, tied_to: str = "", role: str = "viewer", **more: Any) -> Staff:
    """An account in Feishu; ``tied_to``: somebody of DingTalk who is the same person."""
    row = Staff.objects.create(staff_id=f"ou_{name}", corp_id=TENANT, name=name, role=role, **more)
    if tied_to:
        row.user = User.objects.create_user(f"login-{tied_to}-{next(_numbers)}")
        row.save()
        Staff.objects.filter(corp_id="corp", staff_id=tied_to).update(user=row.user)
    return row


def say(config: SystemConfig, account: Staff, verdict: Any, code: str, **more: Any) -> Decision:
    """A text in the private chat with the robot in Feishu."""
    person = Person(account.corp_id, account.staff_id, account.name, Role(account.role))
    place = {"conversation_id": "oc_p2p", "is_group": False, "via": "feishu"} | more
    request = DecisionRequest(code, verdict, person, config.pk, through=f"chat:om_{next(_numbers)}", **place)
    return approvals.decide(request, REAL)


def press(config: SystemConfig, account: Staff, code: str) -> Outcome:
    """A click on 同意, which comes through this configuration."""
    button = {"code": code, "verdict": "approve"}
    payload = {"out_track_id": "bf-1", "corp_id": account.corp_id, "params": button}
    outcome = settle(Incoming(config.pk, "card", "e1", "", account.staff_id, payload=payload))
    assert outcome is not None
    return outcome


def test_a_tied_approver_decides_in_feishu_what_was_proposed_in_dingtalk() -> None:
    dingtalk, there = company(), feishu()
    code = propose(dingtalk, "zhao")
    decision = say(there, in_feishu("老王", "wang"), "approve", code)
    assert decision.status == "decided", decision
    assert (the(code).decider_id, Action.objects.get().approver) == ("corp:wang", "wang先生")
    record = AuditRecord.objects.get(kind="approval", subject=f"proposal:{code}")
    assert (record.actor_id, record.via, record.config_id) == ("corp:wang", "feishu", there.pk)
    assert OutboxRow.objects.filter(config_id=dingtalk.pk, target__conversation_id="cid-group").exists()


def test_the_asker_is_the_asker_in_feishu_too() -> None:
    """As an approver there, and with an account of each sort here."""
    dingtalk, there = company(), feishu()
    code = propose(dingtalk, "zhang")
    assert "四眼" in say(there, in_feishu("张总", "zhang", "approver"), "approve", code).text
    Staff.objects.filter(staff_id="sun").update(user=Staff.objects.get(staff_id="zhang").user)
    Staff.objects.filter(staff_id="zhang").update(active=False)
    second = Staff.objects.get(staff_id="ou_张总")
    assert "四眼" in say(there, second, "approve", code).text
    assert the(code).state == "proposed"


def test_whoever_is_not_tied_has_no_say_and_learns_nothing_of_the_code() -> None:
    dingtalk, there = company(), feishu()
    code = propose(dingtalk, "zhao")
    approver = in_feishu("王五", role="admin")
    for verdict in ("approve", "reject", "confirm"):
        told = say(there, approver, verdict, code)
        assert told.status == "refused"
        assert told.text.replace(code, "Z9Z9Z9") == say(there, approver, verdict, "Z9Z9Z9").text
    assert "对应到同一个登录用户" in told.text
    assert "「人员」" in told.text
    assert (the(code).state, told.code) == ("proposed", "")


@pytest.mark.parametrize("cut", ["tie", "there", "here", "role"])
def test_the_tie_is_to_somebody_active_who_may(cut: str) -> None:
    dingtalk, there = company(), feishu()
    code = propose(dingtalk, "zhao")
    account = in_feishu("老王", "wang", "approver")
    changes: dict[str, tuple[str, dict[str, Any]]] = {
        "tie": ("wang", {"user": None}), "there": ("wang", {"active": False}), "here": ("ou_老王", {"active": False}),
        "role": ("wang", {"role": "analyst"}),
    }  # fmt: skip
    staff_id, change = changes[cut]
    Staff.objects.filter(staff_id=staff_id).update(**change)
    assert say(there, account, "approve", code).status == "refused"
    assert the(code).state == "proposed"


def test_a_tied_account_neither_clicks_nor_speaks_in_a_group_for_the_other_platform() -> None:
    """A card stands in the configuration it was made for, whatever code its button is said to carry."""
    dingtalk, there = company(), feishu()
    code = propose(dingtalk, "zhao")
    account = in_feishu("老王", "wang")
    assert "不算数" in press(there, account, show_card(dingtalk, code, "bf-1")).text
    group = {"conversation_id": "oc_group", "is_group": True}
    assert "单聊" in say(there, account, "approve", code, **group).text
    assert the(code).state == "proposed"


def test_whoever_comes_from_elsewhere_into_the_same_configuration_stays_a_stranger() -> None:
    """A tie lets nobody in who clicks as an outsider in a group of ours."""
    dingtalk = company()
    feishu()
    code = propose(dingtalk, "zhao")
    account = in_feishu("老王", "wang")
    assert "属于另一个企业" in press(dingtalk, account, show_card(dingtalk, code, "bf-1")).text
    assert the(code).state == "proposed"


def test_people_without_corporation_belong_to_neither_of_two_platforms() -> None:
    """The first platform to be heard would take the other's people for its own."""
    company("")
    there = feishu()
    assert learn_corporation(TENANT, "feishu") == 0
    SystemConfig.objects.exclude(pk=there.pk).update(enabled=False, archived_at="2026-01-01T00:00:00Z")
    assert learn_corporation(TENANT, "feishu") == 6
