"""What an answer leaves out is said above it, though another tool knows the words."""

import pytest

from secops_agent.llm.offline.model import _remark
from tests.secops.offline_lexicon import understand


@pytest.mark.parametrize(
    ("said", "tool", "left"),
    [
        ("CVE-2021-44228 得升到哪版，期限哪天", "lookup_cve", "「期限哪天」没有听懂，下面只是"),
    ],
)
def test_what_the_chosen_tool_does_not_tell_is_named(said: str, tool: str, left: str) -> None:
    found = understand(said, asker="lisi")
    assert found.intent
    assert found.intent.tool == tool
    assert left in _remark(found)


@pytest.mark.parametrize(
    "said",
    [
        "web-01 谁负责的",
        "超时的总共几条，都压在谁头上",
        "A41 为啥报的",
        "CVE-2021-44228 严重吗",
        "今天有哪些高危告警",
        "我手上几条",
        "按级别统计今天的告警",
        "快超时的有几条",
        "明天谁值班",
        "web-01 还剩几个洞没修",
    ],
)
def test_what_is_answered_whole_has_no_such_line(said: str) -> None:
    found = understand(said, asker="lisi")
    assert found.intent
    assert _remark(found) == ""


def test_a_word_that_no_list_takes_is_asked_back() -> None:
    found = understand("web-01上sudo到root的是哪个账号")
    assert found.intent is None
    assert "「sudo」" in found.question


def test_a_flag_is_not_turned_round() -> None:
    found = understand("epss 90以上但没进kev的漏洞有几个")
    assert found.intent
    assert dict(found.intent.arguments) == {"epss": 90, "not_kev": True}


def test_assets_without_an_owner_are_those() -> None:
    found = understand("有没有asset没填owner")
    assert found.intent
    assert found.intent.arguments == {"unassigned": True}


def test_no_sentence_with_words_cut_out_is_a_tap() -> None:
    found = understand("有哪些告警发生超过300次还没人理")
    assert found.question
    assert all("有哪些告警发生" not in one.rest for one in found.suggestions)
