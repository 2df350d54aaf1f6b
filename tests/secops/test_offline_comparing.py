"""What the grammar hands to the tools that compare, calculate and search, and to the filters of the others."""

from typing import Any

import pytest

from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

COMPARE = "compare_periods"
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "今天告警比昨天多吗": (COMPARE, {"period": "today"}),
    "这周跟上周比告警多了还是少了": (COMPARE, {"period": "this_week"}),
    "最近24小时的告警比之前多吗": (COMPARE, {"since_hours": 24}),
    "这周谁关得比上周多": (COMPARE, {"metric": "closed", "group_by": "assignee", "period": "this_week"}),
    "今天误报比昨天多吗": (COMPARE, {"metric": "false_positive", "period": "today"}),
    "这周关得比上周多吗": (COMPARE, {"metric": "closed", "period": "this_week"}),
    "今天高危告警比上周同期多吗": (COMPARE, {"severity": "high", "period": "today", "against": "last_week"}),
    "平均多久才有人认领": (COMPARE, {"metric": "acknowledge_time"}),
    "mttr 最近一周 按级别": (COMPARE, {"metric": "close_time", "since_hours": 168, "group_by": "severity"}),
    "李四这周平均多久处理完": (COMPARE, {"metric": "close_time", "assignee": "李四", "period": "this_week"}),
    "原始日志里有没有 xmrig": ("search_events", {"keyword": "xmrig"}),
    "日志里搜一下 203.0.113.5": ("search_events", {"keyword": "203.0.113.5"}),
    "web-01 的原始日志里有没有 powershell": ("search_events", {"keyword": "powershell", "asset": "web-01"}),
    "算一下 (120-73)/73": ("compute", {"expression": "(120-73)/73"}),
    "23+24等于多少": ("compute", {"expression": "23+24"}),
    "谁这周关的误报最多": ("alert_statistics", {"verdict": "false_positive", "time_of": "closed", "group_by": "closer", "period": "this_week"}),
    "误报谁关的最多": ("alert_statistics", {"verdict": "false_positive", "time_of": "closed", "group_by": "closer"}),
    "上周关掉的多少误报": ("alert_statistics", {"time_of": "closed", "period": "last_week", "until_hours": 34, "group_by": "verdict"}),
    "昨晚到今早的新告警": ("list_alerts", {"time_of": "new", "since_hours": 17}),
    "今天谁关的告警最多": ("alert_statistics", {"time_of": "closed", "group_by": "closer", "period": "today"}),
    "今天李四关了几条": ("list_alerts", {"time_of": "closed", "keyword": "李四", "period": "today"}),
    "李四今天关了啥": ("list_alerts", {"time_of": "closed", "keyword": "李四", "period": "today"}),
    "李四关的告警有哪些": ("list_alerts", {"time_of": "closed", "keyword": "李四"}),
    "李四昨天关的误报有哪些": ("list_alerts", {"time_of": "closed", "verdict": "false_positive", "keyword": "李四", "period": "yesterday", "until_hours": 10}),
    "赵六关掉的高危告警": ("list_alerts", {"time_of": "closed", "status": "closed", "severity": "high", "keyword": "赵六"}),
    "我关的告警": ("list_alerts", {"time_of": "closed", "keyword": ASKER}),
    "关闭人是李四的告警": ("list_alerts", {"time_of": "closed", "keyword": "李四"}),
    "李四处理中的告警": ("list_alerts", {"status": "acknowledged", "keyword": "李四"}),
    "李四关了几条告警": ("alert_statistics", {"time_of": "closed", "keyword": "李四"}),
    "这个月王五和李四谁关的多": ("alert_statistics", {"time_of": "closed", "group_by": "closer", "period": "this_month"}),
    "今天关了多少": ("alert_statistics", {"time_of": "closed", "period": "today"}),
    "203.0.113.5 的暴力破解告警": ("list_alerts", {"address": "203.0.113.5", "keyword": "暴力破解"}),
    "上一期周报": ("security_report", {"period": "last_week"}),
    "web-01 有 kev 吗": ("list_vulnerabilities", {"kev_only": True, "asset": "web-01"}),
    "不是漏洞的发现有哪些": ("list_findings", {"kind": "other"}),
    "王五哪天值班": ("who_is_on_call", {"person": "王五"}),
    "我什么时候值班": ("who_is_on_call", {"person": ASKER}),
    "epss超过90%的": ("list_vulnerabilities", {"epss": 90}),
    "王五的漏洞有哪些": ("list_vulnerabilities", {"owner": "王五"}),
}  # fmt: skip


@pytest.mark.parametrize("text", ASKED)
def test_a_question_reaches_its_tool_with_what_it_says(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    tool, wanted = ASKED[text]
    extra = {"since_hours"} if "period" in wanted else set()
    assert (
        found.intent.tool,
        {name: value for name, value in found.intent.arguments.items() if name not in extra},
    ) == (tool, wanted)
    assert "没有用到" not in found.hint


@pytest.mark.parametrize(
    "text", ["A302 为什么没有发", "A302为什么没通知我", "A302 通知了谁", "A302 发出去了吗"]
)
def test_whom_an_alert_was_told_is_on_its_card(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    assert found.intent.tool == "get_alert"
    assert not found.unused


@pytest.mark.parametrize(
    "text", ["今天有多少告警", "2026-11-29", "12-15", "10.0.0.5", "A12+A13", "告警怎么处理", "A12多久了"]
)
def test_what_is_neither_a_sum_nor_a_comparison_is_read_as_none(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert not found.intent or found.intent.tool not in (COMPARE, "compute", "search_events")


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("昨天告警多少 谁关的最多", "", "closer"),
        ("昨天告警多少谁关的最多", "", "closer"),
        ("这周哪个来源最多 哪台机器最多", "source", "asset"),
    ],
)
def test_two_questions_of_one_period_are_both_answered_with_it(text: str, first: str, second: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    both = (found.intent, *found.beside)
    assert [each.arguments.get("group_by", "") for each in both] == [first, second]
    assert len({each.arguments["period"] for each in both}) == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [("昨天关了多少 还剩多少", "还剩多少"), ("昨天告警多少 有没有误报 谁关的", "有没有误报")],
)
def test_a_part_that_no_answer_tells_of_is_said_to_be_left(text: str, left: str) -> None:
    assert f"「{left}」没有单独查" in understand(text, LEXICON, NOW, asker=ASKER).hint
    assert "没有单独查" not in understand("今天告警多少 一共几条", LEXICON, NOW, asker=ASKER).hint
