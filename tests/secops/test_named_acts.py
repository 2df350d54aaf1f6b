"""What the ranker names and no word list knows, and what a sentence means behind a list, an order or half a case."""

import pytest

from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import NOTHING
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

OPEN = NOTHING.after_words({"ip": ("203.0.113.5",)}, Intent("block_ip", {"ip": "203.0.113.5"}))
LIST = NOTHING.after_look_up(
    Intent("list_alerts", {"asset": "web-01", "keyword": "webshell"}, items=("31", "45"))
)


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("web-02划给赵六管 李四调岗", "set_owner", {"asset": "web-02", "owner": "赵六"}),
        ("db-02又来一条A234，跟E1一个手法，归进去", "add_case_alerts", {"alerts": "234", "case_id": 1}),
    ],
)
def test_an_act_that_the_ranker_names_is_offered(said: str, tool: str, arguments: dict[str, object]) -> None:
    (offer,) = understand(said, LEXICON, NOW, asker=ASKER).offers
    assert offer.tool == tool
    assert arguments.items() <= offer.arguments.items()


@pytest.mark.parametrize(("said", "line"), [("E1 E2合一起 同一伙人", "事件 1 并入事件 2")])
def test_two_cases_are_lines_to_send(said: str, line: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert not found.offers
    assert line in [str(one) for one in found.suggestions]
    assert understand(line, LEXICON, NOW, asker=ASKER).intent


@pytest.mark.parametrize("said", ["没人管的都给李四", "没人管的都我来"])
def test_an_order_behind_a_list_is_of_that_list(said: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=LIST)
    assert found.each == "all"
    assert found.intent
    assert (
        found.intent.arguments.items()
        >= {"asset": "web-01", "keyword": "webshell", "unassigned": True}.items()
    )


@pytest.mark.parametrize(
    ("said", "tool"),
    [("批了没", "list_proposals"), ("谁批啊", "list_proposals"), ("好了没", "list_proposals")],
)
def test_how_an_open_order_stands_is_told(said: str, tool: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=OPEN)
    assert found.intent
    assert (found.intent.tool, found.intent.arguments["target"]) == (tool, "203.0.113.5")


def test_level_and_owner_are_no_title() -> None:
    opened = NOTHING.after_words({}, Intent("create_case", {"title": "k8s挖矿"}))
    (offer,) = understand("高危 负责人我", LEXICON, NOW, asker=ASKER, focus=opened).offers
    assert offer.arguments == {"title": "k8s挖矿", "severity": "high", "owner": ASKER}
