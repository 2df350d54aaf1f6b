"""Alerts worked through in a browser: twenty by keyboard, one by thumb."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from secops_agent.models import Alert, History, Role
from tests.admin_pages import serve_plain_static
from tests.deadline import wait_until

from .desk import arrived, at_desk

pytestmark = [pytest.mark.django_db, pytest.mark.outside("chromium")]
PATIENCE_MS = 120_000  # machines may be busy


@pytest.fixture
def address(settings: Any, tmp_path: Path, database: Any) -> Iterator[str]:
    """Where the pages are served, on this test's database."""
    serve_plain_static(settings, tmp_path)
    server = LiveServer("localhost")
    yield server.url
    server.stop()


@contextmanager
def browsing(address: str, client: Client, width: int, height: int, **options: Any) -> Iterator[Any]:
    """A page of a browser in which this person is signed in. No query while it is open: it has a loop of its own."""
    from playwright.sync_api import sync_playwright

    errors: list[str] = []
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(
            base_url=address, viewport={"width": width, "height": height}, **options
        )
        context.add_cookies([cookie])
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on(
            "console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
    assert not errors


def pressed(page: Any, *keys: str) -> None:
    """The last key leads to another page."""
    for key in keys[:-1]:
        page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press(keys[-1])


def test_twenty_alerts_are_triaged_by_keyboard(address: str) -> None:
    rows = arrived(*(f"{number:02}" for number in range(20)), due_in_hours=20)
    client = at_desk(Role.ANALYST)
    with browsing(address, client, 1440, 900) as page:
        page.goto("/alerts/")
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        page.keyboard.press("Escape")
        pressed(page, "j", "Enter")
        for _ in rows:  # two keys an alert
            pressed(page, "e", "2")
        assert page.locator(".bf-empty").is_visible()
        assert "已关闭（误报）" in page.locator("#undo").inner_text()
        pressed(page, "u")
        assert page.locator("tr[data-pk]").count() == 1
    assert Alert.objects.filter(verdict="false_positive").count() == 19
    assert Alert.objects.get(verdict="").status == "open"


def test_every_key_does_what_the_help_says(address: str) -> None:
    last, second, _ = arrived("a", "b", "c", due_in_hours=20)  # the newest stands first
    client = at_desk(Role.ANALYST)
    with browsing(address, client, 1440, 900) as page:
        page.goto("/alerts/")
        current: Callable[[], str] = lambda: page.locator("tr[aria-selected=true]").get_attribute("data-pk")  # noqa: E731
        page.keyboard.press("/")
        page.keyboard.type("jjaei")
        assert page.locator("#q").input_value() == "jjaei", "typing is typing"
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("j")
        assert current() == str(second.pk)
        assert page.evaluate("document.activeElement.textContent") == "规则 b", "the focus is told"
        page.keyboard.press("k")
        page.keyboard.press("x")
        assert page.locator("#said").inner_text() == "已选中，共 1 条"
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("e")
        assert "2 条告警" in page.locator("#deed-close-title").inner_text()
        page.keyboard.press("1")
        assert page.locator("#deed-close").is_visible(), "many are not closed without a reason"
        page.fill("#close-note", "同一次攻击")
        with page.expect_navigation():
            page.click("#deed-close [data-key='1']")
        assert page.locator("tr[data-pk]").count() == 1
        pressed(page, "j", "a")
        pressed(page, "k", "i")
        pressed(page, "o")
        page.keyboard.press("c")
        page.keyboard.type("keep e and a")
        pressed(page, "Enter")
        assert "keep e and a" in page.locator(".bf-timeline").inner_text()

        def says_no_next() -> bool:  # once the page reads keys
            page.keyboard.press("n")
            return "没有下一条" in page.locator("#said").inner_text()

        wait_until(says_no_next)
        pressed(page, "g", "l")
        assert page.url.endswith("/alerts/?tab=all")
    assert set(Alert.objects.values_list("status", "verdict")) == {
        ("closed", "true_positive"),
        ("acknowledged", ""),
    }
    last.refresh_from_db()
    assert last.assignee is not None
    assert last.assignee.staff_id == "lisi"
    assert History.objects.filter(action="comment", note="keep e and a").count() == 1


def test_one_alert_is_handled_by_thumb(address: str) -> None:
    (row,) = arrived("a", title="很长的标题 " * 30, due_in_hours=20)
    client = at_desk(Role.ANALYST)
    with browsing(address, client, 390, 844, has_touch=True, is_mobile=True) as page:
        page.goto("/alerts/")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.tap("input[name=ids]")
        tops = page.eval_on_selector_all("#bulk > .bf-button", "all => all.map((each) => each.offsetTop)")
        assert len(tops) == 4
        assert len(set(tops)) == 1, "one row"
        page.tap("input[name=ids]")
        with page.expect_navigation():
            page.tap("[data-open]")
        bar = page.locator(".tr-bar").bounding_box()
        assert bar["y"] + bar["height"] <= 844, "within reach without scrolling"
        assert bar["height"] < 70, "one row"
        assert page.locator("[data-deed=assign]").is_hidden()
        page.tap(".tr-more")
        page.tap("[data-deed=assign]")
        assert page.locator("#deed-assign").is_visible()
        assert page.locator("#more").is_hidden()
        page.keyboard.press("Escape")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.tap("[data-deed=close]")
        with page.expect_navigation():
            page.tap("#deed-close [data-key='3']")
        assert page.locator(".bf-empty").is_visible()
    row.refresh_from_db()
    assert (row.status, row.verdict) == ("closed", "benign")


def test_new_alerts_are_announced_under_the_cursor(address: str) -> None:
    arrived("a", "b", due_in_hours=20)
    client = at_desk(Role.VIEWER)
    with browsing(address, client, 1440, 900) as page:
        page.goto("/alerts/")
        page.keyboard.press("j")
        mark = page.locator("#news").get_attribute("hx-get").rpartition("=")[2]
        assert mark.isdigit()
        page.evaluate(
            "document.querySelector('#news').setAttribute('hx-get', '/alerts/news/?tab=all&mark=1')"
        )
        page.evaluate(
            "htmx.process(document.querySelector('#news')); htmx.ajax('GET', '/alerts/news/?tab=all&mark=1', '#news')"
        )
        page.wait_for_selector("#news a")
        assert "有 1 条新告警" in page.locator("#news").inner_text()
        assert page.locator("tr[aria-selected=true]").count() == 1, "the rows stay"
        page.keyboard.press("a")
        assert page.locator("tr[data-pk]").count() == 2, "who only reads does nothing"
    assert {row.status for row in Alert.objects.all()} == {"open"}


def test_ticking_and_news_push_nothing(address: str) -> None:
    arrived("a", "b", "c", "d", due_in_hours=20)
    client = at_desk(Role.ANALYST)
    with browsing(address, client, 1440, 900) as page:
        page.goto("/alerts/")
        boxes = page.locator("tbody input[name=ids]")
        stood = boxes.nth(1).bounding_box()
        boxes.nth(0).click()
        assert page.locator("#bulk").is_visible()
        assert boxes.nth(1).bounding_box() == stood, "the next tick lands on the row that was aimed at"
        boxes.nth(2).click(modifiers=["Shift"])
        assert page.locator("[data-chosen]").inner_text() == "3"
        page.evaluate("htmx.ajax('GET', '/alerts/news/?tab=all&mark=1', '#news')")
        page.wait_for_selector("#news a")
        assert boxes.nth(1).bounding_box() == stood


def test_thumb_anywhere_on_a_card_of_a_list_opens_it(address: str) -> None:
    client = at_desk(Role.ANALYST, "thumb")
    arrived("card")
    pk = Alert.objects.get().pk
    with browsing(address, client, 390, 844, has_touch=True) as phone:
        phone.goto("/alerts/?tab=all")
        card = phone.locator(".bf-grid tbody tr").bounding_box()
        phone.touchscreen.tap(card["x"] + card["width"] - 6, card["y"] + card["height"] - 6)
        phone.wait_for_url(f"**/alerts/{pk}/**")
