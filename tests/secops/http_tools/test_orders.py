"""What people do with a REST API written as tools: look, block with approval and proof, take back, rehearse."""

import pytest

from bifang.core.database import db
from secops_agent.models import Action, Proposal, Staff
from secops_agent.services.decisions import undo
from secops_agent.services.decisions.approvals import decide
from tests.secops.decisions_aid import REAL, decision_request
from tests.secops.http_tools.aid import ACTIONS, TOKEN, TOOLS, WALL, Site, save, with_device
from tests.secops.mcp.aid import carry_out
from tests.secops.mcp.test_orders import code_in, the_action

pytestmark = pytest.mark.django_db
BLOCK = f"/执行 {WALL} block address=203.0.113.5 minutes=30"


def test_a_reading_tool_answers_in_the_chat_with_what_was_taken_out() -> None:
    async def act(site: Site) -> None:
        site.device.rules["203.0.113.5"] = {
            "ip": "203.0.113.5",
            "minutes": 60,
            "note": "<b>[x](http://evil)</b>",
        }
        told = await site.says("wu", f"/执行 {WALL} get_rule address=203.0.113.5")
        assert "minutes：60" in told
        assert "](http://evil)" not in told
        assert site.device.calls == [("GET", "/rules/203.0.113.5", "")]
        assert "没有这条规则" in await site.says("wu", f"/执行 {WALL} get_rule address=203.0.113.9")
        assert "应为IP 地址" in await site.says("wu", f"/执行 {WALL} get_rule address=../../admin")
        assert len(site.device.calls) == 2

    with_device(act)


@pytest.mark.both_databases
def test_a_block_in_words_shows_the_exact_request_is_approved_proved_and_taken_back() -> None:
    async def act(site: Site) -> None:
        told = await site.says("zhao", "封禁 203.0.113.5 2小时 理由：扫描")
        assert f"同意后由HTTP 工具「{WALL}」执行" in told
        assert f"POST {site.device.url}/rules" in told.replace("\\", "")
        assert '"minutes": 120' in told
        assert TOKEN[-10:] not in told
        await site.says("zhao", f"同意 {code_in(told)}")
        await carry_out()
        assert site.device.changes == []
        await site.says("wang", f"同意 {code_in(told)}")
        await carry_out()
        await carry_out()
        sent = {"ip": "203.0.113.5", "minutes": 120, "by": "bifang"}
        assert site.device.changes == [("POST", "/rules", sent)]
        action = await the_action()
        assert (action.tool, action.state, action.connector) == ("block_ip", "done", WALL)
        assert "核实（get_rule）：结果里有 203.0.113.5。" in action.result
        await take_back(site, action)

    async def take_back(site: Site, action: Action) -> None:
        asker = await db.call(Staff.objects.get, staff_id="zhao")
        proposal = await db.call(undo.request, action.pk, asker, "admin")
        request = await db.call(decision_request, site.robot, proposal.code, "approve", "wang")
        assert (await db.call(decide, request, REAL)).status == "decided"
        await carry_out()
        undone = await the_action()
        assert (undone.state, undone.undo_of_id) == ("done", action.pk)
        assert "结果里已没有 203.0.113.5" in undone.result
        assert site.device.changes[1:] == [("DELETE", "/rules/203.0.113.5", "")]
        assert site.device.rules == {}

    with_device(act, actions=ACTIONS)


def test_a_definition_that_changed_after_the_proposal_is_not_carried_out() -> None:
    async def act(site: Site) -> None:
        code = code_in(await site.says("zhao", BLOCK))
        tools = {
            **TOOLS,
            "block": {**TOOLS["block"], "request": {**TOOLS["block"]["request"], "path": "/policies"}},
        }
        await db.call(save, site.device.url, tools)
        await site.says("wang", f"同意 {code}")
        await carry_out()
        assert "变了" in (await the_action()).result if await db.call(Action.objects.exists) else True
        assert site.device.changes == []

    with_device(act)


def test_a_rehearsal_reads_and_sends_no_change() -> None:
    async def act(site: Site) -> None:
        await site.says("wang", f"同意 {code_in(await site.says('zhao', BLOCK))}")
        await carry_out()
        action = await the_action()
        assert action.state == "dry"
        assert f"POST {site.device.url}/rules" in action.result
        assert site.device.calls == []
        await site.says("wu", f"/执行 {WALL} get_rule address=203.0.113.5")
        assert site.device.calls == [("GET", "/rules/203.0.113.5", "")]

    with_device(act, dry_run=True)


def test_a_reader_cannot_order_what_changes_and_nothing_is_proposed() -> None:
    async def act(site: Site) -> None:
        assert "需要「处置」角色" in await site.says("wu", BLOCK)
        assert not await db.call(Proposal.objects.exists)

    with_device(act)
