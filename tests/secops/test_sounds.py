"""What only sounds like a word of ours is read as it, and never as an exact order."""

from pathlib import Path

import pytest

from secops_agent.llm.offline.expressions.normalization import normalize
from secops_agent.llm.offline.sounds import respell
from tests.secops.offline_lexicon import understand


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("眼中的有几条", "严重的有几条"),
        ("挖框的告警", "挖矿的告警"),
        ("静莫到明早", "静默到明早"),
        ("进末一下web-01", "静默一下web-01"),
        ("A12 务报关了", "A12 误报关了"),
        ("割离 web-01", "隔离 web-01"),
    ],
)
def test_words_of_ours_are_heard(typed: str, meant: str) -> None:
    assert respell(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "直接封 203.0.113.5", "写清楚理由", "任务报告", "业务报警了", "家处里有意见", "设备主机", "只派给李四", "查证属实", "漏东西了", "封进去",
        "一个离线", "隔里面", "被注入了", "准备住院", "相关比例", "了所有的",
    ],
)  # fmt: skip
def test_other_words_stay(typed: str) -> None:
    assert respell(typed) == typed


@pytest.mark.parametrize(
    ("typed", "tool"), [("风禁 203.0.113.5 1小时", "block_ip"), ("却认 A12", "acknowledge_alert")]
)
def test_what_only_sounds_like_an_order_is_an_offer(typed: str, tool: str) -> None:
    found = understand(typed)
    assert found.intent is None
    assert [one.tool for one in found.offers] == [tool]


def test_our_own_words_stay() -> None:
    """No sentence of the evaluation set that we wrote says something else then."""
    corpus = (Path(__file__).parent / "eval/must_not.txt").read_text(encoding="utf-8").splitlines()
    assert len(corpus) > 80
    assert [one for one in map(normalize, corpus) if respell(one) != one] == []
