"""No secret is kept or shown in the clear, after a run with every fault, at DEBUG."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse

from bifang.channels.models import OutboxRow, State
from tests.acceptance.doors import APP, FEISHU, POSTGRES, open_feishu
from tests.acceptance.worker import Stage, open_stage, place
from tests.admin_pages import serve_plain_static
from tests.databases import Database
from tests.deadline import wait_until
from tests.model_server import running_model

SECRET = f"client-{secrets.token_hex(16)}"
API_KEY = f"sk-{secrets.token_hex(16)}"
SESSION = f"session-{secrets.token_hex(16)}"
PRIVATE = "我的工资条在哪里"
# What the simulators mint: tickets, access tokens, sessions. "***" is what redaction leaves.
MINTED = (
    re.compile(rb"\bt-[0-9a-f]{24}"),
    re.compile(rb"access_key=[0-9a-f]{8}"),
    re.compile(rb"ticket-[0-9a-f]{24}"),
    re.compile(rb"token-[0-9a-f]{24}"),
    re.compile(rb"session=[0-9a-f]{8}"),
)
REFERENCE_ONLY = re.compile(rb"(?i)ticket=(?!\*\*\*)[\w-]{8}")


@pytest.fixture
def door() -> str:
    """Where messages come in, unless the test says otherwise."""
    return "stream"


@pytest.fixture
def stage(database: Database, door: str) -> Iterator[Stage]:
    opened = (
        open_feishu(database, apps={APP: SECRET})
        if door == "feishu"
        else open_stage(database, apps={"dingdemo": SECRET})
    )
    with (
        opened as made,
        running_model(api_keys={API_KEY}) as base_url,
    ):
        qwen = {
            "kind": "qwen",
            "name": "通义千问",
            "api_key": API_KEY,
            "model": "qwen-plus",
            "base_url": base_url,
        }
        robot = made.robot(client_secret=SECRET, ai_config="通义千问", default_role="viewer")
        made.apply(qwen, robot)
        yield made


SENDING: dict[str, tuple[dict[str, Any], ...]] = {
    "dingtalk": (
        {"webhook_errcode": {"value": 300001, "times": 1}, "token_401": {"value": True, "times": 1}},
        {"webhook_errcode": {"value": 310000, "times": 1}},
        {"webhook_down": {"value": "refuse", "times": 1}},
        {"webhook_status": {"value": 502, "times": 1}},
        {"webhook_errcode": {"value": 300001, "times": 1}, "openapi_status": {"value": 500, "times": 1}},
        {"webhook_errcode": {"value": 300001, "times": 1}, "openapi_scope": {"value": "robot", "times": 1}},
    ),
    "feishu": (
        {"token_invalid": {"value": True, "times": 1}},
        {"openapi_code": {"value": 230001, "times": 1}},
        {"openapi_code": {"value": 99991672, "times": 1}},
        {"openapi_limit": {"value": 1, "times": 1}},
        {"openapi_status": {"value": 502, "times": 1}},
        {"openapi_lost": {"value": True, "times": 1}},
    ),
}
CONNECTING: dict[str, tuple[dict[str, Any], ...]] = {
    "dingtalk": ({"open_status": 500}, {"open_status": 401}, {"open_body": "html"}),
    "feishu": (
        {"endpoint_status": 500},
        {"endpoint_code": 1000040344},
        {"endpoint_body": "html"},
        {"handshake": "auth"},
    ),
}


def run_through_every_fault(stage: Stage) -> None:
    """Answers over every route, refusals of every kind, and a wrong secret at the end."""
    sim, platform = stage.sim, stage.config().kind
    where = place()
    stage.say(PRIVATE, where, group=False)
    assert PRIVATE in stage.answers(where)[0], "the model answered"
    for faults in SENDING[platform]:
        sim.faults(**faults)
        msg_id = stage.say(PRIVATE, place())
        wait_until(
            lambda wanted=msg_id: OutboxRow.objects.filter(
                inbox__external_id=wanted, state__in=(State.DONE, State.DEAD)
            ).exists(),
            within=60,
            what=f"{faults} over",
        )
    foreign = f"{sim.base_url}/robot/sendBySession?session={SESSION}"
    extra = {"sessionWebhook": foreign} if platform == "dingtalk" else {}
    stage.say(PRIVATE, where, group=False, extra=extra)
    stage.say(f"{PRIVATE}\x00", where, group=False, extra=extra)
    sim.faults(malformed="all")
    stage.answers(where, 2)
    for faults in CONNECTING[platform]:
        sim.faults(clear=True)
        sim.faults(**faults)
        sim.faults(abort=True)
        wait_until(lambda: stage.config().last_error, within=60, what="trouble shown")
    sim.faults(clear=True)
    stage.apply(stage.robot(client_secret=f"{SECRET}-wrong"))
    wait_until(lambda: "凭证错误" in stage.config().last_error, within=60)


def assert_clean(what: str, content: bytes, *, text_too: bool = False) -> None:
    for secret in (SECRET, API_KEY, SESSION):
        assert secret.encode() not in content, f"{what} holds {secret}"
    for pattern in (*MINTED, REFERENCE_ONLY):
        found = pattern.search(content)
        assert found is None, f"{what}: …{content[max(found.start() - 80, 0) : found.end() + 20]!r}"
    if text_too:
        assert PRIVATE.encode() not in content, f"{what} holds message text"


def stored_bytes(database: Database) -> Iterator[tuple[str, bytes]]:
    """Everything in the database, as files or as text."""
    if database.vendor == "sqlite":
        for file in sorted(database.data_dir.glob("bifang.sqlite3*")):
            yield file.name, file.read_bytes()
        return
    with psycopg.connect(database.url) as connection:
        tables = connection.execute(
            "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
            yield table, "\n".join(row[0] for row in rows).encode()


def pages() -> Iterator[str]:
    """The first page and on-call; every list, form and record of the admin."""
    yield from ("/", "/?part=now", "/?part=risks", "/?part=system", "/?part=steps", "/on-call/")
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        for pk in model._default_manager.order_by("pk").values_list("pk", flat=True)[:8]:
            for view in ("change", "history"):
                try:
                    yield reverse(f"{name}_{view}", args=[pk])
                except NoReverseMatch:
                    continue


def assert_pages_clean() -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("root", "root@example.com"))
    seen = 0
    for page in pages():
        answer = browser.get(page)
        if answer.status_code == 200:
            seen += 1
            content = b"".join(answer) if answer.streaming else answer.content
            assert_clean(page, content)
    assert seen > 10


# What is written at INFO and above; a record is one line, its level the third word.
DEBUG_LINE = re.compile(r"\S+ \S+ DEBUG ")


def at_info(text: str) -> str:
    """Lines as they stand there without DEBUG."""
    return "\n".join(line for line in text.splitlines() if not DEBUG_LINE.match(line))


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "door"), [POSTGRES, FEISHU], indirect=["vendor"])
def test_no_secret_is_stored_logged_or_shown_and_no_message_text_is_logged_at_info(
    stage: Stage, settings: Any, tmp_path: Path
) -> None:
    worker = stage.start(BIFANG_LOG_LEVEL="DEBUG")
    run_through_every_fault(stage)
    for name, content in stored_bytes(stage.database):
        assert_clean(name, content)
    serve_plain_static(settings, tmp_path)
    assert_pages_clean()
    worker.process.terminate()
    worker.process.wait(120)
    for name, text in (("log", stage.log), ("console", worker.text)):
        assert_clean(name, text.encode())
        assert DEBUG_LINE.search(text), name
        assert_clean(f"{name} at INFO", at_info(text).encode(), text_too=True)
    assert "凭证错误" in stage.log
    told = [
        line for line in at_info(stage.log).splitlines() if re.search("dingtalk|feishu", line, re.IGNORECASE)
    ]
    assert any("已保存" in line for line in told), "what the guide's grep must find"
    for name, content in stored_bytes(stage.database):
        assert_clean(name, content)
