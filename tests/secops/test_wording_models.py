"""A model that calls no tools: code looks up, the model words what was found."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bifang.core.configuration import configs
from bifang.core.database import db
from secops_agent.config import OpenAIKind
from secops_agent.llm.probe import probe_server
from tests.fake_dashscope import Reply, Say
from tests.fake_openai import FakeOpenAI
from tests.secops.decisions_aid import company, new_agent, say, some_alert

pytestmark = pytest.mark.django_db
Ask = Callable[[str], Awaitable[str]]


def with_model(act: Callable[[Ask, FakeOpenAI], Awaitable[None]], answer: Reply, **fields: Any) -> None:
    def made(fake: FakeOpenAI) -> Any:
        given = {"base_url": fake.base_url, "model": "qwen3-32b", "tool_calls": "none", **fields}
        model = configs.save("openai", "小模型", True, given)[0]
        robot = company()
        return configs.save(robot.kind, robot.name, True, {"ai_config": model}, config=robot)[0]

    async def run() -> None:
        async with FakeOpenAI("ollama", answer=lambda _: answer, tools=False) as fake:
            robot, agent = await db.call(made, fake), new_agent()

            async def ask(text: str) -> str:
                return (await say(agent, robot, "zhao", text)).replies[0].text

            try:
                await act(ask, fake)
            finally:
                await agent.close()

    asyncio.run(run())


UNSURE = "现在还剩多少没关 严重几个"


def test_what_code_understood_it_answers_alone() -> None:
    some_alert()

    async def act(ask: Ask, fake: FakeOpenAI) -> None:
        assert "规则 k" in await ask("最近有哪些高危告警")
        assert not fake.seen

    with_model(act, Say("没有需要处理的。"))


def test_it_words_what_code_looked_up_and_was_not_sure_of_and_is_sent_no_tools() -> None:
    some_alert()

    async def act(ask: Ask, fake: FakeOpenAI) -> None:
        told = await ask(UNSURE)
        assert "有一条值得先看" in told
        assert "规则 k" in told, "the table that code shows"
        (seen,) = fake.seen
        assert "tools" not in seen.body
        assert [one["role"] for one in seen.body["messages"]] == ["system", "user"]
        assert "工具 list_alerts 的结果" in seen.body["messages"][1]["content"]
        assert "规则 k" in seen.body["messages"][1]["content"]
        assert "没有工具可用" in seen.body["messages"][1]["content"]

    with_model(act, Say("有一条值得先看。"))


def test_orders_are_for_code_and_general_knowledge_for_the_model() -> None:
    """Whatever was spoken of before."""

    async def act(ask: Ask, fake: FakeOpenAI) -> None:
        assert "同意" in await ask("封禁 203.0.113.5 1小时")
        assert fake.seen == []
        assert "加密文件并勒索" in await ask("什么是勒索软件")
        assert len(fake.seen) == 1

    with_model(act, Say("加密文件并勒索赎金的恶意软件。"))


def test_what_it_invents_is_marked_and_it_is_not_asked_again() -> None:
    some_alert()

    async def act(ask: Ask, fake: FakeOpenAI) -> None:
        told = await ask(UNSURE)
        assert len(fake.seen) == 1
        assert "37 条勒索告警（未核实）" in told
        assert "web-09（未核实）" in told

    with_model(act, Say("本单位有 37 条勒索告警，主机 web-09 已中招。"))


def test_a_call_that_it_writes_is_no_call() -> None:
    async def act(ask: Ask, fake: FakeOpenAI) -> None:
        await ask("什么是勒索软件")
        assert len(fake.seen) == 1

    with_model(act, Say('{"tool": "list_alerts", "arguments": {}}'))


async def test_its_test_wants_only_that_it_uses_what_it_is_given() -> None:
    async with FakeOpenAI("ollama", answer=lambda _: Say("校验码是 7391"), tools=False) as fake:
        settings = OpenAIKind.build(
            configs.SystemConfig(name="小模型"),
            {name: one.initial for name, one in OpenAIKind.fields.items()}
            | {"base_url": fake.base_url, "model": "qwen3-32b", "tool_calls": "none"},
        )
        found = await probe_server(settings)
        assert (found.outcome, "它不调用工具" in found.text) == ("ok", True), found.text
        fake.answer = lambda _: Say("不知道")
        assert (await probe_server(settings)).outcome == "no_tools"
        assert all("tools" not in seen.body for seen in fake.seen)
