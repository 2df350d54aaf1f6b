"""The pictures in docs/: ``python -m tests.pictures`` (`make screenshots`) runs the demo, talks to it and looks at it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")

import django

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PLACE = Path(__file__).parents[1] / "docs/pictures"
LARGEST = 250_000  # bytes
GROUP = "cidDemoGroup=="
ORDER = "封禁 203.0.113.5 1小时，原因：暴力破解 web-01"


@dataclass(frozen=True)
class Picture:
    """A page as somebody sees it, on a desk or on a phone."""

    name: str
    path: str
    phone: bool = False
    who: str = "manager01"
    dark: bool = False


def pictures() -> list[Picture]:
    """What is looked at; the demo makes the same rows every time."""
    from django.urls import reverse

    from bifang.core.models import SystemConfig
    from secops_agent.models import Alert, Case, Proposal
    from secops_agent.services.reports import archive

    alert = f"/alerts/{Alert.objects.filter(status='open', severity='critical').earliest('pk').pk}/"
    robot = SystemConfig.objects.get(kind="dingtalk").pk
    return [
        Picture("home", "/"),
        Picture("alerts", "/alerts/"),
        Picture("alert", alert),
        Picture("case", f"/cases/{Case.objects.earliest('pk').pk}/"),
        Picture("findings", "/findings/"),
        Picture("approval", f"/approvals/{Proposal.objects.latest('pk').pk}/", who="wangwu"),
        Picture("on-call", "/on-call/"),
        Picture("chat", "/chat/"),
        Picture("configuration", reverse("admin:core_systemconfig_change", args=[robot])),
        Picture(
            "report", reverse("admin:secops_agent_securityreport_change", args=[archive.make("last_week").pk])
        ),
        Picture("home-dark", "/", dark=True),
        Picture("phone-home", "/", phone=True),
        Picture("phone-alert", alert, phone=True),
        Picture("phone-alert-dark", alert, phone=True, dark=True),
        Picture("phone-chat", "/chat/", phone=True),
    ]


@contextmanager
def demo() -> Iterator[tuple[Any, str]]:
    """The demo as `make run` starts it, in offline mode: the stage, and the address of the site."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ.update(BIFANG_DATA_DIR=str(home / "var"), BIFANG_LOG_DIR=str(home / "logs"))
        django.setup()
        from django.conf import settings
        from django.test.utils import override_settings

        from tests.acceptance.worker import open_stage
        from tests.admin_pages import serve_plain_static
        from tests.browser import serving
        from tests.databases import Templates

        templates = Templates(home)
        with templates.database("sqlite", home / "data/var") as database, override_settings(SIMULATOR=True):
            serve_plain_static(settings, home)
            with open_stage(database) as stage, serving() as site:
                begin(stage)
                yield stage, site


def begin(stage: Any) -> None:
    """The demo's configuration and estate, a worker, and people who have asked for something."""
    from django.core.management import call_command

    from deploy.local.preparation import render_demo
    from tests.deadline import wait_until

    os.environ["SIM_PORT"] = stage.sim.base_url.rpartition(":")[2]
    file = stage.database.data_dir / "demo.yaml"
    file.write_text(render_demo(), encoding="utf-8")
    call_command("apply_configs", str(file), verbosity=0)
    call_command("load_demo", verbosity=0)
    stage.start()
    wait_until(firewall_is_known, within=60)
    for number, (who, text) in enumerate((("manager01", "最近24小时告警按级别统计"), ("zhaoliu", ORDER)), 1):
        stage.say(text, GROUP, who)
        stage.wait_replies(number, conversation_id=GROUP)


def firewall_is_known() -> bool:
    """Did the worker fetch its tools? Before that nothing can be blocked there."""
    from bifang.core.models import SystemConfig
    from secops_agent.services.mcp.catalogue import known_tools

    tools = known_tools(SystemConfig.objects.get(kind="mcp"))
    return bool(tools) and all(tool.state == "ready" for tool in tools)


def signed_in() -> dict[str, str]:
    """The cookies of the people in the pictures; the first may do everything."""
    from django.contrib.auth.models import User

    from secops_agent.models import Staff
    from tests.browser import cookie_of

    found = {}
    for staff_id in ("manager01", "wangwu"):
        user = User.objects.create_user(staff_id, is_staff=True, is_superuser=staff_id == "manager01")
        Staff.objects.filter(staff_id=staff_id).update(user=user)
        found[staff_id] = cookie_of(user)
    return found


def look(page: "Page", name: str) -> None:
    """Take it once nothing moves any more."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    file = PLACE / f"{name}.png"
    page.screenshot(path=file, animations="disabled", caret="hide")
    size = file.stat().st_size
    print(f"{file.name} {size // 1000} KB{'（太大）' if size > LARGEST else ''}", flush=True)
    if size > LARGEST:
        sys.exit(f"{file} 超过 {LARGEST} 字节")


def ask(browser: "Browser", site: str, cookie: str) -> None:
    """A question on 问一问, answered."""
    from tests.browser import browsing

    with browsing(browser, site, cookie) as page:
        page.goto("/chat/")
        page.get_by_label("要问的内容").fill("今天有哪些严重告警")
        page.get_by_role("button", name="发送").click()
        page.locator(".bf-said-answered").wait_for()


def main() -> None:
    """All of them."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with demo() as (stage, site):
        from tests.browser import DESK, PHONE, browsing, chromium

        cookies, wanted = signed_in(), pictures()
        with chromium() as browser:
            ask(browser, site, cookies["manager01"])
            for each in wanted:
                options = {"is_mobile": True, "has_touch": True} if each.phone else {}
                size = PHONE if each.phone else DESK
                with browsing(
                    browser,
                    site,
                    cookies[each.who],
                    size,
                    reduced_motion="reduce",
                    color_scheme="dark" if each.dark else "light",
                    bypass_csp=True,
                    **options,
                ) as page:
                    answer = page.goto(each.path)
                    assert answer is not None
                    assert answer.ok, each.path
                    look(page, each.name)
            with browsing(browser, stage.sim.base_url, size=DESK) as page:
                page.goto("/?client_id=dingdemo")
                page.get_by_text("安全值班群").first.click()
                page.locator("#stream").get_by_text("尚未执行").first.wait_for()
                look(page, "dingtalk")


if __name__ == "__main__":
    main()
