"""The document that people build their template from names exactly what is sent."""

import json
import re
from pathlib import Path

from bifang.channels.cards import content
from bifang.channels.ports import Part, ReplyTarget
from dingtalk_integration.cards.content import values_of
from dingtalk_integration.handlers.cards import card_values
from secops_agent.models.automation.proposal import Proposal, Risk
from secops_agent.services.decisions.proposals import buttons_of
from secops_agent.services.decisions.requests import Decision

DOC = (Path(__file__).resolve().parents[2] / "docs" / "card-template.md").read_text(encoding="utf-8")


def sent() -> dict[str, str]:
    buttons = buttons_of(Proposal(code="A2B3C4", risk=Risk.DANGEROUS.value))
    target = ReplyTarget("c", True, "s")
    part = Part(1, "l", "o", 1, 1, "k", "t", "文", "", target, 0, buttons)
    return values_of(content.complete(("正在查询告警…",), part))


def test_documented_variables_are_those_that_are_sent() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", DOC, re.MULTILINE))
    decided = card_values(Decision("decided", "好", "A2B3C4", "approved", "封禁"))["cardData"]["cardParamMap"]
    assert documented == set(sent()) == set(decided) | {"flowStatus"}


def test_documented_buttons_are_those_that_are_sent() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)
    assert json.loads(example) == json.loads(sent()["buttons"])
