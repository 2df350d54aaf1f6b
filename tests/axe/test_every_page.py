"""axe-core reads every page, light and dark: nothing that keeps somebody out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from playwright.sync_api import Page

from secops_agent.models import Staff
from tests.admin_pages import serve_plain_static
from tests.browser import browsing, chromium, cookie_of, serving
from tests.databases import Database
from tests.every_page import admin_pages, fill, own_pages
from tests.node_packages import installed
from tests.secops.demo_aid import demo  # noqa: F401

pytestmark = pytest.mark.outside("chromium", "npm")
PARTS = 3  # of the admin's pages: a minute is long enough for the last test of a run
RUN = """async ([theme, rules]) => {
  document.documentElement.classList.toggle("dark", theme === "dark");
  await Promise.all(document.getAnimations().filter(each => each instanceof CSSTransition).map(each => each.finished));
  const found = await axe.run(document, {resultTypes: ["violations"], ...rules});
  return found.violations.filter(each => ["serious", "critical"].includes(each.impact)).flatMap(each => each.nodes.map(
    node => [theme, each.id, node.target.join(" "), node.failureSummary.split("\\n").slice(1).join(" ").trim()]));
}"""


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


def faults(page: Page, axe: str, path: str) -> list[tuple[str, ...]]:
    """Read in light with every rule, in dark for the colours."""
    page.goto(path)
    page.evaluate(axe)
    found = page.evaluate(RUN, ["light", {}])
    found += page.evaluate(RUN, ["dark", {"runOnly": ["color-contrast"]}])
    return [(path, *each) for each in found]


@pytest.mark.parametrize("part", ["own", *range(PARTS)])
def test_no_page_keeps_anybody_out(visit: Visit, axe: str, part: int | str) -> None:
    pages = visit.own if isinstance(part, str) else visit.admin[part::PARTS]
    found = []
    with chromium() as browser, browsing(browser, visit.site, visit.cookie, bypass_csp=True) as page:
        for path in pages:
            found += faults(page, axe, path)
    assert len(pages) > 9
    assert not found, "\n".join(" ¦ ".join(each) for each in found)
