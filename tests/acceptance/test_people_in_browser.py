"""Two people in two browsers: what one asks for, the other approves; and all of it with one thumb on a phone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from secops_agent.models import Staff
from tests.acceptance.worker import STAFF, Stage, open_stage
from tests.admin_pages import serve_plain_static
from tests.browser import PATIENCE_MS, PHONE, browsing, chromium, cookie_of, serving
from tests.databases import Database
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.outside("chromium")
expect.set_options(timeout=PATIENCE_MS)
PEOPLE = (
    *STAFF,
    {"staff_id": "wangwu", "name": "王五", "role": "approver"},
    {"staff_id": "zhaoliu", "name": "赵六", "role": "responder"},
)
ORDER = "封禁 203.0.113.5 1小时，原因：反复扫描"
THUMB = {"has_touch": True, "is_mobile": True}


@pytest.fixture
def stage(database: Database, settings: Any, tmp_path: Path) -> Iterator[Stage]:
    """A robot in offline mode whose worker runs."""
    settings.SIMULATOR = True
    serve_plain_static(settings, tmp_path)
    with open_stage(database) as stage:
        stage.apply(stage.robot(ai_config=""), staff=PEOPLE)
        for key, title in (("a", "主机反复被扫描"), ("b", "数据库被拖走")):
            asset = host("web-01", "10.0.0.1")
            store(alert(key, title=title, severity="critical", assets=(asset,), at=timezone.now()))
        stage.start()
        yield stage


@pytest.fixture
def cookies(stage: Stage) -> dict[str, str]:
    """Everybody signed in."""
    found = {}
    for each in Staff.objects.all():
        user = User.objects.create_user(each.staff_id)
        Staff.objects.filter(pk=each.pk).update(user=user)
        found[each.staff_id] = cookie_of(user)
    return found


@pytest.fixture
def boss(stage: Stage) -> str:
    """The cookie of one who may see the configurations."""
    return cookie_of(User.objects.create_superuser("boss"))


@pytest.fixture
def site(stage: Stage) -> Iterator[str]:
    with serving() as site:
        yield site


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def ask(page: Page, text: str) -> None:
    """On 问一问."""
    page.goto("/chat/")
    page.get_by_label("要问的内容").fill(text)
    page.get_by_role("button", name="发送").click()


def order(page: Page) -> str:
    """Ask for a block; its code."""
    ask(page, ORDER)
    told = page.locator(".bf-said-answered").filter(has_text=re.compile("审批"))
    expect(told.first).to_be_visible()
    code = re.search(r"\b[A-Z0-9]{6}\b", told.first.inner_text())
    assert code, told.first.inner_text()
    return code[0]


def approve(page: Page, code: str, reason: str) -> None:
    """From what waits, on the page, with a reason."""
    page.goto("/approvals/")
    page.locator("tr").filter(has_text=code).get_by_role("link").click()
    page.get_by_role("button", name="同意…").click()
    page.get_by_role("textbox", name="理由").fill(reason)
    page.get_by_role("button", name="同意", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("已同意")


def test_what_one_asks_for_a_second_person_approves(
    stage: Stage, cookies: dict[str, str], site: str, browser: Browser
) -> None:
    with (
        browsing(browser, site, cookies["zhaoliu"]) as asker,
        browsing(browser, site, cookies["wangwu"]) as approver,
    ):
        code = order(asker)
        asker.goto("/approvals/?tab=waiting")
        asker.locator("tr").filter(has_text=code).get_by_role("link").click()
        expect(asker.get_by_role("button", name="同意…")).to_have_count(0)
        approve(approver, code, "是扫描器")
        asker.reload()
        expect(asker.locator(".bf-timeline")).to_contain_text("王五")
        expect(asker.locator(".bf-timeline")).to_contain_text("是扫描器")
        asker.goto("/chat/")
        expect(asker.locator("#log")).to_contain_text("演练")


def test_a_phone_handles_an_alert_asks_and_approves(
    stage: Stage, cookies: dict[str, str], site: str, browser: Browser
) -> None:
    with browsing(browser, site, cookies["zhaoliu"]) as asker:
        code = order(asker)
    with browsing(browser, site, cookies["wangwu"], PHONE, **THUMB) as phone:
        phone.goto("/alerts/")
        phone.get_by_role("link", name="主机反复被扫描").first.tap()
        phone.locator("[data-deed=close]").tap()
        phone.locator("#deed-close").get_by_role("button", name="误报").tap()
        expect(phone.locator("#undo")).to_contain_text("已关闭（误报）")
        ask(phone, "有哪些严重告警")
        expect(phone.locator(".bf-said-answered").last).to_contain_text("数据库被拖走")
        fits = "document.documentElement.scrollWidth <= innerWidth"
        assert phone.evaluate(fits)
        phone.locator(".bf-thumb").get_by_role("link", name="审批").tap()
        phone.wait_for_url("**/approvals/")
        assert phone.evaluate(fits)
        approve(phone, code, "")
        assert phone.evaluate(fits)


def test_the_number_of_a_configuration_is_labelled_on_a_phone(boss: str, site: str, browser: Browser) -> None:
    label = "node => getComputedStyle(node, '::before').content"
    with browsing(browser, site, boss, PHONE, **THUMB) as phone:
        phone.goto("/admin/core/systemconfig/")
        cell = phone.locator("#result_list tbody .field-id").first
        expect(cell).to_be_visible()
        assert cell.evaluate(label) == '"ID"'
