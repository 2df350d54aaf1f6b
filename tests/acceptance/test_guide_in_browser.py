"""The guide in a browser, from the login to the first answer, and what somebody sees whose secret is wrong."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.acceptance.processes import Started
from tests.acceptance.worker import Stage, open_stage
from tests.admin_pages import serve_plain_static
from tests.browser import PATIENCE_MS, browsing, chromium, serving
from tests.databases import Database

pytestmark = pytest.mark.outside("chromium")
PASSWORD = "a-long-password-4711"
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def stage(database: Database, settings: Any, tmp_path: Path) -> Iterator[Stage]:
    settings.SIMULATOR = True
    serve_plain_static(settings, tmp_path)
    with open_stage(database) as stage:
        yield stage


@pytest.fixture
def site(stage: Stage) -> Iterator[str]:
    """The web application on a port of its own, in threads of this process."""
    User.objects.create_superuser("root", "root@example.com", PASSWORD)
    with serving() as site:
        yield site


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser, browsing(browser, "") as page:
        yield page


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/")
    page.get_by_label("用户名").fill("root")
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")


def create_application(page: Page, base_url: str) -> dict[str, str]:
    """Steps 2 and 3: the credentials as the console shows them."""
    page.goto(f"{base_url}/apps")
    page.get_by_role("button", name="创建应用").click()
    page.get_by_label("应用名称").fill("安全值班助手")
    page.get_by_role("button", name="创建", exact=True).click()
    page.get_by_role("button", name="查看").click()
    rows = page.locator(".row")
    return {
        name: rows.filter(has_text=name).locator(".value").inner_text()
        for name in ("App ID", "Client ID", "Client Secret", "接入地址")
    }


def fill_in(page: Page, app: dict[str, str]) -> None:
    """Step 4, the form."""
    page.get_by_role("link", name="添加钉钉配置").click()
    page.get_by_label("配置名称").fill("钉钉Stream推送配置")
    page.get_by_label("钉钉App ID").fill(app["App ID"])
    page.get_by_label("钉钉Client ID").fill(app["Client ID"])
    page.get_by_label("钉钉Client Secret").fill(app["Client Secret"])
    page.locator("summary").filter(has_text="高级设置").press("Enter")
    page.get_by_label("接入地址").fill(app["接入地址"])


def start_as_told(stage: Stage, page: Page) -> Started:
    """Step 6: the command is copied out of the page."""
    command = page.locator("#bf-next-command").inner_text()
    assert "start_dingtalk_stream" in command
    output = stage.database.data_dir.parent / "worker.out"
    worker = Started(("sh", "-c", command.replace("&& ", "&& exec ")), stage.environment(), output)
    stage.workers.append(worker)
    return worker


def configure_platform(page: Page, base_url: str, client_id: str) -> None:
    """Steps 5 and 7: the robot, Stream 推送, a channel that is really open, a version."""
    page.goto(f"{base_url}/apps#/{client_id}/robot")
    page.get_by_role("button", name="添加机器人").click()
    page.get_by_role("link", name=re.compile("事件订阅")).first.click()
    page.get_by_label(re.compile("Stream 推送")).check()
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".toast")).to_have_text("已保存")
    page.get_by_role("button", name="验证连接通道").click()
    expect(page.locator(".outcome")).to_contain_text("验证成功")
    page.get_by_role("link", name=re.compile("版本管理与发布")).first.click()
    page.get_by_role("button", name="发布", exact=True).click()
    expect(page.locator(".outcome")).to_contain_text("线上版本 1.0.0")


def test_guide_leads_from_the_login_to_the_first_answer(stage: Stage, site: str, page: Page) -> None:
    app = create_application(page, stage.sim.base_url)
    sign_in(page, site)
    expect(page.get_by_role("heading", name="接下来做什么")).to_be_visible()
    fill_in(page, app)
    page.get_by_role("button", name="测试连接").click()
    expect(page.locator(".bf-outcome")).to_contain_text("全部通过")
    page.get_by_role("button", name="保存").click()
    following, state = page.locator(".bf-next h2"), page.locator(".bf-state .bf-badge")
    expect(following).to_have_text("接下来：启动 Stream 推送服务")
    expect(state).to_have_text("服务未运行")
    configuration = page.url
    worker = start_as_told(stage, page)
    expect(state).to_have_text("已连接")
    expect(following).to_have_text("接下来：在开放平台选择 Stream 推送并发布")
    configure_platform(page, stage.sim.base_url, app["Client ID"])

    page.get_by_role("link", name="去聊天").click()
    page.locator("#text").fill("你好")
    page.locator("#send").click()
    expect(page.locator("#stream")).to_contain_text("manager01")  # who is not listed learns his id
    page.goto(configuration)
    expect(following).to_have_text("接下来：登记可以使用的人员")
    page.get_by_role("link", name="打开", exact=True).click()
    page.get_by_label("员工 ID").fill("manager01")
    page.get_by_label("姓名").fill("张三")
    page.get_by_label("角色").select_option("analyst")
    page.get_by_role("button", name="保存", exact=True).click()

    page.goto(f"{stage.sim.base_url}/?client_id={app['Client ID']}")
    page.locator("#text").fill("现在有多少条未处理的告警")
    page.locator("#send").click()
    expect(page.locator("#stream")).to_contain_text("没有符合全部条件的告警")
    page.goto(configuration)
    expect(page.locator(".bf-next")).to_have_count(0)
    worker.process.send_signal(signal.SIGTERM)


def test_wrong_secret_is_told_with_where_to_mend_it_and_mended(stage: Stage, site: str, page: Page) -> None:
    app = create_application(page, stage.sim.base_url)
    sign_in(page, site)
    fill_in(page, app | {"Client Secret": "not-the-secret"})
    page.get_by_role("button", name="测试连接").click()
    outcome = page.locator(".bf-outcome")
    expect(outcome).to_contain_text("「凭证」没有通过")
    expect(outcome).to_contain_text("在钉钉开放平台「凭证与基础信息」核对 Client ID 和 Client Secret")
    assert "not-the-secret" not in page.locator("#bf-try").inner_text()
    page.get_by_role("button", name="保存").click()
    start_as_told(stage, page)
    state, following = page.locator(".bf-state .bf-badge"), page.locator(".bf-next")
    expect(state).to_have_text("凭证错误")
    expect(following).to_contain_text("重新复制过来")

    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_text("修改", exact=True).click()
    page.locator("[name=client_secret]").fill(app["Client Secret"])
    page.get_by_role("button", name="测试连接").click()
    expect(page.locator("li[data-step=credentials]")).to_contain_text("钉钉接受")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("修改", exact=True)).to_be_visible()
    expect(state).to_have_text("已连接")
