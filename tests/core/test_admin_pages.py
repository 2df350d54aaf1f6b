"""Every page of the admin opens, for everyone who may open it, in Chinese and without inline script."""

import re
from pathlib import Path
from typing import Any

import pytest
import unfold
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.core.rights import AUDITOR, OPERATOR
from bifang.shell.table import SETTINGS, STATUS, walk
from secops_agent.models import Role
from secops_agent.services.notifications.delivery.progress import mark
from tests.admin_pages import (
    MODELS,
    ROWS,
    dingtalk,
    member,
    messages_of,
    serve_plain_static,
    superuser,
    text_of,
    with_role,
)

pytestmark = pytest.mark.django_db
# Words that stand on our pages in any language.
NAMES = {"Bifang", "Stream", "Client", "Secret", "App", "Key", "Webhook", "Control", "Mac", "Command", "Cron", "CorpId", "Suricata", "Prometheus", "Redis", "Grafana", "Splunk"}  # fmt: skip

# Script that stands in a page, which the content security policy would refuse.
INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=\"|javascript:")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def pages_of(model: type[Model], row: Model) -> list[str]:
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    return [
        reverse(f"{base}_changelist"),
        reverse(f"{base}_add"),
        *(reverse(f"{base}_{page}", args=[row.pk]) for page in ("change", "history", "delete")),
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_every_page_of_a_screen_opens_in_chinese_without_inline_script(model: type[Model]) -> None:
    label = model._meta.label_lower
    assert label in ROWS, f"{label} has a screen: add a row of it to tests/admin_pages.py"
    row = ROWS[label]()
    client = superuser()
    for page in pages_of(model, row):
        response = client.get(page)
        # Closed on purpose (nobody adds a message by hand) is an answer; the rest has to open.
        assert response.status_code in (200, 302, 403), page
        if response.status_code == 200:
            assert not leftovers(text_of(response)), page
            assert not INLINE.search(response.content.decode()), page
    assert client.get(pages_of(model, row)[0]).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("group", [OPERATOR, AUDITOR, Role.ADMIN])
def test_every_page_answers_the_members_of_a_group(group: str) -> None:
    client = member(group)
    for model in MODELS:
        row = ROWS[model._meta.label_lower]()
        listed, added, changed, *_ = pages_of(
            model, row
        )  # the others are Django's own, the same for everybody
        for page in (listed, added, changed):
            assert client.get(page).status_code in (200, 302, 403), page


@pytest.mark.parametrize(
    "page", ["web:home", "web:on_call", "admin:core_systemconfig_add", "admin:password_change"]
)
def test_other_pages_open_in_chinese(page: str) -> None:
    response = superuser().get(reverse(page))
    assert response.status_code == 200
    assert not leftovers(text_of(response))


def test_login_opens_in_chinese_and_leads_to_the_first_page() -> None:
    response = Client().get(reverse("admin:login"))
    assert not leftovers(text_of(response))
    assert Client().get("/", follow=True).redirect_chain[-1][0].startswith("/admin/login/")


@pytest.mark.parametrize("model", ["suppressionrule", "notificationrule"])
def test_a_digit_that_is_no_key_leads_back_to_the_list(model: str) -> None:
    assert superuser().get(f"/admin/secops_agent/{model}/²/change/").status_code == 302


def english(package: str) -> set[str]:
    """The sentences of a package that Chinese pages must not show."""
    texts = set()
    for path in Path(package).rglob("*.html"):
        for match in re.finditer(r"{%\s*trans(?:late)?\s+(?:\"([^\"]+)\"|'([^']+)')", path.read_text()):
            texts.add(match[1] or match[2])
    return {text for text in texts if len(text) > 3}


def leftovers(text: str) -> list[str]:
    """English sentences of the packages, and English words in a row, in a page's text; where we are is no sentence."""
    text = text.replace(str(settings.BASE_DIR), "")
    words = [
        found for found in re.findall(r"[A-Z][a-z]{2,}(?: [A-Za-z]+){1,}", text) if not _is_a_name(found)
    ]
    return words + [
        sentence
        for sentence in SENTENCES
        if sentence in text and re.search(rf"(?<![A-Za-z]){re.escape(sentence)}(?![A-Za-z])", text)
    ]


def _is_a_name(words: str) -> bool:
    return any(word in NAMES for word in words.split())


SENTENCES = english(str(Path(unfold.__file__).parent / "templates")) - {
    "Code",
    "Date",
    "Name",
    "Link",
    "Value",
    "Cron",
    "User",  # of a systemd unit
}


@pytest.mark.slow
def test_the_table_says_what_the_pages_are_called() -> None:
    pages = [way[-1] for way in walk() if way[-1].address]
    client = superuser()
    for page in pages:
        assert f"<h1>{page.title}</h1>" in client.get(page.address).content.decode(), page
    titles = [page.title for page in pages]
    assert len(titles) == len(set(titles))
    listed = {page.model for page in pages if not page.name}
    screens = {model._meta.label_lower for model in MODELS}
    assert listed <= screens <= {page.model for page in pages}


WORK = [
    "工作台",
    "告警",
    "事件",
    "审批",
    "值班",
    "问一问",
    "资产",
    "漏洞",
    "报告",
    "手册",
    "静默与抑制",
    "我的",
]
ENTRIES = {
    Role.VIEWER: [each for each in WORK if each not in ("审批", "静默与抑制")] + ["设置"],
    Role.ANALYST: [*WORK, "设置", "运行状态"], Role.RESPONDER: [*WORK, "设置", "运行状态"],
    Role.APPROVER: [*WORK, "设置", "运行状态"], Role.ADMIN: [*WORK, "设置", "运行状态"],
}  # fmt: skip


@pytest.mark.parametrize("role", ENTRIES)
@pytest.mark.parametrize("address", ["/", "/admin/password_change/"])
def test_a_role_has_twelve_entries_and_two_pages_of_cards_on_every_page(role: Role, address: str) -> None:
    html = member(role).get(address).content.decode()
    menu = html.partition('id="menu"')[2].partition("</nav>")[0]
    assert [
        re.sub(r".*</span>", "", each) for each in re.findall(r"<li><a .*?>(<span.*?)</a>", menu)
    ] == ENTRIES[role]


@pytest.mark.parametrize("page", ["settings", "status"])
def test_cards_tell_what_each_page_is_for_and_how_it_stands(
    page: str, django_assert_max_num_queries: Any
) -> None:
    client = superuser()
    client.get("/")
    with django_assert_max_num_queries(20):
        text = text_of(client.get(reverse(page)))
    shown = SETTINGS if page == "settings" else STATUS
    for card in shown.tabs:
        assert f"{card.title} ¦ " in text
        assert card.purpose() in text
    assert "没有打开的，一切照常" in text or "没有死信" in text


def test_cards_say_which_limits_hold_and_what_was_not_delivered() -> None:
    client = superuser()
    assert "处理时限 ¦ 默认：严重 4 小时，高危 24 小时" in text_of(client.get(reverse("settings")))
    row = ROWS["secops_agent.alertmessage"]()
    assert "告警消息 ¦ 一周内没有无法送达的" in text_of(client.get(reverse("status")))
    type(row).objects.filter(pk=row.pk).update(state="undeliverable", reason="机器人已被移出群")
    assert "告警消息 ¦ 一周内 1 条无法送达：机器人已被移出群" in text_of(client.get(reverse("status")))
    row.refresh_from_db()
    for _ in range(2):  # it arrives, and is brought up to date
        mark(row, ended=False, sent_at=timezone.now())
        row.refresh_from_db()
        assert row.state == "shown"
        assert "告警消息 ¦ 一周内 1 条曾无法送达，已补发：机器人已被移出群" in text_of(
            client.get(reverse("status"))
        )


def test_a_message_that_could_not_be_delivered_is_tried_again_at_once() -> None:
    row = ROWS["secops_agent.alertmessage"]()
    rows, page = type(row).objects.filter(pk=row.pk), reverse("admin:secops_agent_alertmessage_changelist")
    rows.update(state="undeliverable", reason="机器人已被移出群", shown=1, wanted=1)
    alert = row.alerts.first()
    root = superuser()
    told = text_of(root.get(reverse("admin:secops_agent_alertmessage_change", args=[row.pk])))
    assert f"A{alert.pk} {alert.title}" in told
    assert "立即重试" in text_of(root.get(page, {"q": f"A{alert.pk}"} if alert else {}))
    member(Role.VIEWER).post(page, {"again": row.pk})
    assert rows.get().wanted == 1
    said = messages_of(with_role(Role.ANALYST).post(page, {"again": row.pk}, follow=True))
    assert "1 条马上重试" in said
    row = rows.get()
    assert (row.wanted, row.due_at <= timezone.now()) == (2, True)


def test_cards_are_those_that_a_role_may_see() -> None:
    client = member(Role.VIEWER)
    text = text_of(client.get(reverse("settings")))
    assert "导入任务" in text
    assert "系统配置" not in text
    assert client.get(reverse("status")).status_code == 200


def test_the_menu_marks_where_one_is_and_nothing_else() -> None:
    client = superuser()
    row = ROWS["secops_agent.component"]()
    marks = {
        "/admin/core/systemconfig/": "设置",
        f"/admin/secops_agent/component/{row.pk}/change/": "漏洞",
        "/": "工作台",
    }
    for address, title in marks.items():
        html = client.get(address).content.decode().partition('id="menu"')[2].partition("</nav>")[0]
        assert re.findall(r"aria-current=\"\w+\"><span[^>]*>\w+</span>([^<]+)", html) == [title], address


def test_lists_of_one_kind_are_tabs_of_each_other_for_those_who_may_see_them() -> None:
    def tabs(client: Client, address: str) -> list[str]:
        html = (
            client.get(address).content.decode().partition('aria-label="同类页面"')[2].partition("</nav>")[0]
        )
        return re.findall(r">([^<]+)</a>", html)

    viewer = member(Role.VIEWER)
    assert tabs(viewer, "/findings/") == ["漏洞", "发现", "组件"]
    assert tabs(member(Role.ANALYST), "/admin/secops_agent/silence/") == ["静默", "抑制规则"]
    assert tabs(viewer, "/admin/secops_agent/runbook/") == []


@pytest.mark.slow
def test_a_screen_leads_back_to_the_pages_above_it() -> None:
    row, client = ROWS["secops_agent.oncallschedule"](), superuser()
    for name, given in (("change", [row.pk]), ("add", [])):
        html = client.get(reverse(f"admin:secops_agent_oncallschedule_{name}", args=given)).content.decode()
        crumbs = html.partition('class="bf-crumbs"')[2].partition("</nav>")[0]
        assert re.findall(r'<a href="([^"]+)"', crumbs) == [reverse("web:on_call")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "most"),
    [
        ("channels.inboxrow", 20), ("secops_agent.notificationrule", 30), ("secops_agent.silence", 20), ("secops_agent.runbook", 20),
        ("secops_agent.oncallschedule", 21), ("core.systemconfig", 21),
    ],
)  # fmt: skip
def test_a_form_costs_little_with_many_robots(
    label: str, most: int, django_assert_max_num_queries: Any
) -> None:
    row = ROWS[label]()
    for number in range(8):
        dingtalk(f"配置{number}")
    client = superuser()
    page = reverse(f"admin:{label.replace('.', '_')}_change", args=[row.pk])
    client.get(page)  # the kinds of content are read once a process
    with django_assert_max_num_queries(most):
        assert client.get(page).status_code == 200
