"""The pages: a configuration with its tools, a tool with its class, and ordering one."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bifang.channels.models import OutboxRow
from bifang.core.models import SystemConfig
from secops_agent.admin.automation.mcp import address
from secops_agent.models import AuditRecord, McpCatalogue, Proposal, Role, Staff
from secops_agent.services.mcp import catalogue
from simulators.firewall import FirewallServer
from tests.admin_pages import messages_of, serve_plain_static, superuser, text_of, tried, with_role
from tests.secops.decisions_aid import company
from tests.secops.mcp.aid import FIREWALL, save, states

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Any) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def firewall() -> Iterator[FirewallServer]:
    """A firewall on a thread of its own: pages wait for it."""
    server, started, loop = FirewallServer(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with server:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(30)
    yield server
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def try_out(client: Client, config: SystemConfig) -> str:
    return " ".join(tried(client, config).values())


def page(client: Client, config: SystemConfig) -> str:
    return text_of(client.get(reverse("admin:core_systemconfig_change", args=[config.pk])))


def digest(name: str) -> str:
    return next(one["digest"] for one in McpCatalogue.objects.get().offered if one["name"] == name)


def act(client: Client, config: SystemConfig, name: str, **given: Any) -> Any:
    return client.post(address(config, name), given, follow=True)


def signed_in(staff_id: str) -> Client:
    user = User.objects.create_user(staff_id)
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.slow
def test_a_service_is_added_tested_and_its_tools_classed_on_pages(firewall: FirewallServer) -> None:
    root = superuser()
    given = {
        "name": FIREWALL,
        "enabled": "on",
        "url": firewall.url,
        "headers": "Bearer abc",
        "timeout_s": "5",
    }
    added = root.post(reverse("admin:core_systemconfig_add") + "?kind=mcp", given, follow=True)
    config = SystemConfig.objects.get()
    assert "abc" not in added.content.decode()
    told = try_out(root, config)
    assert "连接成功（协议 2026-07-28），服务提供 3 个工具" in told
    assert "还没有可用的工具" in told
    told = page(root, config)
    assert "没有列出，不能使用" in told
    assert "服务提示：只读、不与外界交互" in told
    act(root, config, "get_rules", **{"act": "class", "class": "read", "digest": digest("get_rules")})
    act(
        root,
        config,
        "unblock_address",
        **{"act": "class", "class": "write", "digest": digest("unblock_address")},
    )
    dangerous = {"class": "dangerous", "role": "approver", "verify": "get_rules", "undo": "unblock_address"}
    act(root, config, "block_address", act="class", digest=digest("block_address"), **dangerous)
    config.refresh_from_db()
    assert config.params["tools"]["block_address"] == {
        "class": "dangerous", "roles": ["approver"], "verify": "get_rules", "undo": "unblock_address",
    }  # fmt: skip
    assert set(states(config).values()) == {"ready"}
    assert AuditRecord.objects.filter(detail__digest=digest("block_address")).count() == 1
    refused = act(root, config, "get_rules", **{"act": "class", "class": ""})
    assert "verify" in messages_of(refused)
    saved = root.post(
        reverse("admin:core_systemconfig_change", args=[config.pk]), given | {"revision": config.revision}
    )
    assert saved.status_code == 302
    config.refresh_from_db()
    assert len(config.params["tools"]) == 3


@pytest.mark.slow
def test_a_changed_tool_is_shown_with_the_difference_until_it_is_seen(firewall: FirewallServer) -> None:
    config, root = save(firewall.url), superuser()
    try_out(root, config)
    stale = digest("get_rules")
    firewall.tools[0] = {**firewall.tools[0], "description": "列出规则。\u200b<script>alert(1)</script>"}
    assert "列出的工具中 get_rules 已停用" in try_out(root, config)
    response = root.get(reverse("admin:core_systemconfig_change", args=[config.pk]))
    told = text_of(response)
    assert "<script>alert" not in response.content.decode()
    assert "-说明：列出现在封禁的地址和隔离的主机" in told
    assert "+说明：列出规则。⟨U+200B⟩" in told
    assert "已变化，停用" in told
    assert "又变了" in messages_of(
        act(root, config, "get_rules", **{"act": "class", "class": "read", "digest": stale})
    )
    assert states(config)["get_rules"] == "changed"
    act(root, config, "get_rules", **{"act": "class", "class": "read", "digest": digest("get_rules")})
    assert states(config)["get_rules"] == "ready"


@pytest.mark.slow
def test_a_tool_is_ordered_from_its_page_and_decided_by_the_usual_rules(firewall: FirewallServer) -> None:
    company()
    config = save(firewall.url)
    try_out(superuser(), config)
    zhao, li = signed_in("zhao"), signed_in("li")
    form = {"act": "order", "arg:address": "203.0.113.5", "arg:minutes": "abc"}
    assert "参数「minutes」应为整数" in messages_of(act(zhao, config, "block_address", **form))
    assert not Proposal.objects.exists()
    form["arg:minutes"] = "30"
    assert "需要「处置」角色" in messages_of(act(li, config, "block_address", **form))
    told = text_of(act(zhao, config, "block_address", **form))
    proposal = Proposal.objects.get()
    assert proposal.code in told
    assert proposal.arguments["arguments"] == {"address": "203.0.113.5", "minutes": 30}
    asked = OutboxRow.objects.filter(text__contains=f"同意 {proposal.code}")
    assert {row.target["staff_id"] for row in asked} == {"zhao", "wang", "sun", "zhang"}
    assert firewall.firewall.calls == []
    answer = act(li, config, "get_rules", act="order")
    assert "rules：" in text_of(answer)


def test_who_may_not_configure_sees_tools_and_cannot_class_them(firewall: FirewallServer) -> None:
    config = save(firewall.url, {"get_rules": "read"})
    try_out(superuser(), config)
    analyst = with_role(Role.ANALYST)
    listed = text_of(analyst.get(reverse("admin:secops_agent_mcpcatalogue_change", args=[config.pk])))
    assert "get_rules" in listed
    assert "我看过上面" not in text_of(analyst.get(address(config, "block_address")))
    refused = act(
        analyst,
        config,
        "block_address",
        **{"act": "class", "class": "read", "digest": digest("block_address")},
    )
    assert refused.status_code == 403
    assert with_role(Role.VIEWER).get(address(config, "get_rules")).status_code == 404
    assert [tool.name for tool in catalogue.ready_tools()] == ["get_rules"]
