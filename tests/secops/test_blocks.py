"""What is blocked now, plainly told; and taking it back, which is as dangerous as doing it."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.utils import timezone

from bifang.core.database import db
from bifang.core.errors import BifangError
from secops_agent.models import Action, BlockRecord, Proposal, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.decisions import undo
from secops_agent.services.decisions.ledger import blocks
from secops_agent.services.faults import Conflict
from secops_agent.services.notifications import silences
from secops_agent.services.people.staff import find_person
from secops_agent.services.records import AssetRecord, Key
from secops_agent.tools.arguments import parse
from secops_agent.tools.definitions import Asker
from secops_agent.tools.registry import BY_NAME
from tests.secops.decisions_aid import REAL, company, decide, propose, robot, talk, the
from tests.secops.demo_aid import Proposals
from tests.secops.inventory_aid import host, store
from tests.secops.test_connectors import OtherSide, connect, run_once

pytestmark = pytest.mark.django_db
IP = "203.0.113.5"


def use(name: str, who: str = "zhao", corp: str = "corp", group: bool = False, **given: Any) -> Any:
    person = find_person(corp, who)
    assert person is not None
    asker = Asker(person, group, timezone.localtime(), Proposals())
    definition = BY_NAME[name]
    return definition.run(asker, parse(definition.arguments, given))


def state_of(ip: str = IP) -> str:
    found = blocks.find_blocks([ip])
    return found[0].state if found else ""


def blocked(who: str = "zhao", minutes: int | None = 60, **more: Any) -> Action:
    """A block that was carried out by a firewall which can undo it."""
    config = company()
    given = {"ip": IP, "reason": "爆破"} | ({} if minutes is None else {"duration_minutes": minutes})
    decide(config, propose(config, who, arguments=given), "approve", "wang")
    side = OtherSide(
        lambda r: web.json_response({"message": "好", "undo_url": f"http://{r.host}/undo"} | more)
    )

    async def run() -> None:
        async with side.serving() as url:
            await db.call(connect, f"{url}/block")
            await run_once()

    asyncio.run(run())
    return Action.objects.get()


def test_each_state_of_a_block_is_told_plainly() -> None:
    config = company()
    assert "现在没有被封禁、隔离或静默" in use("list_blocks", "wu", target=IP).text
    code = propose(config, "zhao")
    said = use("list_blocks", "wu", target=IP).text
    assert f"**{IP}：封禁等待审批**" in said
    assert code in said
    decide(config, code, "approve", "wang")
    assert state_of() == "running"
    asyncio.run(run_once())
    assert state_of() == "dry"
    said = use("list_blocks", "wu", target=IP).text
    assert "现在没有被封禁" in said
    assert "只做了演练" in said
    assert "演练，没有执行" in said, "and no time until which, or at which it was done"
    assert not re.search(r" 到 \d|\d 执行", said)
    assert blocks.find_blocks([IP])[0].until is None


def test_a_block_names_who_where_and_until_when() -> None:
    action = blocked()
    said = use("list_blocks", "wu", target=IP).text
    assert action.finished_at is not None
    until = timezone.localtime(action.finished_at + timedelta(hours=1))
    for part in (
        f"**{IP}：封禁中**",
        "提出 zhao先生、批准 wang先生",
        "设备 防火墙",
        "理由：爆破",
        f"到 {until:%m-%d %H:%M}",
    ):
        assert part in said, said
    assert IP in use("list_blocks", "wu").text
    Action.objects.update(undo_url=None)  # a device that takes nothing back ends it by itself
    BlockRecord.objects.update(until=timezone.now(), due_at=timezone.now())
    assert "已到期" not in use("list_blocks", "wu", target=IP).text
    asyncio.run(run_once())
    assert state_of() == "expired"
    assert "现在没有被封禁" in use("list_blocks", "wu", target=IP).text
    assert IP not in use("list_blocks", "wu").text.split("查询条件")[0]
    assert "已到期" in use("list_blocks", "wu", state="ended").text


def test_another_corporation_reads_the_state_and_no_names() -> None:
    blocked()
    Staff.objects.create(staff_id="wai", name="wai先生", role="responder", corp_id="other")
    said = use("list_blocks", "wai", "other", target=IP).text
    assert "封禁中" in said
    assert "zhao先生" not in said
    assert "wang先生" not in said
    with pytest.raises(Conflict, match="另一个企业"):
        use("unblock_ip", "wai", "other", ip=IP)


def test_what_is_not_blocked_is_not_unblocked() -> None:
    config = company()
    for ip, reason in ((IP, "现在没有封禁"), ("nothing", "不是 IP 地址"), ("203.0.113.0/24", "不是 IP 地址")):
        with pytest.raises(BifangError, match=reason):
            use("unblock_ip", ip=ip)
    propose(config, "zhao")
    with pytest.raises(Conflict, match="等待审批"):
        use("unblock_ip", ip=IP)
    assert Proposal.objects.count() == 1


def test_unblocking_needs_another_person_and_goes_to_who_did_it() -> None:
    config = company()
    side = OtherSide(lambda r: web.json_response({"message": "好", "undo_url": f"http://{r.host}/undo"}))
    decide(config, propose(config, "zhao"), "approve", "wang")

    def order() -> str:
        talk(config, ("zhao", f"解封 {IP} 原因：误封"))
        return Proposal.objects.get(tool="unblock_ip").code

    async def run() -> None:
        async with side.serving() as url:
            await db.call(connect, f"{url}/block")
            await run_once()
            code = await asyncio.to_thread(order)
            for who in ("zhao", "li", "wu"):
                refused = await db.call(decide, config, code, "approve", who)
                assert refused.status == "refused", who
            assert await db.call(state_of) == "active"
            decided = await db.call(decide, config, code, "approve", "wang")
            assert decided.status == "decided", decided.text
            again = await db.call(decide, config, code, "approve", "wang")
            assert again.status == "repeated"
            assert await db.call(state_of) == "lifting"
            await run_once()

    asyncio.run(run())
    assert [b'"undo":true' in body for _, body in side.asked] == [False, True]
    assert state_of() == "lifted"
    said = use("list_blocks", "wu", target=IP).text
    assert "现在没有被封禁" in said
    assert "已解除" in said
    with pytest.raises(Conflict, match="已解除"):
        use("unblock_ip", ip=IP)


def test_the_same_login_does_not_approve_its_own_unblocking(django_user_model: Any) -> None:
    blocked()
    config, user = robot("corp", "dingtalk", "第二个"), django_user_model.objects.create(username="one")
    Staff.objects.filter(staff_id__in=("zhao", "wang")).update(user=user)
    talk(config, ("zhao", f"解封 {IP}"))
    code = Proposal.objects.get(tool="unblock_ip").code
    assert "四眼" in decide(config, code, "approve", "wang").text
    assert decide(config, code, "approve", "sun").status == "decided"


def test_an_unblocking_that_failed_can_be_asked_for_again() -> None:
    first = blocked()
    zhang = Staff.objects.get(staff_id="zhang")
    config = first.config
    code = undo.request(first.pk, zhang, "admin").code
    with pytest.raises(Conflict, match=code):
        use("unblock_ip", ip=IP)
    decide(config, code, "approve", "wang")
    asyncio.run(run_once())  # the firewall is not there any more
    assert Action.objects.get(undo_of=first).state == "failed"
    assert state_of() == "active"
    again = undo.request(first.pk, zhang, "admin").code
    assert decide(config, again, "approve", "wang").status == "decided"
    assert Action.objects.get(undo_of=first).proposal == the(again)


def test_who_may_not_ask_does_not_propose() -> None:
    blocked()
    config = robot("corp", "dingtalk", "第二个")
    for who in ("wu", "li"):
        (said,) = talk(config, (who, f"解封 {IP}"))
        assert "角色" in said
    assert not Proposal.objects.filter(tool="unblock_ip").exists()


def test_a_second_request_for_the_same_target_names_the_first() -> None:
    config = company()
    (said,) = talk(config, ("zhao", f"封禁 {IP} 1小时 原因：爆破"))
    code = Proposal.objects.get().code
    assert code in said
    assert "没有写理由" not in said
    (again,) = talk(config, ("zhao", f"封禁 {IP} 1小时 原因：爆破"))
    assert code in again
    for who, part in (("zhao", "您"), ("wang", "zhao先生")):
        (said,) = talk(config, (who, f"封禁 {IP} 2小时"))
        assert "已提出" in said
        assert part in said
        assert code in said
    assert Proposal.objects.count() == 1
    talk(config, ("zhao", "封禁 203.0.113.6"))
    assert Proposal.objects.count() == 2


def test_a_missing_reason_is_said() -> None:
    config = company()
    (said,) = talk(config, ("zhao", f"封禁 {IP}"))
    assert "没有写理由，审批人会看到这一点" in said


def test_what_was_executed_needs_recheck_of_who_asks(db: Any) -> None:
    """A program's request is passed on only while the block stands."""
    first = blocked()
    stored = {"ip": IP, "action_id": first.pk}
    REAL.check("unblock_ip", stored)
    Action.objects.update(state="failed")
    with pytest.raises(Conflict):
        REAL.check("unblock_ip", stored)


def test_a_group_reads_no_account_that_is_silenced() -> None:
    company()
    person = AssetRecord("account", "zhang.san", (Key("hostname", "zhang.san"),))
    store(person, host("web-01"))
    for name in ("zhang.san", "web-01"):
        silences.silence("asset", name, 60, Actor.system("test"))
    assert "zhang.san" in use("list_blocks", "li").text
    said = use("list_blocks", "li", group=True)
    assert "web-01" in said.text
    assert "zhang.san" not in said.text
    assert "zhang.san" in said.private_text
    assert "zhang.san" not in use("list_blocks", "wu").text
