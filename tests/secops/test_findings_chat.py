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
        ("认领 F12", {"findings": "F12"}), ("接手发现 F12、F13", {"findings": "F12,F13"}),
        ("把发现 F12,F13 交给李四", {"findings": "F12,F13", "assignee": "李四"}), ("F12 指派给我", {"findings": "F12", "assignee": ASKER}),
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
    assert re.search(rf"li先生.*web-01（F{first.pk}）", asked)
    (done,) = talk(config, ("li", f"确认 {code}"), **more)
    assert "1 条发现交给 li先生" in done
    (again,) = talk(config, ("li", f"把发现 F{first.pk}、F{second.pk} 交给 zhang先生"), **more)
    assert "zhang先生" in again
    talk(config, ("li", f"确认 {Proposal.objects.latest('pk').code}"), **more)
    assert set(Finding.objects.values_list("assignee__staff_id", flat=True)) == {"zhang"}
    assert History.objects.filter(entity="finding", action="assign").count() == 3


@pytest.mark.usefixtures("database")
def test_a_decision_is_shown_with_its_effect_done_as_on_the_page_and_taken_back() -> None:
    config = company()
    store(*(finding(host(name), "AK-1") for name in ("web-01", "web-02")))
    first, second = Finding.objects.order_by("pk")
    more = {"conversation": "cid-li", "is_group": False}
    (asked,) = talk(config, ("li", f"web-01 上的 F{first.pk} 标误报"), **more)
    assert "原因" in asked, "the page asks why, too"
    (shown,) = talk(config, ("li", "扫描器看错了目录"), **more)
    assert re.search(
        rf"1 条发现（现在：待处理 1 条）.*「误报」.*扫描器看错了目录.*web-01（F{first.pk}）", shown, re.S
    )
    assert not Finding.objects.exclude(decision="").exists(), "nothing before it is taken"
    talk(config, ("li", "好"), **more)
    assert dict(Finding.objects.values_list("pk", "decision")) == {first.pk: "false_positive", second.pk: ""}
    done = History.objects.get(entity="finding", action="decide")
    assert (done.entity_id, done.note) == (first.pk, "扫描器看错了目录")
    (refused,) = talk(config, ("wu", f"F{first.pk} 标修复中"), conversation="cid-wu", is_group=False)
    assert "分析" in refused
    (back,) = talk(config, ("li", f"撤回 F{first.pk} 的决定"), **more)
    assert "误报" in back, back
    talk(config, ("li", "好"), **more)
    assert not Finding.objects.exclude(decision="").exists()


@pytest.mark.usefixtures("database")
def test_a_viewer_claims_nothing_and_what_is_not_there_is_said() -> None:
    config = company()
    store(finding(host("web-01"), "A"))
    pk = Finding.objects.get().pk
    refused, missing = talk(config, ("wu", f"认领 F{pk}"), ("li", "认领 F99999"))
    assert "分析" in refused
    assert "没有编号为 99999" in missing
    assert not Proposal.objects.exists()
