"""Arguments of tools: the schema the model sees, and the check of what it writes."""

from typing import Any, Literal

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.tools.arguments import Arguments, argument, parse, schema
from secops_agent.tools.base import NoArguments

Severity = Literal["critical", "high", "low"]


class Query(Arguments):
    alert_id: int = argument("告警编号", minimum=1)
    severity: Severity | None = argument("级别", labels={"critical": "严重", "high": "高危"}, default=None)
    keyword: str = argument("关键字", max_length=10, default="")
    limit: int = argument("最多几条", minimum=1, maximum=50, default=20)
    kev_only: bool = argument("只看已被利用的", default=False)


def test_schema_is_derived_from_the_types() -> None:
    assert schema(Query) == {
        "type": "object",
        "properties": {
            "alert_id": {"type": "integer", "description": "告警编号"},
            "severity": {
                "type": "string",
                "description": "级别（critical=严重，high=高危）",
                "enum": ["critical", "high", "low"],
            },
            "keyword": {"type": "string", "description": "关键字"},
            "limit": {"type": "integer", "description": "最多几条"},
            "kev_only": {"type": "boolean", "description": "只看已被利用的"},
        },
        "required": ["alert_id"],
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"alert_id": 12}, Query(alert_id=12)),
        ({"alert_id": "#12", "severity": "", "limit": None, "keyword": "  "}, Query(alert_id=12)),
        (
            {"alert_id": 12.0, "severity": "高危", "kev_only": "true"},
            Query(alert_id=12, severity="high", kev_only=True),
        ),
        (
            {"alert_id": "12", "severity": "CRITICAL", "limit": "5"},
            Query(alert_id=12, severity="critical", limit=5),
        ),
        ({"alert_id": 1, "limit": 0, "keyword": "none", "severity": "null"}, Query(alert_id=1)),
        ({"alert_id": 1, "keyword": 8080, "kev_only": 0}, Query(alert_id=1, keyword="8080")),
    ],
)
def test_sloppy_arguments_are_understood(given: dict[str, Any], expected: Query) -> None:
    assert parse(Query, given) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "缺少参数「alert_id」（告警编号）"),
        ({"alert_id": "abc"}, "参数「alert_id」应为整数，收到 abc"),
        ({"alert_id": True}, "应为整数"),
        ({"alert_id": 1.5}, "应为整数"),
        ({"alert_id": "9" * 5000}, "应为整数"),
        ({"alert_id": 0}, "参数「alert_id」不能小于 1，收到 0"),
        ({"alert_id": 1, "limit": 500}, "参数「limit」应在 1 到 50 之间，收到 500"),
        ({"alert_id": 1, "severity": "urgent"}, "参数「severity」只能是 critical、high、low，收到 urgent"),
        ({"alert_id": 1, "severity": ["high"]}, "参数「severity」只能是"),
        ({"alert_id": 1, "keyword": "x" * 11}, "最长 10 个字符，收到 11 个"),
        ({"alert_id": 1, "keyword": "a\0b"}, "无法保存"),
        ({"alert_id": 1, "keyword": "a\ud800"}, "无法保存"),
        ({"alert_id": 1, "kev_only": "maybe"}, "应为 true 或 false"),
        ({"alert_id": 1, "user": "admin"}, "没有参数「user」"),
    ],
)
def test_wrong_arguments_are_told_in_chinese(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(Query, given)
    assert said in caught.value.message
    assert "可用的参数：alert_id、severity、keyword、limit、kev_only" in caught.value.message


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(
        InvalidInput, match=r"缺少参数「alert_id」（告警编号）；参数「limit」应在.*；没有参数「x」"
    ):
        parse(Query, {"x": 1, "limit": 9999})


def test_what_is_written_for_a_tool_that_takes_nothing_changes_nothing() -> None:
    assert parse(NoArguments, {"type": "object", "properties": {}}) == NoArguments()
