"""What a program asks for through /mcp/ waits for a person: the token's owner, or somebody else for what is dangerous."""

import re
from typing import Any

import pytest
from django.test import Client

from bifang.channels.models import OutboxRow
from bifang.core.models import SystemConfig
from secops_agent.models import Action, Alert, AuditRecord, Proposal, Staff
from secops_agent.services.people import tokens
from tests.secops.api.mcp_aid import call, text_of, token_of
from tests.secops.decisions_aid import company, some_alert, switch, talk, the
from tests.secops.inventory_aid import host, store

pytestmark = pytest.mark.django_db
DM = {"conversation": "cid-dm", "is_group": False}


def propose(client: Client, name: str = "close_alert", **arguments: Any) -> str:
    result = call(client, name, **arguments)
    assert not result["isError"], text_of(result)
    return str(result["structuredContent"]["code"])


def told(staff_id: str) -> list[str]:
    rows = OutboxRow.objects.order_by("pk")
    return [row.text for row in rows if row.target.get("staff_id") == staff_id and not row.target["is_group"]]


def verdict(client: Client, code: str, word: str) -> int:
    address = f"/api/v1/proposals/{code}/decision/"
    return client.post(address, {"verdict": word}, "application/json").status_code


def closing() -> dict[str, Any]:
    return {"alert_id": some_alert(), "verdict": "benign"}


def status() -> str:
    return str(Alert.objects.get().status)


@pytest.mark.both_databases
def test_the_owner_is_told_in_private_and_confirms_there(database: Any) -> None:
    robot = company()
    code = propose(token_of("li"), **closing())
    (asked,) = told("li")
    assert f"确认 {code}" in asked
    assert "（API 令牌「令牌" in asked
    assert status() == "open"
    (other, group, reply) = (
        talk(robot, ("zhao", f"确认 {code}"), conversation="cid-zhao", is_group=False)[0],
        talk(robot, ("li", f"确认 {code}"))[0],
        talk(robot, ("li", f"确认 {code}"), **DM)[0],
    )
    assert "只能由提出人 li先生 本人确认" in other
    assert "单聊里决定" in group
    assert "已关闭" in reply
    assert status() == "closed"
    assert the(code).decider_name == "li先生"
    assert len([text for text in told("li") if "已关闭" in text]) == 1, (
        "the reply alone, not news of it as well"
    )
    proposed = AuditRecord.objects.get(kind="proposal")
    assert (proposed.via, proposed.actor_kind) == ("mcp", "token")
    assert AuditRecord.objects.get(what="调用 close_alert").subject == f"proposal:{code}"


def asked_of_approvers(robot: SystemConfig, code: str) -> str:
    """The owner confirms a request; the code that approvers were asked with."""
    (reply,) = talk(robot, ("zhao", f"确认 {code}"), **DM)
    found = re.search(r"同意 ([A-Z][A-Z0-9]{5})", reply)
    assert found, reply
    assert found[1] != code
    return found[1]


@pytest.mark.both_databases
def test_what_is_dangerous_goes_to_approvers_only_after_the_owner_confirmed(database: Any) -> None:
    robot = company()
    result = call(token_of("zhao"), "block_ip", ip="203.0.113.5", reason="扫描")
    code = result["structuredContent"]["code"]
    assert result["structuredContent"]["status"] == "needs_confirmation"
    assert "后才请另一位审批人决定" in text_of(result)
    assert [told(approver) for approver in ("wang", "sun", "zhang")] == [[], [], []]
    (asked,) = told("zhao")
    assert f"确认 {code}" in asked
    assert "API 令牌" in asked
    assert "本人确认以后才请审批人决定" in asked
    for who, word in (("wang", "同意"), ("wang", "确认"), ("zhang", "确认")):
        talk(robot, (who, f"{word} {code}"), conversation=f"cid-{who}", is_group=False)
    assert the(code).state == "proposed"
    danger = asked_of_approvers(robot, code)
    for approver in ("wang", "sun", "zhang"):
        assert any(f"同意 {danger}" in text and "API 令牌" in text for text in told(approver)), approver
    (own,) = talk(robot, ("zhao", f"同意 {danger}"), **DM)
    assert "您自己提出的" in own
    (confirmed,) = talk(robot, ("zhao", f"确认 {danger}"), **DM)
    assert "不能自己确认" in confirmed
    assert not Action.objects.exists()
    talk(robot, ("wang", f"同意 {danger}"), conversation="cid-wang", is_group=False)
    assert the(danger).state == "approved"
    assert Action.objects.get().arguments["ip"] == "203.0.113.5"
    assert any("wang先生** 同意了" in text for text in told("zhao"))
    by_whom = list(
        AuditRecord.objects.filter(kind="proposal").order_by("pk").values_list("actor_kind", flat=True)
    )
    assert by_whom == ["token", "person"]


def test_a_petition_is_confirmed_once_and_only_while_it_may_be_done() -> None:
    robot = company()
    client = token_of("zhao")
    code = propose(client, "block_ip", ip="203.0.113.5")
    asked_of_approvers(robot, code)
    (again,) = talk(robot, ("zhao", f"确认 {code}"), **DM)
    assert "不会重复执行" in again
    assert len(told("wang")) == 1
    second = propose(client, "block_ip", ip="203.0.113.5")
    asked_of_approvers(robot, second)
    assert len(told("wang")) == 1, "the same thing, still undecided"
    third = propose(client, "block_ip", ip="203.0.113.6")
    store(host("web-01", "203.0.113.6"))
    (ours,) = talk(robot, ("zhao", f"确认 {third}"), **DM)
    assert "没有交给审批人" in ours
    assert "我们自己的资产" in ours
    fourth = propose(client, "block_ip", ip="203.0.113.7")
    Staff.objects.filter(staff_id="zhao").update(role="analyst")
    (weaker,) = talk(robot, ("zhao", f"确认 {fourth}"), **DM)
    assert "权限刚刚变了" in weaker
    assert Proposal.objects.filter(tool="block_ip").count() == 1


def test_a_petition_that_was_altered_in_the_database_reaches_nobody() -> None:
    robot = company()
    code = propose(token_of("zhao"), "block_ip", ip="203.0.113.5")
    row = the(code)
    row.arguments["arguments"]["ip"] = "203.0.113.99"
    row.save()
    (reply,) = talk(robot, ("zhao", f"确认 {code}"), **DM)
    assert "不一致" in reply
    assert told("wang") == []


def test_without_another_approver_a_program_is_told_at_once() -> None:
    company()
    Staff.objects.filter(role__in=("approver", "admin")).update(active=False)
    result = call(token_of("zhao"), "block_ip", ip="203.0.113.5")
    assert result["isError"]
    assert "没有在职的审批人" in text_of(result)
    assert not Proposal.objects.exists()


def test_no_token_decides_what_a_token_proposed() -> None:
    robot = company()
    everything = ("read", "write", "approve")
    write = propose(token_of("zhao", *everything), **closing())
    assert verdict(token_of("zhao", *everything), write, "confirm") == 409
    asked = propose(token_of("zhao", *everything), "block_ip", ip="203.0.113.5")
    assert verdict(token_of("zhao", *everything), asked, "confirm") == 409
    danger = asked_of_approvers(robot, asked)
    assert verdict(token_of("wang", *everything), danger, "approve") == 409
    assert {the(write).state, the(danger).state} == {"proposed"}
    assert verdict(token_of("zhao", *everything), write, "reject") == 200
    assert the(write).state == "cancelled"


def test_asked_again_it_is_the_same_proposal_and_nobody_is_told_again() -> None:
    robot, wanted = company(), closing()
    codes = {propose(token_of("li"), **wanted) for _ in range(3)}
    assert (len(codes), Proposal.objects.count(), len(told("li"))) == (1, 1, 1)
    talk(robot, ("li", f"确认 {codes.pop()}"), **DM)
    late = call(token_of("li"), "close_alert", **wanted)
    assert late["isError"]
    assert "不能这样做" in text_of(late)


def test_a_flood_of_proposals_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secops_agent.services.decisions.proposals.MOST_OPEN", 2)
    company()
    client = token_of("zhao")
    results = [call(client, "block_ip", ip=f"203.0.113.{number}") for number in range(1, 5)]
    assert [result["isError"] for result in results] == [False] * 2 + [True] * 2
    assert "2 个未决定的操作" in text_of(results[-1])
    assert Proposal.objects.count() == 2


def test_nothing_is_proposed_where_nobody_could_decide() -> None:
    def refused(client: Client, said: str, **given: Any) -> None:
        result = call(client, "close_alert", **given)
        assert (result["isError"], Proposal.objects.count()) == (True, 0)
        assert said in text_of(result)

    robot, wanted = company(), closing()
    switch("read_only")
    refused(token_of("li"), "只读模式", **wanted)
    switch("read_only", on=False)
    SystemConfig.objects.filter(pk=robot.pk).update(params={**robot.params, "corp_id": "other"})
    refused(token_of("li"), "没有启用通知的钉钉或飞书配置", **wanted)
    SystemConfig.objects.filter(pk=robot.pk).update(enabled=False)
    refused(token_of("li"), "没有启用通知的钉钉或飞书配置", **wanted)


def test_who_lost_the_role_or_left_decides_nothing_any_more() -> None:
    robot, wanted = company(), closing()
    client = token_of("li")
    code = propose(client, **wanted)
    Staff.objects.filter(staff_id="li").update(role="viewer")
    (reply,) = talk(robot, ("li", f"确认 {code}"), **DM)
    assert "权限刚刚变了" in reply
    assert call(client, "close_alert", **wanted)["isError"]
    Staff.objects.filter(staff_id="li").update(active=False)
    answer = client.post("/mcp/", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, "application/json")
    assert (answer.status_code, status()) == (401, "open")


def test_of_another_corporation_nothing_is_shown_or_decided() -> None:
    robot, wanted = company(), closing()
    code = propose(token_of("li"), **wanted)
    (reply,) = talk(robot, ("li", f"确认 {code}"), corp="evil", **DM)
    assert status() == "open", reply
    SystemConfig.objects.filter(pk=robot.pk).update(params={**robot.params, "corp_id": "corp"})
    Staff.objects.create(staff_id="spy", name="间谍", role="approver", corp_id="evil")
    stolen = call(token_of("spy"), "close_alert", **wanted)
    assert stolen["isError"]
    assert "没有启用通知的钉钉或飞书配置" in text_of(stolen)


def test_a_name_of_a_token_cannot_say_something_else() -> None:
    company()
    wanted = closing()
    client = token_of("li")
    row = tokens.ApiToken.objects.get()
    row.name = "x」**已批准** [点此](https://evil.example) @所有人\n\n同意 ABC234"
    row.save()
    code = propose(client, **wanted)
    (asked,) = told("li")
    assert "](https" not in asked
    assert not re.search(r"(?m)^同意", asked)
    assert "**已批准**" not in the(code).summary


def test_a_crash_between_leaves_no_proposal_that_nobody_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    company()
    wanted, client = closing(), token_of("li")
    monkeypatch.setattr("bifang.channels.queues.outbox.notify", lambda *_, **__: 1 / 0)
    result = call(client, "close_alert", **wanted)
    assert result["isError"]
    assert "内部出错" in text_of(result)
    assert not Proposal.objects.exists()
    assert AuditRecord.objects.filter(what="调用 close_alert").exists()
