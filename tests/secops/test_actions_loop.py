"""Approvals, actions and the sealer in the turn loop of a real process, and in the admin."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.rights import OPERATOR
from dingtalk_integration.handlers import events
from dingtalk_integration.handlers.chat import ChatTurns
from secops_agent.agent.acting import clicks
from secops_agent.agent.acting.controls import read_control
from secops_agent.agent.background.jobs import AuditSealer
from secops_agent.connectors.runner import ActionRunner
from secops_agent.models import Action, AuditRecord, Proposal, Role, Staff
from secops_agent.services.audit import verification
from tests.admin_pages import PRIVATE, ROWS, member, messages_of, serve_plain_static, superuser, text_of
from tests.channels.boxes import Recorder
from tests.deadline import wait_until
from tests.secops.decisions_aid import GROUP, company, new_agent, propose, the

pytestmark = pytest.mark.django_db


def send(config: Any, loop: WorkerLoop, who: str, text: str, where: str = GROUP) -> None:
    target = ReplyTarget(where, where == GROUP, who, "robot")
    payload = {"staff_id": who, "corp_id": "corp", "nick": who, "robot_corp_id": "corp"}
    urgent = read_control(text) is not None
    inbox.store([Incoming(config.pk, "chat", f"{who}{text}", where, who, text, payload, target, urgent)])
    loop.wake()


@pytest.mark.slow
def test_from_question_to_told_result_in_one_process() -> None:
    config, channel = company(), Recorder()
    configs = ConfigCache()
    agent = new_agent()
    handlers = {"chat": ChatTurns(configs, agent).handle, "event": events.handle, "card": clicks.handle}
    owner = processes.take_name()
    jobs = (ActionRunner(owner.name, poll_s=0.05), AuditSealer(0.05))
    loop = WorkerLoop(owner, handlers, channel, jobs=jobs, on_close=agent.close)
    loop.start()
    try:
        send(config, loop, "zhao", "封禁 203.0.113.5 一小时")
        wait_until(lambda: len(channel.sent) == 4, within=20, what="the answer and three requests")
        code = Proposal.objects.get().code
        send(config, loop, "wang", f"同意 {code}", "cid-wang")
        told = wait_until(
            lambda: [text for text in channel.sent if "没有对任何系统做出改动" in text], within=20
        )
        assert "zhao先生" in told[0]
        assert "wang先生" in told[0]
        wait_until(lambda: not AuditRecord.objects.filter(segment=None).exists(), within=20)
    finally:
        loop.stop(grace=1)
        owner.close()
    assert Action.objects.get().state == "dry"
    assert verification.verify().faults == ()
    kinds = set(AuditRecord.objects.values_list("kind", flat=True))
    assert kinds - {"change"} == {"message", "decision", "tool", "proposal", "approval", "action", "reply"}


@pytest.fixture
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("_pages")
def test_approver_decides_in_the_admin_by_the_same_rules() -> None:
    config, client = company(), superuser()
    code = propose(config, "zhao")
    assert "没有对应的「人员」" in press(client, code)
    root = User.objects.get(username="root")
    Staff.objects.filter(staff_id="zhao").update(user=root)
    assert "四眼" in press(client, code)
    Staff.objects.filter(staff_id="zhao").update(user=None)
    Staff.objects.filter(staff_id="wang").update(user=root)
    assert "已同意" in press(client, code)
    assert Action.objects.get().approver == "wang先生"


def page_of(code: str, page: str = "approval") -> str:
    return reverse(f"web:{page}", args=[the(code).pk])


def press(client: Client, code: str, verdict: str = "approve", reason: str = "") -> str:
    """The button of the dialog; what is said then."""
    values = {"verdict": verdict, "reason": reason}
    return messages_of(client.post(page_of(code, "approval_decide"), values, follow=True))


@pytest.mark.slow
@pytest.mark.usefixtures("_pages")
def test_a_proposal_is_decided_on_its_own_page_and_only_after_a_second_look() -> None:
    config, client = company(), member(Role.VIEWER)
    code = propose(config, "zhao")
    user = User.objects.get(username="as-viewer")
    assert client.get(page_of(code)).status_code == 403
    Staff.objects.filter(staff_id="li").update(user=user)  # an analyst looks, but is no approver
    seen = text_of(client.get(page_of(code)))
    assert "只有「审批」角色的人可以决定" in seen
    assert "approve" not in client.get(page_of(code)).content.decode()
    Staff.objects.filter(staff_id="li").update(user=None)
    Staff.objects.filter(staff_id="wang").update(user=user)
    body = client.get(page_of(code)).content.decode()
    assert 'data-opens="ask-approve"' in body
    assert 'data-opens="ask-reject"' in body
    asked = body[body.index('<dialog id="ask-approve"') :]
    assert "203.0.113.5" in asked
    assert "只做演练，不会真的执行" in asked
    assert client.get(page_of(code, "approval_decide")).status_code == 405
    assert the(code).state == "proposed", "looking decides nothing"
    assert "已拒绝" in press(client, code, "reject", "证据不足")
    assert (the(code).state, the(code).reason, the(code).decider_name) == ("rejected", "证据不足", "wang先生")
    assert "ask-" not in client.get(page_of(code)).content.decode()


@pytest.mark.slow
@pytest.mark.usefixtures("_pages")
def test_the_asker_withdraws_on_the_page() -> None:
    config, client = company(), member(Role.RESPONDER)
    Staff.objects.filter(staff_id="zhao").update(user=User.objects.get(username="as-responder"))
    Staff.objects.filter(staff_id="as-responder").delete()
    code = propose(config, "zhao")
    body = client.get(page_of(code)).content.decode()
    assert "撤回…" in body
    assert "ask-approve" not in body
    assert "已撤回" in press(client, code, "reject")
    assert the(code).state == "cancelled"


@pytest.mark.usefixtures("_pages")
def test_audit_text_is_for_those_who_may_read_it_and_exported_for_them() -> None:
    row = ROWS["secops_agent.auditrecord"]()
    page = reverse("admin:secops_agent_auditrecord_changelist")
    operator, root = member(OPERATOR), superuser()
    assert PRIVATE not in text_of(operator.get(page))
    assert PRIVATE in text_of(root.get(page))
    wanted = {"action": "export", "_selected_action": [row.pk]}
    exported = root.post(page, wanted)
    assert PRIVATE in b"".join(exported.streaming_content).decode()  # type: ignore[attr-defined]
    assert not operator.post(page, wanted).streaming
