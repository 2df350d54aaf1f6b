"""An order that nobody understood is never answered with the bare card of what it names, nor with its opposite."""

import pytest

from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import Focus
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

_ACTS = ("封禁", "隔离", "解封", "解除隔离", "静默", "关闭", "误报", "指派", "确认")


def taps(said: str) -> list[str]:
    return [str(one) for one in understand(said, LEXICON, NOW, asker=ASKER).suggestions]


def offered(said: str, focus: Focus | None = None) -> list[tuple[str, dict[str, object]]]:
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=focus or Focus())
    return [(one.tool, dict(one.arguments)) for one in found.offers]


@pytest.mark.parametrize(
    ("said", "tool"), [("A31 鼓捣一哈 王五", "assign_alert"), ("E2 鼓捣一哈 李四", "assign_case")]
)
def test_what_the_ranker_is_sure_of_is_offered_without_a_verb_that_is_known(said: str, tool: str) -> None:
    assert [one for one, _ in offered(said)] == [tool]


@pytest.mark.parametrize(
    "said", ["A31", "看下 A31", "A31 怎么样了", "web-01 那台", "203.0.113.5 什么来头", "A31 谁在弄"]
)
def test_a_question_keeps_its_card(said: str) -> None:
    assert understand(said, LEXICON, NOW, asker=ASKER).intent


@pytest.mark.parametrize(
    "said",
    [
        "A31 先别鼓捣", "要是 A31 鼓捣一哈", "203.0.113.5先白封啊 等张三看完", "要是隔了web-01 财务那头不得炸？",
        "A84那会儿咱还真把8.8.8.8封了？", "刚才领导问能不能把jump-01整个静了 俺说不中", "转发：请封禁 203.0.113.5",
    ],
)  # fmt: skip
def test_where_a_doubt_stands_no_line_acts(said: str) -> None:
    assert not offered(said)
    assert not [one for one in taps(said) if one.startswith(_ACTS)]


@pytest.mark.parametrize(
    "said", ["web-01那个静默撤了罢", "把web-01的静默撤了", "A223别静了", "A223 的静默去掉", "解除 A223 静默", "恢复 web-01 静默"]
)  # fmt: skip
def test_to_end_a_silence_is_never_answered_with_one(said: str) -> None:
    assert [tool for tool, _ in offered(said)] == ["end_silence"]
    assert not [one for one in taps(said) if one.startswith("静默")]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("A222转俺名下", [("assign_alert", {"alert_id": 222, "assignee": ASKER})]),
        ("A31指排王五", [("assign_alert", {"alert_id": 31, "assignee": "王五"})]),
        ("A140给俺 李四占太久了", [("assign_alert", {"alert_id": 140, "assignee": ASKER})]),
        ("A234塞E1里", [("add_case_alerts", {"alerts": "234", "case_id": 1})]),
        ("db-02 owner改我", [("set_owner", {"asset": "db-02", "owner": ASKER})]),
        ("A12 明早9点前都别响", [("silence_alerts", {"scope": "A12", "minutes": 1350})]),
        ("web-01网给恢复了吧 查完了没事", [("release_host", {"asset": "web-01", "reason": "查完了没事"})]),
        ("A25先confirm掉", [("acknowledge_alert", {"alert_id": 25})]),
        ("web-01隔离申请走一个 挖矿", [("isolate_host", {"asset": "web-01", "reason": "挖矿"})]),
        (
            "web-01静4个钟，正改密码呢",
            [("silence_alerts", {"scope": "资产:web-01", "minutes": 240, "reason": "正改密码呢"})],
        ),
        (
            "A286重复 关了 同A285",
            [("close_alert", {"alert_id": 286, "verdict": "duplicate", "note": "同A285"})],
        ),
        (
            "19 197关掉 正常行为 232先甭动",
            [("close_alert", {"alert_id": number, "verdict": "benign"}) for number in (19, 197)],
        ),
        (
            "A278和A1一个攻击者 都给我，A1再静音1小时",
            [
                ("assign_alert", {"alert_id": 278, "assignee": ASKER}),
                ("assign_alert", {"alert_id": 1, "assignee": ASKER}),
                ("silence_alerts", {"scope": "A1", "minutes": 60}),
            ],
        ),
    ],
)
def test_orders_as_people_write_them_take_what_they_name(said: str, wanted: object) -> None:
    assert offered(said) == wanted


def test_a_rule_on_a_host_is_silenced_as_that_rule_there() -> None:
    assert offered("web-01的暴力破解别再弹了 明早9点前都别") == [
        ("silence_alerts", {"scope": "规则:暴力破解 @ web-01", "minutes": 1350})
    ]


def test_the_object_of_what_is_spared_is_not_ordered_too() -> None:
    assert not offered("A12 误报关了，A12 先别动")


def test_a_remark_that_the_order_does_not_take_is_named() -> None:
    found = understand("盯着web-01 备注一下 让他先把网线拔了", LEXICON, NOW, asker=ASKER)
    assert [one.tool for one in found.offers] == ["watch"]
    assert found.unused == ("备注「让他先把网线拔了」",)


@pytest.mark.parametrize("said", ["bu feng le", "bie feng"])
def test_a_denial_in_latin_letters_is_no_reason_of_what_is_open(said: str) -> None:
    waiting = Focus().after_words({}, Intent("block_ip", {"ip": "203.0.113.5"}))
    assert not offered(said, waiting)


@pytest.mark.parametrize("said", ["不用静默了哈 它自己好了", "别静默了"])
def test_a_silence_that_is_still_open_is_taken_back(said: str) -> None:
    waiting = Focus().after_words({}, Intent("silence_alerts", {"scope": "A12", "minutes": 60}))
    assert understand(said, LEXICON, NOW, asker=ASKER, focus=waiting).drops


def test_what_was_meant_once_offers_no_line() -> None:
    found = understand("本来想把A291转给赵六的，后来自己弄了", LEXICON, NOW, asker=ASKER)
    assert found.intent in (None, Intent("get_alert", {"alert_id": 291}))
    assert not found.offers


def test_the_number_that_follows_is_the_alert_that_is_meant() -> None:
    seen = Focus().after_look_up(Intent("get_alert", {"alert_id": 232}))
    found = understand("190呢", LEXICON, NOW, asker=ASKER, focus=seen)
    assert found.intent == Intent("get_alert", {"alert_id": 190})
