"""What a question costs the database: every tool of the registry, with every argument; the questions that strangers asked."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.tools.arguments import parse
from secops_agent.tools.definitions import Asker, ToolDefinition
from secops_agent.tools.registry import DEFINITIONS
from tests.secops.demo_aid import Proposals, demo, person

__all__ = ["demo"]
TOOL, REPORT = 12, 60
# A runbook for an alert, which is read whole first: still to be made fewer.
# Cards that answer the usual questions beside one thing; in a group the names of people are looked up to be masked.
DEARER = {
    "create_schedule": 14,  # for somebody else: who they are, what they may read, how much they are told
    "search_runbook": 19,
    "get_asset": 14,
    "compare_periods": 18,  # what began and what occurred, in both
    "get_case": 14,  # with what was blocked for it, and who decided that
    "list_cases": 16,  # by words that describe one: that one, whole
    "get_alert": 22,  # with what its messages did, and who is called next
    "lookup_indicator": 14,
    "affected_assets": 14,  # by a condition: how many there are without it
    "list_alerts": 16,  # by a keyword: how many the index has, the page, and its counts by level, limit and handler
}
_TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
# What to say for an argument, by its name: for one that a tool must have, and for every condition on a list.
EXAMPLES: dict[str, Any] = {
    "address": "10.0.0.0/20", "alert_id": 1, "alert_ids": "1,2,3", "alerts": "2 3", "asset": "web-01", "assignee": "王五", "case_id": 1, "colleague": "王五", "cron": "0 9 * * *",
    "cve_id": "CVE-2021-44228", "duration_minutes": 60, "into_id": 2, "ip": "203.0.113.5", "keyword": "暴力破解", "limit": 50,
    "due_within": 7, "environment": "生产", "epss": 50, "software": "log4j", "expression": "1+1", "network": "10.0.0.0/20", "note": "蓝军", "offset": 5, "owner": "王五",
    "person": "王五", "query": "挖矿", "reason": "扫描源", "schedule_id": 1, "scope": "规则:端口扫描", "severity": "high", "status": "contained",
    "since": "08:00", "since_hours": 48, "target": "203.0.113.5", "task": "今天的安全日报", "text": "看日志", "title": "一次攻击", "to": "王五", "until": "09:00", "until_hours": 24,
    "when": "周六", "technique": "T1110", "value": "203.0.113.5", "decision": "in_progress", "findings": "F1",
}  # fmt: skip


def calls(tool: ToolDefinition) -> Iterator[dict[str, Any]]:
    """With what it must have; with each other argument beside; with nothing that matches, where there are words."""
    fields = tool.arguments.model_fields
    needed = {name: EXAMPLES[name] for name, field in fields.items() if field.is_required()}
    yield needed
    schema = tool.spec.parameters["properties"]
    for name in fields.keys() - needed.keys():
        yield from ({**needed, name: value} for value in values(name, schema[name]))
    if "keyword" in fields:
        yield {**needed, "keyword": "没有的词"}


def values(name: str, shape: dict[str, Any]) -> list[Any]:
    """What an optional argument may be: one of its choices, yes or no, or its example."""
    shapes = shape.get("anyOf", [shape])
    if choices := [value for each in shapes for value in each.get("enum", ())]:
        return choices
    if any(each.get("type") == "boolean" for each in shapes):
        return [True, False]
    return [EXAMPLES[name]] if name in EXAMPLES else []


def cost(tool: ToolDefinition, given: dict[str, Any]) -> int:
    asker = Asker(person(), is_group=True, now=timezone.localtime(), proposer=Proposals())
    arguments = parse(tool.arguments, given)
    with CaptureQueriesContext(connection) as seen, suppress(InvalidInput):  # what asks back has asked little
        tool.run(asker, arguments)
    return sum(not each["sql"].startswith(_TRANSACTION) for each in seen.captured_queries)


@pytest.mark.slow
@pytest.mark.parametrize("tool", DEFINITIONS, ids=lambda tool: tool.name)
def test_a_tool_takes_few_queries(demo: Any, tool: ToolDefinition) -> None:
    """What looks through everything, ``apart`` from the others since it may take seconds, is a report."""
    most = REPORT if tool.slow else DEARER.get(tool.name, TOOL)
    found = {str(given): cost(tool, given) for given in calls(tool)}
    assert not {given: queries for given, queries in found.items() if queries > most}
