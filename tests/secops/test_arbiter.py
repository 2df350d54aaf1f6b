"""The ranker says whether something is ordered; a few rules hold whatever it says."""

import pytest

from secops_agent.llm.offline import Intent, Lexicon
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand
from tests.secops.ranker import lexicon

SURE = {"block_ip": 1.0}


@pytest.mark.parametrize(
    "said",
    [
        "“203.0.113.5 赶紧封了”",
        "[转发] 203.0.113.5 赶紧封了",
        "@李四 203.0.113.5 赶紧封了",
        "203.0.113.5 先别封了",
        "203.0.113.5 赶紧封了，算了",
        "不要封 203.0.113.5 了",
        "如果它还在扫就把 203.0.113.5 封了",
        "203.0.113.5 要不要封了",
        "203.0.113.5 赶紧封了，可以吗",
        "除了 203.0.113.5 都封了",
        "明天再把 203.0.113.5 封了",
        "打算把 203.0.113.5 封了",
        "老板说 203.0.113.5 封了",
        "封了 203.0.113.5 的人",
    ],
)
def test_what_a_rule_stops_is_not_the_rankers_to_say(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secops_agent.llm.understanding.questions.rank", lambda _: SURE)
    found = understand(said, asker="wangwu")
    assert not found.offers
    assert found.intent is None or found.intent.tool != "block_ip"


@pytest.mark.parametrize(
    "said", ["203.0.113.5 封了，他们说的", "昨天 203.0.113.5 封了", "203.0.113.5 是该封了"]
)
def test_what_no_rule_stops_is_the_rankers_to_say(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for ranks, offered in ((SURE, True), ({"nothing": 1.0}, False)):
        monkeypatch.setattr("secops_agent.llm.understanding.questions.rank", lambda _, ranks=ranks: ranks)
        found = understand(said, asker="zhaoliu" if offered else "lisi")  # read anew
        assert bool(found.offers) is offered


@pytest.mark.parametrize(
    "said",
    [
        "封禁 203.0.113.5 备注：已问过业务吗",
        "封禁 203.0.113.5，原因待查",
        "封禁 203.0.113.5 原因：扫描还是算了",
    ],
)
def test_a_reason_that_asks_or_is_not_marked_makes_no_exact_line(said: str) -> None:
    found = understand(said, asker=ASKER)
    assert found.intent is None or found.intent.tool != "block_ip"


def test_an_order_that_is_asked_for_politely_is_read_to_its_end() -> None:
    assert understand("经过复核，A203 确认属于误报，可以请您关掉吗？", lexicon(), asker=ASKER).question


def test_a_second_time_behind_a_question_is_asked_too() -> None:
    found = understand("今晚谁值班，下周三呢", asker=ASKER)
    asked = [one.arguments.get("at") for one in (found.intent, *found.beside) if isinstance(one, Intent)]
    assert asked == ["今晚", "下周三"]


def test_a_word_that_only_names_what_is_meant_denies_nothing() -> None:
    found = understand("A12 那个没设密码的 转给王五", asker=ASKER)
    assert [(one.tool, one.arguments["assignee"]) for one in found.offers] == [("assign_alert", "王五")]


@pytest.mark.parametrize("said", ["File upload vulnerability list", "what is dns tunneling"])
def test_an_english_word_among_others_is_no_host(said: str) -> None:
    hosts = Lexicon.build(assets=[("file-01", []), ("dns-01", [])], people=[], keywords=[])
    assert "asset" not in understand(said, hosts, NOW, asker=ASKER).named
    assert understand("file 那台什么情况", hosts, NOW, asker=ASKER).named["asset"] == ("file-01",)
    assert LEXICON.asset("web-01")
