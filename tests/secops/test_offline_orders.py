"""An order is read by its parts: where they stand changes nothing, and one word against it anywhere stops it."""

from collections.abc import Iterator
from itertools import islice, permutations
from typing import Any

import pytest

from secops_agent.llm.offline import ACTION_TOOLS
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

ORDERS: list[tuple[tuple[str, ...], str, dict[str, Any]]] = [
    (
        ("告警 12", "关闭", "误报", "备注：扫描器自测", "麻烦"),
        "close_alert",
        {"alert_id": 12, "verdict": "false_positive", "note": "扫描器自测"},
    ),
    (
        ("把告警 12", "关掉", "结论正常业务", "备注“夜间备份”"),
        "close_alert",
        {"alert_id": 12, "verdict": "benign", "note": "夜间备份"},
    ),
    (("12 号告警", "标记为重复", "谢谢"), "close_alert", {"alert_id": 12, "verdict": "duplicate"}),
    (("告警 12", "转给李四", "麻烦"), "assign_alert", {"alert_id": 12, "assignee": "李四"}),
    (
        ("12 号告警", "负责人改成王五", "请"),
        "assign_alert",
        {"alert_id": 12, "assignee": "王五"},
    ),
    (("告警 12", "我来跟", "备注：正在查日志"), "acknowledge_alert", {"alert_id": 12, "note": "正在查日志"}),
    (("告警 12", "标成处理中", "麻烦"), "acknowledge_alert", {"alert_id": 12}),
    (
        ("203.0.113.5", "封禁", "两小时", "原因：扫描端口", "麻烦"),
        "block_ip",
        {"ip": "203.0.113.5", "duration_minutes": 120, "reason": "扫描端口"},
    ),
    (("203.0.113.5", "拉黑", "永久", "赶紧"), "block_ip", {"ip": "203.0.113.5", "duration_minutes": 0}),
    (
        ("web-01", "断网隔离", "原因：中了挖矿", "快"),
        "isolate_host",
        {"asset": "web-01", "reason": "中了挖矿"},
    ),
    (("定时任务 3", "删掉", "没人看了", "谢谢"), "delete_schedule", {"schedule_id": 3}),
    (("每天早上9点", "推送日报", "建个定时任务"), "create_schedule", {"task": "日报", "cron": "0 9 * * *"}),
]
AGAINST = (
    "先别", "千万不要", "算了", "等我确认", "我再看看", "是不是", "改天", "领导说", "李四说", "如果有问题", "行吗", "要不要", "谁干的", "点错了", "昨天", "打算",
    "他已经", "假如", "撤回", "回头再说", "听说", "为什么", "和 web-02", "封禁 203.0.113.9", "关闭告警 99",
)  # fmt: skip
BEFORE = (
    "别",
    "不",
    "没",
    "已",
    "被",
    "要是",
    "能不能",
    "谁",
    "怎么",
    "误",
    "他",
    "昨晚",
    "建议",
    "明天",
    "可以",
    "为什么",
    "未",
)
AFTER = (
    "吗",
    "？",
    "才怪",
    "的人",
    "过",
    "之后",
    "的话",
    "没有",
    "失败",
    "是谁",
    "前",
    "的原因",
    "成功",
    "呢",
)


def answer(text: str) -> tuple[str, dict[str, Any]]:
    """What is ordered exactly, or offered as the only action."""
    found = understand(text, LEXICON, NOW, asker=ASKER)
    intent = found.intent or (found.offers[0] if len(found.offers) == 1 else None)
    return (intent.tool, dict(intent.arguments)) if intent else ("", {})


def spell(parts: tuple[str, ...]) -> Iterator[str]:
    """Every order of the parts."""
    for order in permutations(parts):
        yield "，".join(order)


def starts_action(text: str) -> bool:
    intent = understand(text, LEXICON, NOW, asker=ASKER).intent
    return intent is not None and intent.tool in ACTION_TOOLS


@pytest.mark.parametrize(("parts", "tool", "arguments"), ORDERS)
def test_the_order_of_the_parts_changes_nothing(
    parts: tuple[str, ...], tool: str, arguments: dict[str, Any]
) -> None:
    wrong = [(text, found) for text in spell(parts) if (found := answer(text)) != (tool, arguments)]
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(("parts", "tool", "arguments"), ORDERS)
def test_one_clause_against_it_anywhere_starts_nothing(
    parts: tuple[str, ...], tool: str, arguments: dict[str, Any]
) -> None:
    texts = (
        "，".join((*order[:at], word, *order[at:]))
        for i, order in enumerate(islice(permutations(parts), 20))
        for at in range(len(order) + 1)
        for j, word in enumerate(AGAINST)
        if (i + at + j) % 20 == 0
    )
    assert [text for text in texts if starts_action(text)] == []


@pytest.mark.slow
@pytest.mark.parametrize(("parts", "tool", "arguments"), ORDERS)
def test_one_word_against_it_at_the_verb_starts_nothing(
    parts: tuple[str, ...], tool: str, arguments: dict[str, Any]
) -> None:
    object_, verb, *rest = parts
    spoilt = [f"{word}{verb}" for word in BEFORE] + [f"{verb}{word}" for word in AFTER]
    texts = (text for said in spoilt for text in list(spell((object_, said, *rest)))[:: 2 * len(rest) + 1])
    assert [text for text in texts if starts_action(text)] == []
