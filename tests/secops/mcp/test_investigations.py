"""An MCP tool that reads takes part in automatic investigations: only as configured, with the alert's fields, and never
to their harm."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from django.urls import reverse

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import InvalidInput
from secops_agent.agent.background.second_looks import SecondLooks
from secops_agent.models import Alert, SecondLook
from secops_agent.services.investigations import looks, work
from secops_agent.services.investigations.evidence_items import ForeignAnswer
from secops_agent.services.mcp.definitions import ListedTool, read_listing
from secops_agent.services.records import Indicator
from tests.admin_pages import serve_plain_static, superuser
from tests.scripted_model import Scripted, ScriptedModels
from tests.secops.investigations.cases import STRANGER, arrive
from tests.secops.investigations.reader_aid import configure_model, evidence, number_of

from .aid import FIREWALL, Estate, look, save, with_firewall
from .hostile import HostileServer, reply

pytestmark = [pytest.mark.usefixtures("database")]
PART = {"get_rules": {"class": "read", "investigation": {"address": "ip"}}, "block_address": "dangerous"}


async def investigate(model: Scripted | None = None, **fields: Any) -> SecondLook | None:
    """An alert comes, the checks are done, then the second look."""
    await db.call(lambda: arrive("now", **fields))
    await db.call(work.step)
    job = SecondLooks(ConfigCache(), models=ScriptedModels(model or Scripted([])))
    await job.step()
    await job._caller.close()
    return await db.call(lambda: SecondLook.objects.select_related("investigation").first())


@pytest.mark.slow
def test_tool_that_is_marked_is_asked_with_the_alerts_fields_and_named_as_the_source() -> None:
    async def act(estate: Estate) -> None:
        estate.server.firewall.call("block_address", {"address": "203.0.113.5"})
        estate.server.firewall.calls.clear()
        odd = [Indicator("domain", "evil.example"), Indicator("ip", "203.0.113.9")]
        found = await investigate(
            indicators=(STRANGER, *odd), description="address=10.9.9.9 也查一下 10.9.9.9"
        )
        assert found is not None
        asked = sorted(given["address"] for _, given in estate.server.firewall.calls)
        assert asked == ["203.0.113.5", "203.0.113.9"]
        first, _ = looks.answers_of(found)
        assert (first.label, first.asked, first.failed) == (
            f"{FIREWALL} get_rules",
            "address=203.0.113.5",
            False,
        )
        assert "203.0.113.5" in first.text
        assert found.note == "没有启用的钉钉或飞书配置设了AI配置"

    with_firewall(act, PART)


def test_tool_that_is_only_read_takes_no_part() -> None:
    async def act(estate: Estate) -> None:
        assert await investigate(indicators=(STRANGER,)) is None
        assert estate.server.firewall.calls == []

    with_firewall(act, {"get_rules": "read"})


def test_alert_without_the_field_asks_nothing() -> None:
    async def act(estate: Estate) -> None:
        found = await investigate(indicators=(Indicator("domain", "evil.example"),))
        assert found is not None
        assert estate.server.firewall.calls == []
        assert found.answers == []

    with_firewall(act, PART)


def test_model_reads_the_answer_as_evidence_and_cites_the_tool() -> None:
    async def act(estate: Estate) -> None:
        estate.server.firewall.call("block_address", {"address": "203.0.113.5"})
        await db.call(configure_model, "读调查的机器人")
        model = Scripted(
            lambda request: (
                f"总结：防火墙上已有 203.0.113.5 的规则 [{number_of(request, '外部工具')}]\n结论：误报"
            )
        )
        found = await investigate(model, indicators=(STRANGER,))
        assert found is not None
        (statement,) = looks.statements_of(found)
        assert statement.sources == (f"{FIREWALL} get_rules",)
        assert found.verdict == ""  # no outsider makes it harmless
        text = evidence(model.requests[0])
        assert text.index("<证据 ") < text.index("外部工具") < text.rindex("</证据 ")

    with_firewall(act, PART)


def hostile(answer: Any, act: Any) -> None:
    async def run() -> None:
        schema = {"type": "object", "properties": {"address": {"type": "string"}}, "required": ["address"]}
        server = HostileServer(tools__call=answer)
        server.tools = [{"name": "get_rules", "description": "查", "inputSchema": schema}]
        async with server.serving() as url:
            await look(await db.call(save, url, {"get_rules": PART["get_rules"]}, timeout_s=1))
            act(await investigate(indicators=(STRANGER,)))

    asyncio.run(run())


async def _slow(request: Any, message: Any) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        _slow,
        lambda request, message: web.Response(status=500),
        lambda request, message: reply(
            message, {"content": [{"type": "text", "text": "没有权限"}], "isError": True}
        ),
        lambda request, message: web.Response(body=b"x" * 3_000_000, content_type="application/json"),
    ],
    ids=["slow", "broken", "refusing", "huge"],
)
def test_tool_that_fails_is_a_line_and_no_failure_of_the_investigation(
    answer: Any, settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    found: list[ForeignAnswer] = []

    def check(row: SecondLook) -> None:
        assert (row.state, row.investigation.state) == ("done", "done")
        found.extend(looks.answers_of(row))

    hostile(answer, check)
    (answered,) = found
    assert answered.failed
    assert answered.text
    page = reverse("web:alert_known", args=[Alert.objects.get().pk])
    assert "没查成" in superuser().get(page).content.decode()


@pytest.mark.slow
def test_long_hostile_answer_is_cut_and_harmless_on_the_page(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    said = "</pre><script>alert(1)</script>" + "长" * 9000
    hostile(
        lambda request, message: reply(message, {"content": [{"type": "text", "text": said}]}),
        lambda row: None,
    )
    (answered,) = looks.answers_of(SecondLook.objects.get())
    assert len(answered.text) <= 1500
    page = reverse("web:alert_known", args=[Alert.objects.get().pk])
    assert "<script>alert(1)" not in superuser().get(page).content.decode()


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"class": "write", "investigation": {"address": "ip"}}, "只有列为 read"),
        ({"class": "read", "roles": ["responder"], "investigation": {"address": "ip"}}, "「查看」角色"),
        ({"class": "read", "investigation": {"address": "title"}}, "investigation"),
        ({"class": "read", "investigation": "yes"}, "investigation"),
    ],
)
def test_listing_that_would_widen_rights_or_send_words_is_refused(entry: Any, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        read_listing({"get_rules": entry}, ListedTool)


def test_page_of_a_tool_says_what_it_fills_in(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)

    async def act(estate: Estate) -> None:
        await db.call(on_page, estate)

    def on_page(estate: Estate) -> None:
        client = superuser()
        page = reverse("admin:secops_agent_mcpcatalogue_tool", args=[estate.config.pk]) + "?name=get_rules"
        shown = client.get(page).content.decode()
        assert "自动调查时 address 取" in shown
        digest = shown.split('name="digest" value="')[1].split('"')[0]
        form = {"act": "class", "digest": digest, "class": "read", "role": ""}
        client.post(page, {**form, "from:address": "ip"})
        estate.config.refresh_from_db()
        assert estate.config.params["tools"]["get_rules"] == {
            "class": "read",
            "investigation": {"address": "ip"},
        }
        assert '<option value="ip" selected>' in client.get(page).content.decode()
        assert "investigation" in client.post(page, {**form, "from:address": "title"}).content.decode()
        client.post(page, {**form, "from:address": "", "role": "responder"})
        estate.config.refresh_from_db()
        assert estate.config.params["tools"]["get_rules"] == {"class": "read", "roles": ["responder"]}

    with_firewall(act, {"get_rules": "read"})
