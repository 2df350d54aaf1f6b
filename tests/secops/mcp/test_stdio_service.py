"""A service that is a program: only the operator's file says what is run; the rest is as with any MCP service."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from bifang.core.changes import Author
from bifang.core.configuration import configs
from bifang.core.configuration.sections import apply_sections
from bifang.core.database import db
from bifang.core.errors import ConfigError, InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.admin.automation.mcp import address
from secops_agent.models import Action, McpCatalogue
from secops_agent.services.decisions import undo
from secops_agent.services.decisions.approvals import decide
from tests.admin_pages import form_of, serve_plain_static, superuser, text_of, tried
from tests.secops.decisions_aid import REAL, company, decision_request, new_agent, say
from tests.secops.mcp.aid import FIREWALL, TOOLS, carry_out, look, states
from tests.secops.mcp.test_stdio import CHILD, ROOT

pytestmark = pytest.mark.django_db
ROOT_USER = Author(1, "root", "admin", superuser=True)
GOOD = [sys.executable, str(CHILD), "good"]


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Any) -> None:
    serve_plain_static(settings, tmp_path)


def apply(**given: Any) -> SystemConfig:
    """The entry of the operator's file."""
    apply_sections({"configs": [{"kind": "mcp", "name": FIREWALL, "timeout_s": 30, **given}]})
    return SystemConfig.objects.get(kind="mcp", name=FIREWALL)


def firewall(rules: Path, **more: Any) -> SystemConfig:
    command = [sys.executable, "-m", "simulators.firewall", "--stdio", "--rules", str(rules)]
    return apply(command=command, cwd=str(ROOT), **more)


def page_of(config: SystemConfig) -> str:
    return reverse("admin:core_systemconfig_change", args=[config.pk])


@pytest.mark.slow
def test_a_dangerous_call_is_approved_carried_out_verified_and_undone(tmp_path: Path) -> None:
    rules = tmp_path / "rules"

    async def run() -> None:
        robot, config = await db.call(company), await db.call(firewall, rules, tools=TOOLS)
        await look(config)
        assert set((await db.call(states, config)).values()) == {"ready"}
        agent = new_agent()
        try:
            line = f"/执行 {FIREWALL} block_address address=203.0.113.5 minutes=30"
            told = (await say(agent, robot, "zhao", line)).replies[0].text
            code = re.search(r"同意 ([A-Z][A-Z0-9]{5})", told)
            assert code, told
            assert not rules.exists()
            await say(agent, robot, "wang", f"同意 {code[1]}")
            await carry_out()
            assert "203.0.113.5" in rules.read_text()
        finally:
            await agent.close()
        await db.call(take_back, robot)
        await carry_out()

    asyncio.run(run())
    done, undone = Action.objects.order_by("pk")
    assert (done.state, undone.state) == ("done", "done")
    assert "核实（get_rules）：结果里有 203.0.113.5" in done.result
    assert json.loads(rules.read_text()) == {}


def take_back(robot: SystemConfig) -> None:
    from secops_agent.models import Staff

    proposal = undo.request(Action.objects.get().pk, Staff.objects.get(staff_id="zhao"), "admin")
    assert decide(decision_request(robot, proposal.code, "approve", "wang"), REAL).status == "decided"


def test_the_file_can_be_applied_again_and_changes_only_what_changed() -> None:
    given = {
        "command": [*GOOD, 8080],
        "env": {"FW_TOKEN": "t0ken-of-the-wall", "PORT": 1},
        "tools": {"get_rules": "read"},
    }
    config = apply(**given)
    assert apply(**given).revision == config.revision
    assert "t0ken" not in json.dumps(config.params)
    settings = configs.load(config)
    assert settings.command == (*GOOD, "8080")
    assert settings.env == {"FW_TOKEN": "t0ken-of-the-wall", "PORT": "1"}
    assert apply(command=GOOD).revision == config.revision + 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": ["/bin/true"], "url": "http://127.0.0.1:1/mcp"}, "没有服务地址"),
        ({"command": ["/bin/true"], "headers": {"X-A": "b"}}, "没有服务地址"),
        ({}, "请填写服务地址"),
        ({"url": "http://127.0.0.1:1/mcp", "env": {"A": "b"}}, "只和 command 一起写"),
        ({"command": "/bin/true --now"}, "应为列表"),
        ({"command": ["bin/true"]}, "绝对路径"),
        ({"command": ["true", "a\nb"]}, "控制字符"),
        ({"command": ["true", {"a": 1}]}, "应为列表"),
        ({"command": ["true", "env:BIFANG_SECRET_A"]}, "写在 env 里"),
        ({"command": ["true"], "cwd": "here"}, "绝对路径"),
        ({"command": ["true"], "env": {"A": "env:DATABASE_URL"}}, "不允许引用环境变量 DATABASE_URL"),
        ({"command": ["true"], "env": {"A": "file:/etc/passwd"}}, "不允许读取"),
        ({"command": ["true"], "env": {"A=B": "x"}}, "不是环境变量名"),
        ({"command": ["true"], "env": {"A": True}}, "加引号"),
        ({"command": ["true"], "env": ["A=B"]}, "应为映射"),
    ],
)  # fmt: skip
def test_a_wrong_entry_says_what_is_wrong(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)):
        apply(**given)
    assert not SystemConfig.objects.exists()


def test_nobody_but_the_operator_says_what_is_run() -> None:
    config, root = apply(command=GOOD, env={"FW_TOKEN": "t0ken-of-the-wall"}), superuser()
    for given in (
        {"command": ["/bin/sh"]},
        {"command": []},
        {"env": {"A": "b"}},
        {"env": ""},
        {"cwd": "/"},
        {"airgapped_ok": True},
    ):
        with pytest.raises(configs.FieldErrors, match="只能由运维写在文件里"):
            configs.save("mcp", FIREWALL, True, given, config=config, author=ROOT_USER)
        with pytest.raises(configs.FieldErrors, match="只能由运维写在文件里"):
            configs.save("mcp", FIREWALL, True, given, config=config)
    with pytest.raises(configs.FieldErrors, match="只能由运维写在文件里"):
        configs.save("mcp", "新的", True, {"command": ["/bin/sh"]}, author=ROOT_USER)
    shown = root.get(page_of(config))
    assert "t0ken" not in shown.content.decode()
    told = text_of(shown)
    assert str(CHILD) in told
    assert "FW_TOKEN（已设置）" in told
    form = form_of(shown)
    forged = root.post(page_of(config), form | {"command": '["/bin/sh"]'})
    assert "启动命令：只能由运维写在文件里" in text_of(forged)
    moved = root.post(page_of(config), form | {"url": "http://127.0.0.1:1/mcp"})
    assert moved.status_code == 302  # it is not asked for, nor read
    add = f"{reverse('admin:core_systemconfig_add')}?kind=mcp"
    made = root.post(add, {"name": "新的", "enabled": "on", "timeout_s": "5", "command": '["/bin/sh"]'})
    assert "只能由运维写在文件里" in text_of(made)
    assert SystemConfig.objects.get().revision == config.revision


def test_a_person_renames_it_tries_it_and_classes_its_tools() -> None:
    config, root = apply(command=GOOD, env={"FW_TOKEN": "t0ken-of-the-wall"}), superuser()
    told = " ".join(tried(root, config).values())
    assert "连接成功（协议 2025-06-18），服务提供 1 个工具" in told
    assert "本机的程序，不经过网络" in told
    digest = McpCatalogue.objects.get().offered[0]["digest"]
    root.post(address(config, "get_rules"), {"act": "class", "class": "read", "digest": digest})
    config.refresh_from_db()
    assert states(config) == {"get_rules": "ready"}
    form = form_of(root.get(page_of(config)))
    assert root.post(page_of(config), form | {"timeout_s": "20"}).status_code == 302
    config.refresh_from_db()
    assert (configs.load(config).timeout_s, configs.load(config).env) == (
        20,
        {"FW_TOKEN": "t0ken-of-the-wall"},
    )


def test_a_program_that_does_not_start_is_the_last_error_and_the_outcome_of_the_trial() -> None:
    config, root = apply(command=[sys.executable, str(CHILD), "quits"]), superuser()
    assert "许可证过期" in " ".join(tried(root, config).values())
    config.refresh_from_db()
    assert "已退出（退出码 1）" in config.last_error


def test_behind_the_air_gap_it_runs_only_if_the_operator_vouches_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, root = apply(command=GOOD), superuser()
    assert "去向不明" in text_of(root.get(page_of(config)))
    card = text_of(root.get(reverse("status")))
    assert f"{config.name} 去向不明" in card
    assert f"不正常：{config.name}" not in card, "nobody knows is not out of order"
    monkeypatch.setenv("BIFANG_AIRGAPPED", "1")
    with pytest.raises(ConfigError, match="airgapped_ok: true"):
        asyncio.run(look(config))
    assert "气隙模式下不可用" in text_of(root.get(page_of(config)))
    vouched = apply(command=GOOD, airgapped_ok=True)
    asyncio.run(look(vouched))
    assert "运维声明它只连接内网" in text_of(root.get(page_of(vouched)))
    assert McpCatalogue.objects.exists()


def test_a_program_is_not_asked_for_an_address() -> None:
    config, root = apply(command=GOOD), superuser()
    page = root.get(page_of(config)).content.decode()
    assert not any(f'name="{box}"' in page for box in ("url", "headers", "ca", "proxy"))
    given = {"name": FIREWALL, "enabled": "on", "timeout_s": "7", "revision": config.revision}
    assert root.post(page_of(config), given).status_code == 302
    settings = configs.load(SystemConfig.objects.get(pk=config.pk))
    assert (settings.timeout_s, settings.command, settings.url) == (7, tuple(GOOD), "")
    served = root.get(page_of(apply(command=[], url="http://127.0.0.1:1/mcp"))).content.decode()
    assert 'name="url"' in served
