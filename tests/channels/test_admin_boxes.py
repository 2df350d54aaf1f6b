"""收件箱 and 发件箱 in the admin: read, filter, try again; private text only for those who may."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.admin.inbox import InboxScreen
from bifang.channels.models import InboxRow, OutboxRow, State, Worker
from bifang.core.admin.base import CappedPaginator
from bifang.core.configuration import configs
from bifang.core.rights import AUDITOR, OPERATOR
from bifang.core.secrets.sealed import Sealed
from secops_agent.models import Role, Staff
from tests.admin_pages import (
    PRIVATE,
    dingtalk,
    member,
    messages_of,
    received,
    sent,
    serve_plain_static,
    superuser,
    text_of,
)

pytestmark = pytest.mark.django_db
INBOX, OUTBOX = "/admin/channels/inboxrow/", "/admin/channels/outboxrow/"
HIDDEN = "无权查看聊天内容"


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def pages(row: InboxRow, reply: OutboxRow) -> list[str]:
    return [
        INBOX,
        OUTBOX,
        reverse("admin:channels_inboxrow_change", args=[row.pk]),
        reverse("admin:channels_outboxrow_change", args=[reply.pk]),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("group", "reads"), [(OPERATOR, False), (AUDITOR, True), (Role.ADMIN, True)])
def test_private_text_is_for_those_with_the_permission(group: str, reads: bool) -> None:
    row = received(dingtalk())
    client = member(group)
    for page in pages(row, sent(row)):
        response = client.get(page)
        assert (PRIVATE in response.content.decode()) is reads, page
        assert (HIDDEN in text_of(response)) is not reads, page


def test_webhook_is_shown_to_nobody() -> None:
    row = received(dingtalk())
    client = superuser()
    for page in pages(row, sent(row)):
        body = client.get(page).content.decode()
        assert "hidden-session" not in body
        assert row.webhook is not None
        assert row.webhook.token not in body


def test_page_of_a_dead_letter_tells_the_reason_and_links_the_replies() -> None:
    row = received(dingtalk(), state=State.DEAD, last_error="模型连续失败", last_error_at=timezone.now())
    reply = sent(row)
    page = superuser().get(reverse("admin:channels_inboxrow_change", args=[row.pk]))
    assert "模型连续失败" in text_of(page)
    assert reverse("admin:channels_outboxrow_change", args=[reply.pk]) in page.content.decode()


@pytest.mark.both_databases
def test_reprocess_puts_dead_and_handled_rows_back_and_counts_the_rest() -> None:
    config = dingtalk()
    rows = [received(config, number, state=state) for number, state in enumerate(InboxScreen.states)]
    response = superuser().post(
        INBOX, {"action": "reprocess", "_selected_action": [row.pk for row in rows], "sure": "1"}, follow=True
    )
    assert "已将 2 条放回队列" in messages_of(response)
    assert "2 条没有变化" in messages_of(response)
    assert InboxRow.objects.filter(state=State.PENDING).count() == 3


@pytest.mark.slow
@pytest.mark.parametrize("who", [OPERATOR, Role.ADMIN])
def test_what_was_handled_is_said_again_by_superusers_alone(who: str) -> None:
    """In its sender's name: whoever did it, and approves what is asked by it, would be two persons."""
    config = dingtalk()
    done, dead = received(config, 1, state=State.DONE), received(config, 2, state=State.DEAD)
    form = {"action": "reprocess", "_selected_action": [done.pk, dead.pk], "sure": "1"}
    told = messages_of(member(who).post(INBOX, form, follow=True))
    assert "已将 1 条放回队列" in told
    assert "只有超级管理员" in told
    done.refresh_from_db()
    assert done.state == State.DONE


def test_resend_puts_dead_rows_back() -> None:
    row = received(dingtalk())
    dead, done = sent(row, 1, state=State.DEAD), sent(row, 2, state=State.DONE)
    response = member(OPERATOR).post(
        OUTBOX, {"action": "resend", "_selected_action": [dead.pk, done.pk], "sure": "1"}, follow=True
    )
    assert "已将 1 条放回队列" in messages_of(response)
    dead.refresh_from_db()
    assert dead.state == State.PENDING


@pytest.mark.both_databases
def test_whole_filtered_list_is_reprocessed_at_once() -> None:
    config = dingtalk()
    rows = [received(config, number, state=State.DEAD) for number in range(60)]
    received(config, 99, state=State.DONE)
    form = {"action": "reprocess", "_selected_action": [rows[-1].pk], "select_across": "1", "sure": "1"}
    response = superuser().post(f"{INBOX}?state__exact=dead", form, follow=True)
    assert "已将 60 条放回队列" in messages_of(response)


def test_auditor_may_not_reprocess() -> None:
    row = received(dingtalk(), state=State.DEAD)
    member(AUDITOR).post(INBOX, {"action": "reprocess", "_selected_action": [row.pk], "sure": "1"})
    row.refresh_from_db()
    assert row.state == State.DEAD


@pytest.mark.parametrize("page", [INBOX, OUTBOX])
def test_nobody_adds_edits_or_deletes_rows(page: str) -> None:
    row = received(dingtalk())
    pk = row.pk if page == INBOX else sent(row).pk
    client = superuser()
    assert client.get(f"{page}add/").status_code == 403
    assert client.post(f"{page}{pk}/change/", {"state": "done"}).status_code == 403
    assert client.post(f"{page}{pk}/delete/", {"post": "yes"}).status_code == 403


def shown(client: Client, address: str) -> set[int]:
    """Ids of the rows in a list."""
    return {int(pk) for pk in re.findall(r"rows?/(\d+)/change/", client.get(address).content.decode())} | {
        int(pk) for pk in re.findall(r"inboxrow/(\d+)/change/", client.get(address).content.decode())
    }


def test_list_filters_and_searches() -> None:
    client = superuser()
    first, second = dingtalk("甲"), dingtalk("乙")
    dead = received(first, 1, state=State.DEAD)
    other = received(second, 2, sender_id="staff-2")
    old = received(second, 3, received_at=timezone.now() - timedelta(days=40))
    assert shown(client, f"{INBOX}?state__exact=dead") == {dead.pk}
    assert shown(client, f"{INBOX}?config__id__exact={first.pk}") == {dead.pk}
    assert shown(client, f"{INBOX}?q=staff-2") == {other.pk}
    assert shown(client, f"{INBOX}?q=msg-3") == {old.pk}
    assert shown(client, f"{INBOX}?q=cid-1") == {dead.pk, other.pk, old.pk}
    recent = (timezone.now() - timedelta(days=7)).strftime("%Y-%m-%d 00:00:00+00:00").replace("+", "%2B")
    assert shown(client, f"{INBOX}?received_at__gte={recent}") == {dead.pk, other.pk}


def test_list_shows_a_reply_without_its_markdown() -> None:
    reply = sent(received(dingtalk()))
    OutboxRow.objects.filter(pk=reply.pk).update(text="## 结果\n\n**告警 3 条**\n- 严重：1 ███\n> 依据 a-b")
    assert "结果 告警 3 条 严重：1 依据 a-b" in text_of(superuser().get(OUTBOX))


def test_what_fails_and_is_tried_again_is_seen_with_who_waits_for_it() -> None:
    client, config = superuser(), dingtalk()
    reply = sent(received(config))
    assert "发件箱 ¦ 没有死信" in text_of(client.get("/status/"))
    tried = {"state": State.CLAIMED, "attempts": 2, "last_error": "钉钉服务暂时出错（HTTP 500）"}
    target = {"is_group": False, "staff_id": "wangwu", "conversation_id": ""}
    Staff.objects.create(corp_id=config.corporation, staff_id="wangwu", name="王五")
    OutboxRow.objects.filter(pk=reply.pk).update(**tried, target=target, key="note:alert:1:1")
    shown = client.get(OUTBOX)
    assert re.search(r"bf-warn[^>]*>正在重试<", shown.content.decode())
    assert "王五" in text_of(shown)
    status = text_of(client.get("/status/"))
    assert "发件箱 ¦ 1 条正在重试" in status
    assert "告警消息 ¦ 1 条正在重试：钉钉服务暂时出错" in status
    assert "运行状态 ¦ 1 ¦" not in status, "no dead letter"


def test_menu_counts_dead_letters() -> None:
    client = superuser()
    row = received(dingtalk(), 1, state=State.DEAD)
    assert "运行状态 ¦ 1 ¦" in text_of(client.get("/"))
    for number in range(3):
        sent(row, number, state=State.DEAD)
    text = text_of(client.get("/")) + text_of(client.get("/?part=system"))
    assert "运行状态 ¦ 4 ¦" in text
    assert "死信 ¦ 4 ¦" in text
    assert "发件箱 ¦ 3 条死信" in text_of(client.get("/status/"))
    assert "收件箱 1，发件箱 3" in text


@pytest.mark.slow
@pytest.mark.parametrize("page", [INBOX, OUTBOX])
def test_list_costs_the_same_with_many_rows(page: str, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        sent(received(dingtalk(), number))
    client = superuser()
    with django_assert_max_num_queries(12):
        client.get(page)


def test_list_never_counts_a_whole_table(django_assert_max_num_queries: Any, monkeypatch: Any) -> None:
    config = dingtalk()
    for number in range(8):
        received(config, number)
    monkeypatch.setattr(CappedPaginator, "cap", 5)
    client = superuser()
    with django_assert_max_num_queries(11) as captured:
        text = text_of(client.get(INBOX))
    assert "至少 5 条" in text
    counts = [
        query["sql"] for query in captured if "COUNT(" in query["sql"] and "channels_inboxrow" in query["sql"]
    ]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_workers_are_alive_while_their_heart_beats() -> None:
    now = timezone.now()
    Worker.objects.create(owner="a:1", host="a", pid=1, started_at=now, heartbeat_at=now)
    Worker.objects.create(
        owner="b:2", host="b", pid=2, started_at=now, heartbeat_at=now - timedelta(minutes=5)
    )
    client = superuser()
    text = text_of(client.get("/admin/channels/worker/"))
    assert "a:1 ¦ 运行中" in text
    assert "b:2 ¦ 已失联" in text
    assert "工作进程 ¦ 1 ¦ 心跳正常" in text_of(client.get("/?part=system"))


def test_message_without_an_answer_says_why() -> None:
    row = received(dingtalk(), state=State.DONE, last_error="外部人员，已忽略", last_error_at=timezone.now())
    client = superuser()
    for page in (INBOX, reverse("admin:channels_inboxrow_change", args=[row.pk])):
        assert "外部人员，已忽略" in text_of(client.get(page)), page


@pytest.mark.parametrize(("page", "word"), [(INBOX, "重新处理"), (OUTBOX, "重新发送")])
def test_one_row_goes_again_after_one_question_and_the_filters_stay(page: str, word: str) -> None:
    row = received(dingtalk(), state=State.DEAD, last_error="模型连续失败")
    dead = row if page == INBOX else sent(row, state=State.DEAD, last_error="会话已失效")
    client, filtered = superuser(), f"{page}?state__exact=dead"
    assert f'name="again" value="{dead.pk}"' in client.get(filtered).content.decode()
    asked = client.post(filtered, {"again": dead.pk, "action": "", "index": "0"})
    assert f"{word} 1 条消息？" in text_of(asked)
    assert "两遍" in text_of(asked) or "第二遍" in text_of(asked)
    dead.refresh_from_db()
    assert dead.state == State.DEAD, "nothing happens before the answer"
    form = re.findall(r'name="(\w+)" value="(\w+)"', asked.content.decode())
    done = client.post(asked.context["list_url"], dict(form))
    assert done.headers["Location"] == filtered
    dead.refresh_from_db()
    assert dead.state == State.PENDING


def test_page_of_a_row_says_what_to_do_and_offers_it() -> None:
    config = dingtalk()
    dead = received(config, 1, state=State.DEAD, last_error="模型连续失败")
    waits = received(config, 2)
    raw = received(config, 3, state=State.DEAD, unreadable=Sealed.of("AA==", "x"))
    unknown = sent(dead, state=State.UNKNOWN, last_error="没有应答")
    client = superuser()
    page = text_of(client.get(reverse("admin:channels_inboxrow_change", args=[dead.pk])))
    assert "先解决原因，再点「重新处理」" in page
    assert "重新处理…" in page
    assert "重新处理…" not in text_of(client.get(reverse("admin:channels_inboxrow_change", args=[waits.pk])))
    assert "不能重新处理" in text_of(client.get(reverse("admin:channels_inboxrow_change", args=[raw.pk])))
    sent_page = text_of(client.get(reverse("admin:channels_outboxrow_change", args=[unknown.pk])))
    assert "可能已经送达" in sent_page
    address = reverse("admin:channels_inboxrow_change", args=[dead.pk])
    auditor = member(AUDITOR)
    assert "重新处理…" not in text_of(auditor.get(address))
    assert 'name="again"' not in auditor.get(INBOX).content.decode()
    auditor.post(INBOX, {"again": dead.pk, "sure": "1"})
    dead.refresh_from_db()
    assert dead.state == State.DEAD


def test_outsider_is_not_shown_as_answered() -> None:
    received(dingtalk(), state=State.DONE, last_error="外部人员，已忽略")
    assert "未回答" in text_of(superuser().get(INBOX))


def test_what_waits_names_the_service_of_its_own_platform() -> None:
    client = superuser()
    feishu = configs.save("feishu", "飞书", True, {"client_id": "cli_1", "client_secret": "s" * 20})[0]
    for number, (config, program) in enumerate(
        ((dingtalk(), "start_dingtalk_stream"), (feishu, "start_feishu_stream")), 1
    ):
        row = received(config, number)
        for box in (row, sent(row)):
            page = reverse(f"admin:channels_{box._meta.model_name}_change", args=[box.pk])
            text = text_of(client.get(page))
            assert f"看 {program} 是否在运行" in text
