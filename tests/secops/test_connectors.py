"""Carrying actions out: a real HTTP server on the other side, and every way in which the answer can fail to come."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.configuration import configs
from bifang.core.configuration.configs import FieldErrors
from bifang.core.database import db
from bifang.core.errors import ConfigError, InvalidInput
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from bifang.core.secrets.sealed import Sealed
from secops_agent.connectors.registry import connector_of
from secops_agent.connectors.runner import ActionRunner
from secops_agent.models import Action, AuditRecord, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.decisions import actions, undo
from secops_agent.services.decisions.actions import ActionResult
from secops_agent.services.faults import Conflict
from secops_agent.services.switches import ReadOnly
from tests.deadline import eventually
from tests.secops.decisions_aid import GROUP, company, decide, propose, switch

pytestmark = pytest.mark.django_db
SECRET = "a-shared-secret-of-the-connector"
ADMIN = Actor("person", "user:1", "管理员甲", "admin")


def order(who: str = "zhao") -> Action:
    """An approved action, waiting."""
    config = company()
    decide(config, propose(config, who), "approve", "wang")
    return Action.objects.get()


def connect(url: str, name: str = "防火墙", **more: Any) -> None:
    configs.save("webhook_connector", name, True, {"url": url, "secret": SECRET, "timeout_s": 3, **more})


class OtherSide:
    """A firewall's interface; keeps what it was asked."""

    def __init__(self, answer: Callable[[web.Request], Any]) -> None:
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self._answer = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((dict(request.headers), await request.read()))
        answer = self._answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def run_once(runner: ActionRunner | None = None) -> None:
    http = HttpClient()
    try:
        await (runner or ActionRunner("me", http=http)).step()
    finally:
        await http.close()


def carry_out(answer: Callable[[web.Request], Any], **more: Any) -> OtherSide:
    side = OtherSide(answer)

    async def run() -> None:
        async with side.serving() as url:
            await db.call(connect, f"{url}/block", **more)
            await run_once()

    asyncio.run(run())
    return side


def test_without_connector_it_is_a_dry_run_that_says_so() -> None:
    order()
    asyncio.run(run_once())
    action = Action.objects.get()
    assert (action.state, action.connector) == ("dry", "dry_run")
    told = OutboxRow.objects.filter(key__startswith="note:action")
    assert sorted(row.target["staff_id"] for row in told if not row.target["is_group"]) == ["wang", "zhao"]
    assert [row.target["conversation_id"] for row in told if row.target["is_group"]] == [GROUP]
    for row in told:
        assert "没有对任何系统做出改动" in row.text
        assert "zhao先生" in row.text
        assert "wang先生" in row.text


def test_webhook_is_signed_called_once_and_its_answer_told() -> None:
    order()
    side = carry_out(lambda _: web.json_response({"message": "规则 88 已下发"}))
    asyncio.run(run_once())
    ((headers, body),) = side.asked
    stamp = headers["X-Bifang-Timestamp"]
    mac = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Bifang-Signature"] == f"sha256={mac}"
    told = json.loads(body)
    assert told["tool"] == "block_ip"
    assert told["arguments"] == {"ip": "203.0.113.5"}
    assert (told["asked_by"], told["approved_by"], told["undo"]) == ("zhao先生", "wang先生", False)
    action = Action.objects.get()
    assert headers["Idempotency-Key"] == action.key == told["id"]
    assert (action.state, action.result, action.connector) == ("done", "规则 88 已下发", "防火墙")
    assert OutboxRow.objects.filter(text__contains="规则 88 已下发").count() == 3  # group, asker, approver
    record = AuditRecord.objects.get(kind="action")
    assert record.detail["asker"] == "zhao先生"
    assert record.detail["approver"] == "wang先生"
    assert record.detail["response"]["status"] == 200


async def _never(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (lambda _: web.Response(status=200, text="ok"), "done"),
        (lambda _: web.Response(status=204), "done"),
        (lambda _: web.json_response({"message": "没有这个 IP"}, status=404), "failed"),
        (lambda _: web.Response(status=401, text="bad signature"), "failed"),
        (lambda _: web.Response(status=500, text="boom"), "unknown"),
        (lambda _: web.Response(status=502, text="<html>"), "unknown"),
        (lambda _: web.Response(status=302, headers={"Location": "/elsewhere"}), "unknown"),
        (lambda _: web.Response(body=b"x" * 100_000), "unknown"),
        (lambda _: web.json_response(["odd"]), "done"),
        (_never, "unknown"),
        (_hang_up, "unknown"),
    ],
)
def test_answer_decides_what_is_known(answer: Callable[[web.Request], Any], state: str) -> None:
    order()
    side = carry_out(answer)
    action = Action.objects.get()
    assert action.state == state, action.result
    assert len(side.asked) == 1
    asyncio.run(run_once())
    assert Action.objects.get().state == state, "nothing is called again"
    assert SECRET not in action.result


def test_nobody_listening_is_certainly_not_carried_out(unused_tcp_port: int) -> None:
    order()
    connect(f"http://127.0.0.1:{unused_tcp_port}/block")
    asyncio.run(run_once())
    action = Action.objects.get()
    assert action.state == "failed"
    assert "没有执行" in action.result


def test_the_connector_that_names_the_tool_goes_first() -> None:
    order()
    connect("http://127.0.0.1:9/a", "其他", tools="isolate_host")
    connect("http://127.0.0.1:9/b", "全部")
    connect("http://127.0.0.1:9/c", "专用", tools="block_ip，isolate_host")
    asyncio.run(run_once())
    assert Action.objects.get().connector == "专用"


def test_connector_settings_are_checked() -> None:
    with pytest.raises(FieldErrors) as caught:
        configs.save("webhook_connector", "坏", True, {"url": "https://evil.example/x", "secret": "short"})
    assert set(caught.value.errors) == {"url", "secret"}


def test_read_only_ends_what_was_approved_before() -> None:
    order()
    switch("read_only")
    side = carry_out(lambda _: web.Response())
    assert side.asked == []
    assert Action.objects.get().state == "failed"
    assert "只读" in Action.objects.get().result


@pytest.mark.parametrize(("hours", "state"), [(1, "dry"), (25, "failed")])
def test_what_was_approved_before_the_stop_waits_is_told_so_and_is_done_after_it_or_not_at_all(
    hours: int, state: str
) -> None:
    order()
    (claimed,) = actions.claim("me")
    switch("no_actions")
    assert not actions.begin(claimed, "x", None)  # the switch came in between
    for _ in range(2):
        asyncio.run(run_once())
    action = Action.objects.get()
    assert (action.state, action.connector) == ("pending", "")
    told = OutboxRow.objects.filter(key__endswith=":held") | OutboxRow.objects.filter(key__contains=":held:")
    assert sorted(row.target["staff_id"] for row in told if not row.target["is_group"]) == ["wang", "zhao"]
    assert all("恢复以后自动执行" in row.text for row in told)
    Action.objects.update(created_at=timezone.now() - timedelta(hours=hours))
    switch("no_actions", False)
    asyncio.run(run_once())
    assert (Action.objects.get().state, "重新提出" in Action.objects.get().result) == (
        state,
        state == "failed",
    )


def ask_and_approve_undo(action_id: int) -> None:
    """An administrator asks for it; only somebody else's approval orders it."""
    people = {row.staff_id: row for row in Staff.objects.all()}
    config = SystemConfig.objects.get(kind="dingtalk")
    switch("read_only")
    with pytest.raises(ReadOnly):
        undo.request(action_id, people["zhang"], "admin")
    switch("read_only", False)
    with pytest.raises(InvalidInput, match="处置"):
        undo.request(action_id, people["li"], "admin")
    code = undo.request(action_id, people["zhang"], "admin").code
    with pytest.raises(Conflict, match="等待审批"):
        undo.request(action_id, people["wang"], "admin")
    asked = OutboxRow.objects.filter(text__contains=f"同意 {code}", buttons__isnull=False)
    assert sorted(row.target["staff_id"] for row in asked if not row.target["is_group"]) == ["sun", "wang"]
    assert [row.target["conversation_id"] for row in asked if row.target["is_group"]] == [GROUP]
    assert "四眼" in decide(config, code, "approve", "zhang").text
    assert "角色" in decide(config, code, "approve", "zhao").text
    assert not Action.objects.filter(undo_of=action_id).exists()
    assert decide(config, code, "approve", "sun").status == "decided"
    assert decide(config, code, "approve", "sun").status == "repeated"
    with pytest.raises(Conflict, match="已经在撤销"):
        undo.request(action_id, people["zhang"], "admin")
    kinds = AuditRecord.objects.filter(subject=f"proposal:{code}").values_list("kind", flat=True)
    assert set(kinds) == {"proposal", "approval"}


def test_a_connector_that_cannot_be_used_stops_no_other() -> None:
    given = {"url": "https://api.dingtalk.com/hook", "secret": SECRET}
    configs.save("webhook_connector", "好的", True, {**given, "tools": "block_ip"})
    bad, _ = configs.save("webhook_connector", "坏的", True, {**given, "tools": "isolate_host"})
    loose = {**bad.params, "url": "https://bucket.oss-cn-beijing.aliyuncs.com/hook"}
    SystemConfig.objects.filter(pk=bad.pk).update(params=loose)
    order()
    (work,) = actions.claim("me")
    chosen = connector_of(work, HttpClient())
    assert chosen.name == "好的"
    with pytest.raises(ConfigError, match="接口地址不能使用"):
        connector_of(replace(work, tool="isolate_host"), HttpClient())


def test_undo_needs_an_action_that_was_done_and_somebody_to_approve() -> None:
    action, zhang = order(), Staff.objects.get(staff_id="zhang")
    done = {"state": "done", "undo_url": Sealed.of("https://connector/undo", "never opened")}
    for missing in ({"state": "failed"}, {"undo_url": None}):
        Action.objects.filter(pk=action.pk).update(**done | missing)
        with pytest.raises(Conflict, match="不能撤销"):
            undo.request(action.pk, zhang, "admin")
    Action.objects.filter(pk=action.pk).update(**done)
    Staff.objects.exclude(pk=zhang.pk).update(active=False)
    with pytest.raises(InvalidInput, match="没有在职的审批人"):
        undo.request(action.pk, zhang, "admin")
    Staff.objects.update(active=True)
    assert undo.request(action.pk, zhang, "admin").code


def test_undo_goes_back_to_the_connector_once() -> None:
    first = order()
    side = OtherSide(
        lambda r: web.json_response({"message": "好", "undo_url": f"http://{r.host}/undo?token=t0ken"})
    )

    async def run() -> None:
        async with side.serving() as url:
            await db.call(connect, f"{url}/block")
            await run_once()
            await db.call(ask_and_approve_undo, first.pk)
            await run_once()

    asyncio.run(run())
    assert [json.loads(body)["undo"] for _, body in side.asked] == [False, True]
    back = Action.objects.get(undo_of=first)
    assert (back.state, back.asker, back.approver) == ("done", "zhang先生", "sun先生")
    assert OutboxRow.objects.filter(text__contains="撤销封禁 IP").exists()
    assert not OutboxRow.objects.filter(text__contains="t0ken").exists()


def test_undo_address_elsewhere_is_not_kept() -> None:
    first = order()
    carry_out(lambda _: web.json_response({"undo_url": "http://169.254.169.254/undo"}))
    with pytest.raises(Conflict, match="没有给出撤销的办法"):
        undo.request(first.pk, Staff.objects.get(staff_id="zhang"), "admin")


class TestCrash:
    """A runner dies at each point in turn."""

    pytestmark = pytest.mark.both_databases

    def die_after(self, *steps: str) -> actions.Order:
        (taken,) = actions.claim("dying")
        if "begin" in steps:
            assert actions.begin(taken, "防火墙", None)
        Action.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        return taken

    @pytest.mark.slow
    def test_before_the_call_it_is_taken_up_again(self) -> None:
        order()
        late = self.die_after("claim")
        assert actions.sweep() == 1
        (again,) = actions.claim("other")
        assert actions.begin(again, "防火墙", None)
        assert not actions.begin(late, "防火墙", None)
        assert not actions.finish(late, ActionResult("done", "迟到"))
        assert actions.finish(again, ActionResult("done", "好了"))
        assert Action.objects.get().result == "好了"

    def test_during_the_call_the_result_is_unknown_and_never_repeated(self) -> None:
        order()
        late = self.die_after("claim", "begin")
        assert actions.sweep() == 1
        assert actions.sweep() == 0
        assert actions.claim("other") == []
        action = Action.objects.get()
        assert action.state == "unknown"
        assert "不会自动重试" in action.result
        assert OutboxRow.objects.filter(text__contains="结果未知").count() == 3
        assert not actions.finish(late, ActionResult("done", "迟到"))
        assert Action.objects.get().state == "unknown"

    def test_unknown_result_is_settled_by_a_person_once(self) -> None:
        order()
        self.die_after("claim", "begin")
        actions.sweep()
        pk = Action.objects.get().pk
        settled = actions.settle(pk, ADMIN, executed=True, note="防火墙上有规则")
        assert (settled.state, settled.settled_by) == ("done", "管理员甲")
        with pytest.raises(Conflict):
            actions.settle(pk, ADMIN, executed=False)
        assert OutboxRow.objects.filter(text__contains="经 管理员甲 核实").count() == 3

    def test_many_runners_carry_it_out_once(self) -> None:
        order()
        claimed = [actions.claim(f"runner{n}") for n in range(3)]
        assert [len(taken) for taken in claimed] == [1, 0, 0]


def test_cancelled_runner_leaves_the_truth_behind() -> None:
    order()
    side = OtherSide(_never)

    async def run() -> None:
        async with side.serving() as url:
            await db.call(connect, f"{url}/block", timeout_s=30)
            task = asyncio.create_task(run_once())
            await eventually(lambda: side.asked)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert Action.objects.get().state == "calling"
    Action.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    asyncio.run(run_once())
    assert Action.objects.get().state == "unknown"
    assert len(side.asked) == 1
