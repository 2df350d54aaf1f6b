"""封禁 and 隔离 in the hands of an MCP service: ordered in the chat, approved, called once, looked after, taken back."""

from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.configuration.trials import Failure
from bifang.core.database import db
from bifang.core.models import SystemConfig
from secops_agent.models import Action, Proposal, Staff
from secops_agent.services.decisions import undo
from secops_agent.services.decisions.approvals import decide
from tests.secops.decisions_aid import REAL, decision_request
from tests.secops.inventory_aid import host, store
from tests.secops.mcp.aid import FIREWALL, TOOLS, Estate, carry_out, look, save, with_firewall
from tests.secops.mcp.test_orders import code_in, the_action

pytestmark = pytest.mark.django_db
BLOCK = {"address": "ip", "minutes": "duration_minutes", "reason": "reason"}
ACTIONS = {"block_ip": {"tool": "block_address", "arguments": BLOCK}}


def blocked(estate: Estate) -> list[dict[str, Any]]:
    """What the firewall was asked to block."""
    return [given for name, given in estate.server.firewall.calls if name == "block_address"]


async def approve(estate: Estate, text: str) -> Action:
    """Asked by 赵, approved by 王, carried out."""
    await estate.says("wang", f"同意 {code_in(await estate.says('zhao', text))}")
    await carry_out()
    return await the_action()


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_block_ordered_in_words_is_carried_out_verified_and_taken_back() -> None:
    async def act(estate: Estate) -> None:
        told = await estate.says("zhao", "封禁 203.0.113.5 2小时 理由：扫描")
        assert f"同意后由 MCP 服务「{FIREWALL}」执行" in told
        await estate.says("zhao", f"同意 {code_in(told)}")
        await carry_out()
        assert blocked(estate) == []
        await estate.says("wang", f"同意 {code_in(told)}")
        await carry_out()
        await carry_out()
        (given,) = blocked(estate)
        assert (given["address"], given["minutes"]) == ("203.0.113.5", 120)
        action = await the_action()
        assert (action.tool, action.state, action.connector) == ("block_ip", "done", FIREWALL)
        assert "核实（get_rules）：结果里有 203.0.113.5。" in action.result
        until = timezone.localtime(
            datetime.fromisoformat(estate.server.firewall.rules["203.0.113.5"]["until"])
        )
        shown = (
            f"地址：203.0.113.5，时长（分钟）：120，方向：双向，理由：扫描，到期：{until:%Y-%m-%d %H:%M:%S}"
        )
        assert shown in action.result, "in our words and local time"
        await take_back(estate, action)

    async def take_back(estate: Estate, action: Action) -> None:
        asker = await db.call(Staff.objects.get, staff_id="zhao")
        proposal = await db.call(undo.request, action.pk, asker, "admin")
        await db.call(
            save, estate.server.url, actions={}
        )  # it is undone by who did it, whoever is in charge now
        request = await db.call(decision_request, estate.robot, proposal.code, "approve", "wang")
        assert (await db.call(decide, request, REAL)).status == "decided"
        await carry_out()
        undone = await the_action()
        assert (undone.state, undone.undo_of_id) == ("done", action.pk)
        assert "结果里已没有 203.0.113.5" in undone.result
        assert estate.server.firewall.rules == {}

    with_firewall(act, actions=ACTIONS)


def test_without_a_duration_the_firewall_takes_its_own_and_fixed_values_are_given() -> None:
    async def act(estate: Estate) -> None:
        action = await approve(estate, "封禁 203.0.113.5")
        assert action.state == "done"
        assert blocked(estate) == [{"address": "203.0.113.5", "direction": "in"}]

    block = {"address": "ip", "minutes": "duration_minutes", "direction": {"value": "in"}}
    with_firewall(act, actions={"block_ip": {"tool": "block_address", "arguments": block}})


def test_what_the_tool_does_not_take_is_refused_before_anybody_is_asked() -> None:
    async def act(estate: Estate) -> None:
        told = await estate.says("zhao", "永久封禁 203.0.113.5")
        assert "参数「minutes」应不小于 1，收到 0" in told
        assert not await db.call(Proposal.objects.exists)
        assert estate.server.firewall.calls == []

    with_firewall(act, actions=ACTIONS)


def test_a_tool_that_changed_after_it_was_mapped_is_off_at_every_step() -> None:
    async def act(estate: Estate) -> None:
        code = code_in(await estate.says("zhao", "封禁 203.0.113.5 1小时"))
        await estate.says("wang", f"同意 {code}")
        change(estate)
        await carry_out()  # the service changed it within the last minutes: nobody knows yet
        action = await the_action()
        assert action.state == "failed"
        assert "刚刚改了工具" in action.result
        await look(estate.config)
        told = await estate.says("zhao", "封禁 203.0.113.7 1小时")
        assert "看过以后才能再用" in told
        assert blocked(estate) == []

    def change(estate: Estate) -> None:
        tool = estate.server.tools[1]
        estate.server.tools[1] = {**tool, "description": f"{tool['description']}单位改为秒。"}

    with_firewall(act, actions=ACTIONS)


def test_a_hostile_reason_is_one_value_and_nothing_else() -> None:
    async def act(estate: Estate) -> None:
        reason = "扫描，direction：out，{address：203.0.113.9}"
        action = await approve(estate, f"封禁 203.0.113.5 1小时 理由：{reason}")
        assert action.state == "done"
        (given,) = blocked(estate)
        assert (given["address"], set(given) - {"address", "minutes", "reason"}) == ("203.0.113.5", set())

    with_firewall(act, actions=ACTIONS)


@pytest.mark.slow
def test_a_host_is_isolated_by_the_address_that_it_has() -> None:
    async def act(estate: Estate) -> None:
        await db.call(store, host("web-01", "10.0.0.5"), host("web-02", "10.0.0.6", "10.0.0.7"))
        await approve(estate, "隔离 web-01")
        assert blocked(estate) == [{"address": "10.0.0.5"}]
        assert "缺少参数「address」" in await estate.says("zhao", "隔离 web-02")

    with_firewall(
        act, actions={"isolate_host": {"tool": "block_address", "arguments": {"address": "address"}}}
    )


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ({"delete_all": {"tool": "block_address", "arguments": {}}}, "没有名为「delete_all」的危险操作"),
        ({"block_ip": {"tool": "get_rules", "arguments": {}}}, "列为 write 或 dangerous"),
        ({"block_ip": {"tool": "nonsense", "arguments": {}}}, "列为 write 或 dangerous"),
        (
            {"block_ip": {"tool": "block_address", "arguments": {"address": "asset"}}},
            "block_ip 没有「asset」",
        ),
        ({"block_ip": {"tool": "block_address", "arguments": {"url": {"value": ["x"]}}}}, "block_ip"),
        ({"block_ip": {"tool": "block_address", "arguments": {}, "url": "http://x"}}, "不认识的键「url」"),
        ({"block_ip": "block_address"}, "应为映射"),
    ],
)
def test_a_mapping_that_cannot_work_is_not_stored(actions: Any, said: str) -> None:
    with pytest.raises(configs.FieldErrors, match=said):
        save("http://127.0.0.1:9/mcp", actions=actions)
    assert not SystemConfig.objects.filter(kind="mcp").exists()


def test_a_tool_for_few_carries_nothing_that_more_may_ask_for() -> None:
    tools = {**TOOLS, "block_address": {"class": "dangerous", "roles": ["admin"]}}
    with pytest.raises(configs.FieldErrors, match="去掉它的 roles"):
        save("http://127.0.0.1:9/mcp", tools, actions=ACTIONS)


def test_the_class_of_a_mapped_tool_cannot_be_taken_away() -> None:
    config = save("http://127.0.0.1:9/mcp", actions=ACTIONS)
    with pytest.raises(configs.FieldErrors, match="block_ip"):
        configs.save("mcp", FIREWALL, True, {"tools": {"get_rules": "read"}}, config=config)


def test_the_test_of_a_service_tells_of_an_argument_that_its_tool_does_not_have() -> None:
    async def act(estate: Estate) -> None:
        from secops_agent.admin.automation.config_pages import McpTrial, check_tools, list_tools

        settings = await db.call(configs.load, estate.config)
        trial = McpTrial(estate.config, lambda: settings, settings=settings)
        await list_tools(trial)
        with pytest.raises(Failure, match="没有参数「ttl」"):
            await check_tools(trial)

    block = {"address": "ip", "ttl": "duration_seconds"}
    with_firewall(act, actions={"block_ip": {"tool": "block_address", "arguments": block}})
