"""Every page in a browser: axe-core finds nothing that keeps somebody out, nothing is cut off, nothing jumps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.utils import timezone
from playwright.sync_api import Page

from secops_agent.models import AlertMessage, MessageState, NotificationTarget, Staff
from tests.admin_pages import serve_plain_static
from tests.browser import PHONE, browsing, chromium, cookie_of, serving
from tests.databases import Database
from tests.every_page import admin_pages, fill, own_pages
from tests.node_packages import installed
from tests.secops.demo_aid import demo  # noqa: F401

pytestmark = pytest.mark.outside("chromium", "npm")
LOST = "群「cidDemoGroup＝＝」：机器人不在这个群里，或者会话已经解散。"
STILL = 0.01  # of the window; a digit that changes is less
PARTS = 3  # of the admin's pages: a minute is long enough for the last test of a run
RUN = """async ([theme, rules]) => {
  document.documentElement.classList.toggle("dark", theme === "dark");
  await Promise.all(document.getAnimations().filter(each => each instanceof CSSTransition).map(each => each.finished));
  const found = await axe.run(document, {resultTypes: ["violations"], ...rules});
  return found.violations.filter(each => ["serious", "critical"].includes(each.impact)).flatMap(each => each.nodes.map(
    node => [theme, each.id, node.target.join(" "), node.failureSummary.split("\\n").slice(1).join(" ").trim()]));
}"""
# Adds up how far things move by themselves, from the first paint on (a layout shift as browsers measure it).
MOVES = """
  window.moved = 0;
  new PerformanceObserver(list => { for (const each of list.getEntries()) if (!each.hadRecentInput) window.moved += each.value; })
    .observe({type: "layout-shift", buffered: true});
"""
# What stands outside the window though it can be seen, and where the frame stands: menu, heading, page.
PLACES = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  const rolls = node => node && node !== document.body && (getComputedStyle(node).overflowX !== "visible" || rolls(node.parentElement));
  for (const node of document.body.querySelectorAll("*")) {
    const box = node.getBoundingClientRect(), style = getComputedStyle(node);
    if (!box.width || !box.height || !node.checkVisibility() || style.visibility === "hidden" || rolls(node.parentElement)) continue;
    if (box.width <= 1 || node.closest(".bf-skip, .bf-hidden, .sr-only, #menu")) continue;
    if (box.right > wide + 1 || box.left < -1 || (box.top < -1 && !window.scrollY)) found.push(node.tagName + "." + node.className);
  }
  const over = document.scrollingElement.scrollWidth - wide;
  const frame = ["#menu", ".bf-top", "#main"].map(each => document.querySelector(each)?.getBoundingClientRect());
  return {found: found.slice(0, 4), over,
    frame: frame.map(box => box && [Math.round(box.left), Math.round(box.width)]).join(" ")};
}"""
# Ticks the first row: how far it pushes the next one, which somebody is about to tick.
TICKS = """async () => {
  const rows = [...document.querySelectorAll("main tbody tr")].filter(row => row.querySelector("td input[type=checkbox]"));
  if (rows.length < 2) return 0;
  const before = rows[1].getBoundingClientRect().top;
  rows[0].querySelector("input[type=checkbox]").click();
  await new Promise(done => setTimeout(done, 100));
  return Math.round(rows[1].getBoundingClientRect().top - before);
}"""
LONG = """document.querySelectorAll(".bf-choice .bf-badge").forEach(each => each.textContent = "群：" + "group".repeat(30))"""
OPEN = """document.querySelectorAll("details.bf-drop").forEach(each => each.open = true)"""


@dataclass(frozen=True)
class Visit:
    """What there is to read, for one who may do everything."""

    site: str
    cookie: str
    own: list[str]
    admin: list[str]


@pytest.fixture(scope="module")
def visit(
    demo: Database,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Visit]:
    with override_settings():
        serve_plain_static(settings, tmp_path_factory.mktemp("static"))
        root = User.objects.create_superuser("root", "root@example.com", "a-long-password-4711")
        Staff.objects.filter(staff_id="manager01").update(user=root)
        rows = fill()
        AlertMessage.objects.update(state=MessageState.UNDELIVERABLE, reason=LOST, opened_at=timezone.now())
        NotificationTarget.objects.update(last_error=LOST, last_error_at=timezone.now())
        client = Client()
        client.force_login(root)
        own, admin = own_pages(client), admin_pages(client, rows)
        with serving() as site:
            yield Visit(site, cookie_of(root), own, admin)


@pytest.fixture
def axe(request: pytest.FixtureRequest) -> str:
    """The source of axe-core."""
    folder = installed(Path(__file__).parent, request.config.cache)
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def open_page(page: Page, path: str) -> float:
    """How far things moved by themselves until it stood."""
    page.goto(path)
    page.wait_for_function("!document.querySelector('.htmx-request')")
    return float(page.evaluate("window.moved"))


def misplaced(page: Page, path: str, moved: float, frames: dict[str, str]) -> list[str]:
    """What is cut off, jumped or pushes on the page that is open; its frame is added to ``frames``."""
    pushed = page.evaluate(TICKS)
    page.evaluate(LONG)
    page.evaluate(OPEN)
    told = page.evaluate(PLACES)
    frames.setdefault(told["frame"], path)
    wrong = told["found"] or told["over"] > 0 or moved > STILL or pushed
    return [f"{path}: {told} {moved=} {pushed=}"] if wrong else []


def faults(page: Page, axe: str, path: str) -> list[tuple[str, ...]]:
    """The page that is open, read in light with every rule, in dark for the colours."""
    page.evaluate(axe)
    found = page.evaluate(RUN, ["light", {}])
    found += page.evaluate(RUN, ["dark", {"runOnly": ["color-contrast"]}])
    return [(path, *each) for each in found]


@pytest.mark.parametrize("part", ["own", *range(PARTS)])
def test_no_page_keeps_anybody_out_or_jumps_on_a_desk(visit: Visit, axe: str, part: int | str) -> None:
    pages = visit.own if isinstance(part, str) else [visit.own[0], *visit.admin[part::PARTS]]
    found, jumping, frames = [], [], dict[str, str]()
    with chromium() as browser, browsing(browser, visit.site, visit.cookie, bypass_csp=True) as page:
        page.add_init_script(MOVES)
        for path in pages:
            moved = open_page(page, path)
            found += faults(page, axe, path)
            jumping += misplaced(page, path, moved, frames)
    assert len(pages) > 9
    assert not found, "\n".join(" ¦ ".join(each) for each in found)
    assert not jumping, "\n".join(jumping)
    assert len(frames) == 1, frames


def test_every_page_stands_in_the_same_frame_on_a_phone_and_nothing_is_cut_off_or_jumps(visit: Visit) -> None:
    jumping, frames = [], dict[str, str]()
    with chromium() as browser, browsing(browser, visit.site, visit.cookie, PHONE, bypass_csp=True) as page:
        page.add_init_script(MOVES)
        for path in visit.own + visit.admin:
            jumping += misplaced(page, path, open_page(page, path), frames)
    assert not jumping, "\n".join(jumping)
    assert len(frames) == 1, frames
