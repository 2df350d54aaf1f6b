"""A dangerous action hits what people decided about: told exactly, kept exactly, or not done."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bifang.channels.models import OutboxRow
from bifang.core.models import SystemConfig
from bifang.core.secrets.sealed import Sealed, place_of
from secops_agent.models import Action, Asset, Proposal, Staff
from secops_agent.services.assets import inventory
from secops_agent.services.decisions import undo
from secops_agent.services.intake import ingest
from secops_agent.services.records import AssetRecord, Key
from tests.admin_pages import serve_plain_static
from tests.secops.api.callers import SYSTEM, host, with_token
from tests.secops.decisions_aid import GROUP, company, talk
from tests.secops.inventory_aid import alert, store
from tests.secops.test_connectors import OtherSide, carry_out, connect, run_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def machine() -> Asset:
    ingest.store([replace(host(1), ips=("10.0.0.1", "10.9.0.1", "10.8.0.1", "10.7.0.1"))], SYSTEM)
    return Asset.objects.get()


def asked(config: SystemConfig) -> Proposal:
    talk(config, ("zhao", "隔离主机 web-01，原因 挖矿"))
    return Proposal.objects.get()


def approved(config: SystemConfig, proposal: Proposal) -> str:
    return talk(config, ("wang", f"同意 {proposal.code}"))[0]


@pytest.mark.slow
def test_what_is_isolated_is_told_exactly_at_every_door() -> None:
    config, row = company(), machine()
    proposal = asked(config)
    kept = {"asset": "web-01", "asset_id": row.pk, "addresses": row.ips}
    assert {name: proposal.arguments[name] for name in kept} == kept
    answer = OutboxRow.objects.filter(target__is_group=True).order_by("pk")[0].text
    requests = [one.text for one in OutboxRow.objects.exclude(target__is_group=True)]
    told = with_token("read").get(f"/api/v1/proposals/{proposal.code}/").json()
    assert told["arguments"]["addresses"] == row.ips
    assert len(requests) == 3
    for text in (answer, *requests, told["summary"]):
        assert all(part in text for part in ("web-01", f"#{row.pk}", *row.ips)), text


def test_what_is_isolated_goes_to_the_connector_exactly() -> None:
    config, row = company(), machine()
    approved(config, asked(config))
    side = carry_out(lambda _: web.json_response({"message": "好"}))
    sent = json.loads(side.asked[0][1])["arguments"]
    assert (sent["asset"], sent["asset_id"], sent["addresses"]) == ("web-01", row.pk, row.ips)


def _rename(row: Asset) -> None:
    inventory.update(row.pk, SYSTEM, name="web-01-old")


def _move(row: Asset) -> None:
    ingest.store([replace(host(1), ips=("10.0.0.99",))], SYSTEM)


def alerts_say(*ips: str) -> None:
    """An alert about web-01 brings addresses of its own."""
    store(alert("k", assets=(replace(host(1), ips=ips, source="waf"),)))


def test_an_address_that_only_alerts_name_goes_to_no_device_and_is_told() -> None:
    config, row = company(), machine()
    alerts_say("10.66.0.1", "10.66.0.2")
    proposal = asked(config)
    assert proposal.arguments["addresses"] == row.ips
    assert "10.66.0.1、10.66.0.2 只在告警里出现过，不交给设备" in proposal.summary
    alerts_say("10.66.0.3")  # nor does another one make the approval void
    approved(config, proposal)
    side = carry_out(lambda _: web.json_response({"message": "好"}))
    assert json.loads(side.asked[0][1])["arguments"]["addresses"] == row.ips


def test_what_alerts_call_a_host_names_it_for_no_isolation() -> None:
    config, _ = company(), machine()
    alerts_say("10.66.0.1")
    (answer,) = talk(config, ("zhao", "隔离主机 10.66.0.1，原因 挖矿"))
    assert "是否指：web-01" in answer
    assert not Proposal.objects.exists()
    talk(config, ("zhao", "隔离主机 10.9.0.1，原因 挖矿"))
    assert Proposal.objects.get().arguments["asset"] == "web-01"


def test_a_host_that_only_alerts_name_is_isolated_by_its_name_alone() -> None:
    config = company()
    alerts_say("10.66.0.1")
    proposal = asked(config)
    assert proposal.arguments["addresses"] == []
    assert "没有登记地址" in proposal.summary
    assert "10.66.0.1 只在告警里出现过" in proposal.summary


def _swap(row: Asset) -> None:
    """Another machine gets the name."""
    _rename(row)
    ingest.store([AssetRecord("host", "web-01", (Key("fqdn", "web-01.evil"),), ("10.6.6.6",))], SYSTEM)


def _delete(row: Asset) -> None:
    Asset.objects.filter(pk=row.pk).delete()


CHANGES = pytest.mark.parametrize(
    ("change", "word"), [(_rename, "改名"), (_move, "地址在提出之后变了"), (_swap, "改名"), (_delete, "删除")]
)


@pytest.mark.slow
@CHANGES
def test_what_changed_before_the_approval_is_not_ordered(change: Callable[[Asset], None], word: str) -> None:
    config, row = company(), machine()
    proposal = asked(config)
    change(row)
    said = approved(config, proposal)
    assert word in said
    assert "现在不能执行" in said
    assert not Action.objects.exists()
    news = OutboxRow.objects.filter(key__startswith="note:proposal", text__contains=word)
    assert [one.target["staff_id"] for one in news] == ["zhao"], "the asker is told"


@pytest.mark.slow
@CHANGES
def test_what_changed_before_the_call_is_not_done(change: Callable[[Asset], None], word: str) -> None:
    config, row = company(), machine()
    approved(config, asked(config))
    change(row)
    side = carry_out(lambda _: web.json_response({"message": "好"}))
    action = Action.objects.get()
    assert side.asked == []
    assert (action.state, word in action.result) == ("failed", True)
    assert OutboxRow.objects.filter(key__startswith="note:action", text__contains=word).count() == 3


@pytest.mark.slow
def test_an_address_that_became_ours_is_not_blocked() -> None:
    config = company()
    talk(config, ("zhao", "封禁 203.0.113.5"))
    approved(config, Proposal.objects.get())
    ingest.store(
        [AssetRecord("host", "edge", (Key("hostname", "edge"),), ("203.0.113.5",), source="x")], SYSTEM
    )
    side = carry_out(lambda _: web.json_response({}))
    assert side.asked == []
    assert "我们自己的资产「edge」" in Action.objects.get().result


@pytest.mark.slow
def test_taking_back_goes_to_what_was_done_then() -> None:
    config, row = company(), machine()
    approved(config, asked(config))
    side = OtherSide(lambda r: web.json_response({"undo_url": f"http://{r.host}/undo"}))

    async def run() -> None:
        from bifang.core.database import db

        async with side.serving() as url:
            await db.call(connect, f"{url}/isolate")
            await run_once()
            await db.call(_rename, row)
            await db.call(_undo, config)
            await run_once()

    asyncio.run(run())
    arguments = [json.loads(body)["arguments"]["asset"] for _, body in side.asked]
    assert arguments == ["web-01", "web-01"]


def _undo(config: SystemConfig) -> None:
    from secops_agent.services.decisions import approvals
    from tests.secops.decisions_aid import REAL, decision_request

    code = undo.request(Action.objects.get().pk, Staff.objects.get(staff_id="zhang"), "admin").code
    assert approvals.decide(decision_request(config, code, "approve", "sun"), REAL).status == "decided"


DRY = "未配置处置连接器：同意后只做演练，不会真的执行"


@pytest.mark.slow
@pytest.mark.parametrize("tools", [None, "isolate_host", "block_ip"])
def test_whether_it_will_really_be_done_is_said_before_anyone_approves(tools: str | None) -> None:
    config = company()
    if tools:
        connect("http://127.0.0.1:9/block", tools=tools)
    expected, other = (DRY, "防火墙") if tools != "block_ip" else ("由处置连接器「防火墙」执行", DRY)
    talk(config, ("zhao", "封禁 203.0.113.5"))
    proposal = Proposal.objects.get()
    texts = list(OutboxRow.objects.values_list("text", flat=True))
    api = with_token("read").get(f"/api/v1/proposals/{proposal.code}/").json()["prospect"]
    assert len(texts) == 4
    for text in (*texts, api):
        assert (expected in text, other in text) == (True, False), text
    assert ("开始演练" in approved(config, proposal)) == (expected == DRY)


def _told() -> dict[str, int]:
    """Whom the result of the last action reached (a group by its id), and how often."""
    key = f"note:action:{Action.objects.latest('pk').pk}:"
    found: dict[str, int] = {}
    for row in OutboxRow.objects.filter(key__startswith=key):
        to = row.target["conversation_id"] if row.target["is_group"] else row.target["staff_id"]
        found[to] = found.get(to, 0) + 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conversation", "is_group", "told"),
    [(GROUP, True, {GROUP: 1, "zhao": 1, "wang": 1}), ("cid-zhao", False, {"zhao": 1, "wang": 1})],
)
@pytest.mark.parametrize("status", [200, 400, 502])
def test_everyone_concerned_learns_what_came_of_it_once(
    conversation: str, is_group: bool, told: dict[str, int], status: int
) -> None:
    config = company()
    talk(config, ("zhao", "封禁 203.0.113.5"), conversation=conversation, is_group=is_group)
    talk(config, ("wang", f"同意 {Proposal.objects.get().code}"), conversation="cid-wang", is_group=False)
    carry_out(lambda _: web.json_response({"message": "x"}, status=status))
    asyncio.run(run_once())
    assert _told() == told


@pytest.mark.slow
def test_the_result_of_an_undo_reaches_asker_approver_and_origin_once() -> None:
    """Asked by 张, approved by 赵, in whose own chat all of it began."""
    config = company()
    talk(config, ("zhao", "封禁 203.0.113.5"), conversation="cid-zhao", is_group=False)
    talk(config, ("wang", f"同意 {Proposal.objects.get().code}"), conversation="cid-wang", is_group=False)
    action = Action.objects.get()
    sealed = Sealed.of("https://connector/undo", place_of(Action, "undo_url", action))
    Action.objects.update(state="done", undo_url=sealed)
    Staff.objects.filter(staff_id="zhao").update(role="approver")
    code = undo.request(Action.objects.get().pk, Staff.objects.get(staff_id="zhang"), "admin").code
    talk(config, ("zhao", f"同意 {code}"), conversation="cid-zhao", is_group=False)
    asyncio.run(run_once())
    assert _told() == {"zhang": 1, "zhao": 1}
