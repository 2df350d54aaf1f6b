"""Several orders of one sentence, each read by itself; and what holds for the whole sentence all the same."""

import pytest

from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand


def offered(text: str) -> list[tuple[str, dict[str, object]]]:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    return [(one.tool, dict(one.arguments)) for one in found.offers]


def test_what_has_no_object_takes_that_of_the_order_before_it() -> None:
    assert offered("A12 A13 都转给李四，说一下支付网关在抖，让他先看") == [
        ("assign_alert", {"alert_id": 12, "assignee": "李四"}),
        ("assign_alert", {"alert_id": 13, "assignee": "李四"}),
        ("send_message", {"to": "李四", "text": "支付网关在抖，请你先看"}),
    ]


def test_a_reminder_before_a_note_is_one_offer_with_it() -> None:
    assert [tool for tool, _ in offered("明早8点提醒我看db-01，A12备注：已联系业务")] == [
        "create_schedule",
        "comment_alert",
    ]


def test_a_watch_is_for_what_may_happen() -> None:
    assert [tool for tool, _ in offered("盯一下 db-01 再有外传马上call我")] == ["watch"]


@pytest.mark.parametrize(
    "text",
    [
        "怎么 告警12误报,关了吧",
        "封了 203.0.113.5 的原因",
        "A12 误报关了吧，如果确认是扫描器",
        "李四让我明早6点提醒他",
    ],
)
def test_what_holds_for_the_whole_sentence_holds(text: str) -> None:
    assert offered(text) == []


@pytest.mark.parametrize(
    "text", ["日志写着99999999天后过期，啥意思", "03.0.113.5，谁封禁，1小时，原因:扫描端口，麻烦"]
)
def test_what_makes_no_sense_is_answered_at_all(text: str) -> None:
    assert offered(text) == []


@pytest.mark.parametrize(
    ("text", "note", "tools"),
    [
        (
            "E1加个备注 deploy的密钥今晚轮换 然后提醒李四9点前搞完",
            "deploy的密钥今晚轮换",
            ["comment_case", "create_schedule"],
        ),
        ("E1备注：密钥今晚轮换，顺便提醒我9点看", "密钥今晚轮换", ["comment_case", "create_schedule"]),
        (
            "A12备注：攻击者先扫端口，然后爆破，再登录成功",
            "攻击者先扫端口，然后爆破，再登录成功",
            ["comment_alert"],
        ),
        ("E1备注：李四说A12先别关，等他确认再处理", "李四说A12先别关，等他确认再处理", ["comment_case"]),
    ],
)
def test_a_note_ends_where_something_else_is_ordered(text: str, note: str, tools: list[str]) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    orders = list(found.offers) or [found.intent]
    assert [one.tool for one in orders if one] == tools
    assert orders[0]
    assert orders[0].arguments["note"] == note
