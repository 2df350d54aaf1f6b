"""What is offered is never wider than, or another thing than, what was ordered: sentences of strangers."""

from dataclasses import replace

import pytest

from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.understanding.focus import Focus
from tests.secops.offline_lexicon import ASKER, understand

ROWS = tuple(str(number) for number in range(200, 210))
OF_LISI = Intent("list_alerts", {"assignee": "李四"}, items=ROWS)


def offered(found: Understanding) -> list[tuple[str, dict[str, object]]]:
    return [(one.tool, dict(one.arguments)) for one in found.offers]


@pytest.mark.parametrize(
    "text", ["A199跟A297一个东西 重复 关", "A199跟A297是一回事，重复，关", "A297跟A199一回事，A199按重复关"]
)
def test_only_the_alert_that_repeats_another_is_closed(text: str) -> None:
    assert offered(understand(text)) == [("close_alert", {"alert_id": 199, "verdict": "duplicate"})]


def test_what_repeats_all_the_same_is_closed_too() -> None:
    assert [one["alert_id"] for _, one in offered(understand("A199和A297都是重复 关"))] == [199, 297]


def test_a_silence_of_an_attack_on_a_host_is_of_that_rule_there() -> None:
    ((_, said),) = offered(understand("jump-01 ssh爆破静默4小时，今天约了渗透测试"))
    assert said == {"scope": "规则:暴力破解 @ jump-01", "minutes": 240, "reason": "约了渗透测试"}


def test_a_silence_of_a_host_keeps_why() -> None:
    ((_, said),) = offered(understand("jump-01静默4小时，渗透测试"))
    assert said["scope"] == "资产:jump-01"


@pytest.mark.parametrize(
    ("end", "minutes"),
    [
        ("今晚12点", 810), ("晚上12点", 810), ("夜里12点", 810), ("今天24点", 810), ("今晚12点半", 840), ("明晚12点", 2250), ("今晚2点", 930),
        ("今晚10点", 690), ("中午12点", 90),
    ],
)  # fmt: skip
def test_midnight_ends_the_day_that_is_said(end: str, minutes: int) -> None:
    ((_, said),) = offered(understand(f"web-01别再响了，到{end}"))
    assert said["minutes"] == minutes


@pytest.mark.parametrize(
    "text", ["隔离web-01那个我同意 批了吧", "隔离 web-01 的申请我批了", "封禁 203.0.113.9 那个 同意"]
)
def test_a_decision_about_a_request_orders_nothing_new(text: str) -> None:
    found = understand(text)
    assert not found.offers
    assert not found.suggestions
    assert found.intent == Intent("list_proposals")


@pytest.mark.parametrize(
    ("text", "own", "order"),
    [
        ("超时的都转给我", {"due": "overdue"}, {"assignee": ASKER}),
        ("没人接的都给王五", {"status": "open"}, {"assignee": "王五"}),
        ("那些没人接的都关了 误报", {"status": "open"}, {"verdict": "false_positive"}),
    ],
)
def test_of_a_list_those_that_meet_the_condition(
    text: str, own: dict[str, str], order: dict[str, str]
) -> None:
    found = understand(text, asker=ASKER, last=OF_LISI)
    assert not found.offers
    assert found.each == "all"
    assert found.intent == Intent("list_alerts", {"assignee": "李四", **own, "limit": 50})
    assert found.order is not None
    assert found.order.arguments == order


def test_what_no_list_is_narrowed_by_is_asked_back() -> None:
    found = understand("超过一天的都给王五", asker=ASKER, last=OF_LISI)
    assert not found.offers
    assert not found.each
    assert "超过一天" in found.hint


@pytest.mark.parametrize(
    "text", ["都转给我", "这些转给李四", "把这些都给王五 我今天休假", "这些都关了 误报", "这些都改成高危"]
)
def test_the_rows_are_meant_where_nothing_narrows_them(text: str) -> None:
    found = understand(text, asker=ASKER, last=OF_LISI)
    assert [str(one.arguments["alert_id"]) for one in found.offers] == list(ROWS)


def test_after_a_sentence_that_was_not_understood_all_is_asked_back() -> None:
    focus = replace(Focus().after_look_up(OF_LISI), missed=True)
    found = understand("全指给我", asker=ASKER, focus=focus)
    assert not found.offers
    assert found.question
