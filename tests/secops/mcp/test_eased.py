"""What a tool asks of people is made less by superusers alone, whatever the door; more, or nothing, by whoever configures it."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from bifang.core.changes import Author
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from bifang.core.rights import AUDITOR, OPERATOR
from secops_agent.admin.automation.mcp import address
from secops_agent.models import AuditRecord, McpCatalogue, Role
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.definitions import read_offered
from tests.admin_pages import form_of, member, messages_of, serve_plain_static, text_of, with_role
from tests.secops.mcp.aid import FIREWALL, save, states

pytestmark = pytest.mark.django_db
URL = "https://listed.corp.example/mcp"
OPERATES = Author(7, "operator", "admin")
SCHEMA = {"type": "object", "properties": {"address": {"type": "string"}}}
BLOCK = {"class": "dangerous", "roles": ["approver"], "verify": "get_rules", "undo": "unblock_address"}
WROTE = {"class": "write", "verify": "get_rules"}
LISTED: dict[str, Any] = {
    "get_rules": "read",
    "list_hosts": "read",
    "tag_host": "write",
    "block_address": BLOCK,
    "unblock_address": WROTE,
}
ACTIONS = {"block_ip": {"tool": "unblock_address", "arguments": {"address": "ip"}}}


@pytest.fixture(autouse=True)
def _listed(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.ADDRESS_ALLOW_LIST = ["listed.corp.example"]


def offer(config: SystemConfig, told: str = "说明") -> None:
    """The server answered: these are its tools."""
    names = (*LISTED, "reboot")
    tools = read_offered([{"name": name, "description": told, "inputSchema": SCHEMA} for name in names])
    catalogue.record(config.pk, {}, tools)


@pytest.fixture
def config() -> SystemConfig:
    made = save(URL, LISTED, actions=ACTIONS)
    offer(made)
    return made


def attempt(config: SystemConfig, author: Author = OPERATES, **given: Any) -> str:
    """What is said to whoever saves this; "" if it was saved."""
    try:
        configs.save("mcp", FIREWALL, True, given, config=config, author=author)
    except configs.FieldErrors as errors:
        return str(errors)
    return ""


EASED: list[dict[str, Any]] = [
    {"block_address": BLOCK | {"class": "write"}},
    {"block_address": {"class": "read"}},
    {"block_address": BLOCK | {"roles": ["responder"]}},
    {"block_address": {name: value for name, value in BLOCK.items() if name != "roles"}},
    {"block_address": BLOCK | {"roles": ["approver", "responder"]}},
    {"block_address": BLOCK | {"verify": "list_hosts"}},
    {"block_address": BLOCK | {"verify": ""}},
    {"block_address": BLOCK | {"undo": "block_address"}},
    {"tag_host": {"class": "read"}},
    {"get_rules": {"class": "read", "investigation": {"address": "ip"}}},
    *({"reboot": classed} for classed in ("read", "write", "dangerous")),
]
HARDER: list[dict[str, Any]] = [
    {"unblock_address": WROTE | {"class": "dangerous"}},
    {"unblock_address": WROTE | {"roles": ["admin"]}},
    {"list_hosts": "dangerous"},
    {"list_hosts": {"class": "read", "roles": ["analyst"]}},
    {"list_hosts": None},
    {"block_address": None},
]


def changed(change: dict[str, Any]) -> dict[str, Any]:
    """The listing with these; None: off."""
    return {name: entry for name, entry in (LISTED | change).items() if entry is not None}


@pytest.mark.slow
@pytest.mark.parametrize("change", EASED, ids=str)
def test_only_a_superuser_eases_a_tool(config: SystemConfig, change: dict[str, Any]) -> None:
    before = config.params["tools"]
    assert f"放宽工具「{next(iter(change))}」" in attempt(config, tools=changed(change))
    config.refresh_from_db()
    assert config.params["tools"] == before
    root = Author(1, "root", "admin", superuser=True)
    assert attempt(config, root, tools=changed(change)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("change", HARDER, ids=str)
def test_whoever_configures_it_asks_more_or_switches_off(
    config: SystemConfig, change: dict[str, Any]
) -> None:
    harmless = save(URL, LISTED, actions={})
    assert attempt(harmless, tools=changed(change)) == ""


@pytest.mark.parametrize(
    "actions", [{}, {"block_ip": {"tool": "block_address", "arguments": {"address": "ip"}}}], ids=str
)
def test_what_an_approval_sets_going_is_a_superusers_to_say(config: SystemConfig, actions: Any) -> None:
    assert "批准以后由哪个工具执行" in attempt(config, actions=actions)
    assert attempt(config, actions=ACTIONS, timeout_s=7) == "", "the page sends what is stored"


def classes(client: Client, config: SystemConfig, tool: str, **given: str) -> Any:
    """The form of a tool's class, sent."""
    digest = next(one["digest"] for one in McpCatalogue.objects.get().offered if one["name"] == tool)
    return client.post(address(config, tool), {"act": "class", "digest": digest, **given}, follow=True)


@pytest.mark.slow
@pytest.mark.parametrize("who", [OPERATOR, Role.ADMIN])
def test_the_page_opens_and_lowers_nothing_for_them(config: SystemConfig, who: str) -> None:
    client = member(who)
    for tool, wanted in (
        ("block_address", "write"),
        ("tag_host", "read"),
        ("reboot", "read"),
        ("reboot", "dangerous"),
    ):
        told = messages_of(classes(client, config, tool, **{"class": wanted}))
        assert "只有超级管理员可以放宽" in told, told
    config.refresh_from_db()
    assert {name: one["class"] for name, one in config.params["tools"].items()} == {
        "get_rules": "read", "list_hosts": "read", "tag_host": "write", "block_address": "dangerous", "unblock_address": "write",
    }  # fmt: skip
    assert states(config)["reboot"] == "off"
    page = text_of(client.get(address(config, "list_hosts")))
    assert "只有超级管理员可以" in page
    assert "<select" not in client.get(address(config, "reboot")).content.decode()
    offered = client.get(address(config, "unblock_address")).content.decode()
    assert 'value="dangerous"' in offered
    assert 'value="read"' not in offered


@pytest.mark.slow
def test_raising_a_tool_that_changed_does_not_open_it_again(config: SystemConfig) -> None:
    offer(config, "现在会重启防火墙")
    assert states(config)["list_hosts"] == "changed"
    client = member(OPERATOR)
    assert "分类已保存" in messages_of(classes(client, config, "list_hosts", **{"class": "write"}))
    config.refresh_from_db()
    assert (config.params["tools"]["list_hosts"], states(config)["list_hosts"]) == (
        {"class": "write"},
        "changed",
    )
    assert not AuditRecord.objects.filter(what__startswith="看过 MCP 工具").exists()
    assert "已关闭" in messages_of(classes(client, config, "list_hosts", **{"class": ""}))
    config.refresh_from_db()
    assert states(config)["list_hosts"] == "off"


@pytest.mark.slow
@pytest.mark.parametrize("who", [Role.ANALYST, Role.APPROVER, Role.NONE, AUDITOR])
def test_nobody_else_classes_anything(config: SystemConfig, who: str) -> None:
    assert classes(member(who), config, "list_hosts", **{"class": "dangerous"}).status_code in (403, 404)


@pytest.mark.slow
def test_the_configurations_form_is_no_way_round(config: SystemConfig) -> None:
    page = reverse("admin:core_systemconfig_change", args=[config.pk])
    client = with_role(Role.ADMIN)
    form = form_of(client.get(page)) | {"tools": json.dumps({"reboot": "read"}), "timeout_s": "9"}
    assert client.post(page, form).status_code == 302, "what is set elsewhere is not read from the form"
    config.refresh_from_db()
    assert "reboot" not in config.params["tools"]
    form = form_of(client.get(page)) | {"actions": "{}"}
    assert "批准以后由哪个工具执行" in text_of(client.post(page, form))


def test_the_operator_of_the_machine_eases_by_file(config: SystemConfig, tmp_path: Path) -> None:
    file = tmp_path / "configs.yaml"
    entry = {"kind": "mcp", "name": FIREWALL, "tools": {**LISTED, "reboot": "dangerous"}}
    file.write_text(json.dumps({"configs": [entry]}))
    call_command("apply_configs", str(file), verbosity=0)
    config.refresh_from_db()
    assert config.params["tools"]["reboot"] == {"class": "dangerous"}
