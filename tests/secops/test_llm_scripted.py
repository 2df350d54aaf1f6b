"""The scripted model, also as worker processes build it from a specification."""

import asyncio
import time

import pytest

from bifang.core.errors import ConfigError, RateLimited
from secops_agent.llm.scripted import Scripted, call
from secops_agent.llm.types import Message, Request


def said(*texts: str) -> Request:
    return Request(tuple(Message("user", text) for text in texts))


async def test_scripted_model_plays_its_steps_in_order() -> None:
    model = Scripted(["一二三四五六七八九十", call("list_alerts", limit=3), lambda request: "答" + request.messages[0].content,
                      RateLimited("慢一点", retry_after=1)])  # fmt: skip
    shown: list[str] = []
    first = await model.complete(said("a"), lambda delta: shown.append(delta.content))
    assert first.message.content == "".join(shown) == "一二三四五六七八九十"
    assert len(shown) == 2
    second = await model.complete(said("b"))
    assert (second.finish_reason, second.message.tool_calls[0].arguments) == ("tool_calls", '{"limit": 3}')
    assert (await model.complete(said("c"))).message.content == "答c"
    with pytest.raises(RateLimited):
        await model.complete(said("d"))
    with pytest.raises(AssertionError, match="no step for request 5"):
        await model.complete(said("e"))
    assert [request.messages[0].content for request in model.requests] == list("abcde")


async def test_spec_builds_a_model_that_echoes() -> None:
    model = Scripted.from_spec("delay=0;text=第{turns}轮，收到：{text}；上一句：{previous}")
    answer = await model.complete(said("甲{turns}", "乙"))
    assert answer.message.content == "第2轮，收到：乙；上一句：甲{turns}"
    assert (await Scripted.from_spec("").complete(said("x"))).message.content == "收到：x"


async def test_delayed_models_wait_side_by_side() -> None:
    model = Scripted.from_spec("delay=0.3;text={text}")
    start = time.monotonic()
    await asyncio.gather(*(model.complete(said(str(number))) for number in range(300)))
    assert 0.3 <= time.monotonic() - start < 60  # one after the other: 90 s


@pytest.mark.parametrize("spec", ["delai=2;text=a", "delay=soon;text=a", "2"])
def test_wrong_spec_names_the_item(spec: str) -> None:
    with pytest.raises(ConfigError, match="BIFANG_SCRIPTED_MODEL"):
        Scripted.from_spec(spec)
