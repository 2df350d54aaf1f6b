"""会话: read like a chat, by those who may; others read what they said themselves."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.core.database.rows import insert_many
from bifang.core.models import SystemConfig
from bifang.core.rights import AUDITOR, OPERATOR
from secops_agent.models import AuditKind, AuditRecord, Role, Staff, TurnUsage
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import Place, entry
from secops_agent.services.people.staff import Person
from tests.admin_pages import dingtalk, member, sent, serve_plain_static, superuser, text_of
from tests.secops.decisions_aid import company, propose

pytestmark = pytest.mark.django_db
PAGE = "/conversations/"
GROUP, SINGLE = "cid-group", "cid-zhao"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def config() -> SystemConfig:
    return company()


def asked(
    config: SystemConfig, number: int, who: str, text: str, conversation: str = GROUP, **said: Any
) -> InboxRow:
    payload = {"staff_id": who, "nick": f"{who}先生", "corp_id": "corp", **said}
    target = ReplyTarget(conversation, conversation == GROUP, who, "robot")
    inbox.store([Incoming(config.pk, "chat", f"m{number}", conversation, who, text, payload, target)])
    row = InboxRow.objects.get(external_id=f"m{number}")
    InboxRow.objects.filter(pk=row.pk).update(state=State.DONE)
    return row


def answered(row: InboxRow, text: str, **columns: Any) -> OutboxRow:
    given = {"state": State.DONE, "text": text, "target": row.target, **columns}
    return sent(row, OutboxRow.objects.count() + 1, **given)


def recorded(row: InboxRow, kind: AuditKind, what: str, **values: Any) -> None:
    person = Person("corp", row.sender_id, "赵六", Role.ANALYST)
    place = Place(row.config_id, row.conversation_id, row.pk)
    insert_many(
        AuditRecord, [entry(kind, what, Actor.person(person, "dingtalk"), place=place, **values).values]
    )


def as_staff(staff_id: str) -> Client:
    client, user = Client(), User.objects.create_user(f"login-{staff_id}")
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    client.force_login(user)
    return client


def page_of(row: InboxRow) -> str:
    return reverse("web:conversation", args=[row.pk])


def test_list_has_a_line_a_conversation_with_its_newest_message(config: SystemConfig) -> None:
    asked(config, 1, "zhao", "第一句", conversation_title="值班群")
    last = asked(config, 2, "wang", "第二句", conversation_title="值班群")
    asked(config, 3, "zhao", "单独问", SINGLE)
    recorded(last, AuditKind.DECISION, "作答", detail={"model": "qwen-plus"})
    now = timezone.now()
    TurnUsage.objects.create(at=now, day=now.date(), model="qwen-plus", inbox_id=last.pk, cost=2_500)
    page = superuser().get(PAGE)
    assert len(page.context["lines"]) == 2
    text = text_of(page)
    assert "值班群 ¦ 群聊" in text
    assert "wang先生：第二句" in text
    assert "第一句" not in text
    assert "qwen-plus ¦ 0.0025 元" in text
    assert "zhao先生 ¦ 单聊" in text
    assert "单独问" in text_of(superuser_again().get(PAGE, {"q": "单独"}))
    assert "没有符合" in text_of(superuser_again().get(PAGE, {"q": "从没说过"}))


def superuser_again() -> Client:
    client = Client()
    client.force_login(User.objects.get(username="root"))
    return client


def test_page_shows_the_turn_with_tools_folded_and_the_proposal(config: SystemConfig) -> None:
    row = asked(config, 1, "zhao", "封禁 203.0.113.5", SINGLE, quoted="别人说的")
    answered(row, "**尚未执行** [确认](dtmd://dingtalkclient/sendMessage?content=x) <img src=x>")
    answered(row, "请您审批这个操作", target={"conversation_id": "", "is_group": False, "staff_id": "wang"})
    code = propose(config, "zhao", conversation=SINGLE)
    recorded(row, AuditKind.DECISION, "作答", detail={"model": "离线模式", "stopped_by": "seconds"})
    detail = {
        "status": "needs_approval",
        "executed": True,
        "seconds": 0.2,
        "arguments": {"ip": "203.0.113.5"},
    }
    recorded(row, AuditKind.TOOL, "调用 block_ip", subject=f"proposal:{code}", detail=detail)
    page = superuser().get(page_of(row))
    text, body = text_of(page), page.content.decode()
    assert "别人说的" in text
    assert "block_ip ¦ 等待他人审批" in text
    assert "<details" in body
    assert "<details open" not in body
    assert "离线模式" in text
    assert "达到时间上限" in text
    assert code in text
    assert reverse("web:approvals") in body
    assert "<strong>尚未执行</strong>" in body
    assert "<img src" not in body
    assert '<span class="bf-chip">确认</span>' in body
    assert 'form="tap"' not in body
    assert "请您审批这个操作" not in text
    assert "另外给别人发了 1 条消息" in text


def test_failures_are_told_with_their_reason(config: SystemConfig) -> None:
    dead, ignored, lost = (asked(config, number, "zhao", "问", SINGLE) for number in (1, 2, 3))
    InboxRow.objects.filter(pk=dead.pk).update(state=State.DEAD, last_error="模型连续失败")
    InboxRow.objects.filter(pk=ignored.pk).update(last_error="外部人员，已忽略")
    answered(lost, "答", state=State.UNKNOWN, last_error="没有应答")
    text = text_of(superuser().get(page_of(lost)))
    for words in ("死信 ¦ 模型连续失败", "未回答 ¦ 外部人员，已忽略", "结果未知 ¦ 没有应答"):
        assert words in text, text


def test_an_answer_that_the_outbox_forgot_comes_from_the_audit_trail(config: SystemConfig) -> None:
    row = asked(config, 1, "zhao", "问", SINGLE)
    recorded(row, AuditKind.REPLY, "回复", text="留存的回答")
    assert "留存的回答" in text_of(superuser().get(page_of(row)))


def test_others_read_only_what_they_said_themselves(config: SystemConfig) -> None:
    mine = asked(config, 1, "zhao", "我的问题")
    theirs = asked(config, 2, "wang", "他的秘密")
    answered(theirs, "给他的回答")
    client = as_staff("zhao")
    text = text_of(client.get(PAGE))
    assert "我的问题" in text
    assert "他的秘密" not in text
    text = text_of(client.get(page_of(mine)))
    assert "我的问题" in text
    assert "他的秘密" not in text
    assert "给他的回答" not in text
    assert client.get(page_of(theirs)).status_code == 404
    assert "没有符合" in text_of(client.get(PAGE, {"q": "秘密"}))


def test_a_namesake_of_another_corporation_is_somebody_else(config: SystemConfig) -> None:
    foreign = asked(config, 1, "zhao", "外人的话", corp_id="other")
    nameless = asked(config, 2, "zhao", "不知哪家", corp_id="")
    client = as_staff("zhao")
    for row in (foreign, nameless):
        assert client.get(page_of(row)).status_code == 404
    Staff.objects.filter(staff_id="zhao").update(active=False)
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize(("group", "reads"), [(OPERATOR, False), (AUDITOR, True), (Role.ADMIN, True)])
def test_the_permission_to_read_private_text_decides(group: str, reads: bool, config: SystemConfig) -> None:
    row = asked(config, 1, "zhao", "私下的话")
    client = member(group)
    assert ("私下的话" in text_of(client.get(PAGE))) is reads
    assert (client.get(page_of(row)).status_code == 200) is reads
    assert Client().get(PAGE).status_code == 302


def test_pages_cost_the_same_with_many_messages(
    config: SystemConfig, django_assert_max_num_queries: Any
) -> None:
    other = dingtalk()
    for number in range(25):
        row = asked(config if number % 2 else other, number, "zhao", "问", f"cid-{number % 3}")
        answered(row, "答")
        InboxRow.objects.filter(pk=row.pk).update(state=State.DEAD)
        recorded(row, AuditKind.TOOL, "调用 x", detail={"status": "ok"})
    client = superuser()
    with django_assert_max_num_queries(14):
        client.get(PAGE)
    with django_assert_max_num_queries(16):
        page = client.get(page_of(row))
    assert len(page.context["turns"]) > 3


def test_a_long_conversation_is_turned_over(config: SystemConfig, monkeypatch: Any) -> None:
    monkeypatch.setattr("secops_agent.web.talk.conversations.TURNS", 2)
    rows = [asked(config, number, "zhao", f"第{number}问", SINGLE) for number in range(3)]
    client = superuser()
    page = client.get(page_of(rows[2]))
    assert "第0问" not in text_of(page)
    assert page_of(rows[0]) in page.content.decode()
    page = client.get(page_of(rows[0]))
    assert "第0问" in text_of(page)
    assert page_of(rows[2]) in page.content.decode()
