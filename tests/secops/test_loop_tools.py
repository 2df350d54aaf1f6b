"""The toolbox of one sender: whatever a model writes comes back as a result."""

from typing import Any

import pytest

from bifang.core.errors import ConfigError
from secops_agent.llm.types import ToolCall
from secops_agent.tools.base import (
    Arguments,
    NoArguments,
    Tool,
    Toolbox,
    ToolResult,
    argument,
    clip,
    in_thread,
)


class Page(Arguments):
    limit: int = argument("最多几条", minimum=1, maximum=50, default=20)


async def list_alerts(arguments: Page) -> ToolResult:
    return ToolResult("ok", f"最多 {arguments.limit} 条", "一条告警")


async def break_down(arguments: NoArguments) -> ToolResult:
    raise ZeroDivisionError("secret detail")


async def misconfigured(arguments: NoArguments) -> ToolResult:
    raise ConfigError("情报库还没有导入，请先导入。")


def box() -> Toolbox:
    return Toolbox.of(
        [
            Tool("list_alerts", "查询告警", "列出告警", "read", Page, list_alerts),
            Tool("break_down", "坏掉", "总是出错", "read", NoArguments, break_down),
            Tool("lookup", "查询情报", "查询情报", "read", NoArguments, misconfigured),
        ]
    )


async def ran(name: str, arguments: str) -> ToolResult:
    return await box().run(ToolCall("call_1", name, arguments))


async def test_toolbox_shows_its_tools_in_order() -> None:
    specs = box().specs
    assert [spec.name for spec in specs] == ["list_alerts", "break_down", "lookup"]
    assert specs[0].parameters["properties"]["limit"] == {"type": "integer", "description": "最多几条"}
    assert specs[1].parameters["properties"] == {}


@pytest.mark.parametrize("arguments", ['{"limit": 5}', '"{\\"limit\\": 5}"'])
async def test_call_runs_with_checked_arguments(arguments: str) -> None:
    assert await ran("list_alerts", arguments) == ToolResult("ok", "最多 5 条", "一条告警")


@pytest.mark.parametrize(
    "arguments", ["", "{}", "null_", "[1]", "{", '{"limit": ', "[" * 100_000, "1" * 9000]
)
async def test_malformed_arguments_come_back_as_result(arguments: str) -> None:
    result = await ran("list_alerts", arguments)
    if arguments in ("", "{}"):
        assert result.query == "最多 20 条"
    else:
        assert result.status == "error"
        assert "合法的 JSON" in result.text


async def test_unknown_tool_names_the_known_ones() -> None:
    result = await ran("delete_everything", "{}")
    assert result.status == "error"
    assert "list_alerts、break_down、lookup" in result.text


async def test_exceptions_become_results_without_details(caplog: pytest.LogCaptureFixture) -> None:
    result = await ran("break_down", "{}")
    assert (result.status, "secret detail" in result.text) == ("error", False)
    assert "内部出错" in result.text
    assert "ZeroDivisionError" in caplog.text
    assert (await ran("lookup", "{}")).text == "情报库还没有导入，请先导入。"


async def test_synchronous_tools_run_through_the_given_caller() -> None:
    seen: list[Any] = []

    async def call(function: Any, *arguments: Any) -> ToolResult:
        seen.append(arguments)
        found: ToolResult = function(*arguments)
        return found

    def look(sender: str, arguments: Page) -> ToolResult:
        return ToolResult("ok", text=f"{sender} 看 {arguments.limit} 条")

    tool = Tool("look", "查看", "查看", "read", Page, in_thread(call, look, "manager01"))
    result = await Toolbox.of([tool]).run(ToolCall("1", "look", '{"limit": 3}'))
    assert result.text == "manager01 看 3 条"
    assert seen == [("manager01", Page(limit=3))]


def test_long_results_are_cut_at_a_line_and_ask_to_narrow() -> None:
    text = "\n".join(f"| {number} | 告警 |" for number in range(500))
    cut = clip(ToolResult("ok", "全部", text, data=[1]), 1000)
    kept, _, note = cut.text.partition("\n\n")
    assert len(kept) <= 1000
    assert text.startswith(kept + "\n")
    assert "缩小范围" in note
    assert f"还有约 {text.count(chr(10), len(kept))} 行" in note
    assert (cut.status, cut.query, cut.data) == ("ok", "全部", [1])
    assert clip(ToolResult("ok", text="短"), 1000).text == "短"
    assert len(clip(ToolResult("ok", text="长" * 5000), 1000).text) < 1200
