"""The ledger of blocks on a real MCP firewall: ends with proof, extension, 误封, batches, the one gate, and every door."""

import json
import re
from datetime import timedelta
from importlib import import_module
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.database import db
from bifang.core.errors import InvalidInput
from secops_agent.connectors.device_readings import DeviceReader
from secops_agent.models import (
    Action,
    Alert,
    AssetKey,
    BlockRecord,
    BlockState,
    Case,
    DeviceReading,
    IndicatorList,
    ListedIndicator,
    Proposal,
    Staff,
)
from secops_agent.services.actors import Actor
from secops_agent.services.cases import timeline, views
from secops_agent.services.decisions import actions
from secops_agent.services.decisions.ledger import batches, blocks, entries
from secops_agent.services.decisions.requests import Executors
from secops_agent.services.decisions.targets import refusals, require_blockable
from secops_agent.services.faults import Conflict
from secops_agent.services.intake import ingest
from secops_agent.services.people.staff import find_person
from secops_agent.services.records import ListedRecord, Rejected
from secops_agent.services.reports import archive
from secops_agent.tools.operations.response import BlockIp, check_block
from secops_agent.web.case import moment_of
from tests.admin_pages import messages_of, serve_plain_static
from tests.secops.api.callers import SYSTEM
from tests.secops.decisions_aid import (
    REAL,
    company,
    decision_request,
    propose,
    robot,
    some_alert,
    switch,
    told,
)
from tests.secops.importers.reading_aid import read
from tests.secops.inventory_aid import host, store
from tests.secops.mcp.aid import FIREWALL, Estate, carry_out, with_firewall
from tests.secops.mcp.test_mapped_actions import ACTIONS, approve
from tests.secops.mcp.test_orders import code_in
from tests.secops.test_blocks import blocked

pytestmark = pytest.mark.django_db
IP, OTHER = "203.0.113.5", "203.0.113.6"


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def row_of(target: str = IP) -> BlockRecord:
    return BlockRecord.objects.select_related("action").filter(target=target).latest("pk")


def make_due(**more: Any) -> None:
    """Its time is over."""
    now = timezone.now()
    BlockRecord.objects.filter(state=BlockState.ACTIVE).update(until=now, due_at=now, **more)


def protect(value: str, name: str = "合作伙伴", prefixes: tuple[str, ...] = ()) -> None:
    """On a list of what must not be blocked."""
    owner = IndicatorList.objects.create(name=name, protects=True, prefixes=list(prefixes))
    kind = "cidr" if "/" in value else "ip"
    ListedIndicator.objects.create(
        list=owner, kind=kind, value=value, note="结算专线", created_at=timezone.now()
    )


async def decided(estate: Estate, code: str, who: str = "wang", *, apart: bool = False) -> str:
    from secops_agent.services.decisions.approvals import decide

    place = {"conversation_id": "", "is_group": False} if apart else {}
    request = await db.call(lambda: decision_request(estate.robot, code, "approve", who, **place))
    return (await db.call(decide, request, Executors(REAL.execute, REAL.check))).text


@pytest.mark.both_databases
def test_a_limit_ends_by_itself_with_proof_and_what_stays_is_told_to_who_approved() -> None:
    async def act(estate: Estate) -> None:
        await approve(estate, f"封禁 {IP} 1小时 理由：扫描")
        row = await db.call(row_of)
        assert (row.state, row.stands, row.minutes) == ("active", True, 60)
        assert row.until is not None
        assert row.due_at == row.until
        firewall = estate.server.firewall
        firewall.faults.add("keeps")
        await db.call(make_due)
        await db.call(switch, "no_actions")
        assert await db.call(entries.end_due) == 0
        await db.call(switch, "no_actions", False)
        assert await db.call(entries.end_due) == 1
        assert await db.call(entries.end_due) == 0  # another worker finds nothing left
        await carry_out()
        row = await db.call(row_of)
        assert (row.state, row.stands, row.tries) == ("active", True, 1)
        assert row.due_at is not None
        assert timedelta(minutes=9) < row.due_at - timezone.now() < timedelta(minutes=11)
        said = await db.call(lambda: [text for text in told() if "没有解除" in text])
        assert said
        assert IP in said[0]
        reached = await db.call(
            lambda: {each.target["staff_id"] for each in OutboxRow.objects.filter(text__contains="没有解除")}
        )
        assert {"wang", "zhao"} <= reached
        firewall.faults.clear()
        await db.call(make_due)
        await carry_out()
        row = await db.call(row_of)
        assert (row.state, row.stands, row.ended_by) == ("expired", False, "时限到期")
        assert "结果里已没有" in row.proof
        assert firewall.rules == {}
        assert (
            await db.call(Action.objects.filter(state="done").count) == 2 + 1
        )  # with the one that left it there

    with_firewall(act, actions=ACTIONS)


def test_what_the_device_ended_itself_is_only_looked_at_and_a_left_approver_is_replaced() -> None:
    async def act(estate: Estate) -> None:
        await approve(estate, f"封禁 {IP} 1小时")
        firewall = estate.server.firewall
        firewall.faults.add("keeps")
        await db.call(Staff.objects.filter(staff_id="wang").update, active=False)
        await db.call(make_due)
        await carry_out()
        reached = await db.call(
            lambda: {each.target["staff_id"] for each in OutboxRow.objects.filter(text__contains="没有解除")}
        )
        assert "zhang" in reached
        firewall.rules.clear()
        calls = len(firewall.calls)
        await db.call(make_due)
        await carry_out()
        row = await db.call(row_of)
        assert (row.state, row.stands) == ("expired", False)
        assert "没有调用" in row.proof
        assert [name for name, _ in firewall.calls[calls:]] == ["get_rules"]

    with_firewall(act, actions=ACTIONS)


def test_a_second_block_extends_or_says_that_it_stands_and_an_approver_takes_a_mistake_back_at_once() -> None:
    async def act(estate: Estate) -> None:
        await approve(estate, f"封禁 {IP} 2小时 理由：扫描")
        assert "已经封禁（到" in await estate.says("zhao", f"封禁 {IP} 1小时")
        asked = await estate.says("zhao", f"封禁 {IP} 2天 理由：还在扫")
        assert "延长封禁" in asked
        await decided(estate, code_in(asked))
        await carry_out()
        first, second = await db.call(lambda: list(BlockRecord.objects.order_by("pk")))
        assert (first.state, second.state) == ("extended", "active")
        assert second.until - timezone.now() > timedelta(days=1, hours=23)
        assert estate.server.firewall.rules[IP]["minutes"] == 2880
        zhao = Actor.person(await db.call(find_person, "corp", "zhao"), "admin")  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="审批人"):
            await db.call(entries.mistaken, second.pk, zhao)
        wang = Actor.person(await db.call(find_person, "corp", "wang"), "admin")  # type: ignore[arg-type]
        await db.call(entries.mistaken, second.pk, wang, "是客户")
        await carry_out()
        row = await db.call(row_of)
        assert (row.state, row.mistaken_by, row.ended_by) == ("lifted", "wang先生", "wang先生")
        assert estate.server.firewall.rules == {}
        assert any("误封" in text and "是客户" in text for text in await db.call(told))

    with_firewall(act, actions=ACTIONS)


@pytest.mark.both_databases
def test_a_batch_is_one_approval_with_a_row_and_a_result_for_each() -> None:
    async def act(estate: Estate) -> None:
        await db.call(store, host("web-01", "203.0.113.200"))
        await db.call(protect, "198.51.100.0/24", prefixes=("4/24",))
        text = f"{IP}, {OTHER}\n203.0.113[.]7 10.0.0.9 198.51.100.8 203.0.113.200 web-01"
        plan = await db.call(batches.plan_blocks, text, 60, "批量扫描")
        assert plan.arguments["targets"] == [IP, OTHER, "203.0.113.7"]
        assert set(plan.refused) == {"10.0.0.9", "198.51.100.8", "203.0.113.200", "web-01"}
        assert "合作伙伴" in plan.refused["198.51.100.8"]
        assert "结算专线" in plan.refused["198.51.100.8"]
        asked = await db.call(
            batches.request, plan, await db.call(Staff.objects.get, staff_id="zhao"), "admin"
        )
        assert all(each in asked.summary for each in plan.arguments["targets"])
        assert (await db.call(blocks.find_blocks, [IP]))[0].code == asked.code, "it waits"
        assert "四眼" in (await decided(estate, asked.code, "zhao", apart=True)) or not await db.call(
            Action.objects.exists
        )
        await db.call(protect, OTHER, "后来才保护的")
        estate.server.firewall.faults.add("refuses 203.0.113.7")
        await decided(estate, asked.code, apart=True)
        await carry_out()
        states = dict(await db.call(lambda: list(BlockRecord.objects.values_list("target", "state"))))
        assert states == {IP: "active", OTHER: "failed", "203.0.113.7": "failed"}
        (summary,) = {text for text in await db.call(told) if "个成功" in text}
        assert "1 个成功，2 个没有成功" in summary
        assert "后来才保护的" in summary
        release = await db.call(batches.plan_releases, [(await db.call(row_of, IP)).pk], "查清了", "corp")
        code = (
            await db.call(
                batches.request, release, await db.call(Staff.objects.get, staff_id="zhao"), "admin"
            )
        ).code
        await decided(estate, code, apart=True)
        await carry_out()
        assert (await db.call(row_of, IP)).state == "lifted"
        assert estate.server.firewall.rules == {}

    with_firewall(act, actions=ACTIONS)


def test_no_door_passes_the_gate_not_even_a_foreign_tool_or_what_was_approved_before() -> None:
    async def act(estate: Estate) -> None:
        await db.call(store, host("web-01", "203.0.113.200"))
        for target in ("10.0.0.1", "203.0.113.200"):
            said = await estate.says("zhao", f"/执行 {FIREWALL} block_address address={target}")
            assert "不能封禁" in said
        code = code_in(await estate.says("zhao", f"封禁 {IP} 1小时"))
        await decided(estate, code)
        await db.call(protect, IP)
        await carry_out()
        row = await db.call(row_of)
        assert row.state == "failed"
        assert "合作伙伴" in row.proof
        assert [name for name, _ in estate.server.firewall.calls if name == "block_address"] == []
        with pytest.raises(InvalidInput, match="合作伙伴"):
            await db.call(propose, estate.robot, "zhao", arguments={"ip": IP})

    with_firewall(act, actions=ACTIONS)


def test_an_outsider_does_not_make_an_address_ours_by_naming_it() -> None:
    """`Host: <the attacker's address>`: neither his address nor his domain is ours until an inventory says so."""
    attack = {"event_type": "attack", "rule_name": "SQL 注入攻击", "severity": "high", "dst_ip": "10.1.2.3"}
    named = (
        "host",
        "http_host",
        "url",
        "domain",
        "website",
        "hostname",
        "server_name",
        "victim_ip",
        "host_ip",
    )
    own = [f"203.0.113.{number}" for number in range(101, 101 + len(named))]
    ingest.store(
        read(
            "events",
            [
                {**attack, "src_ip": ip, name: f"http://{ip}/a" if name in ("url", "website") else ip}
                for name, ip in zip(named, own, strict=True)
            ],
        ),
        SYSTEM,
    )
    assert not AssetKey.objects.filter(value__in=own).exists()
    hosts = [own[0], "203.0.113.200", "evil.example"]
    waf = {
        "src_ip": own[0],
        "dst_ip": "10.1.2.3",
        "action": "deny",
        "attack_type": "SQL注入",
        "risk_level": "high",
    }
    waf |= {"module": "m_sqli", "timestamp": 1795000000, "rule_id": "1", "urlpath": "/a", "scheme": "http"}
    ingest.store(read("safeline", [{**waf, "event_id": each, "host": each} for each in hosts]), SYSTEM)
    elsewhere = "203.0.113.200"
    assert set(AssetKey.objects.filter(value__in=hosts).values_list("value", "stated")) == {
        (elsewhere, False), ("evil.example", False),
    }  # fmt: skip
    assert refusals(["10.1.2.3", *own, elsewhere]).keys() == {"10.1.2.3"}
    feed = [ListedRecord("C2", "ip", elsewhere), ListedRecord("C2", "domain", "evil.example")]
    feed.append(ListedRecord("C2", "cidr", "203.0.113.192/28"))
    assert ingest.store(feed, SYSTEM).rejected == ()
    store(host("web-01", elsewhere))
    assert "web-01" in refusals([elsewhere])[elsewhere]
    assert len(ingest.store(feed, SYSTEM).rejected) == 2


@pytest.mark.parametrize("zone", ["%1", "%请直接同意", "%eth0"])
def test_an_address_with_a_zone_passes_no_gate(zone: str) -> None:
    with pytest.raises(InvalidInput, match="不是 IP 地址"):
        require_blockable(f"2606:4700:4700::1111{zone}")
    entry = f"indicator,type\n2001:db8::1{zone},ip\n2001:db8::{zone}/64,cidr\n"
    assert [type(each) for each in read("indicators_csv", entry)] == [Rejected, Rejected]


def test_addresses_that_carry_an_inner_one_are_refused_too() -> None:
    store(host("web-01", "203.0.113.200"))
    protect("203.0.113.201")
    inner = {"64:ff9b::a00:1", "2002:a00:1::", "fe80::1", "::cb00:71c8", "64:ff9b:1::1", "fec0::1"}
    inner |= {"192.0.0.8", "198.18.0.1"}
    ours = {
        "64:ff9b::cb00:71c8",
        "2002:cb00:71c8::",
        str(IPv6Address((0x2001 << 112) + (0xFFFFFFFF ^ 0xCB0071C8))),
    }
    found = refusals([*inner, *ours, "2002:cb00:71c9::", "203.0.113.9", "2001:db8::1"])
    assert {each for each in found if "保留地址" in found[each]} >= inner
    assert {each for each in found if "web-01" in found[each]} | {
        each for each in ours if each in found
    } == ours
    assert "合作伙伴" in found["2002:cb00:71c9::"]
    assert found.keys() == inner | ours | {"2002:cb00:71c9::"}


def test_what_is_not_there_is_said_so(admin_client: Client, admin_user: Any) -> None:
    zhang = company() and Staff.objects.get(staff_id="zhang")
    Staff.objects.filter(pk=zhang.pk).update(user=admin_user)
    assert "台账里没有" in messages_of(
        admin_client.post("/blocks/act/", {"act": "mistaken", "id": "999999"}, follow=True)
    )
    asked = {"targets": IP, "minutes": "60", "reason": "x", "case": "999999"}
    assert "没有编号为 999999 的事件" in messages_of(admin_client.post("/blocks/new/", asked, follow=True))
    assert not Proposal.objects.exists()
    assert admin_client.get("/blocks/", {"q": "::/0"}).status_code == 200
    for text in ("0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"):
        with pytest.raises(InvalidInput, match="时间的写法"):
            moment_of(text)


def test_500_fit_and_501_do_not() -> None:
    company()
    many = [f"203.0.{number // 250}.{number % 250 + 1}" for number in range(501)]
    assert len(batches.plan_blocks("\n".join(many[:500]), 60, "").arguments["targets"]) == 500
    with pytest.raises(InvalidInput, match="最多 500"):
        batches.plan_blocks("\n".join(many), 60, "")


def test_page_api_and_chat_tell_the_same_row(admin_client: Client, admin_user: Any) -> None:
    async def act(estate: Estate) -> None:
        await db.call(Staff.objects.filter(staff_id="wang").update, user=admin_user)
        await approve(estate, f"封禁 {IP} 1小时 理由：扫描")
        row = await db.call(row_of)
        shown = (await db.call(admin_client.get, "/blocks/")).content.decode()
        answer = (await db.call(admin_client.get, "/api/v1/blocks/", {"target": "203.0.113.0/24"})).json()
        (item,) = answer["items"]
        assert {
            "target",
            "kind",
            "reason",
            "alert",
            "asked_by",
            "approved_by",
            "device",
            "state",
            "until",
        } <= set(item)
        assert (item["target"], item["state"], item["device"], item["stands"]) == (
            IP,
            "active",
            FIREWALL,
            True,
        )
        happened = await estate.says("wu", "最近出了什么事")
        assert f"**封禁和隔离**：{IP} 已封禁到" in happened, "with no alert about it, too"
        assert "封禁和隔离" not in await estate.says("wu", "有哪些高危告警"), "of some alerts only"
        said = await estate.says("wu", f"{IP} 封了吗")
        until = timezone.localtime(row.until).strftime("%m-%d %H:%M")  # type: ignore[arg-type]
        for text in (shown, said):
            assert all(part in text for part in (IP, "zhao先生", "wang先生", FIREWALL, until)), text
        assert "核实" in said
        table = (await db.call(admin_client.get, "/blocks/", {"export": "1"})).getvalue().decode()
        assert IP in table
        await db.call(admin_client.post, "/blocks/act/", {"act": "mistaken", "id": row.pk, "reason": "测试"})
        await carry_out()
        assert (await db.call(row_of)).state == "lifted"
        assert IP not in await estate.says("wu", "最近出了什么事"), "it stands no more"
        assert f"{IP} 封禁已解除" in await estate.says("wu", "最近2小时出了什么事")
        assert IP in (await db.call(admin_client.get, "/blocks/", {"tab": "mistaken"})).content.decode()

    with_firewall(act, actions=ACTIONS)


def test_the_form_for_many_asks_and_names_what_is_left_out(admin_client: Client, admin_user: Any) -> None:
    company()
    Staff.objects.filter(staff_id="zhao").update(user=admin_user)
    case = Case.objects.create(title="扫描", created_at=timezone.now(), made_by="x")
    given = {"targets": f"{IP} 10.0.0.1", "minutes": "60", "reason": "扫描", "case": case.pk}
    page = admin_client.post("/blocks/new/", given, follow=True).content.decode()
    assert "没有列入：10.0.0.1 是内网或保留地址" in page
    asked = Proposal.objects.get()
    assert (asked.tool, asked.arguments["targets"]) == ("batch", [IP])
    shown = admin_client.get(f"/cases/{case.pk}/").content.decode()
    assert f"q={asked.code}" in shown, "what waits for a decision is in the timeline of its case"
    assert re.search(r"封禁 1 个 IP", page)
    assert f"{IP} 在我们这里" in page, "what is known of it, as for a single one"
    assert "时长：1 小时" in page
    assert not re.search("case_id|<dt>targets|<dd>None|不针对某个", page)
    assert (
        "最多 500"
        in admin_client.post(
            "/blocks/new/", given | {"targets": " ".join(f"8.8.{n // 250}.{n % 250}" for n in range(501))}
        ).content.decode()
    )


def test_a_device_that_differs_is_shown_and_told_once(admin_client: Client) -> None:
    async def act(estate: Estate) -> None:
        await approve(estate, f"封禁 {IP} 1小时")
        firewall = estate.server.firewall
        rule = firewall.rules.pop(IP)
        firewall.rules["198.51.100.9"] = {**rule, "address": "198.51.100.9", "reason": f"别人，{IP}"}
        reader = DeviceReader()
        assert await reader.step() == 1
        assert await reader.step() == 0  # its turn is over
        row = await db.call(row_of)
        assert (row.state, row.stands) == ("active", False)
        said = await db.call(lambda: [text for text in told() if "不一致" in text])
        assert said
        assert IP in said[0]
        page = (await db.call(admin_client.get, "/blocks/", {"tab": "drift"})).content.decode()
        for part in ("下过令、设备上没有", IP, "198.51.100.9", "毕方没有下过令：1 个"):
            assert part in page
        await db.call(DeviceReading.objects.update, due_at=timezone.now())
        await reader.step()
        assert len(await db.call(lambda: [text for text in told() if "不一致" in text])) == len(said)
        await estate.server.__aexit__()
        await db.call(DeviceReading.objects.update, due_at=timezone.now())
        await reader.step()
        assert "没有读到" in (await db.call(admin_client.get, "/blocks/")).content.decode()

    with_firewall(act, actions=ACTIONS)


def test_a_reading_from_before_a_block_or_its_end_says_nothing_of_it(admin_client: Client) -> None:
    async def act(estate: Estate) -> None:
        await approve(estate, f"封禁 {IP} 1小时")
        assert await DeviceReader().step() == 1
        page = (await db.call(admin_client.get, "/blocks/")).content.decode()
        assert "与台账一致" in page
        await approve(estate, f"封禁 {OTHER} 1小时")
        await db.call(make_due)
        await carry_out()
        assert (await db.call(row_of)).state == BlockState.EXPIRED
        page = (await db.call(admin_client.get, "/blocks/")).content.decode()
        assert f"这台设备的清单还没有再读（每个地址执行时的核实见上面各行）：{IP}、{OTHER}" in page
        for wrong in ("下过令、设备上没有", "已经解除、设备上还有", "没有下过令", "与台账一致"):
            assert wrong not in page
        await db.call(DeviceReading.objects.update, due_at=timezone.now())
        await DeviceReader().step()
        page = (await db.call(admin_client.get, "/blocks/")).content.decode()
        assert "与台账一致" in page
        assert "还没有再读" not in page

    with_firewall(act, actions=ACTIONS)


def test_only_an_administrator_adds_to_what_is_never_blocked() -> None:
    company()
    IndicatorList.objects.create(name="合作伙伴", protects=True)
    record = ListedRecord("合作伙伴", "ip", IP)
    for who, count in (("li", 0), ("zhang", 1)):
        person = find_person("corp", who)
        assert person is not None
        ingest.store([record], Actor.person(person, "admin"))
        assert ListedIndicator.objects.count() == count, who


def test_warning_lists_are_loaded_and_name_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lists" / "cloudflare"
    folder.mkdir(parents=True)
    document = {
        "name": "List of known Cloudflare IP ranges",
        "list": ["198.51.100.0/24", "2001:db8:1::/48", "example.org"],
    }
    (folder / "list.json").write_text(json.dumps(document))
    for _ in range(2):
        call_command("load_warning_lists", "--folder", str(tmp_path), "--list", "cloudflare")
    assert "新增 2 条" in capsys.readouterr().out
    found = refusals(["198.51.100.77", "2001:db8:1::9", IP])
    assert set(found) == {"198.51.100.77", "2001:db8:1::9"}
    assert "MISP 警告清单" in found["198.51.100.77"]
    assert "Cloudflare" in found["198.51.100.77"]
    with pytest.raises(CommandError, match="读不了"):
        call_command("load_warning_lists", "--folder", str(tmp_path), "--list", "../../etc")


def test_a_mistake_is_taken_back_by_a_sentence_of_an_approver() -> None:
    async def act(estate: Estate) -> None:
        await approve(estate, f"封禁 {IP} 1小时")
        assert "审批人" in await estate.says("li", f"误封 {IP}")
        said = await estate.says("wang", f"误封 {IP} 原因：客户的出口")
        assert "立即解除" in said
        await estate.says("wang", "".join(re.findall("确认 [A-Z0-9]{6}", said)))
        await carry_out()
        row = await db.call(row_of)
        assert (row.state, row.mistaken_by) == ("lifted", "wang先生")

    with_firewall(act, actions=ACTIONS)


def test_a_process_that_dies_while_releasing_leaves_it_to_a_person_and_then_to_another_try() -> None:
    first = blocked()
    make_due()
    assert entries.end_due() == 1
    undo = Action.objects.get(undo_of=first)
    Action.objects.filter(pk=undo.pk).update(
        state="calling", token="dead", claimed_until=timezone.now() - timedelta(seconds=1)
    )
    assert actions.sweep() == 1
    assert row_of().state == "lifting"
    assert any("没有解除" in text and "执行进程在调用途中中断" in text for text in told())
    assert entries.end_due() == 0  # nothing is called twice by itself
    zhang = find_person("corp", "zhang")
    assert zhang is not None
    actions.settle(undo.pk, Actor.person(zhang, "admin"), executed=False)
    row = row_of()
    assert (row.state, row.tries) == ("active", 1)
    make_due()
    assert entries.end_due() == 1


def test_another_corporation_sees_the_block_not_its_people_and_cannot_end_it(
    admin_client: Client, admin_user: Any
) -> None:
    blocked()
    asked = Proposal.objects.get(code=propose(robot("corp", "feishu"), "zhao", arguments={"ip": OTHER}))
    for staff_id, role in (("xu", "responder"), ("qian", "approver")):
        Staff.objects.create(staff_id=staff_id, name=staff_id, role=role, corp_id="neighbour")
    table = {"export": "1"}
    urls = [("/blocks/", {}), ("/blocks/", table), ("/api/v1/blocks/", {})]

    def seen() -> list[str]:
        return [b"".join(admin_client.get(*url)).decode() for url in urls]  # type: ignore[arg-type]

    assert all("zhao先生" in text for text in seen())  # who looks after the installation
    Staff.objects.filter(staff_id="xu").update(user=admin_user)
    for text in seen():
        assert IP in text
        assert "另一企业的人员" in text
        assert "先生" not in text
        assert asked.code not in text
    for list_ in ("/approvals/?tab=all", f"/search/?q={OTHER}", "/api/v1/proposals/"):
        assert "先生" not in admin_client.get(list_).content.decode()
    for one in (f"/approvals/{asked.pk}/", f"/api/v1/proposals/{asked.code}/"):
        assert admin_client.get(one).status_code == 404
    row = row_of()
    given = {"act": "release", "ids": [row.pk], "reason": "x"}
    said = admin_client.post("/blocks/act/", given, follow=True).content.decode()
    assert f"{IP} 是另一个企业的" in said
    Staff.objects.filter(staff_id="xu").update(user=None)
    Staff.objects.filter(staff_id="qian").update(user=admin_user)
    admin_client.post("/blocks/act/", {"act": "mistaken", "id": row.pk})
    assert row_of().state == "active"
    with pytest.raises(Conflict, match="另一企业的人员 提出"):
        use_block("neighbour", "qian")
    Staff.objects.filter(staff_id="zhao").update(user=admin_user)  # one person in both
    assert all("zhao先生" in text for text in seen())


def use_block(corp: str, who: str) -> None:
    check_block(BlockIp(ip=IP, duration_minutes=1), find_person(corp, who))


def test_who_orders_and_who_approves_read_that_an_address_is_a_public_resolver() -> None:
    told = check_block(BlockIp(ip="8.8.8.8", duration_minutes=60), None).summary
    assert "Google 的公共 DNS 服务器" in told
    assert "解析不了域名" in told
    assert "DNS" not in check_block(BlockIp(ip=IP, duration_minutes=60), None).summary


def test_several_in_one_sentence_are_one_approval_and_of_the_case_of_their_alert() -> None:
    async def take(estate: Estate, text: str) -> Proposal:
        offered = re.findall("提交 ([A-Z0-9]{6})", await estate.says("zhao", text))[0]
        assert "一次决定全部" in await estate.says("zhao", f"提交 {offered}")
        asked = await db.call(Proposal.objects.latest, "pk")
        await decided(estate, asked.code, apart=True)
        await carry_out()
        return asked

    async def act(estate: Estate) -> None:
        number = await db.call(some_alert)
        case = await db.call(
            lambda: Case.objects.create(title="扫描", created_at=timezone.now(), made_by="x")
        )
        await db.call(Alert.objects.filter(pk=number).update, case=case)
        asked = await take(estate, f"封禁 {IP}、{OTHER} 1小时 原因：A{number} 的来源")
        assert (asked.tool, asked.arguments["targets"]) == ("batch", [IP, OTHER])
        rows = await db.call(lambda: list(BlockRecord.objects.values_list("state", "alert", "case")))
        assert rows == [("active", number, case.pk)] * 2
        await take(estate, f"解封 {IP} 和 {OTHER} 原因：查清了")
        assert estate.server.firewall.rules == {}
        assert await db.call(Proposal.objects.count) == 2
        month = await db.call(archive.look, "this_month")
        assert dict(month.figures.work.blocks) == {"封禁 IP": 2, "人工解除": 2}
        many = "、".join(f"198.51.100.{number}" for number in range(20, 30))
        assert "封禁地址…" in await estate.says("zhao", f"封禁 {many} 1小时")
        detail, asked_of = await db.call(views.get, case.pk, private=True), Proposal.objects.all()
        told = await db.call(lambda: timeline.moments(detail, private=True, asked=asked_of))
        assert not any(asked.code == each.subject for each in await db.call(timeline.moments, detail))
        assert f"{asked.code} · wang先生" in (await estate.says("zhao", f"E{case.pk} 进展"))
        course = [(each.actor, each.what) for each in reversed(told) if each.subject == asked.code]
        assert course == [
            ("zhao先生", "提出：批量封禁 2 个 IP"),
            ("wang先生", "已批准"),
            ("", f"封禁 IP {OTHER}、{IP}：已执行"),
            ("zhao先生", f"封禁 IP {OTHER}、{IP}：已解除"),
        ]

    with_firewall(act, actions=ACTIONS)


def test_blocks_made_before_the_ledger_are_entered_once_each_as_they_stand() -> None:
    config = company()
    now = timezone.now()

    def ordered(ip: str, hours: float, minutes: int | None, **more: Any) -> Action:
        with_minutes = {} if minutes is None else {"duration_minutes": minutes}
        code = propose(config, "zhao", arguments={"ip": ip} | with_minutes)
        row = Proposal.objects.get(code=code)
        Proposal.objects.update(state="approved")
        at = now - timedelta(hours=hours)
        values = {
            "config": config,
            "tool": "block_ip",
            "asker": "赵",
            "approver": "王",
            "created_at": at,
            "finished_at": at,
        }
        values |= {"arguments": row.arguments, "key": code, "connector": "防火墙", "state": "done"} | more
        return Action.objects.create(proposal=row, **values)

    ordered(IP, 3, 60)
    ordered(OTHER, 2, 180)
    ordered(OTHER, 1, 1440)  # longer, while the first one stood
    undone = ordered("203.0.113.7", 2, None)
    Action.objects.create(
        undo_of=undone,
        config=config,
        tool="block_ip",
        key="u",
        asker="李",
        created_at=now,
        finished_at=now,
        state="done",
    )
    ordered("203.0.113.8", 2, 60, state="failed")
    ordered("203.0.113.9", 2, None, state="unknown")
    BlockRecord.objects.all().delete()
    import_module("secops_agent.migrations.0045_block_ledger").enter(apps, None)
    found = [
        (row.target[-1], row.state, row.due_at is not None) for row in BlockRecord.objects.order_by("pk")
    ]
    assert found == [
        ("5", "expired", False), ("6", "extended", False), ("6", "active", True), ("7", "lifted", False), ("8", "failed", False),
        ("9", "unknown", False),
    ]  # fmt: skip
    assert entries.end_due() == 0
