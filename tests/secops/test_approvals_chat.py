"""Proposing and deciding as people do it: by messages."""

import re
from datetime import timedelta

import pytest

from bifang.channels.models import OutboxRow
from secops_agent.models import Action, Alert, AuditRecord, Proposal
from secops_agent.services.decisions import approvals
from secops_agent.services.decisions.carriers import STOPPED
from secops_agent.services.decisions.views import get
from tests.secops.decisions_aid import company, propose, some_alert, switch, talk, the

pytestmark = pytest.mark.django_db
CODE = re.compile(r"[A-Z][A-Z2-9]{5}")


def code_in(text: str) -> str:
    found = CODE.search(text)
    assert found, text
    return found[0]


def test_write_is_done_only_after_the_askers_own_confirmation() -> None:
    config, number = company(), some_alert()
    (answer,) = talk(config, ("li", f"把告警 {number} 标记为处理中"))
    code = code_in(answer)
    assert Alert.objects.get(pk=number).status == "open"
    other, own, again = talk(config, ("zhao", f"确认 {code}"), ("li", f"确认 {code}"), ("li", f"确认 {code}"))
    assert "本人" in other
    assert Alert.objects.get(pk=number).status == "acknowledged"
    assert "不会重复执行" in again
    assert the(code).state == "confirmed"
    assert str(number) in own


def test_dangerous_action_is_asked_of_every_other_approver_and_done_after_one_agrees() -> None:
    config = company()
    (answer,) = talk(config, ("zhao", "封禁 203.0.113.5 一小时"))
    code = code_in(answer)
    private = [row for row in OutboxRow.objects.all() if not row.target["is_group"]]
    assert sorted(row.target["staff_id"] for row in private) == ["sun", "wang", "zhang"]
    assert all(code in row.text and "203.0.113.5" in row.text for row in private)
    own, analyst, agreed, late = talk(
        config,
        ("zhao", f"同意 {code}"),
        ("li", f"同意 {code}"),
        ("wang", f"同意 {code}"),
        ("sun", f"拒绝 {code} 太急"),
    )
    assert "审批" in own
    assert "审批" in analyst
    assert "已同意" in agreed
    assert "wang" in late
    action = Action.objects.get()
    assert (action.asker, action.approver, action.state) == ("zhao先生", "wang先生", "pending")


def test_rejection_in_private_is_told_where_it_was_asked() -> None:
    config = company()
    (answer,) = talk(config, ("zhao", "封禁 203.0.113.5"))
    code = code_in(answer)
    talk(config, ("wang", f"拒绝 {code} 证据不足"), conversation="cid-private-wang", is_group=False)
    assert not Action.objects.exists()
    news = OutboxRow.objects.filter(target__conversation_id="cid-group").first()
    assert news is not None
    assert "证据不足" in news.text
    assert "wang" in news.text


def test_read_only_refuses_to_propose_and_to_decide() -> None:
    config, number = company(), some_alert()
    (answer,) = talk(config, ("li", f"把告警 {number} 标记为处理中"))
    code = code_in(answer)
    switch("read_only")
    refused, new = talk(config, ("li", f"确认 {code}"), ("li", f"把告警 {number} 标记为处理中"))
    assert "只读" in refused
    assert "只读" in new
    switch("read_only", False)
    talk(config, ("li", f"确认 {code}"))
    assert Alert.objects.get(pk=number).status == "acknowledged"


def test_stopped_actions_leave_people_their_own_acts_and_no_danger() -> None:
    config, number = company(), some_alert()
    switch("no_actions")
    (answer,) = talk(config, ("li", f"把告警 {number} 标记为处理中"))
    talk(config, ("li", f"确认 {code_in(answer)}"))
    assert Alert.objects.get(pk=number).status == "acknowledged"
    (asked,) = talk(config, ("zhao", "封禁 203.0.113.5 1小时 原因：扫描"))
    code = code_in(asked)
    assert f"**{STOPPED}" in asked
    assert get(code, None).prospect.startswith(STOPPED), "as page and API tell it"
    told = OutboxRow.objects.values_list("text", flat=True)
    assert any("申请执行危险操作" in text and STOPPED in text for text in told), "as the approver reads it"
    (refused,) = talk(config, ("wang", f"同意 {code}"), conversation="cid-private-wang", is_group=False)
    assert "停止动作" in refused
    switch("no_actions", False)
    assert STOPPED not in get(code, None).prospect
    talk(config, ("wang", f"同意 {code}"), conversation="cid-private-wang", is_group=False)
    assert Action.objects.count() == 1


def test_without_another_approver_nothing_is_proposed() -> None:
    from secops_agent.models import Staff

    config = company()
    Staff.objects.exclude(staff_id__in=["zhao"]).update(active=False)
    (answer,) = talk(config, ("zhao", "封禁 203.0.113.5"))
    assert "没有在职的审批人" in answer
    assert not Proposal.objects.exists()


def test_everything_from_message_to_approval_is_recorded() -> None:
    config = company()
    (answer,) = talk(config, ("zhao", "封禁 203.0.113.5"))
    talk(config, ("wang", f"同意 {code_in(answer)}"))
    kinds = list(AuditRecord.objects.order_by("pk").values_list("kind", flat=True))
    first = AuditRecord.objects.filter(kind="tool").get()
    assert set(kinds) >= {"message", "decision", "tool", "proposal", "approval", "reply"}
    assert first.detail["arguments"]["ip"] == "203.0.113.5"
    assert AuditRecord.objects.filter(kind="approval", subject=f"proposal:{code_in(answer)}").exists()


def test_own_proposal_can_be_confirmed_by_a_tap_in_the_own_chat_only() -> None:
    config, number = company(), some_alert()
    for is_group, tappable in ((True, False), (False, True)):
        place = {"conversation": f"cid-{is_group}", "is_group": is_group}
        (answer,) = talk(config, ("li", f"把告警 {number} 标记为处理中"), **place)
        code = code_in(answer)
        text = OutboxRow.objects.order_by("-pk").values_list("text", flat=True)[0]
        link = f"[确认 {code}](dtmd://dingtalkclient/sendMessage?content=%E7%A1%AE%E8%AE%A4%20{code})"
        assert (text.splitlines()[-1] == link) is tappable, text
        assert ("dtmd:" in text) is tappable


def test_no_approval_is_ever_a_tap() -> None:
    config = company()
    talk(config, ("zhao", "封禁 203.0.113.5 一小时"), conversation="cid-private-zhao", is_group=False)
    assert OutboxRow.objects.count() == 4
    assert not OutboxRow.objects.filter(text__contains="dtmd:").exists()


def test_what_waits_and_what_is_blocked_tell_the_same_to_who_does_not_decide() -> None:
    config = company()
    talk(config, ("zhao", "封禁 203.0.113.5 一小时"))
    place = {"conversation": "own-li", "is_group": False}
    waiting, blocked = talk(config, ("li", "待审批的有哪些"), ("li", "现在封了哪些IP"), **place)
    assert "没有等待您确认或审批的操作" in waiting
    assert "等别人审批，不由您决定：1 个" in waiting
    assert the(code_in(waiting.partition("提出，")[2])).asker_id == "zhao"
    assert "203.0.113.5" in waiting
    assert "等待审批" in blocked


def test_approvers_are_asked_again_once_after_a_third_of_the_time() -> None:
    code = propose(company(), "zhao")
    before = OutboxRow.objects.count()
    assert approvals.remind_approvers() == 0
    row = the(code)
    past = timedelta(minutes=10, seconds=1)
    Proposal.objects.filter(pk=row.pk).update(
        created_at=row.created_at - past, expires_at=row.expires_at - past
    )
    switch("no_speech")
    assert approvals.remind_approvers() == 0
    switch("no_speech", on=False)
    assert approvals.remind_approvers() == 1
    told = list(OutboxRow.objects.order_by("pk"))[before:]
    assert {each.target["staff_id"] for each in told} == {"wang", "sun", "zhang"}
    assert all("还没有人决定，还剩" in each.text and f"同意 {code}" in each.text for each in told)
    assert all(each.buttons for each in told)
    assert approvals.remind_approvers() == 0
    Proposal.objects.filter(pk=row.pk).update(reminded_at=None, state="rejected")
    assert approvals.remind_approvers() == 0
