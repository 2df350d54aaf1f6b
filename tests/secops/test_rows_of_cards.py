"""第二条 behind the card of a case or a machine is one of the alerts on it; who is given something widens nothing; a rule by its whole name."""

from typing import Any

import pytest

from secops_agent.agent.conversation.recall import _intent
from secops_agent.agent.turn.outcome import ToolRun
from secops_agent.llm.offline import Intent, Lexicon, Understanding
from secops_agent.llm.types import ToolCall
from secops_agent.llm.understanding.focus import Focus
from secops_agent.tools.base import ToolResult
from tests.secops.offline_lexicon import ASKER, NOW, understand

LEXICON = Lexicon.build(
    assets=[(name, []) for name in ("web-01", "web-02", "jump-01")],
    people=[("lisi", "李四", ""), (ASKER, "周七", "")],
    keywords=["HIDS：SSH 暴力破解", "HIDS：SSH 暴力破解后登录成功", "可疑 DNS 请求：疑似 C2 域名", "容器内写入 /etc", "挖矿木马：连接矿池"],
)  # fmt: skip
CASE = Intent("get_case", {"case_id": 1}, items=("23", "24", "37"))
MACHINE = Intent("get_asset", {"asset": "web-02"}, items=("295", "273"))


def hear(text: str, last: Intent | None = None) -> Understanding:
    return understand(text, LEXICON, NOW, asker=ASKER, focus=Focus().after_look_up(last) if last else Focus())


def offered(found: Understanding) -> list[tuple[str, dict[str, Any]]]:
    return [(one.tool, dict(one.arguments)) for one in found.offers]


@pytest.mark.parametrize(("card", "row"), [(CASE, 24), (MACHINE, 273)])
def test_a_row_of_a_card_is_that_alert(card: Intent, row: int) -> None:
    asked = hear("第二条谁在处理", card).intent
    assert asked
    assert (asked.tool, asked.arguments["alert_id"]) == ("get_alert", row)
    assert offered(hear("第二条给李四", card)) == [("assign_alert", {"alert_id": row, "assignee": "李四"})]


def test_all_of_a_case_are_its_alerts_and_of_a_machine_the_worst_are_not_all() -> None:
    assert [one["alert_id"] for _, one in offered(hear("都归我", CASE))] == [23, 24, 37]
    assert not hear("都归我", MACHINE).offers


@pytest.mark.parametrize(("card", "words"), [(CASE, "没人管的请都给我"), (MACHINE, "高危的都给李四")])
def test_what_narrows_a_card_is_never_looked_for_everywhere(card: Intent, words: str) -> None:
    found = hear(words, card)
    assert not found.offers
    assert not found.each
    assert (
        found.intent is None or found.intent.tool == "get_case" or found.intent.arguments["asset"] == "web-02"
    )


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("可疑 DNS 请求：疑似 C2 域名 的告警有几条", {"keyword": "可疑 DNS 请求：疑似 C2 域名"}),
        ("容器内写入 /etc 的告警", {"keyword": "容器内写入 /etc"}),
        ("挖矿木马:连接矿池的告警有几条", {"keyword": "挖矿木马：连接矿池"}),
        ("未分配的高危 top3", {"severity": "high", "unassigned": True, "limit": 3}),
        ("我超时的有哪些", {"due": "overdue", "keyword": ASKER}),
        ("谁在打jump-01", {"asset": "jump-01", "group_by": "address"}),
    ],
)
def test_what_is_named_narrows(said: str, arguments: dict[str, Any]) -> None:
    asked = hear(said).intent
    assert asked
    assert asked.arguments == arguments


def test_alike_are_those_of_the_same_rule() -> None:
    alert = Intent("get_alert", {"alert_id": 30}, about={"asset": "web-02", "rule": "挖矿木马：连接矿池"})
    asked = hear("顺便同类的都有哪几条", alert).intent
    assert asked
    assert asked.arguments == {"keyword": "挖矿木马：连接矿池"}


def test_a_title_that_is_left_to_us_is_none() -> None:
    two = Intent("get_alert", {"alert_id": 23, "alert_ids": "24"})
    assert offered(hear("A23和A24建一个事件，标题你起", two)) == [("create_case", {"alerts": "23,24"})]


def test_a_list_that_was_shown_stays_behind_a_card() -> None:
    shown = ToolResult("ok", data={"alerts": [295, 273]})
    card = ToolRun(ToolCall("1", "get_asset", "{}"), shown, arguments={"asset": "web-02"})
    listed = Intent("list_alerts", {"asset": "web-01"}, items=("1", "2"))
    kept, fresh = _intent(card, listed), _intent(card, None)
    assert kept.before
    assert kept.before.items == ("1", "2")
    assert not kept.items
    assert fresh.items == _intent(card, fresh).items == ("295", "273")
