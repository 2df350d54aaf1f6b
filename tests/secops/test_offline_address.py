"""Who a sentence is addressed to, hurry that looks like a negation, and traditional characters."""

import json
from functools import cache
from pathlib import Path

import pytest

from secops_agent.llm.offline import ACTION_TOOLS, Lexicon, Understanding, find_control
from secops_agent.llm.offline.expressions.normalization import normalize
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

_ROWS = (Path(__file__).parent / "offline_corpus" / "actions.tsv").read_text(encoding="utf-8").splitlines()
ORDERS = [row.split("\t")[0] for row in _ROWS if row and row[0] not in "/／@"]


def read(text: str, lexicon: Lexicon = LEXICON) -> Understanding:
    return understand(text, lexicon, NOW, asker=ASKER)


@cache
def said(text: str) -> str:
    """The order without its name or hurry is the same for all of them."""
    intent = read(text).intent
    return f"{intent.tool} {json.dumps(dict(intent.arguments), sort_keys=True)}" if intent else ""


def acts(text: str) -> bool:
    return said(text).split(" ")[0] in ACTION_TOOLS


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["@李四 ", "@李四，", "@所有人 ", "@李四\u2005", "@王五 @李四 ", "@毕方 @李四 "]
)
def test_an_order_to_somebody_else_is_none_for_the_robot(name: str) -> None:
    assert [text for text in ORDERS[::3] if acts(name + text)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["@毕方 ", "@小毕 ", "@Bifang ", "@机器人 ", "@毕方安全助手 "])
def test_an_order_to_the_robot_by_its_name_stays_one(name: str) -> None:
    assert [text for text in ORDERS[::3] if said(name + text) != said(text)] == []


@pytest.mark.parametrize("text", ["@李四 同意 AB12", "@李四 确认 AB12", "@王五，停止"])
def test_a_control_word_to_somebody_else_decides_nothing(text: str) -> None:
    assert find_control(normalize(text)) is None
    assert read(text).control is None


def test_a_question_to_somebody_else_is_answered() -> None:
    assert said("@李四 今天有哪些高危告警") == said("今天有哪些高危告警")


@pytest.mark.slow
@pytest.mark.parametrize("hurry", ["别磨叽了，", "不要犹豫，", "别等了！", "别拖了 "])
def test_hurry_before_an_order_changes_nothing(hurry: str) -> None:
    assert [text for text in ORDERS[::4] if said(hurry + text) != said(text)] == []


@pytest.mark.slow
@pytest.mark.parametrize("before", ["别犹豫要不要", "别拖到", "别等李四", "别急着", "别"])
def test_a_negation_that_looks_like_hurry_stays_one(before: str) -> None:
    assert [text for text in ORDERS[::4] if acts(before + text)] == []


def test_names_in_traditional_characters_are_found_in_both_spellings() -> None:
    lexicon = Lexicon.build(assets=[("訂單系統", [])], people=[("zw", "張偉", "小張")])
    for text in ("告警 12 轉給張偉", "告警 12 转给张伟", "告警 12 转给小张"):
        intent = read(text, lexicon).intent
        assert intent is not None
        assert dict(intent.arguments) == {"alert_id": 12, "assignee": "張偉"}
    found = read("订单系统的负责人是谁", lexicon).intent
    assert found is not None
    assert dict(found.arguments) == {"asset": "訂單系統"}
