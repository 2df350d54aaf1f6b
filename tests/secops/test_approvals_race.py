"""Deciding under double clicks, redelivery and changed circumstances, on both databases."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import InvalidInput
from secops_agent.models import Action, Proposal, Role, Staff
from secops_agent.services.decisions import approvals
from secops_agent.services.decisions.proposals import new_code
from secops_agent.services.decisions.requests import Executors
from secops_agent.services.faults import Conflict
from tests.secops.decisions_aid import Deeds, company, decide, decision_request, propose, the

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases("every test")]


def at_once(jobs: list) -> list:
    """Run all in threads that start together."""
    start, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(number: int) -> None:
        try:
            start.wait(120)
            results[number] = jobs[number]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def test_many_clicks_at_once_order_one_action() -> None:
    config = company()
    code, deeds = propose(config, "zhao"), Deeds()
    voters = ["wang", "sun", "zhang", "wang", "sun", "zhang"]
    requests = [
        decision_request(config, code, "approve" if n % 2 else "reject", who) for n, who in enumerate(voters)
    ]
    decisions = at_once([lambda b=b: approvals.decide(b, deeds.executors) for b in requests])
    assert [d.status for d in decisions].count("decided") == 1
    assert Action.objects.count() == (1 if the(code).state == "approved" else 0)


def test_confirmations_at_once_do_it_once() -> None:
    config = company()
    code, deeds = propose(config, "li", "close_alert", "write", {"alert_id": 1}), Deeds()
    requests = [decision_request(config, code, "confirm", "li") for _ in range(5)]
    decisions = at_once([lambda b=b: approvals.decide(b, deeds.executors) for b in requests])
    assert len(deeds.done) == 1
    assert sorted(d.status for d in decisions) == ["decided", *["repeated"] * 4]


def test_redelivered_message_gets_the_same_answer_and_tells_nobody_twice() -> None:
    config = company()
    code = propose(config, "zhao")
    elsewhere = {"conversation_id": "cid-wang", "is_group": False, "through": "chat:same"}
    first = decide(config, code, "approve", "wang", **elsewhere)
    again = decide(config, code, "approve", "wang", **elsewhere)
    assert (first.status, again.status) == ("decided", "repeated")
    assert first.text == again.text
    assert Action.objects.count() == 1
    assert OutboxRow.objects.filter(key__startswith="note:proposal").count() == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda: Staff.objects.filter(staff_id="wang").update(role=Role.RESPONDER), "角色"),
        (lambda: Staff.objects.filter(staff_id="wang").update(active=False), "人员名单"),
        (lambda: Staff.objects.filter(staff_id="zhao").update(role=Role.VIEWER), "权限"),
        (lambda: Staff.objects.filter(staff_id="zhao").update(active=False), "权限"),
        (lambda: Proposal.objects.update(arguments={"ip": "8.8.8.8"}), "不一致"),
        (lambda: Proposal.objects.update(expires_at=timezone.now() - timedelta(seconds=1)), "过期"),
    ],
)
def test_what_changed_since_the_proposal_stops_the_approval(change, word: str) -> None:
    config = company()
    code = propose(config, "zhao")
    voter = decision_request(config, code, "approve", "wang")
    change()
    decision = approvals.decide(voter, Deeds().executors)
    assert decision.status == "refused"
    assert word in decision.text
    assert not Action.objects.exists()


def test_approver_cannot_approve_what_they_asked_for_themselves() -> None:
    config = company()
    code = propose(config, "wang")
    own = decide(config, code, "approve", "wang")
    assert own.status == "refused"
    assert "四眼" in own.text
    assert decide(config, code, "approve", "sun").status == "decided"


def test_second_row_of_the_same_person_is_not_a_second_pair_of_eyes() -> None:
    config = company()
    Staff.objects.create(staff_id="zhao", corp_id="", name="赵六（旧）", role="approver")
    code = propose(config, "zhao")
    Staff.objects.filter(corp_id="corp", staff_id="zhao").update(role="approver")
    assert decide(config, code, "approve", "zhao").status == "refused"
    assert not OutboxRow.objects.filter(target__staff_id="zhao", target__is_group=False).exists()


def test_failed_check_at_approval_orders_nothing_and_says_why() -> None:
    config = company()
    code = propose(config, "zhao")
    decision = decide(config, code, "approve", "wang", Deeds(InvalidInput("这是我们自己的资产。")))
    assert "自己的资产" in decision.text
    assert the(code).state == "approved"
    assert not Action.objects.exists()


def test_failed_confirmation_undoes_its_beginnings_and_stands() -> None:
    config = company()
    code = propose(config, "li", "close_alert", "write", {"alert_id": 1})

    def half(tool: str, arguments: object, actor: object) -> str:
        Staff.objects.create(staff_id="half", name="半途", role="viewer")
        raise RuntimeError("boom")

    decision = approvals.decide(
        decision_request(config, code, "confirm", "li"), Executors(half, Deeds().executors.check)
    )
    assert "内部出错" in decision.text
    assert not Staff.objects.filter(staff_id="half").exists()
    assert decide(config, code, "confirm", "li").status == "repeated"


def test_overdue_proposals_expire_once_and_it_is_told() -> None:
    config = company()
    code = propose(config, "zhao")
    Proposal.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sum(at_once([approvals.expire_overdue, approvals.expire_overdue])) == 1
    assert the(code).state == "expired"
    assert OutboxRow.objects.filter(text__contains="已过期").count() == 1
    assert "已过期" in decide(config, code, "approve", "wang").text


def test_same_request_again_keeps_its_code_until_it_is_decided() -> None:
    config = company()
    code = propose(config, "zhao")
    assert propose(config, "zhao") == code
    with pytest.raises(Conflict, match=code):
        propose(config, "zhao", conversation="cid-other")
    decide(config, code, "reject", "wang")
    assert propose(config, "zhao") != code


def test_codes_are_never_words_or_numbers() -> None:
    codes = {new_code() for _ in range(2000)}
    assert len(codes) > 1990
    assert all(len(code) == 6 and code[0].isalpha() and any(c.isdigit() for c in code) for code in codes)
    assert not set("".join(codes)) & set("01OIL")
