"""What Acme adds works at every door of Bifang: chat, page, API, file; and no door of ours is wider for it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from bifang.core.configuration import configs
from bifang.core.extensions import check_extensions
from bifang.core.monitoring.health import check_health
from bifang.core.outbound.http import HttpClient, Response
from secops_agent.agent.acting.attachments import Attachment
from secops_agent.agent.turn import toolbox
from secops_agent.connectors.runner import ActionRunner
from secops_agent.models import Action, Alert, Proposal, Role
from secops_agent.services.decisions import approvals
from secops_agent.services.decisions.requests import Executors
from tests.admin_pages import member, serve_plain_static, text_of
from tests.scripted_model import Scripted, ScriptedModels, call
from tests.secops.api.callers import owned, with_token
from tests.secops.decisions_aid import company, decision_request, new_agent, say

from .test_acme import SAMPLE, TestEdr

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


PRIVATE: dict[str, Any] = {"conversation": "cid-li", "is_group": False}
FILE = "ab" * 32


def alone(who: str) -> dict[str, Any]:
    """In somebody's own chat with the robot."""
    return {"conversation_id": f"cid-{who}", "is_group": False}


def chat(config: Any, who: str, text: str, *, script: Any = None, attachment: Any = None) -> str:
    async def run() -> str:
        models = {"models": ScriptedModels(Scripted(script)), "grammar_first": False} if script else {}
        agent = new_agent(**models)
        try:
            result = await say(agent, config, who, text, attachment=attachment, **PRIVATE)
            return result.replies[0].text
        finally:
            await agent.close()

    return asyncio.run(run())


def test_file_sent_in_the_chat_is_imported_after_confirmation() -> None:
    config = company()

    async def download(take: Any, most: int) -> None:
        take(SAMPLE.encode())

    shown = chat(config, "li", "", attachment=Attachment("waf.log", download))
    assert "Acme WAF" in shown
    found = re.search(r"确认 ([A-Z][A-Z2-9]{5})", shown)
    assert found
    assert "开始导入" in chat(config, "li", f"确认 {found[1]}")


def test_model_uses_the_tool_in_the_chat() -> None:
    told = chat(company(), "li", "203.0.113.9 在 Acme 那里名声如何",
                script=[call("acme_reputation", ip="203.0.113.9"), "它是僵尸网络的控制端。"])  # fmt: skip
    assert "僵尸网络" in told


def test_what_is_dangerous_is_approved_by_another_and_done_by_the_connector(monkeypatch: Any) -> None:
    config = company()
    configs.save("acme_edr", "Acme EDR 生产", True, dict(TestEdr.values))
    told = chat(config, "zhao", f"/执行 acme_quarantine file={FILE}")
    proposal = Proposal.objects.get(tool="acme_quarantine")
    assert (proposal.state, proposal.risk) == ("proposed", "dangerous")
    assert proposal.code in told
    executors = Executors(toolbox.execute, toolbox.plan)
    asked: list[Any] = []

    async def answer(self: Any, *given: Any, **more: Any) -> Response:
        asked.append((given, more["json"]))
        return Response(200, {}, b"{}")

    monkeypatch.setattr(HttpClient, "request", answer)
    own = approvals.decide(
        decision_request(config, proposal.code, "approve", "zhao", **alone("zhao")), executors
    )
    assert own.status != "decided", "nobody approves what they asked for"
    assert not Action.objects.exists()
    taken = approvals.decide(
        decision_request(config, proposal.code, "approve", "wang", **alone("wang")), executors
    )
    assert taken.status == "decided", taken
    assert asked == []
    asyncio.run(ActionRunner("me").step())

    assert [each[1]["arguments"]["file"] for each in asked] == [FILE]
    assert Action.objects.get().state == "done"


def test_file_is_imported_on_the_page() -> None:
    client = member(Role.ADMIN)
    page = "/admin/secops_agent/importjob/add/"
    assert "Acme WAF 攻击日志" in client.get(page).content.decode()
    body = {"file": SimpleUploadedFile("waf.log", SAMPLE.encode()), "format": "acme_waf", "source": "", "asset": "",
            "asset_type": "host"}  # fmt: skip
    shown = text_of(client.post(page, body, follow=True))
    assert "acme_waf" in shown or "Acme WAF" in shown
    assert "Acme EDR" in client.get("/admin/core/systemconfig/add/").content.decode()


def test_file_is_imported_by_the_api_and_the_command(tmp_path: Path, capsys: Any) -> None:
    client = with_token("ingest")
    answer = client.post("/api/v1/ingest/acme_waf/", SAMPLE, "application/json")
    assert (answer.status_code, answer.json()["created"]["alert"]) == (200, 1)
    path = tmp_path / "waf.log"
    path.write_text(SAMPLE)
    call_command("import_data", "auto", str(path), "--json")
    assert '"format": "acme_waf"' in capsys.readouterr().out
    assert Alert.objects.count() == 1


def test_tool_is_listed_and_called_over_mcp() -> None:
    client = owned(Role.ANALYST, "read")

    def ask(method: str, **params: Any) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return client.post("/mcp/", message, "application/json").json()["result"]

    names = {each["name"] for each in ask("tools/list")["tools"]}
    assert "acme_reputation" in names
    assert "acme_quarantine" not in names
    told = ask("tools/call", name="acme_reputation", arguments={"ip": "203.0.113.9"})
    assert "僵尸网络" in told["content"][0]["text"]


def test_check_runs_and_nothing_was_refused() -> None:
    assert "acme_waf" in check_extensions()
    found = {each.name: each.state for each in check_health().findings}
    assert (found["acme_licence"], found["extensions"]) == ("ok", "ok")
