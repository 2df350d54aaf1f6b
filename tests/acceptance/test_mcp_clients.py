"""Other agents' own clients at the real web server: they read, they propose, and a person confirms in the chat."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from secops_agent.models import Action, Alert, Scope, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.people import tokens
from secops_agent.services.records import AlertRecord
from tests.acceptance.processes import Started, free_ports
from tests.acceptance.worker import STAFF, Stage, open_stage
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = pytest.mark.slow
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
DM = "cid-dm-lisi"


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    with open_stage(database) as made:
        made.apply(made.robot(notifications_enabled=True, ai_config=""), staff=STAFF)
        record = AlertRecord("test", ("k",), "可疑登录", "high", occurred_at=datetime.now(UTC))
        ingest.store([record], Actor.system("test"))
        yield made


@pytest.fixture
def url(stage: Stage, tmp_path: Path) -> Iterator[str]:
    """The address of /mcp/ at gunicorn."""
    (port,) = free_ports(1)
    command = (
        sys.executable,
        "-m",
        "gunicorn",
        "bifang.wsgi",
        "-c",
        "deploy/gunicorn.conf.py",
        "--bind",
        f"127.0.0.1:{port}",
    )
    web = Started(command, stage.environment(), tmp_path / "web.out")
    try:
        web.wait_for("Booting worker")
        yield f"http://127.0.0.1:{port}/mcp/"
    finally:
        web.kill()


def token(*scopes: str) -> str:
    """Of 李四."""
    user, _ = User.objects.get_or_create(username="lisi")
    Staff.objects.filter(staff_id="lisi").update(user=user)
    return tokens.create(f"Claude {'、'.join(scopes)}", scopes, owner_id=user.pk)[1]


def visit(url: str, secret: str, act: Callable[[Client], Any], mode: str) -> Any:
    """What the official client finds; ``mode``: with a handshake, or finding out by itself."""

    async def run() -> Any:
        async with (
            httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {secret}"}, trust_env=False, timeout=60
            ) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return await act(client)

    return asyncio.run(run())


def call(url: str, secret: str, name: str, mode: str, **arguments: Any) -> Any:
    return visit(url, secret, lambda client: client.call_tool(name, arguments), mode)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client_reads(url: str, mode: str) -> None:
    secret = token(Scope.READ)

    async def look(client: Client) -> tuple[str, set[str]]:
        return client.protocol_version, {tool.name for tool in (await client.list_tools()).tools}

    spoken, names = visit(url, secret, look, mode)
    assert spoken == {"legacy": "2025-11-25", "auto": "2026-07-28"}[mode]
    assert "list_alerts" in names
    assert "close_alert" not in names
    result = call(url, secret, "list_alerts", mode)
    assert "可疑登录" in result.content[0].text
    assert result.structured_content["status"] == "ok"


def test_what_a_program_proposed_its_owner_confirms_in_the_chat(stage: Stage, url: str) -> None:
    stage.start()
    alert_id = Alert.objects.get().pk
    result = call(url, token(Scope.WRITE), "close_alert", "auto", alert_id=alert_id, verdict="benign")
    code = result.structured_content["code"]
    (asked,) = stage.wait_replies()
    assert re.search(rf"API 令牌「Claude write」提出.*可疑登录[\s\S]*确认 {code}", asked["text"])
    stage.say(f"确认 {code}", DM, "lisi", group=False)
    (answer,) = stage.wait_replies(conversation_id=DM)
    assert "已关闭" in answer["text"]
    wait_until(lambda: Alert.objects.get().status == "closed", what="the alert to be closed")


def test_a_block_waits_for_the_owner_and_then_for_somebody_else(stage: Stage, url: str) -> None:
    stage.start()
    Staff.objects.filter(staff_id="lisi").update(role="responder")
    result = call(url, token(Scope.WRITE), "block_ip", "auto", ip="203.0.113.5", duration_minutes=60)
    assert result.structured_content["status"] == "needs_confirmation"
    code = result.structured_content["code"]
    (asked,) = stage.wait_replies()
    assert f"确认 {code}" in asked["text"]
    stage.say(f"确认 {code}", DM, "lisi", group=False)
    (answer,) = stage.wait_replies(conversation_id=DM)
    danger = re.search(r"同意 ([A-Z0-9]{6})", answer["text"])
    assert danger
    stage.say(f"同意 {danger[1]}", DM, "lisi", group=False)
    own = stage.wait_replies(2, conversation_id=DM)[1]
    assert "您自己提出的" in own["text"]
    stage.say(f"同意 {danger[1]}", "cid-dm-approver", approver(), group=False)
    wait_until(lambda: Action.objects.filter(state="dry").exists(), what="the rehearsal")


def approver() -> str:
    return str(Staff.objects.filter(role__in=("approver", "admin")).exclude(staff_id="lisi").first().staff_id)


@pytest.mark.outside("npx")
def test_the_inspector_lists_calls_and_proposes(url: str) -> None:
    secret = token(Scope.READ, Scope.WRITE)

    def inspect(*more: str) -> Any:
        headers = ("--transport", "http", "--header", f"Authorization: Bearer {secret}")
        command = ("npx", "-y", INSPECTOR, "--cli", url, *headers, "--method", *more)
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    assert "close_alert" in {tool["name"] for tool in inspect("tools/list")["tools"]}
    found = inspect("tools/call", "--tool-name", "list_alerts", "--tool-arg", "severity=high")
    assert "可疑登录" in found["content"][0]["text"]
    given = ("--tool-arg", f"alert_id={Alert.objects.get().pk}", "verdict=benign")
    proposed = inspect("tools/call", "--tool-name", "close_alert", *given)
    assert proposed["structuredContent"]["status"] == "needs_confirmation"
    assert Alert.objects.get().status == "open"
