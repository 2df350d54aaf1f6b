"""Offers: what looks like an order and is not wholly explained is asked about, with the command that orders it."""

import json
from functools import cache

import pytest

from bifang.channels.outgoing import tap
from bifang.channels.ports import Suggestion
from secops_agent.agent.trial import Tried
from secops_agent.llm.offline import Offline, Understanding, understand
from secops_agent.llm.types import Message, Offer, Request, ToolSpec
from tests.secops.offline_corpus import FILES, read
from tests.secops.offline_corpus.scoring import find, proposed
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW


def ask(text: str) -> Understanding:
    return understand(text, LEXICON, NOW, asker=ASKER)


@cache
def offers() -> tuple[Offer, ...]:
    """Every offer that any labelled sentence gets."""
    return tuple(offer for path in FILES for line in read(path) if (offer := find(line.text).offer))


def test_every_offered_command_orders_exactly_what_the_offer_names() -> None:
    assert {offer.tool for offer in offers()} >= {
        "close_alert",
        "assign_alert",
        "acknowledge_alert",
        "block_ip",
    }
    read_back = [(offer, proposed(ask(offer.command))) for offer in offers()]
    wrong = [(offer.command, found) for offer, found in read_back if found != (offer.tool, offer.arguments)]
    assert wrong == []


def test_a_link_says_what_its_command_says_and_carries_no_free_text() -> None:
    linked = [offer for offer in offers() if offer.verb]
    assert linked
    assert [offer for offer in linked if f"{offer.verb} {' '.join(offer.ids)}" != offer.command] == []
    assert all(f"[{offer.command}](" in tap(Suggestion(offer.verb, *offer.ids)) for offer in linked)
    assert [
        offer for offer in linked if {"note", "reason", "task", "ip", "asset"} & offer.arguments.keys()
    ] == []


@pytest.mark.parametrize(
    ("said", "question", "command", "verb"),
    [
        ("告警 12 转给李四，他今天值班", "要把告警 12 指派给 李四 吗？", "指派 A12 李四", ""),
        ("告警 12 是测试产生的误报，关掉", "要关闭告警 12（误报）吗？", "误报 A12", "误报"),
        ("告警 12 影响比较大，麻烦标记为处理中", "要接手告警 12 吗？", "确认 A12", "确认"),
        (
            "203.0.113.5 一直在扫我们，封它一天",
            "要封禁 203.0.113.5 1天（原因：一直在扫我们）吗？",
            "封禁 203.0.113.5 1天 原因：一直在扫我们",
            "",
        ),
        ("定时任务 3 推得太频繁，取消吧", "要删除定时任务 3 吗？", "删除定时任务 3", "删除定时任务"),
    ],
)
def test_an_order_with_words_that_nothing_explains_is_offered(
    said: str, question: str, command: str, verb: str
) -> None:
    found = ask(said)
    assert found.intent is None
    assert found.offer is not None
    assert (found.offer.question, found.offer.command, found.offer.verb) == (question, command, verb)


@pytest.mark.parametrize(
    "command",
    ["误报 A12", "重复 A12", "真实攻击 A12", "正常业务 A12", "关闭 A12", "确认 A12", "指派 A12 李四"],
)
def test_a_short_command_names_its_alert_by_letter_and_number(command: str) -> None:
    tool, arguments = proposed(ask(command))
    assert tool in ("close_alert", "acknowledge_alert", "assign_alert")
    assert arguments["alert_id"] == 12


@pytest.mark.parametrize(
    "said",
    [
        "不要把告警 12 转给李四，他今天值班",
        "告警 12 转给李四，他今天值班吗",
        "他说告警 12 转给李四，他今天值班",
        "“告警 12 转给李四，他今天值班”",
        "昨天告警 12 转给李四了，他今天值班",
        "@李四 告警 12 转给王五，他今天值班",
        "如果有空，告警 12 转给李四",
    ],
)
def test_what_is_denied_asked_quoted_reported_or_for_others_is_not_offered(said: str) -> None:
    found = ask(said)
    assert found.offer is None
    assert proposed(found)[0] != "assign_alert"


async def test_an_offer_is_told_with_its_command_on_a_line_of_its_own_and_calls_nothing() -> None:
    tools = (ToolSpec("assign_alert", "", {"type": "object"}),)
    said = Message("user", "告警 12 转给李四，他今天值班")
    found = await Offline(LEXICON, NOW, asker=ASKER).complete(Request((said,), tools))
    assert found.message.tool_calls == ()
    assert found.offer is not None
    assert "`指派 A12 李四`" in found.message.content.splitlines()


def test_a_line_of_a_batch_tells_an_offer_from_a_proposal() -> None:
    line = json.loads(Tried("…", "assign_alert", {"alert_id": 12}, "offer", "要…吗？").as_line())
    assert (line["tool"], line["status"]) == ("assign_alert", "offer")


@pytest.mark.parametrize(
    ("text", "tool", "command"),
    [
        ("接手128", "acknowledge_alert", "确认 A128"),
        ("128转给李四", "assign_alert", "指派 A128 李四"),
        ("关闭128 误报", "close_alert", "误报 A128"),
        ("45误报，关了吧", "close_alert", "误报 A45"),
        ("155 认领一下", "acknowledge_alert", "确认 A155"),
    ],
)
def test_number_that_nothing_names_is_offered_as_an_alerts_and_never_done(
    text: str, tool: str, command: str
) -> None:
    found = ask(text)
    assert found.offer is not None
    assert (found.intent, found.offer.tool, found.offer.command) == (None, tool, command)


@pytest.mark.parametrize(
    "text", ["5分钟后关闭", "关闭 3 个端口", "128和129转给李四", "别关128", "128关了吗", "封禁 128"]
)
def test_number_of_something_else_or_of_no_order_is_not_offered(text: str) -> None:
    found = ask(text)
    assert found.offer is None
    assert found.intent is None or found.intent.tool == "get_alert"
