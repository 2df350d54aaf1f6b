"""What a reader of the code found: words across borders, a denial with a reason, a question as a statement, spans, rows of cards."""

from dataclasses import replace

import pytest

from secops_agent.agent.turn.grounds import Grounds
from secops_agent.agent.turn.times import SpokenTimes
from secops_agent.llm.offline import Intent, Lexicon
from secops_agent.llm.offline.sounds import respell
from secops_agent.llm.understanding.focus import Focus
from secops_agent.llm.understanding.warrants import NO_WARRANT, read_warrant
from tests.secops.offline_lexicon import ASKER, NOW, understand

LEXICON = Lexicon.build(
    assets=[("web-01", [])],
    people=[("lisi", "李四", ""), (ASKER, "周七", "")],
    keywords=["HIDS：SSH 暴力破解"],
)
CARD = Focus().after_look_up(Intent("get_asset", {"asset": "web-01"}, items=("295", "273")))


@pytest.mark.parametrize(
    "typed",
    [
        "web-01最近陌生登录1小时", "帮我理解分析203.0.113.9", "封近三天攻击最多的ip", "已经默认开启", "实验中心有哪些告警", "给出理由", "明确人员",
        "相关笔记", "部分禁用", "验证输入", "债务报表", "了解风险", "改进默认配置", "欠缺认证", "A12转给严忠",
    ],
)  # fmt: skip
def test_words_across_borders_stay(typed: str) -> None:
    assert respell(typed) == typed


@pytest.mark.parametrize(
    ("before", "typed"), [("封203.0.113.9", "先别封，因为是出口"), ("A12关了", "别关了 发布脚本写的")]
)
def test_a_denial_with_a_reason_lets_nothing_be_offered(before: str, typed: str) -> None:
    assert not read_warrant(typed, LEXICON, NOW, Focus(), ASKER, before).tools


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("问下李四A12关不关", "A12关了"),
        ("问下李四要不要封203.0.113.9", "要封203.0.113.9"),
        ("跟李四说A12没人处理过", "A12处理过"),
    ],
)
def test_a_question_is_no_statement(typed: str, words: str) -> None:
    said = Grounds(replace(NO_WARRANT, typed=typed, own=typed))
    assert not said.are_theirs(words)


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        ("今晚22到24点别报web-01", 120),
        ("web-01今晚12到4点别报", 240),
        ("明天下午2到4点静默web-01", 120),
        ("今晚22点到明早2点静默web-01", 240),
    ],
)
def test_a_span_is_as_long_as_it_is_said(typed: str, minutes: int) -> None:
    (offer,) = understand(typed, LEXICON, NOW, asker=ASKER).offers
    assert (offer.tool, offer.arguments["minutes"]) == ("silence_alerts", minutes)
    assert "start" in offer.arguments


@pytest.mark.parametrize("typed", ["第二个漏洞给李四", "第一个漏洞误报", "第二个任务给李四"])
def test_a_row_of_something_else_is_no_alert_of_the_card(typed: str) -> None:
    assert not understand(typed, LEXICON, NOW, asker=ASKER, focus=CARD).offers


def test_who_is_told_something_is_given_nothing() -> None:
    found = understand("跟李四说A12在查，另外把A15转派一下", LEXICON, NOW, asker=ASKER)
    assert not [one for one in found.offers if one.tool == "assign_alert"]


@pytest.mark.parametrize("typed", ["203.0.113.9持续攻击，封1小时", "看看再封1小时", "后续封1小时"])
def test_what_goes_on_is_no_longer_length(typed: str) -> None:
    assert not SpokenTimes(typed, frozenset({60}), {}, NOW).allow("duration_minutes", 28_000)


def test_that_something_is_told_is_no_text() -> None:
    found = understand(
        "那您帮我给李四发一句，请他今天临时换一下周七，周七熬夜了。", LEXICON, NOW, asker=ASKER
    )
    assert not found.offers
    assert "要转告" in found.question
