"""Lists say what they are for, what to do when there is nothing, and ask before much is changed."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from bifang.channels.models import KnownGroup, Worker
from bifang.core.models import Switch
from bifang.shell.table import walk
from secops_agent.models import CalendarDay, ModelPrice, Role, SlaTarget, Staff, TurnUsage
from tests.admin_pages import (
    dingtalk,
    known_group,
    member,
    serve_plain_static,
    superuser,
    text_of,
)

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).parents[2] / "docs"
PATH = re.compile(r"「([^」→]+?) → ([^」→]+?)(?= → |」)")
PATIENCE_MS = 120_000  # machines may be busy


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def test_empty_list_says_what_to_do_and_where() -> None:
    text = text_of(superuser().get(reverse("admin:channels_knowngroup_changelist")))
    assert "没有已知的群" in text
    assert "在群里 @ 它说一句话" in text
    assert "通知规则" in text
    assert "没有符合条件" not in text


def test_list_that_a_search_emptied_offers_to_clear_it() -> None:
    known_group(dingtalk())
    page = superuser().get(reverse("admin:channels_knowngroup_changelist"), {"q": "没有这个群"})
    assert "没有符合条件的已知的群" in text_of(page)
    assert "清除搜索和筛选" in text_of(page)
    assert KnownGroup.objects.exists()


def test_way_on_is_shown_to_those_who_may_go_it() -> None:
    address = reverse("admin:secops_agent_securityreport_changelist")
    onward = reverse("admin:secops_agent_scheduledtask_changelist")

    def leads_on(role: Role) -> bool:
        content = member(role).get(address).content.decode()
        return f'<a class="bf-link" href="{onward}">' in content

    assert leads_on(Role.ANALYST)
    assert not leads_on(Role.VIEWER)


def test_ways_lead_to_lists_of_the_menu() -> None:
    listed = {way[-1].model for way in walk()}
    ways = {screen.way[0] for screen in admin.site._registry.values() if getattr(screen, "way", None)}
    assert len(ways) > 5
    assert ways <= listed


def test_documents_find_pages_where_the_menu_has_them() -> None:
    """In 「page → page」 of the documents the first is the one that leads to the second."""
    place = {way[-1].title: way[-2].title if way[1:] else "" for way in walk()}
    files = [*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "deploy/README.md"]
    told = [pair for file in files for pair in PATH.findall(file.read_text(encoding="utf-8"))]
    assert len(told) > 10
    assert {(group, page) for group, page in told if page in place and group != place[page]} == set()


def test_a_latin_name_stands_apart_from_the_chinese_word_before_it() -> None:
    text = text_of(superuser().get(reverse("admin:secops_agent_syslogsource_changelist")))
    assert "还没有 Syslog 来源" in text
    assert "新增 Syslog 来源" in text


def test_worker_list_says_how_to_start_one() -> None:
    assert not Worker.objects.exists()
    assert "python manage.py start_dingtalk_stream" in text_of(
        superuser().get(reverse("admin:channels_worker_changelist"))
    )


def test_models_without_a_price_are_named_beside_the_prices() -> None:
    TurnUsage.objects.create(at="2026-01-01T00:00:00Z", day="2099-01-01", model="own-model", input_tokens=1)
    address = reverse("admin:secops_agent_modelprice_changelist")
    client = superuser()
    page = client.get(address)
    assert "own-model" in text_of(page)
    assert "?prefix=own-model" in page.content.decode()
    ModelPrice.objects.create(prefix="own", input_price=0, output_price=0, cached_price=0)
    assert "own-model" not in text_of(client.get(address))


@pytest.mark.parametrize(
    ("person", "name"),
    [("dingcorp:lisi", "李四"), ("dingother:lisi", "别家的李四"), ("dingcorp:nobody", "dingcorp:nobody")],
)
def test_usage_names_who_asked_in_which_corporation(person: str, name: str) -> None:
    Staff.objects.create(staff_id="lisi", corp_id="dingcorp", name="李四")
    Staff.objects.create(staff_id="lisi", corp_id="dingother", name="别家的李四")
    TurnUsage.objects.create(
        at="2026-01-01T00:00:00Z", day="2026-01-01", model="qwen-plus", person=person, cost=1
    )
    shown = text_of(superuser().get(reverse("admin:secops_agent_turnusage_changelist"))).split("提问人")[-1]
    assert name in shown


def test_limit_of_each_severity_is_changed_from_the_table() -> None:
    SlaTarget.objects.create(severity="high", alert_hours=8)
    page = superuser().get(reverse("admin:secops_agent_slatarget_changelist")).content.decode()
    assert reverse("admin:secops_agent_slatarget_change", args=[SlaTarget.objects.get().pk]) in page
    assert f"{reverse('admin:secops_agent_slatarget_add')}?severity=critical" in page
    looked = member(Role.VIEWER).get(reverse("admin:secops_agent_slatarget_changelist")).content.decode()
    assert "?severity=critical" not in looked


def test_days_that_are_not_like_their_weekday_are_told_in_words() -> None:
    CalendarDay.objects.update_or_create(date="2099-01-03", defaults={"working": True, "name": "调休"})
    text = text_of(superuser().get(reverse("admin:secops_agent_calendarday_changelist"), {"q": "调休"}))
    assert "2099-01-03 周六" in text
    assert "上班" in text


@pytest.mark.outside("chromium")
def test_switch_is_asked_once_in_a_browser(settings: Any, database: Any, address: str) -> None:
    from playwright.sync_api import sync_playwright

    cookie = {"name": "sessionid", "value": superuser().cookies["sessionid"].value, "url": address}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(base_url=address)
        context.add_cookies([cookie])
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto("/admin/core/switch/")
        toggle = page.get_by_role("switch", name="只读")
        toggle.click()
        dialog = page.get_by_role("dialog", name="只读")
        assert "人也不能改" in dialog.inner_text()
        dialog.get_by_role("button", name="取消").click()
        assert toggle.get_attribute("aria-checked") == "false"
        toggle.click()
        with page.expect_navigation():
            page.get_by_role("button", name="打开只读").click()
        assert page.get_by_role("switch", name="只读").get_attribute("aria-checked") == "true"
        browser.close()
    assert Switch.objects.get(name="read_only").on


@pytest.fixture
def address(settings: Any, tmp_path: Path, database: Any) -> Iterator[str]:
    """Where the pages are served, on this test's database."""
    serve_plain_static(settings, tmp_path)
    server = LiveServer("localhost")
    yield server.url
    server.stop()


def test_every_page_of_the_menu_leads_somewhere() -> None:
    """A module of screens that nobody imports leaves its page without an address, and nothing else tells."""
    assert [way[-1].title for way in walk() if way[-1].model and not way[-1].address] == []
