"""Tools that act: they only propose, check twice, and do what was confirmed."""

import asyncio

import pytest
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.agent.turn.toolbox import build_toolbox, execute, plan
from secops_agent.models import Alert, History
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.decisions import targets
from tests.scripted_model import call
from tests.secops.demo_aid import Proposals, demo, person, use

__all__ = ["demo"]


def untouched_alerts(number):
    return list(
        Alert.objects.filter(status="open", assignee=None)
        .order_by("pk")
        .values_list("pk", flat=True)[:number]
    )


def test_without_a_channel_nothing_is_proposed(demo):
    (alert_id,) = untouched_alerts(1)
    found = use("close_alert", alert_id=alert_id, verdict="benign")
    assert found.status == "error"
    assert "暂无审批通道" in found.text
    assert Alert.objects.get(pk=alert_id).status == "open"


@pytest.mark.parametrize(
    ("name", "arguments", "stored", "status"),
    [
        ("acknowledge_alert", {"note": "看"}, {"note": "看"}, "needs_confirmation"),
        ("assign_alert", {"assignee": "李四"}, {"assignee": "lisi"}, "needs_confirmation"),
        ("assign_alert", {"assignee": "我"}, {"assignee": "manager01"}, "needs_confirmation"),
        ("close_alert", {"verdict": "误报"}, {"verdict": "false_positive"}, "needs_confirmation"),
    ],
)
def test_triage_is_proposed_with_resolved_arguments(demo, name, arguments, stored, status):
    (alert_id,) = untouched_alerts(1)
    before = Alert.objects.filter(pk=alert_id).values().get()
    proposals = Proposals()
    found = use(name, alert_id=alert_id, proposer=proposals, **arguments)
    assert (found.status, found.proposal_code) == (status, "C0001")
    assert proposals.made == [(name, "write", {"alert_id": alert_id, **stored})]
    assert "确认 C0001" in found.text
    assert "尚未执行" in found.text
    assert Alert.objects.filter(pk=alert_id).values().get() == before


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("acknowledge_alert", {"alert_id": 10**9}, "没有编号"),
        ("block_ip", {"ip": "10.0.0.5"}, "内网或保留地址"),
        ("block_ip", {"ip": "::ffff:10.0.0.5"}, "内网或保留地址"),
        ("block_ip", {"ip": "127.0.0.1"}, "内网或保留地址"),
        ("block_ip", {"ip": "169.254.169.254"}, "内网或保留地址"),
        ("block_ip", {"ip": "fe80::1"}, "内网或保留地址"),
        ("block_ip", {"ip": "203.0.113.0/24"}, "不能封禁网段"),
        ("block_ip", {"ip": "evil.example"}, "不是 IP 地址"),
        ("block_ip", {"ip": "203.0.113.5", "duration_minutes": -5}, "应在"),
        ("isolate_host", {"asset": "web-9"}, "不能隔离"),
        ("isolate_host", {"asset": "web-0"}, "不能隔离"),
        ("isolate_host", {"asset": "jenkins"}, "是否指：jenkins-01"),
        ("isolate_host", {"asset": "支付系统"}, "只有主机"),
    ],
)
def test_what_must_not_be_done_is_not_proposed(demo, name, arguments, reason):
    proposals = Proposals()
    found = use(name, proposer=proposals, **arguments)
    assert found.status == "error"
    assert reason in found.text
    assert proposals.made == []


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [("close_alert", {}, "要写明结论"), ("assign_alert", {"assignee": "无此人"}, "人员里没有")],
)
def test_what_is_missing_is_asked_for(demo, name, arguments, reason):
    (alert_id,) = untouched_alerts(1)
    proposals = Proposals()
    found = use(name, alert_id=alert_id, proposer=proposals, **arguments)
    assert found.status == "error"
    assert reason in found.text
    assert proposals.made == []


def test_who_has_an_alert_is_not_given_it_again(demo):
    held = Alert.objects.filter(status="acknowledged", assignee__staff_id="lisi").first()
    proposals = Proposals()
    found = use("assign_alert", alert_id=held.pk, assignee="李四", proposer=proposals)
    assert "处理人已经是 李四" in found.text
    assert proposals.made == []
    assert (
        "指派给 李四"
        in use("assign_alert", alert_id=held.pk, assignee="李四", note="催", proposer=proposals).text
    )


def test_own_public_address_is_not_blocked(demo):
    from secops_agent.services.intake import ingest
    from secops_agent.services.records import AssetRecord, Key

    record = AssetRecord(
        "host", "edge-9", (Key("hostname", "edge-9"), Key("ip", "198.51.100.77")), ips=("198.51.100.77",)
    )
    ingest.store(iter([record]), Actor.system("test"))
    found = use("block_ip", ip="198.51.100.77", proposer=Proposals())
    assert found.status == "error"
    assert "我们自己的资产「edge-9」" in found.text


def test_dangerous_tools_ask_for_an_approval(demo):
    proposals = Proposals()
    block = use("block_ip", ip="203.0.113.5", duration_minutes=60, reason="爆破", proposer=proposals)
    host = use("isolate_host", asset="10.0.0.5", as_="zhaoliu", proposer=proposals)
    machine = inventory.require("web-01")
    assert {block.status, host.status} == {"needs_approval"}
    assert proposals.made == [
        ("block_ip", "dangerous", {"ip": "203.0.113.5", "duration_minutes": 60, "reason": "爆破"}),
        ("isolate_host", "dangerous", targets.kept(machine)),
    ]
    assert machine.ips
    assert all(part in host.text for part in (f"#{machine.id}", "web-01", *machine.ips))
    assert "同意 C0001" in block.text


def test_refusal_of_the_proposer_is_the_answer(demo):
    found = use("block_ip", ip="203.0.113.5", proposer=Proposals("没有其他审批人。"))
    assert found.status == "error"
    assert "没有其他审批人。" in found.text
    assert "没有执行任何操作" in found.text


def test_confirmed_actions_change_the_alert_in_the_name_of_the_person(demo):
    first, second = untouched_alerts(2)
    actor = Actor.person(person("lisi"), "dingtalk")
    assert "指派给 王五" in execute("assign_alert", {"alert_id": first, "assignee": "wangwu"}, actor)
    assert "已确认" in execute("acknowledge_alert", {"alert_id": second, "note": "看"}, actor)
    assert "误报" in execute("close_alert", {"alert_id": second, "verdict": "false_positive"}, actor)
    assert Alert.objects.get(pk=first).assignee.name == "王五"
    assert Alert.objects.get(pk=second).verdict == "false_positive"
    rows = History.objects.filter(entity="alert", entity_id=second, actor_name="李四").order_by("id")
    assert [row.action for row in rows] == ["acknowledge", "close"]


def test_actions_are_checked_again_when_they_are_done(demo):
    (alert_id,) = untouched_alerts(1)
    actor = Actor.person(person("lisi"), "dingtalk")
    arguments = {"alert_id": alert_id, "verdict": "benign"}
    execute("close_alert", arguments, actor)
    with pytest.raises(InvalidInput, match="已关闭"):
        execute("close_alert", arguments, actor)
    with pytest.raises(InvalidInput, match="不能封禁"):
        plan("block_ip", {"ip": "10.0.0.5"})
    with pytest.raises(InvalidInput, match="没有名为"):
        execute("list_alerts", {}, actor)
    with pytest.raises(InvalidInput, match="连接器"):
        execute("block_ip", {"ip": "203.0.113.5"}, actor)


@pytest.mark.slow
def test_identity_is_not_an_argument(demo):
    toolbox = build_toolbox(person("zhaoliu"), is_group=False, now=timezone.localtime(), proposer=Proposals())
    found = asyncio.run(toolbox.run(call("block_ip", ip="203.0.113.5", asker="manager01")))
    assert found.status == "error"
    assert "没有参数「asker」" in found.text
