"""Whose shift goes to whom, by what people do in a sentence: offered, never done; asked back where nobody can tell. Our own words."""

from typing import Any

import pytest

from secops_agent.llm.offline import Intent
from secops_agent.services.on_call.spans import read_days
from tests.secops.offline_lexicon import ASKER, NOW
from tests.secops.test_ellipses import hear, offered


def cover(person: str, when: str, relieved: str = "", **more: Any) -> tuple[str, dict[str, Any]]:
    said = {"person": person, "when": when, "relieved": relieved} | more
    return "cover_shift", {name: value for name, value in said.items() if value}


def swap(colleague: str, when: str) -> tuple[str, dict[str, Any]]:
    return "swap_shift", {"colleague": colleague, "when": when}


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ("12-05 周六王五的班换成李四，他俩说好了", cover("李四", "12-05", "王五")),
        ("12月5号我有事，麻烦让李四替王五值一天", cover("李四", "12月5号", "王五")),
        ("王五家里有事，周四周五的班换给李四", cover("李四", "周四和周五", "王五")),
        ("周四的班换给李四，王五家里有事", cover("李四", "周四", "王五")),
        ("12号李四请假了，那天排我", cover(ASKER, "12号", "李四")),
        ("今晚夜班换赵六", cover("赵六", "今晚", part="night")),
        ("让李四换明晚王五的班", cover("李四", "明晚", "王五", part="night")),
        ("周四王五的班李四来顶", cover("李四", "周四", "王五")),
        ("王五这周六有事，让李四顶他的班", cover("李四", "这周六", "王五")),
        ("李四下周出差，跟王五对调一周哈", cover("王五", "下周", "李四", both=True)),
        ("周六王五跟李四对调，俩人都说好了", cover("李四", "周六", "王五", both=True)),
        ("十二月九号李四的班让王五顶", cover("王五", "12月9号", "李四")),
        ("10号到12号王五的班换成赵六", cover("赵六", "10号和11号和12号", "王五")),
        ("周末两天李四顶王五，值班表改一下", cover("李四", "周六和周日", "王五")),
        ("12/8 李四的班给赵六，他去体检", cover("赵六", "12/8", "李四")),
    ],
)
def test_whose_shift_goes_to_whom_is_offered(said: str, done: tuple[str, dict[str, Any]]) -> None:
    found = hear(said)
    assert offered(found) == [done], found
    assert not found.intent
    assert read_days(str(done[1]["when"]), NOW)


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ("我礼拜四的班跟张三对调一下，得带我妈去趟协和", swap("张三", "礼拜四")),
        ("周六的班我跟李四换，我娃发烧", swap("李四", "周六")),
        ("请把我周五的夜班跟赵六周日那班对调一下", swap("赵六", "周五和周日")),
        ("跟张三调个班，他周日白班我来", swap("张三", "周日")),
        ("我跟李四说好了十号那天我们俩对调一下班", swap("李四", "10号")),
        ("我12月8号的班给王五,已经跟他讲好了", swap("王五", "12月8号")),
        ("今晚喊李四顶我,我发烧咯", swap("李四", "今晚")),
        ("下周李四的班跟我换一下", swap("李四", "下周")),
        ("能不能把我周五的班跟李四换一下，他答应了", swap("李四", "周五")),
        ("下周我想跟李四换个班,12月9号那天我替他值", swap("李四", "12月9号")),
    ],
)
def test_an_own_swap_is_offered_whatever_stands_around_it(
    said: str, done: tuple[str, dict[str, Any]]
) -> None:
    assert offered(hear(said)) == [done], hear(said)


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


def test_what_somebody_is_to_be_told_of_it_is_offered_with_it() -> None:
    found = offered(hear("我周六的班跟李四对调 跟他讲谢啦 下次请你吃饭"))
    assert found == [swap("李四", "周六"), ("send_message", {"to": "李四", "text": "谢啦 下次请你吃饭"})]
    left = hear("明晚的班请换成李四，并告诉他夜宵我请，机房钥匙在前台")
    assert [tool for tool, _ in offered(left)] == ["cover_shift"]
    assert "告诉他夜宵我请" in left.unused[0]


def test_a_range_of_days_stays_in_its_month() -> None:
    (offer,) = offered(hear("12月10号到12号王五的班换给李四"))
    assert offer[1]["when"] == "12月10号和12月11号和12月12号"
