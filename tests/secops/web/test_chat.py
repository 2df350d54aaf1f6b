"""问一问: the page, the real message path behind it, and whose conversation it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from dingtalk_integration.handlers.chat import ChatTurns
from secops_agent.models import AuditRecord, Proposal, Role, Staff, WebLine
from secops_agent.web.talk.chat_markup import as_html
from secops_agent.web_chat.channel import WithWeb, sink_of
from tests.admin_pages import member, messages_of, serve_plain_static, text_of
from tests.channels.boxes import Recorder
from tests.deadline import wait_until
from tests.secops.decisions_aid import company, new_agent, robot, some_alert

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def elsewhere() -> Recorder:
    """DingTalk's side."""
    return Recorder()


@pytest.fixture
def worker(elsewhere: Recorder) -> Iterator[WorkerLoop]:
    company()
    agent, owner = new_agent(), processes.take_name()
    handlers = {"chat": ChatTurns(ConfigCache(), agent).handle}
    loop = WorkerLoop(
        owner, handlers, WithWeb(elsewhere), on_close=agent.close, sink=lambda turn: sink_of(turn, _no_sink)
    )
    loop.start()
    yield loop
    loop.stop(grace=1)
    owner.close()


def _no_sink(turn: Any) -> Any:
    raise AssertionError("only the page speaks here")


def as_staff(staff_id: str) -> Client:
    client, user = Client(), User.objects.create_user(f"login-{staff_id}")
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    client.force_login(user)
    return client


def ask(client: Client, text: str, nonce: str = "0" * 32, **headers: str) -> Any:
    return client.post(reverse("web:chat_say"), {"text": text, "nonce": nonce}, headers=headers, follow=True)


def log(client: Client) -> str:
    return text_of(client.get(reverse("web:chat_log")))


@pytest.mark.slow
def test_a_question_on_the_page_is_answered_on_the_page(worker: WorkerLoop, elsewhere: Recorder) -> None:
    client = as_staff("zhao")
    assert "今天有哪些严重告警" in text_of(ask(client, "今天有哪些严重告警"))
    wait_until(lambda: "查询条件" in log(client), within=20, what="the answer")
    assert "没有在运行" not in log(client)
    assert elsewhere.sent == []
    assert OutboxRow.objects.get().route == "web"
    assert AuditRecord.objects.filter(kind="message", via="web").exists()


@pytest.mark.parametrize(
    ("kind", "program"), [("dingtalk", "start_dingtalk_stream"), ("feishu", "start_feishu_stream")]
)
def test_page_names_the_service_that_would_answer(kind: str, program: str) -> None:
    robot("corp", kind, "机器人")
    Staff.objects.create(corp_id="corp", staff_id="zhao", name="赵", role=Role.VIEWER)
    said = log(as_staff("zhao"))
    assert f"python manage.py {program}" in said


def test_superuser_without_an_account_is_told_to_make_the_tie_himself() -> None:
    client, root = Client(), User.objects.create_superuser("root")
    client.force_login(root)
    said = text_of(client.get(reverse("web:chat")))
    assert "「登录网页」的用户名写 root" in said
    assert "请管理员" not in said


def test_the_same_message_twice_is_one_message(worker: WorkerLoop) -> None:
    client = as_staff("zhao")
    ask(client, "帮助")
    ask(client, "帮助")
    assert InboxRow.objects.count() == 1
    assert WebLine.objects.filter(kind="asked").count() == 1
    ask(client, "帮助", "1" * 32)
    assert InboxRow.objects.count() == 2


@pytest.mark.slow
def test_a_dangerous_order_asks_the_approver_where_they_are(worker: WorkerLoop, elsewhere: Recorder) -> None:
    client = as_staff("zhao")
    ask(client, "封禁 203.0.113.5 一小时")
    wait_until(lambda: Proposal.objects.exists() and len(elsewhere.sent) > 0, within=20)
    code = Proposal.objects.get().code
    wait_until(lambda: code in log(client), within=20)
    assert any(f"同意 {code}" in text for text in elsewhere.sent)
    ask(client, f"同意 {code}", "2" * 32)
    wait_until(lambda: "四眼" in log(client), within=20)
    assert Proposal.objects.get().state == "proposed"
    ask(client, f"拒绝 {code}", "3" * 32)
    wait_until(lambda: "已撤回" in log(client), within=20)
    assert AuditRecord.objects.filter(kind="approval", via="web").exists()


@pytest.mark.slow
def test_a_conversation_is_its_persons_alone(worker: WorkerLoop) -> None:
    one, other = as_staff("zhao"), as_staff("wang")
    ask(one, "我名下有什么秘密")
    wait_until(lambda: log(one).count("毕方") >= 1, within=20)
    assert "秘密" not in log(other)
    assert "秘密" in log(one)


def test_who_is_not_listed_reads_whom_to_ask() -> None:
    company()
    client = member(Role.VIEWER)
    Staff.objects.filter(user__username="as-viewer").update(role=Role.NONE)
    User.objects.filter(username="as-viewer").update(is_superuser=True)
    assert "对应起来" in text_of(client.get(reverse("web:chat")))
    assert "对应起来" in messages_of(ask(client, "帮助"))
    assert not InboxRow.objects.exists()
    assert Client().get(reverse("web:chat")).status_code == 302


def test_a_page_teaches_no_robot_its_corporation() -> None:
    config = company()
    SystemConfig.objects.filter(pk=config.pk).update(params={**config.params, "corp_id": ""})
    page = text_of(ask(as_staff("zhao"), "今天有哪些严重告警"))
    assert "先在聊天里 @ 它一次" in page
    assert not InboxRow.objects.exists()


@pytest.mark.slow
def test_without_a_robot_or_a_worker_the_page_says_what_to_do() -> None:
    client = member(Role.VIEWER)
    assert "没有启用的钉钉或飞书配置" in text_of(client.get(reverse("web:chat")))
    company()
    Staff.objects.filter(user__username="as-viewer").update(corp_id="corp")
    assert "start_dingtalk_stream" in text_of(client.get(reverse("web:chat")))
    for number in range(7):
        ask(client, "今天有哪些告警", f"{number:032x}")
    assert InboxRow.objects.count() == 5, "who waits asks no more"
    assert "没有答完" in messages_of(ask(client, "今天有哪些告警", "f" * 32))
    ask(client, "停止", "e" * 32)
    assert InboxRow.objects.filter(urgent=True).count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "nonce", "why"),
    [
        ("", "0" * 32, "请写上"),
        ("x" * 4001, "0" * 32, "最多"),
        ("好", "web:1", "请写上"),
        ("a\x00", "0" * 32, "请写上"),
    ],
)
def test_what_cannot_be_asked_is_told(text: str, nonce: str, why: str) -> None:
    company()
    client = as_staff("zhao")
    assert why in messages_of(ask(client, text, nonce))
    assert why in text_of(ask(client, text, nonce, **{"HX-Request": "true"}))
    assert not InboxRow.objects.exists()


def test_a_foreign_form_asks_nothing() -> None:
    company()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = as_staff("zhao").cookies
    assert strict.post(reverse("web:chat_say"), {"text": "帮助", "nonce": "0" * 32}).status_code == 403


def test_a_link_fills_in_a_question_and_sends_nothing() -> None:
    company()
    client = as_staff("zhao")
    body = client.get(reverse("web:chat"), {"q": '关闭 12 误报"><script>'}).content.decode()
    assert "关闭 12 误报&quot;&gt;&lt;script&gt;" in body
    assert not InboxRow.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](https://evil.example/a.png)",
        "[x](data:text/html,<script>)", '[x](https://a.example/" onmouseover="alert(1))', "<script>alert(1)</script>",
        "[x](dtmd://other/sendMessage?content=1)", "[x](JaVaScRiPt:alert(1))", "[x](//evil.example)",
    ],
)  # fmt: skip
def test_an_answer_carries_no_markup_of_its_own(text: str) -> None:
    shown = as_html(text)
    assert not re.search(r"<(img|script)|<[^>]* on\w+=|href=\"(?!https?://)", shown), shown


def test_a_whole_sentence_is_filled_in_and_never_sent_by_a_tap() -> None:
    shown = as_html('好\n\n接着可以说：「备注 A1 "x" <b>」、「事件 2 交给 李四」')
    assert shown.count('<a class="bf-chip" href="?q=') == 2
    assert "<button" not in shown
    assert "<b>" not in shown
    assert "<a" not in as_html("接着可以说：「事件 2 交给 李四」", taps=False)


def test_a_tap_says_its_words_on_the_page() -> None:
    shown = as_html(
        "[确认 A12](dtmd://dingtalkclient/sendMessage?content=%E7%A1%AE%E8%AE%A4%20A12) 和 [网页](https://a.example)"
    )
    assert (
        '<button type="submit" class="bf-chip" name="text" value="确认 A12" form="tap">确认 A12</button>'
        in shown
    )
    assert 'href="https://a.example" target="_blank" rel="noopener noreferrer">网页</a>' in shown


@pytest.mark.slow
def test_every_tap_under_an_answer_is_understood_when_it_is_pressed(worker: WorkerLoop) -> None:
    pk, client = some_alert(), as_staff("li")

    def taps() -> list[str]:
        page = client.get(reverse("web:chat_log")).content.decode()
        return re.findall(r'name="text" value="([^"]+)" form="tap"', page)

    ask(client, "有哪些告警")
    wait_until(taps, within=20, what="the taps of the list")
    assert taps() == [f"查看 A{pk}"]
    pressed: set[str] = set()
    for nonce, said in enumerate(["查看", "处置", "查看", "误报", "确认"], 1):
        wanted = f"{said} A{pk}"
        wait_until(lambda wanted=wanted: wanted in taps(), within=20, what=wanted)
        done = OutboxRow.objects.count()
        ask(client, wanted, f"{nonce:032d}")
        wait_until(
            lambda done=done: OutboxRow.objects.count() > done, within=20, what=f"the answer to {wanted}"
        )
        pressed.add(wanted)
    wait_until(lambda: "已关闭（误报）" in log(client), within=20, what="the answer to the last tap")
    assert pressed >= {f"查看 A{pk}", f"处置 A{pk}", f"误报 A{pk}", f"确认 A{pk}"}
    assert "没有听懂" not in log(client)


def test_poll_renders_nothing_again() -> None:
    company()
    client = as_staff("wu")
    ask(client, "![" * 2000)
    (asked,) = WebLine.objects.all()
    WebLine.objects.create(
        conversation_id=asked.conversation_id, key="out:1", kind="answered", text="**答**", at=asked.at
    )
    assert "**答**" not in log(client)
    before = as_html.cache_info().misses
    assert "![![" in log(client)
    assert as_html.cache_info().misses == before


def test_question_is_no_markdown() -> None:
    company()
    client, before = as_staff("wu"), as_html.cache_info()
    ask(client, "**问**")
    assert "**问**" in log(client)
    after = as_html.cache_info()
    assert (after.hits, after.misses) == (before.hits, before.misses)
