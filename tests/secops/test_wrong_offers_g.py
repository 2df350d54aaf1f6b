"""What is offered is never wider than, or another thing than, what was ordered: sentences of strangers."""

import pytest

from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.understanding.focus import Focus
from tests.secops.offline_lexicon import ASKER, understand

ROWS = tuple(str(number) for number in range(200, 210))
OF_LISI = Intent("list_alerts", {"assignee": "李四"}, items=ROWS)


def offered(found: Understanding) -> list[tuple[str, dict[str, object]]]:
    return [(one.tool, dict(one.arguments)) for one in found.offers]


@pytest.mark.parametrize(
    "text", ["A199跟A297一个东西 重复 关", "A199跟A297是一回事，重复，关", "A297跟A199一回事，A199按重复关"]
)
def test_only_the_alert_that_repeats_another_is_closed(text: str) -> None:
    assert offered(understand(text)) == [("close_alert", {"alert_id": 199, "verdict": "duplicate"})]


def test_what_repeats_all_the_same_is_closed_too() -> None:
    assert [one["alert_id"] for _, one in offered(understand("A199和A297都是重复 关"))] == [199, 297]


def test_a_silence_of_an_attack_on_a_host_is_of_that_rule_there() -> None:
    ((_, said),) = offered(understand("jump-01 ssh爆破静默4小时，今天约了渗透测试"))
    assert said == {"scope": "规则:暴力破解 @ jump-01", "minutes": 240, "reason": "今天约了渗透测试"}


def test_a_silence_of_a_host_keeps_why() -> None:
    ((_, said),) = offered(understand("jump-01静默4小时，渗透测试"))
    assert said["scope"] == "资产:jump-01"


@pytest.mark.parametrize(
    ("end", "minutes"),
    [
        ("今晚12点", 810), ("晚上12点", 810), ("夜里12点", 810), ("今天24点", 810), ("今晚12点半", 840), ("明晚12点", 2250), ("今晚2点", 930),
        ("今晚10点", 690), ("中午12点", 90),
    ],
)  # fmt: skip
def test_midnight_ends_the_day_that_is_said(end: str, minutes: int) -> None:
    ((_, said),) = offered(understand(f"web-01别再响了，到{end}"))
    assert said["minutes"] == minutes


@pytest.mark.parametrize(
    "text", ["隔离web-01那个我同意 批了吧", "隔离 web-01 的申请我批了", "封禁 203.0.113.9 那个 同意"]
)
def test_a_decision_about_a_request_orders_nothing_new(text: str) -> None:
    found = understand(text)
    assert not found.offers
    assert not found.suggestions
    assert found.intent == Intent("list_proposals")


@pytest.mark.parametrize(
    ("text", "own", "order"),
    [
        ("超时的都转给我", {"due": "overdue"}, {"assignee": ASKER}),
        ("没人接的都给王五", {"unassigned": True}, {"assignee": "王五"}),
        ("那些没人接的都关了 误报", {"unassigned": True}, {"verdict": "false_positive"}),
    ],
)
def test_of_a_list_those_that_meet_the_condition(
    text: str, own: dict[str, str], order: dict[str, str]
) -> None:
    found = understand(text, asker=ASKER, last=OF_LISI)
    assert not found.offers
    assert found.each == "all"
    whose = {} if "unassigned" in own else {"assignee": "李四"}  # of nobody is not of him
    assert found.intent == Intent("list_alerts", {**whose, **own, "limit": 50})
    assert found.order is not None
    assert found.order.arguments == order


def test_what_no_list_is_narrowed_by_is_asked_back() -> None:
    found = understand("超过5次的都给王五", asker=ASKER, last=OF_LISI)
    assert not found.offers
    assert not found.each
    assert "超过5次" in found.hint


def test_of_a_list_those_that_are_old_enough() -> None:
    found = understand("超过一天的都给王五", asker=ASKER, last=OF_LISI)
    assert found.each == "all"
    assert found.intent == Intent("list_alerts", {"assignee": "李四", "older_hours": 24, "limit": 50})


@pytest.mark.parametrize(
    "text", ["都转给我", "这些转给李四", "把这些都给王五 我今天休假", "这些都关了 误报", "这些都改成高危"]
)
def test_the_rows_are_meant_where_nothing_narrows_them(text: str) -> None:
    found = understand(text, asker=ASKER, last=OF_LISI)
    assert [str(one.arguments["alert_id"]) for one in found.offers] == list(ROWS)


# What the eighth set was answered wrongly with (`strangers_2026_11_30_h.jsonl`): an object that is not sure, a condition that nothing
# takes, lead to a question back.
A22_TO_ZHANG = Focus().after_words(
    {"alert": ("22",)}, Intent("assign_alert", {"alert_id": 22, "assignee": "张三"})
)
BLOCK = Focus().after_words(
    {"ip": ("203.0.113.7",)}, Intent("block_ip", {"ip": "203.0.113.7", "duration_minutes": 1440})
)
SILENCE = Focus().after_words(
    {"alert": ("162",)}, Intent("silence_alerts", {"scope": "A162", "minutes": 240})
)
FIVE = Focus().after_look_up(Intent("list_alerts", {}, items=("201", "202", "203", "204", "205")))


@pytest.mark.parametrize("text", ["王五今天休假", "李四明天休假"])
def test_what_is_told_of_somebody_changes_no_open_order(text: str) -> None:
    assert not understand(text, asker=ASKER, focus=A22_TO_ZHANG).offers


@pytest.mark.parametrize("text", ["给王五", "还是王五吧 他熟", "换王五"])
def test_another_name_changes_it(text: str) -> None:
    ((_, said),) = offered(understand(text, asker=ASKER, focus=A22_TO_ZHANG))
    assert said == {"alert_id": 22, "assignee": "王五"}


def test_a_correction_that_was_not_understood_leaves_no_object_behind() -> None:
    found = understand("打错了 是.777", focus=BLOCK)
    assert found.question
    assert found.order == Intent("block_ip", {"duration_minutes": 1440})
    again = understand("改成三天吧", focus=Focus().after_words({}, found.order))
    assert not again.offers


@pytest.mark.parametrize("text", ["同一个IP的其他几条也一起", "webshell那几个不给，留给我"])
def test_what_of_an_order_is_changed_in_words_is_asked(text: str) -> None:
    found = understand(text, asker=ASKER, focus=A22_TO_ZHANG)
    assert not found.offers
    assert found.question
    assert found.order == A22_TO_ZHANG.order


def test_another_action_instead_takes_the_place_of_the_open_one() -> None:
    ((tool, said),) = offered(understand("不用了，直接关，正常", focus=SILENCE))
    assert (tool, said["alert_id"], said["verdict"]) == ("close_alert", 162, "benign")


def test_two_are_said_and_one_is_known() -> None:
    found = understand("两个都封7天", focus=Focus().after_words({"ip": ("203.0.113.77",)}))
    assert not found.offers
    assert "两个" in found.question


def test_a_row_of_the_list_is_meant_where_the_offer_has_none() -> None:
    orders = [Intent("assign_alert", {"alert_id": one, "assignee": "zhaoliu"}) for one in (201, 203)]
    ((_, said),) = offered(understand("第三条不要了", asker=ASKER, focus=FIVE.after_words({}, *orders)))
    assert said["alert_id"] == 201
    assert understand("倒数第二条详细点", focus=FIVE).intent == Intent("get_alert", {"alert_id": 204})


def test_what_was_named_before_another_look_up_is_no_object() -> None:
    before = Focus().after_words({"asset": ("web-01",)})
    shown = before.after_words({}).after_look_up(Intent("alert_statistics", {"group_by": "asset"}))
    assert not understand("把它静默1小时", focus=shown).offers
    assert understand("把它静默1小时", focus=before).offers


def test_the_alert_that_is_named_again_behind_the_verb_is_meant() -> None:
    assert offered(understand("把A210和A199合成重复关A210")) == [
        ("close_alert", {"alert_id": 210, "verdict": "duplicate"})
    ]


@pytest.mark.parametrize("text", ["差点手滑把web-01断网了 吓死", "险些把A12关了"])
def test_what_nearly_happened_orders_nothing(text: str) -> None:
    found = understand(text)
    assert not found.offers
    assert not any(one.startswith(("隔离", "误报")) for one in map(str, found.suggestions))


@pytest.mark.parametrize(
    "text",
    [
        "人民币兑美元今天多少",
        "没断的话帮我断一下",
        "上周日报有吗",
        "有没得等王五批的",
        "镜像里头洞最多的是哪个",
    ],
)
def test_a_condition_that_nothing_takes_is_asked_back(text: str) -> None:
    found = understand(text, asker=ASKER)
    assert found.intent is None
    assert found.question or found.hint


def test_days_that_are_asked_for_narrow_nothing() -> None:
    found = understand("web-01的证书还剩几天到期")
    assert "since_hours" not in (found.intent.arguments if found.intent else {})


@pytest.mark.parametrize("text", ["近一小时新来的有啥，严重高危优先", "近一小时新来的，高危排前面"])
def test_what_comes_first_leaves_nothing_out(text: str) -> None:
    found = understand(text)
    assert found.intent
    assert "severity" not in found.intent.arguments


def test_a_question_beside_an_order_is_no_reason() -> None:
    found = understand("A12和A13确认，顺便看看web-01有啥漏洞")
    assert [said for _, said in offered(found)] == [{"alert_id": 12}, {"alert_id": 13}]
    assert found.intent
    assert found.intent.tool == "list_vulnerabilities"
    assert understand("封 203.0.113.5，一天，顺便看看还打了谁").unused == ("「看看还打了谁」",)


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ("203.0.113.5 暴力破解了几次", "list_alerts"),  # 破解 releases nothing
        ("要是把web-01隔离了官网会挂吗", "get_asset"),
    ],
)
def test_a_question_with_a_verb_in_it_is_answered(said: str, tool: str) -> None:
    found = understand(said)
    assert found.offers == ()
    assert found.intent
    assert found.intent.tool == tool


def test_a_reason_behind_an_order_takes_nothing_back() -> None:
    """But a few words that only take back do."""
    assert offered(understand("web-01 先隔离掉吧，A12 批量加密，不能再等了")) == [
        ("isolate_host", {"asset": "web-01", "reason": "A12 批量加密，不能再等了"})
    ]
    assert offered(understand("把 A12 A13 关了，真实攻击，已经在WAF上拦了")) == [
        ("close_alert", {"alert_id": 12, "verdict": "true_positive", "note": "已经在WAF上拦了"}),
        ("close_alert", {"alert_id": 13, "verdict": "true_positive", "note": "已经在WAF上拦了"}),
    ]
    for taken_back in ("web-01 先隔离掉吧，先等等", "关告警 12，误报，算了", "把 A12 关了，真实攻击，行吗"):
        assert understand(taken_back).offers == ()


def test_verbs_that_follow_each_other_take_their_own_alerts() -> None:
    closed = {"verdict": "true_positive", "note": "已经清了"}
    assert offered(understand("A12 A13 关了 真实攻击 已经清了 顺手 A31 指给李四")) == [
        ("close_alert", {"alert_id": 12, **closed}),
        ("close_alert", {"alert_id": 13, **closed}),
        ("assign_alert", {"alert_id": 31, "assignee": "李四"}),
    ]
    assert offered(understand("确认 A12 指派 A13 给李四")) == [
        ("acknowledge_alert", {"alert_id": 12}),
        ("assign_alert", {"alert_id": 13, "assignee": "李四"}),
    ]
