"""What people do with a REST API written as tools: look, block with approval and proof, take back, rehearse."""

from typing import Any

import pytest
from aiohttp import web
from django.utils import timezone

from bifang.core.configuration.configs import FieldErrors
from bifang.core.database import db
from secops_agent.connectors.device_readings import DeviceReader
from secops_agent.models import Action, BlockRecord, DeviceReading, Proposal, Staff
from secops_agent.services.decisions import undo
from secops_agent.services.decisions.approvals import decide
from secops_agent.services.decisions.ledger import blocks
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
        assert f"同意后由 HTTP 工具「{WALL}」执行" in told
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


@pytest.mark.parametrize(
    "said",
    ["查一下 203.0.113.5 的封禁规则", "查询 203.0.113.5 的封禁规则", "203.0.113.5有没有封禁规则？", f"用 {WALL} get_rule 查 203.0.113.5", "get_rule 203.0.113.5"],
)  # fmt: skip
def test_a_whole_sentence_reaches_a_reading_tool_without_a_model(said: str) -> None:
    async def act(site: Site) -> None:
        assert "没有这条规则" in await site.says("wu", said)
        assert site.device.calls == [("GET", "/rules/203.0.113.5", "")]
        assert "用法" in await site.says("wu", f"{WALL}的封禁规则")

    with_device(act, {**TOOLS, "get_rule": {**TOOLS["get_rule"], "when": "封禁规则"}})


@pytest.mark.parametrize(
    "said",
    ["封禁规则是谁写的", "把 203.0.113.5 的封禁规则删了", f"用 {WALL} block 203.0.113.5", "203.0.113.5 和 203.0.113.6 的封禁规则", "不用查 203.0.113.5 的封禁规则", "先别看 203.0.113.5 的封禁规则"],
)  # fmt: skip
def test_what_has_another_word_or_changes_something_reaches_none(said: str) -> None:
    async def act(site: Site) -> None:
        await site.says("zhao", said)
        assert site.device.calls == []

    with_device(act, {**TOOLS, "get_rule": {**TOOLS["get_rule"], "when": ["封禁规则"]}})


LISTING = {
    "class": "read", "request": {"path": "/rules"}, "extract": "rows.ip", "pages": {"query": "page", "most": 5},
}  # fmt: skip
LISTS = {**ACTIONS, "block_ip": {**ACTIONS["block_ip"], "lists": "list_rules"}}


def test_what_a_device_lists_on_all_its_pages_is_held_beside_what_was_ordered() -> None:
    foreign = [
        f"198.51.{number // 250}.{number % 250}" for number in range(1000)
    ]  # more than a text may tell

    def rows(request: web.Request, text: str) -> web.StreamResponse:
        page = int(request.query.get("page", 0))
        return web.json_response({"rows": [{"ip": each} for each in foreign[(page - 1) * 400 : page * 400]]})

    async def act(site: Site) -> None:
        await site.says("wang", f"同意 {code_in(await site.says('zhao', '封禁 203.0.113.5 1小时'))}")
        await carry_out()
        site.device.answers["/rules"] = rows
        assert await DeviceReader().step() == 1
        (view,) = await db.call(blocks.devices)
        assert (view.name, view.problem, view.missing, view.count) == (WALL, "", ("203.0.113.5",), 1000)
        assert set(view.foreign) == set(foreign)
        site.device.answers["/rules"] = lambda request, text: web.json_response({"data": []})
        await db.call(DeviceReading.objects.update, due_at=timezone.now())
        await DeviceReader().step()
        (view,) = await db.call(blocks.devices)
        assert ("没有列表" in view.problem, view.missing, view.count) == (True, (), 1000)

    with_device(act, {**TOOLS, "list_rules": LISTING}, actions=LISTS)


def mapped(arguments: dict[str, str], tool: str = "block") -> dict[str, Any]:
    return {"block_ip": {"tool": tool, "arguments": arguments}}


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (mapped({"adress": "ip"}), "没有参数「adress」.*它的参数有：address、minutes"),
        (mapped({"minutes": "duration_minutes"}), "参数「address」没有写在 actions"),
        (mapped({"address": "adress"}), "可用的有 ip、"),
        (mapped({"address": "ip"}, "blck"), "列了的有：block、unblock"),
        ({"blok_ip": {"tool": "block", "arguments": {"address": "ip"}}}, "可用的有：block_ip、"),
    ],
)
def test_actions_with_a_wrong_name_are_refused_with_the_right_ones(
    actions: dict[str, Any], said: str
) -> None:
    with pytest.raises(FieldErrors, match=said):
        save("http://127.0.0.1:1", actions=actions)


@pytest.mark.parametrize(
    ("listing", "said"), [({"class": "write"}, "应在 tools 里列为 read"), ({"arguments": {"page": "integer"}}, "不带参数")]
)  # fmt: skip
def test_what_lists_must_be_able_to(listing: dict[str, Any], said: str) -> None:
    query = {"path": "/rules", "query": {"page": "{page}"}} if "arguments" in listing else {"path": "/rules"}
    tools = {**TOOLS, "list_rules": {"class": "read", "request": query, **listing}}
    with pytest.raises(FieldErrors, match=said):
        save("http://127.0.0.1:1", tools, actions=LISTS)


@pytest.mark.parametrize("by", ["undo", "limit"])
def test_a_rehearsed_release_takes_nothing_back_and_may_be_asked_for_again(by: str) -> None:
    async def act(site: Site) -> None:
        await site.says("wang", f"同意 {code_in(await site.says('zhao', '封禁 203.0.113.5 1小时'))}")
        await carry_out()
        await db.call(save, site.device.url, dry_run=True, actions=ACTIONS)
        if by == "limit":
            await db.call(BlockRecord.objects.update, due_at=timezone.now())
        else:
            asked = code_in(await site.says("zhao", "解封 203.0.113.5"))
            await site.says("wang", f"同意 {asked}")
        await carry_out()
        assert (await the_action()).state == "dry"
        row = await db.call(BlockRecord.objects.get)
        assert (row.state, row.ended_at) == ("active", None)
        assert [each[0] for each in site.device.changes] == ["POST"]
        await db.call(save, site.device.url, dry_run=False, actions=ACTIONS)
        again = code_in(await site.says("zhao", "解封 203.0.113.5"))
        await site.says("wang", f"同意 {again}")
        await carry_out()
        row = await db.call(BlockRecord.objects.get)
        assert (row.state, site.device.rules) == ("lifted", {})

    with_device(act, actions=ACTIONS)


def test_a_reader_cannot_order_what_changes_and_nothing_is_proposed() -> None:
    async def act(site: Site) -> None:
        assert "需要「处置」角色" in await site.says("wu", BLOCK)
        assert not await db.call(Proposal.objects.exists)

    with_device(act)
