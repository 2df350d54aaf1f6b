"""MCP over stdio: what a program of the operator's answers, how it fails, what it sees of us, and that nothing is left of it."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bifang.core.errors import BifangError, RemoteError
from bifang.core.outbound.http import HttpClient
from bifang.core.secrets.redaction import remember_secret
from secops_agent.connectors.mcp import over_stdio
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.content import read_result
from secops_agent.connectors.mcp.session import McpSession
from tests.deadline import eventually, wait_until

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CHILD = HERE / "child.py"
PATIENT = 30.0


def settings(*arguments: str, timeout_s: float = PATIENT, **more: Any) -> McpSettings:
    """Of the child in that mode."""
    command = (sys.executable, str(CHILD), *arguments)
    return McpSettings(7, "墙", "", command=command, timeout_s=timeout_s, **more)


async def visit(wanted: McpSettings, tool: str = "get_rules", **arguments: Any) -> str:
    """The text of one call."""
    async with HttpClient() as http, McpSession(wanted, http) as server:
        await server.list_tools()
        return read_result(await server.call(tool, arguments)).text


async def seen(wanted: McpSettings) -> dict[str, Any]:
    """What the child tells of itself."""
    async with HttpClient() as http, McpSession(wanted, http) as server:
        found: dict[str, Any] = json.loads((await server.call("get_rules", {}))["content"][0]["text"])
        return found


def children() -> list[psutil.Process]:
    return [
        one for one in psutil.Process().children(recursive=True) if "process_guard.py" in " ".join(_line(one))
    ]


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not children(), what="every child to be gone and reaped")


@pytest.mark.slow
async def test_a_server_of_the_official_sdk_is_listed_and_called() -> None:
    command = (sys.executable, str(HERE / "official.py"))
    wanted = McpSettings(7, "官方", "", command=command, timeout_s=40)
    async with HttpClient() as http, McpSession(wanted, http) as server:
        (tool,) = await server.list_tools()
        found = await server.call("add", {"one": 2, "other": 3})
    assert tool["name"] == "add"
    assert server.server["name"] == "official"
    assert "5" in read_result(found).text


@pytest.mark.slow
async def test_the_firewall_speaks_both_forms_of_the_protocol(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "simulators.firewall", "--stdio", "--rules", str(tmp_path / "rules"))
    wanted = McpSettings(7, "墙", "", command=command, cwd=str(ROOT), timeout_s=PATIENT)
    for hint, spoken in (("", "2025-11-25"), ("2026-07-28", "2026-07-28")):
        async with HttpClient() as http, McpSession(wanted, http, hint) as server:
            assert len(await server.list_tools()) == 3
            assert server.protocol == spoken
            await server.call("block_address", {"address": "203.0.113.5"})
    assert "address：203.0.113.5" in await visit(wanted)


async def test_nothing_of_our_environment_gets_to_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DATABASE_URL",
        "DINGTALK_X",
        "DASHSCOPE_API_KEY",
        "BIFANG_SECRET_OTHER",
        "PYTHONPATH",
        "LD_X",
    ):
        monkeypatch.setenv(name, "kept-to-ourselves")
    told = await seen(settings("good", "a b;$(id)", "*", env={"FW_TOKEN": "t0ken", "FW_HOST": "墙"}))
    home = told["env"].pop("HOME")
    own = {"PATH": over_stdio.PATH, "LANG": "C.UTF-8", "FW_TOKEN": "t0ken", "FW_HOST": "墙"}
    assert told["env"] == own
    assert told["arguments"] == ["a b;$(id)", "*"]
    assert told["cwd"] == home
    await eventually(lambda: not os.path.exists(home))
    assert (await seen(settings(cwd="/")))["cwd"] == "/"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("quits", "已退出（退出码 1），没有应答。它最后的错误输出：许可证过期"),
        ("dies", "已退出（退出码 3）"),
        ("floods", "超过 2048 KB"),
        ("chatters", "超过 2048 KB"),
        ("huge", "超过 2048 KB"),
    ],
)
async def test_a_program_that_fails_is_named_with_what_it_did(mode: str, said: str) -> None:
    remember_secret("token-of-the-wall")
    with pytest.raises(RemoteError) as caught:
        await visit(settings(mode))
    assert said in caught.value.message
    assert "token-of-the-wall" not in caught.value.message


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mute", "garbage", "hangs"])
async def test_a_program_that_does_not_answer_costs_the_time_out(mode: str) -> None:
    with pytest.raises(RemoteError) as caught:
        await visit(settings(mode, timeout_s=2))
    assert caught.value.code == "timeout"
    assert "在 2 秒内没有答完" in caught.value.message
    assert ("不是 MCP 的内容" in caught.value.message) == (mode == "garbage")


async def test_noise_beside_the_answers_is_passed_over_and_goes_to_the_log_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, over_stdio.__name__)
    assert "pid" in await visit(settings("noisy"))
    (record,) = [one for one in caplog.records if "错误输出" in one.message]
    assert (record.levelname, len(record.message) < 70_000) == ("DEBUG", True)


@pytest.mark.slow
async def test_a_program_that_stays_after_its_input_ended_is_ended() -> None:
    pid = (await seen(settings("stays")))["pid"]
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("command", "more", "said"),
    [
        (("/nowhere/fw-mcp",), {}, "找不到或不能执行"),
        (("no-such-program-here",), {}, "/usr/bin"),
        ((str(CHILD.with_name("aid.py")),), {}, "找不到或不能执行"),
        (("true",), {"cwd": "/nowhere"}, "目录 /nowhere 不存在"),
        (("true",), {}, "已退出（退出码 0）"),
    ],
)
async def test_what_cannot_be_started_is_said(command: Any, more: Any, said: str) -> None:
    with pytest.raises(BifangError) as caught:
        await visit(McpSettings(7, "墙", "", command=command, timeout_s=PATIENT, **more))
    assert said in caught.value.message


async def test_what_is_no_program_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/nowhere/python\n")
    broken.chmod(0o755)
    with pytest.raises(RemoteError) as caught:
        await visit(McpSettings(7, "墙", "", command=(str(broken),), timeout_s=PATIENT))
    assert "退出码 126" in caught.value.message
    assert "没有启动：" in caught.value.message


async def test_only_so_many_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_stdio, "MOST_CHILDREN", 1)
    async with HttpClient() as http:
        async with McpSession(settings(), http):
            with pytest.raises(RemoteError) as caught:
                await visit(settings(timeout_s=0.1))
            assert "没有等到空位" in caught.value.message
        assert "pid" in await visit(settings())


@pytest.mark.slow
async def test_a_visit_that_is_called_off_ends_its_program(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    task = asyncio.create_task(visit(settings("offspring", str(told))))
    await eventually(lambda: told.exists() and told.read_text().count(" ") == 3)
    task.cancel()
    await asyncio.wait([task])
    one, other, guard, home = told.read_text().split()
    await eventually(lambda: not any(_runs(int(pid)) for pid in (one, other, guard)))
    await eventually(lambda: not os.path.exists(home))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


VISITOR = """
import asyncio, sys, django
django.setup()
from tests.secops.mcp.test_stdio import McpSession, HttpClient, settings
async def main():
    async with McpSession(settings("offspring", sys.argv[1]), HttpClient()):
        print("visiting", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.slow
def test_nothing_is_left_when_we_are_killed(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    ours = subprocess.Popen([sys.executable, "-c", VISITOR, str(told)], cwd=ROOT, stdout=subprocess.PIPE)
    assert ours.stdout is not None
    assert ours.stdout.readline() == b"visiting\n"
    *pids, home = told.read_text().split()
    assert all(_runs(int(pid)) for pid in pids)
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    ours.stdout.close()
    wait_until(lambda: not any(_runs(int(pid)) for pid in pids), what="the program and its child to be gone")
    wait_until(lambda: not os.path.exists(home), what="its folder to be gone")
