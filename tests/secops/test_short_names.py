"""Names as people shorten them, orders in words of haste, and what a card or a list leaves to be pointed at. Our own words."""

from typing import Any

import pytest

from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import Focus
from tests.secops.test_ellipses import LEXICON, asked, hear, offered

CLOSING = Focus(order=Intent("close_alert", {"alert_id": 36, "verdict": "duplicate"}), beside=(Intent("close_alert", {"alert_id": 291, "verdict": "duplicate"}),))  # fmt: skip
OF_RULE = Focus(order=Intent("silence_alerts", {"scope": "规则:WAF：CC 攻击", "minutes": 120}))
OF_CASE = Intent("get_case", {"case_id": 2})


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("web01", "web-01"), ("node2", "k8s-node-2"), ("gateway3", "pay-gateway-3"), ("gate3", "pay-gateway-3"),
        ("pay-gatway-3", "pay-gateway-3"), ("pay-gatewya-2", "pay-gateway-2"), ("wiki1", "wiki-01"),
        ("pay1", ""), ("node9", ""), ("log4j", ""), ("pay-gateway-9", ""), ("web-O1", ""),
    ],
)  # fmt: skip
def test_a_short_name_is_the_one_machine_that_it_can_be(said: str, meant: str) -> None:
    assert LEXICON.guess(said) == meant


@pytest.mark.parametrize("text", ["你看看 A245", "看下A245", "A245看一眼", "帮我瞅瞅A245"])
def test_an_alert_that_is_only_to_be_looked_at_is_shown(text: str) -> None:
    assert asked(hear(text)) == ("get_alert", {"alert_id": 245})


@pytest.mark.parametrize("text", ["跳板机有啥告警", "堡垒机上有哪些高危", "跳板机今天的告警有几条"])
def test_a_machine_that_is_called_by_its_work_is_that_one(text: str) -> None:
    tool, said = asked(hear(text))
    assert (tool, said["asset"]) == ("list_alerts", "jump-01")


def test_a_rule_on_such_a_machine_is_silenced_only_there() -> None:
    found = offered(hear("跳板机的ssh爆破静默2小时"))
    assert found == [("silence_alerts", {"scope": "规则:HIDS：SSH 暴力破解 @ jump-01", "minutes": 120})]


@pytest.mark.parametrize(
    ("said", "meant"), [("四哥", "李四"), ("老赵", "赵六"), ("李哥", "李四"), ("小周", "周七")]
)
def test_a_colleague_is_called_by_either_end_of_the_name(said: str, meant: str) -> None:
    assert ("assign_alert", {"alert_id": 12, "assignee": meant}) in offered(hear(f"A12给{said}"))


def order(tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return tool, arguments


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("A162静2h", [order("silence_alerts", scope="A162", minutes=120)]),
        ("203.0.113.77那个封禁可以提前解了", [order("unblock_ip", ip="203.0.113.77")]),
        ("jump-01杀毒做完了，请解除隔离。", [order("release_host", asset="jump-01")]),
        ("A32从李四那儿转给赵六，另外跟李四说一声", [order("assign_alert", alert_id=32, assignee="赵六")]),
        ("请封192.0.2.44 24小时，等王五批就行", [order("block_ip", ip="192.0.2.44", duration_minutes=1440)]),
        ("A162、A196都按重复关掉，A20留着就行了", [order("close_alert", alert_id=number, verdict="duplicate") for number in (162, 196)]),
        ("新建事件：财务疑似勒索，级别严重，把A156和A31都挂上", [order("create_case", title="财务疑似勒索", severity="critical", alerts="156,31")]),
        ("建事件 支付网关被打 严重 29 190 232放进去", [order("create_case", title="支付网关被打", severity="critical", alerts="29,190,232")]),
    ],
)  # fmt: skip
def test_orders_in_haste_are_offered_with_all_they_say(text: str, done: list[Any]) -> None:
    found = hear(text)
    said = [
        (tool, {key: one for key, one in given.items() if key != "reason"}) for tool, given in offered(found)
    ]
    assert said == done, found


@pytest.mark.parametrize(
    "text", ["见过就封24h 1.2.3.4", "查到了就隔离 web-01", "A195 215一样 后面那个关重复"]
)
def test_conditions_and_either_of_two_are_no_orders(text: str) -> None:
    assert not hear(text).offers


def test_a_day_of_the_month_is_no_alert() -> None:
    assert asked(hear("6号晚上谁值班"))[0] == "who_is_on_call"
    assert hear("5号的班我跟王五换").intent == Intent("swap_shift", {"when": "5号", "colleague": "王五"})
    assert hear("周三我替王五").intent == Intent("swap_shift", {"when": "周三", "colleague": "王五"})


def test_one_of_several_is_changed_and_the_others_stay() -> None:
    assert offered(hear("等等 291是真的", CLOSING)) == [
        order("close_alert", alert_id=36, verdict="duplicate"), order("close_alert", alert_id=291, verdict="true_positive"),
    ]  # fmt: skip


def test_a_rule_is_narrowed_to_a_host_and_a_whole_host_is_said() -> None:
    assert offered(hear("不，只静默web-01上的", OF_RULE))[0][1]["scope"] == "规则:WAF：CC 攻击 @ web-01"
    assert offered(hear("不，整台web-01", OF_RULE))[0][1]["scope"] == "资产:web-01"


def test_what_nobody_has_of_a_case_is_not_of_everything() -> None:
    found = hear("没人管的请都给我", Focus(last=OF_CASE), OF_CASE)
    assert (found.offers, found.each) == ((), "")
    assert found.intent == OF_CASE
    assert "哪几条" in found.hint


def test_a_verdict_with_its_reason_answers_what_was_asked() -> None:
    waits = Focus(order=Intent("close_alert", {"alert_id": 288}), named={"alert": ("288",)})
    (done,) = offered(hear("正常，es在做滚动重启", waits))
    assert done[1]["verdict"] == "benign"
    assert "重启" in done[1]["note"]


@pytest.mark.parametrize(
    ("said", "to"),
    [
        ("A245给里四", {"alert_id": 245, "assignee": "李四"}),
        ("A245转给王武", {"alert_id": 245, "assignee": "王五"}),
        ("A245交给网络", {}),
    ],
)
def test_a_name_is_who_it_sounds_like(said: str, to: dict[str, Any]) -> None:
    found = offered(hear(said))
    assert [one[1] for one in found] == ([to] if to else [])


def test_a_small_number_behind_a_list_is_its_row() -> None:
    listed = Focus().after_look_up(Intent("list_alerts", {"severity": "high"}, items=("300", "296", "285")))
    assert offered(hear("1和3给李四", listed)) == [
        ("assign_alert", {"alert_id": 300, "assignee": "李四"}),
        ("assign_alert", {"alert_id": 285, "assignee": "李四"}),
    ]
    assert offered(hear("A3给李四", listed)) == [("assign_alert", {"alert_id": 3, "assignee": "李四"})]
