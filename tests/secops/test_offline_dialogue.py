"""Follow-ups, control words, small talk and commands."""

from dataclasses import replace
from typing import Any

import pytest

from secops_agent.llm.offline import COMMANDS, Control, Intent, Understanding, render_help
from secops_agent.llm.understanding.focus import Focus
from secops_agent.says import PLACEHOLDERS
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand


def ask(text: str, last: Intent | None = None) -> Understanding:
    return understand(text, LEXICON, NOW, asker=ASKER, last=last)


def is_understood(found: Understanding) -> bool:
    """Whether something can be answered without asking back."""
    return bool(found.intent or found.control or found.category)


def filled(line: object) -> str:
    """With something in the place of each placeholder."""
    text = str(line)
    for word, real in zip(
        PLACEHOLDERS,
        ("203.0.113.5", "web-01", "12", "K7M2QX", "CVE-2021-44228", "李四", "web-01", "扫描"),
        strict=True,
    ):
        text = text.replace(word, real)
    return text


def talk(*sentences: str) -> tuple[str, dict[str, Any]]:
    """The last of several sentences, each a follow-up of the one before."""
    last: Intent | None = None
    for sentence in sentences:
        last = ask(sentence, last).intent
    assert last is not None
    return last.tool, dict(last.arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sentences", "tool", "arguments"),
    [
        (["最近24小时有哪些告警", "只看高危的"], "list_alerts", {"since_hours": 24, "severity": "high"}),
        (
            ["高危告警", "那昨天的呢"],
            "list_alerts",
            {"severity": "high", "since_hours": 35, "until_hours": 10, "period": "yesterday"},
        ),
        (["最要紧的是哪条"], "list_alerts", {"urgent": True, "limit": 1}),
        (["为什么 A12 排第一"], "get_alert", {"alert_id": 12, "about": "order"}),
        (["A12 为什么没通知"], "get_alert", {"alert_id": 12, "about": "delivery"}),
        (["李四为什么没有收到 A12 的通知"], "get_alert", {"alert_id": 12, "about": "delivery"}),
        (["概括一下昨天的情况"], "security_report", {"period": "yesterday", "brief": True}),
        (["给老板讲讲今天的情况"], "security_report", {"period": "today", "brief": True}),
        (["昨天的告警", "那今天的呢"], "list_alerts", {"since_hours": 11, "period": "today"}),
        (["高危告警", "web-01 的呢"], "list_alerts", {"severity": "high", "asset": "web-01"}),
        (
            ["今天的告警", "按级别统计一下"],
            "alert_statistics",
            {"since_hours": 11, "period": "today", "group_by": "severity"},
        ),
        (["今天的告警", "前5条"], "list_alerts", {"since_hours": 11, "period": "today", "limit": 5}),
        (["看下 web-01", "它有什么漏洞"], "list_vulnerabilities", {"asset": "web-01"}),
        (["web-01 的漏洞", "db-02 呢"], "list_vulnerabilities", {"asset": "db-02"}),
        (["web-01 的告警", "它的负责人是谁"], "get_asset", {"asset": "web-01"}),
        (["CVE-2021-44228", "影响哪些资产"], "affected_assets", {"cve_id": "CVE-2021-44228"}),
        (["CVE-2021-44228", "这个漏洞怎么修"], "lookup_cve", {"cve_id": "CVE-2021-44228"}),
        (["查一下 8.8.8.8", "那 1.1.1.1 呢"], "lookup_indicator", {"value": "1.1.1.1"}),
        (["查一下 8.8.8.8", "这个IP的告警"], "list_alerts", {"keyword": "8.8.8.8"}),
        (["告警 12", "13号呢"], "get_alert", {"alert_id": 13}),
        (["今天的日报", "昨天的呢"], "security_report", {"period": "yesterday"}),
        (["高危漏洞", "在野利用的呢"], "list_vulnerabilities", {"severity": "high", "kev_only": True}),
    ],
)
def test_a_follow_up_is_resolved_against_the_last_question(
    sentences: list[str], tool: str, arguments: dict[str, Any]
) -> None:
    assert talk(*sentences) == (tool, arguments)


@pytest.mark.parametrize(
    ("said", "number"), [("第2条详情", 30), ("第二个", 30), ("看下第三条", 29), ("最后一条", 29)]
)
def test_a_row_of_the_last_list_is_found(said: str, number: int) -> None:
    last = ask("今天的告警").intent
    assert last is not None
    found = ask(said, replace(last, items=("31", "30", "29"))).intent
    assert found is not None
    assert (found.tool, dict(found.arguments)) == ("get_alert", {"alert_id": number})


def test_a_follow_up_without_a_question_before_is_not_understood() -> None:
    found = ask("那昨天的呢")
    assert not is_understood(found)
    assert len(found.suggestions) == 3


@pytest.mark.parametrize(
    ("said", "control"),
    [
        ("确认 A3F9", Control("confirm", "A3F9")),
        ("确认 a3f9。", Control("confirm", "A3F9")),
        ("同意 AB12-9F", Control("approve", "AB12-9F")),
        ("批准：AB129F", Control("approve", "AB129F")),
        ("拒绝 AB129F 理由：误操作", Control("reject", "AB129F", "误操作")),
        ("不同意 AB129F 太危险", Control("reject", "AB129F", "太危险")),
        ("停止", Control("stop")),
    ],
)
def test_control_words_are_recognised(said: str, control: Control) -> None:
    assert ask(said).control == control


@pytest.mark.parametrize(
    "said",
    [
        "确认 A3F9 吗",
        "确认 web-01",
        "不要确认 A3F9",
        "同意封禁",
        "同意 A3F9 是什么意思",
        "“同意 A3F9”",
    ],
)
def test_what_only_looks_like_a_control_word_is_none(said: str) -> None:
    assert ask(said).control is None


@pytest.mark.parametrize(
    ("said", "category"),
    [
        ("你好", "greeting"),
        ("谢谢啦", "thanks"),
        ("你是谁", "identity"),
        ("/帮助", "help"),
        ("你能做什么", "help"),
        ("拜拜", "farewell"),
    ],
)
def test_small_talk_has_its_category(said: str, category: str) -> None:
    assert ask(said).category == category


def test_every_command_of_the_help_is_understood_as_it_is_shown() -> None:
    said = [filled(command.usage) for command in COMMANDS]
    assert [line for line in said if not is_understood(ask(line))] == []
    assert all(command.usage in render_help() for command in COMMANDS)


def test_a_command_without_its_object_shows_its_usage() -> None:
    found = ask("/封禁")
    assert not is_understood(found)
    assert "/封禁" in found.hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("封禁 203.0.113.0/24", "网段"),
        ("隔离 web-99", "资产库里没有"),
        ("如果再扫描就封禁 203.0.113.5", "条件句"),
        ("不要封禁 203.0.113.5", "好的"),
    ],
)
def test_a_refused_action_says_why(said: str, hint: str) -> None:
    found = ask(said)
    assert not is_understood(found)
    assert hint in found.hint


@pytest.mark.parametrize("said", ["刚封禁 203.0.113.5", "打算封禁 203.0.113.5", "老板说把 203.0.113.5 封了"])
def test_an_act_that_is_no_order_shows_how_it_stands(said: str) -> None:
    found = ask(said)
    assert "不是要现在做" in found.hint
    assert found.intent
    assert (found.intent.tool, found.intent.arguments["target"]) == ("list_blocks", "203.0.113.5")


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("有哪些告警发生超过300次还没人理", "超过300次"),
    ],
)
def test_a_condition_that_cannot_be_taken_is_asked_back(said: str, word: str) -> None:
    found = understand(said, LEXICON, NOW)
    assert found.intent is None
    assert f"「{word}」" in found.question


def test_a_level_of_assets_is_asked_back() -> None:
    found = understand("严重的资产", LEXICON, NOW)
    assert found.intent is None
    assert [str(one) for one in found.suggestions] == ["列出资产"]


@pytest.mark.parametrize(
    ("said", "unused"),
    [
        ("web-01 和 web-02 的漏洞", ()),
        ("上周新出现的高危漏洞", ("上周",)),
        ("昨天未处理的高危告警", ()),
        ("赵六手上没处理完的", ()),
    ],
)
def test_what_no_argument_carries_is_named(said: str, unused: tuple[str, ...]) -> None:
    assert ask(said).unused == unused


@pytest.mark.parametrize(
    ("said", "action"),
    [("确认", "confirm"), ("取消", "reject"), ("同意。", "approve"), ("拒绝", "reject"), ("新对话", "forget"), ("/新会话", "forget")],
)  # fmt: skip
def test_a_control_word_without_a_code_is_about_what_waits(said: str, action: str) -> None:
    assert ask(said).control == Control(action)  # type: ignore[arg-type]


def test_the_next_page_is_that_of_the_last_list() -> None:
    listed = Intent("list_alerts", {"severity": "high"}, tuple(map(str, range(10))))
    for last in (listed, Intent("get_alert", {"alert_id": 3}, before=listed)):
        found = ask("更多", last).intent
        assert found is not None
        assert (found.tool, dict(found.arguments)) == ("list_alerts", {"severity": "high", "offset": 10})
    assert "没有" in ask("更多").hint


def test_the_third_of_a_list_is_found_after_the_second_was_shown() -> None:
    listed = Intent("list_alerts", {"offset": 10}, ("31", "30", "29"))
    for said in ("第三个", "第13条"):
        found = ask(said, Intent("get_alert", {"alert_id": 30}, before=listed)).intent
        assert found is not None
        assert dict(found.arguments) == {"alert_id": 29}


def test_that_machine_is_the_one_of_the_alert() -> None:
    last = Intent("get_alert", {"alert_id": 12}, about={"asset": "web-01"})
    for said, tool in (
        ("那台机器有什么漏洞", "list_vulnerabilities"),
        ("谁在处理它", "get_alert"),
        ("怎么处置", "search_runbook"),
    ):
        found = ask(said, last).intent
        assert found is not None
        assert found.tool == tool
        assert ask(said, last).unused == ()


def test_suggestions_can_be_sent_as_they_are() -> None:
    for said in ("天气怎么样", "漏洞情况给个饼", "帮我订会议室", "asdf", "告警啊啊"):
        assert all(is_understood(ask(filled(line))) for line in ask(said).suggestions)


def test_a_pasted_wall_of_text_is_not_taken_for_a_request() -> None:
    assert not is_understood(ask("封禁 203.0.113.5 原因：" + "日志" * 200))


@pytest.mark.parametrize(
    ("sentences", "tool", "arguments"),
    [
        (("203.0.113.5 什么情况", "现在封了哪些地址"), "list_blocks", {"kind": "block_ip"}),
        (("A12 什么情况", "现在还有哪些告警没关"), "list_alerts", {"status": "unclosed"}),
        (("A12跟A15是一回事不", "哪个急些"), "get_alert", {"alert_id": 12, "alert_ids": "15"}),
        (("严重的告警有几条", "关了几条"), "list_alerts", {"severity": "critical", "status": "closed"}),
    ],
)
def test_a_second_turn_is_about_all_or_about_everything_that_was_spoken_of(
    sentences: tuple[str, ...], tool: str, arguments: dict[str, Any]
) -> None:
    assert talk(*sentences) == (tool, arguments)


def test_a_question_instead_of_the_order_is_answered() -> None:
    focus = Focus().after_words({"ip": ("203.0.113.5",)}, Intent("block_ip", {"ip": "203.0.113.5"}))
    found = understand("等下 先看它还打过谁", LEXICON, NOW, asker=ASKER, focus=focus)
    assert found.drops
    assert found.intent == Intent("lookup_indicator", {"value": "203.0.113.5"})


def test_how_long_is_asked_and_orders_nothing() -> None:
    assert not ask("203.0.113.5 封几个小时合适").offers


@pytest.mark.parametrize("said", ["先看它还打过谁", "看它还打过谁"])
def test_a_question_behind_an_offer_is_no_reason_of_it(said: str) -> None:
    focus = Focus().after_words({"ip": ("203.0.113.5",)}, Intent("block_ip", {"ip": "203.0.113.5"}))
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=focus)
    assert not found.offers
    assert found.intent == Intent("lookup_indicator", {"value": "203.0.113.5"})


@pytest.mark.parametrize(("said", "note"), [("正常行为 压测搞的", "压测搞的"), ("误报 我看过了", None)])
def test_what_stands_beside_the_verdict_is_the_note(said: str, note: str | None) -> None:
    focus = Focus().after_words({"alert": ("12",)}, Intent("close_alert", {"alert_id": 12}))
    (offer,) = understand(said, LEXICON, NOW, asker=ASKER, focus=focus).offers
    assert offer.arguments.get("note") == note
