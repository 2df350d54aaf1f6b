"""What a dialogue takes of a model's context, and how it is made to fit."""

import base64
from functools import cache
from pathlib import Path

import dashscope
import pytest
import tiktoken

from bifang.core.errors import RemoteError
from secops_agent.agent.llms.budget import fit, offered, tokens_of
from secops_agent.agent.turn.toolbox import all_specs
from secops_agent.llm.types import Message, ToolCall, ToolSpec

SYSTEM, QUESTION = Message("system", "规则" * 50), Message("user", "最近有哪些告警？")


@cache
def qwen() -> tiktoken.Encoding:
    """Qwen's own tokenizer; its words come with dashscope."""
    lines = (Path(dashscope.__file__).parent / "resources" / "qwen.tiktoken").read_text().split()
    ranks = {base64.b64decode(word): int(rank) for word, rank in zip(lines[::2], lines[1::2], strict=True)}
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    return tiktoken.Encoding("qwen", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


@pytest.mark.parametrize(
    "text",
    [
        "最近 24 小时有 21 条高危告警，其中 3 条没有负责人。",
        "| 告警 222 | web-01 | 203.0.113.5 | 2026-11-23 09:00:12 | 严重 |\n|---|---|---|---|---|",
        "CVE-2021-44228 log4j-core 2.14.1 pkg:maven/org.apache.logging.log4j/log4j-core",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "GET /index.php?s=/Index/\\think\\app/invokefunction&function=call_user_func_array HTTP/1.1",
        "".join(str(spec) for spec in all_specs()),
    ],
)
def test_estimate_is_never_too_small_and_not_wild(text: str) -> None:
    real = len(qwen().encode(text))
    assert real <= tokens_of(text) <= 3 * real


def sized(messages: tuple[Message, ...]) -> int:
    return sum(tokens_of(one.content) for one in messages)


def test_what_fits_is_left_alone() -> None:
    messages = (SYSTEM, Message("user", "早"), Message("assistant", "早"), QUESTION)
    assert fit(messages, (), 1000, 2) == messages


def test_history_goes_first_and_begins_with_a_question() -> None:
    old = [Message(role, "旧话" * 100) for role in ("user", "assistant") * 3]  # type: ignore[arg-type]
    kept = fit((SYSTEM, *old, QUESTION), (), 600, 6)
    assert (kept[0], kept[-1]) == (SYSTEM, QUESTION)
    assert [one.role for one in kept[1:-1]] == ["user", "assistant"]


def test_long_results_are_shortened_and_short_ones_stay() -> None:
    call = Message("assistant", "", (ToolCall("1", "list_alerts", "{}"), ToolCall("2", "get_asset", "{}")))
    long = Message("tool", "‹开始›" + "很长的结果，" * 500 + "‹结束›", tool_call_id="1", name="list_alerts")
    short = Message("tool", "一台资产", tool_call_id="2", name="get_asset")
    kept = fit((SYSTEM, QUESTION, call, long, short), (), 1500, 0)
    assert sized(kept) <= 1500
    assert kept[2] == call
    assert kept[4] == short
    assert kept[3].content.startswith("‹开始›")
    assert kept[3].content.endswith("‹结束›")
    assert "此处截去" in kept[3].content
    assert len(kept[3].content) > 1000


def test_two_long_results_keep_as_much_as_each_other() -> None:
    results = [Message("tool", "长" * size, tool_call_id=str(size)) for size in (3000, 5000)]
    first, second = fit((SYSTEM, QUESTION, *results), (), 2500, 0)[2:]
    assert abs(len(first.content) - len(second.content)) < 50


def test_what_can_never_fit_is_said() -> None:
    tool = ToolSpec("list_alerts", "说明" * 2000, {})
    with pytest.raises(RemoteError, match="上下文过长") as caught:
        fit((SYSTEM, QUESTION), (tool,), 3000, 0)
    assert caught.value.code == "context_overflow"


def test_a_model_with_little_room_is_shown_the_nearest_tools_in_their_order() -> None:
    specs = all_specs()
    names = [spec.name for spec in specs]
    nearest = ["who_is_on_call", "get_alert", "list_alerts"]
    assert offered(specs, nearest, 0) == offered(specs, nearest, 100_000) == specs
    shown = [spec.name for spec in offered(specs, nearest, 4500)]
    assert set(nearest) <= set(shown) < set(names)
    assert shown == [name for name in names if name in shown]
    assert [spec.name for spec in offered(specs, nearest, 100)] == ["who_is_on_call"]
