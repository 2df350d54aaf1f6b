"""Findings from the chat: who works on them is proposed, and done once its asker confirms."""

import re

import pytest

from secops_agent.models import Finding, History, Proposal
from tests.secops.decisions_aid import company, talk
from tests.secops.inventory_aid import finding, host, store
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("认领 F12", {"finding_ids": "F12"}), ("接手发现 F12、F13", {"finding_ids": "F12,F13"}),
        ("把发现 F12,F13 交给李四", {"finding_ids": "F12,F13", "assignee": "李四"}), ("F12 指派给我", {"finding_ids": "F12", "assignee": ASKER}),
    ],
)  # fmt: skip
def test_who_works_on_findings_is_an_order_in_exact_forms(text: str, arguments: dict[str, str]) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER).intent
    assert found is not None
    assert (found.tool, dict(found.arguments)) == ("assign_finding", arguments)


@pytest.mark.parametrize("text", ["F12 交给谁了", "认领 F12 了吗？", "F12 是谁的"])
def test_a_question_is_none(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is None or found.intent.tool != "assign_finding"


@pytest.mark.usefixtures("database")
def test_a_finding_is_claimed_and_given_on() -> None:
    config = company()
    store(*(finding(host("web-01"), rule) for rule in ("A", "B")))
    first, second = Finding.objects.order_by("pk")
    more = {"conversation": "cid-li", "is_group": False}
    (listed,) = talk(config, ("li", "有哪些错误配置"), **more)
    assert f"F{first.pk}" in listed
    (asked,) = talk(config, ("li", f"认领 F{first.pk}"), **more)
    assert not Finding.objects.exclude(assignee=None).exists(), "nothing without a confirmation"
    code = Proposal.objects.latest("pk").code
    assert re.search(rf"F{first.pk}.*web-01.*li先生", asked)
    (done,) = talk(config, ("li", f"确认 {code}"), **more)
    assert "1 条发现交给 li先生" in done
    (again,) = talk(config, ("li", f"把发现 F{first.pk}、F{second.pk} 交给 zhang先生"), **more)
    assert "zhang先生" in again
    talk(config, ("li", f"确认 {Proposal.objects.latest('pk').code}"), **more)
    assert set(Finding.objects.values_list("assignee__staff_id", flat=True)) == {"zhang"}
    assert History.objects.filter(entity="finding", action="assign").count() == 3


@pytest.mark.usefixtures("database")
def test_a_viewer_claims_nothing_and_what_is_not_there_is_said() -> None:
    config = company()
    store(finding(host("web-01"), "A"))
    pk = Finding.objects.get().pk
    refused, missing = talk(config, ("wu", f"认领 F{pk}"), ("li", "认领 F99999"))
    assert "分析" in refused
    assert "没有编号为 99999" in missing
    assert not Proposal.objects.exists()
