"""What is said of shifts is asked back, with the exact lines that may be meant. Our own words."""

import pytest

from secops_agent.llm.offline import Intent
from tests.secops.test_ellipses import hear


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("12-05 周六王五的班换成李四，他俩说好了", "临时换人 李四 替王五 12-05"),
        ("王五家里有事，周四周五的班换给李四", "临时换人 李四 替王五 周四和周五"),
        ("让李四换明晚王五的班", "临时换人 李四 替王五 明晚夜班"),
        ("周六的班我跟李四换，我娃发烧", "我和李四换周六"),
        ("周四我替王五值一天班，改下", "临时换人 我 替王五 周四"),
        ("下周我想跟李四换个班,12月9号那天我替他值", "我和李四换12月9号"),
    ],
)
def test_the_line_that_is_meant_is_one_tap_away(said: str, line: str) -> None:
    found = hear(said)
    assert (found.intent, found.offers) == (None, ()), found
    assert line in map(str, found.suggestions)
    assert hear(line).intent


@pytest.mark.parametrize(
    "said",
    [
        "下周三我来值张三的班不是不是下周四",  # which day
        "今晚我替王五顶到明早9点", "把我周五那班让给张三，只换夜里那半截",  # no whole shift
        "12-07那周我替李四值", "王五跟李四这两周对调一下", "李四出差那三天都我来值",  # no day that can be counted
        "周四我跟他换一下", "下周四那个班给我我来值他陪孩子",  # whose
        "周五的班给王五，我上他周六的",
    ],
)  # fmt: skip
def test_what_nobody_can_tell_is_asked_back(said: str) -> None:
    found = hear(said)
    assert (found.intent, found.offers) == (None, ()), found
    assert "没有执行任何操作" in found.question
    for line in map(str, found.suggestions):
        assert hear(line).intent, line


def test_both_ways_are_told_where_either_may_be_meant() -> None:
    found = hear("国庆 3 号 李四↔王五 对调")
    assert [str(one) for one in found.suggestions] == [
        "临时换人 李四 替王五 3 号",
        "临时换人 王五 替李四 3 号",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "昨天王五的班换成李四了", "王五的班怎么换成李四了", "要是周六王五的班换成李四，谁通知他", "李四说王五的班昨天就换给他了",
        "「周六王五的班换成李四」", "周六别把王五的班换成李四",
    ],
)  # fmt: skip
def test_what_orders_nothing_offers_nothing(said: str) -> None:
    found = hear(said)
    assert not found.offers, found
    assert not (found.intent and found.intent.tool in ("cover_shift", "swap_shift"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("临时换人 李四 12月5日", {"person": "李四", "when": "12月5日"}),
        ("临时换人 李四 替王五 周四和周五", {"person": "李四", "relieved": "王五", "when": "周四和周五"}),
        (
            "临时换人 我 替王五 12-05夜班",
            {"person": "我", "relieved": "王五", "when": "12-05", "part": "night"},
        ),
        ("临时换人：老赵 明天 网络值班", {"person": "赵六", "when": "明天", "schedule": "网络值班"}),
    ],
)
def test_the_exact_line_is_one_order(line: str, said: dict[str, str]) -> None:
    assert hear(line).intent == Intent("cover_shift", said)
