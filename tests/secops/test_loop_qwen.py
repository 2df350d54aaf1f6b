"""The loop over the real dashscope SDK: a whole turn on the wire, and the reason when the wire fails."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.loop import run
from secops_agent.llm import qwen_session
from secops_agent.llm.qwen import Qwen, QwenSettings
from tests.fake_dashscope import Calls, Fail, FakeDashScope, Reply, Say, text_of
from tests.scripted_model import Scripted, call
from tests.secops.test_loop_turns import ASKED, Estate


@pytest.fixture
async def fake() -> AsyncIterator[FakeDashScope]:
    async with FakeDashScope() as server:
        yield server
        await qwen_session.close_sessions()


def alert_reader(body: dict[str, Any]) -> Reply:
    """Looks things up once per keyword, then answers with what the tool said."""
    found = [
        text_of(message["content"]) for message in body["input"]["messages"] if message["role"] == "tool"
    ]
    if found:
        return Say("看过了：" + ("有告警" if any("两条告警" in text for text in found) else "没有"))
    return Calls(("list_alerts", {"keyword": "高危"}), ("count", {}), text="我先查一下。")


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
async def test_whole_turn_over_the_wire(fake: FakeDashScope, model: str) -> None:
    fake.answer = alert_reader
    estate, shown = Estate(), list[str]()
    qwen = Qwen(QwenSettings("通义千问", model, "sk-test", base_url=fake.base_url))
    outcome = await run(qwen, ASKED, estate.box(), TurnLimits(), on_delta=shown.append)
    assert (outcome.text, outcome.model, estate.ran) == ("看过了：有告警", model, ["高危"])
    assert [tool_run.result.status for tool_run in outcome.tool_runs] == ["ok", "no_data"]
    roles = [message["role"] for message in fake.seen[-1].body["input"]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool"]
    assert shown[-1] == outcome.text
    assert outcome.usage.input_tokens == 424


@pytest.mark.slow
async def test_hundred_turns_run_side_by_side() -> None:
    async with FakeDashScope(answer=alert_reader, together=100) as fake:
        qwen = Qwen(QwenSettings("通义千问", "qwen-plus", "sk-test", base_url=fake.base_url, endpoint="text"))
        turns = [run(qwen, ASKED, Estate().box(), TurnLimits(seconds=600)) for _ in range(100)]
        assert {outcome.text for outcome in await asyncio.gather(*turns)} == {"看过了：有告警"}
        await qwen_session.close_sessions()
    assert fake.peak == 100


async def test_arrears_on_the_wire_end_in_the_fallback(fake: FakeDashScope) -> None:
    fake.script(Fail(400, "Arrearage", "Access denied"))
    qwen = Qwen(QwenSettings("通义千问", "qwen-plus", "sk-test", base_url=fake.base_url))
    offline = Scripted([call("list_alerts"), "离线的回答"], name="离线模式", offline=True)
    outcome = await run(qwen, ASKED, Estate().box(), TurnLimits(), fallback=offline)
    assert len(fake.seen) == 1
    assert "账号欠费" in outcome.text
    assert outcome.text.endswith("离线的回答")
