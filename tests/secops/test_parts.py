"""Questions of several parts: each is answered by a look-up of its own, and none is dropped or made a condition of another."""

from typing import Any

import pytest

from secops_agent.llm.offline import Intent, Understanding
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand


def ask(text: str, last: Intent | None = None) -> Understanding:
    return understand(text, LEXICON, NOW, asker=ASKER, last=last)


def calls(found: Understanding) -> list[tuple[str, dict[str, Any]]]:
    """Every look-up, in order."""
    each = (found.intent, *found.beside) if found.intent else ()
    return [(one.tool, dict(one.arguments)) for one in each]


WEB = {"asset": "web-01"}
PAY = {"asset": "pay-gateway-3"}
TEST = {"environment": "测试"}
PARTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "pay gateway 3 上面漏洞多不 有没有kev": [("list_vulnerabilities", PAY), ("list_vulnerabilities", {**PAY, "kev_only": True})],
    "有没有等我批的，另外我提的批完没": [("list_proposals", {}), ("list_proposals", {"asked_by": ASKER})],
    "问一下啊今天是谁在值班来着 我记得好像是王五 那下周呢": [("who_is_on_call", {"at": "今天"}), ("who_is_on_call", {"at": "下周"})],
    "我手上还有多少没关的 超时的先给我看": [("list_alerts", {"status": "unclosed", "keyword": ASKER}), ("list_alerts", {"status": "unclosed", "keyword": ASKER, "due": "overdue"})],
    "有没有没关的告警 里面有没有严重的": [("list_alerts", {"status": "unclosed"}), ("list_alerts", {"status": "unclosed", "severity": "critical"})],
    "测试环境的机器有哪些，有没有没关的告警": [("list_assets", {"keyword": "测试", "asset_type": "host"}), ("list_alerts", {"status": "unclosed", **TEST})],
    "张三名下有哪些资产 里面没关的告警一共多少": [("list_assets", {"keyword": "张三"}), ("list_alerts", {"status": "unclosed", "owner": "张三"})],
    "web-01 现在什么情况，有没有暴力破解": [("get_asset", WEB), ("list_alerts", {**WEB, "keyword": "暴力破解"})],
    "web-01 是谁的机器，今天一共多少告警": [("get_asset", WEB), ("alert_statistics", {"since_hours": 11, "period": "today"})],
    "今天有多少告警，有哪些漏洞": [("alert_statistics", {"since_hours": 11, "period": "today"}), ("list_vulnerabilities", {})],
}  # fmt: skip


@pytest.mark.parametrize("text", PARTS)
def test_each_part_has_its_look_up(text: str) -> None:
    assert calls(ask(text)) == PARTS[text]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("有没有等着批的 我提的那几个封禁王五批了没", "我提的那几个封禁王五批了没"),
        ("KEV的洞有几个，哪些还没人管", "哪些还没人管"),
    ],
)
def test_a_part_that_is_not_understood_is_told(text: str, left: str) -> None:
    found = ask(text)
    assert len(calls(found)) == 1
    assert f"「{left}」没有单独查" in found.hint


def test_a_comparison_is_one_question() -> None:
    found = ask("昨天一共多少告警 比前天多不")
    assert [tool for tool, _ in calls(found)] == ["compare_periods"]
    assert not found.hint


def test_a_part_that_only_narrows_is_one_question_with_the_list() -> None:
    last = Intent("list_alerts", {"asset": "web-01"}, items=("1", "2"))
    assert calls(ask("太多了看不过来 只看严重的", last)) == [("list_alerts", {**WEB, "severity": "critical"})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("最早那条谁在跟", {"order": "oldest", "limit": 1}),
        ("哪个最急", {"urgent": True, "limit": 1}),
        ("超得最久那条啥情况", {"order": "due", "limit": 1}),
    ],
)
def test_which_of_the_list_is_meant_is_told_by_what_it_is(text: str, said: dict[str, Any]) -> None:
    last = Intent("list_alerts", {"asset": "web-01"}, items=("1", "2"))
    assert calls(ask(text, last)) == [("list_alerts", {**WEB, **said})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("有啥快超时的没 2小时内的", {"due_within": 2}),
        ("今天晚上十二点之前要到期的告警有没有", {"due_within": 14}),
        ("没关的告警按着急程度排", {"status": "unclosed", "urgent": True}),
        ("哪些快超时了 按剩余时间排", {"due": "soon", "order": "due"}),
        ("超时最久的三条", {"due": "overdue", "order": "due", "limit": 3}),
        ("刚才听说支付系统不行了 支付系统有哪些告警", {"asset": "支付系统"}),
    ],
)
def test_order_and_time_are_what_was_said(text: str, said: dict[str, Any]) -> None:
    assert calls(ask(text)) == [("list_alerts", said)]
