"""The scripted model."""

import pytest

from bifang.core.errors import RateLimited
from secops_agent.llm.types import Message, Request
from tests.scripted_model import Scripted, call


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
