"""What each part of a sentence is taken for, and what becomes of it: orders of their own, reasons and texts as they were typed."""

from itertools import pairwise

import pytest

from secops_agent.llm.understanding import spans
from secops_agent.llm.understanding.entities import Sentence, take_verdicts_and_numbers
from secops_agent.llm.understanding.focus import NOTHING
from secops_agent.llm.understanding.offers import read_order
from tests.secops import ranker
from tests.secops.spans import digest, labelled, marked


def sentence(text: str) -> Sentence:
    return ranker.heard(ranker.Labelled("-", text, ()))


def ordered(text: str) -> list[tuple[str, dict[str, object]]]:
    order = read_order(sentence(text), NOTHING)
    assert order
    assert not order.doubt
    return [(one.tool, dict(one.arguments)) for one in order.actions]


def test_the_weights_were_fitted_to_the_data_that_is_here() -> None:
    """Else: python -m tests.secops.spans."""
    assert spans._tagger()[0].digest == digest()


def test_every_writer_marked_whole_sentences() -> None:
    for one in marked():
        _, tokens, labels = labelled(one)
        assert len(tokens) == len(labels), one.text
        assert any(label != spans.BETWEEN for label in labels), one.text
        assert all(map(spans.allowed, ["", *labels], labels)), one.text


def test_spans_are_places_of_the_text_in_their_order() -> None:
    said = take_verdicts_and_numbers(sentence("A31 关了 误报，昨晚是我们自己在扫，A32派给李四").order)
    found = spans.spans_of(said)
    assert [one.role for one in found] == [spans.ORDER, spans.REASON, spans.ORDER]
    assert [one.order for one in found] == [0, 0, 1]
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert len(spans.only(said, found[:1]).text) == len(said.text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("k8s-node-1 启动shell那条规则静默到今晚8点,发布", "发布"),
        ("支付错误率那个先静默俩小时 发版呢", "发版呢"),
    ],
)
def test_a_reason_is_kept_as_it_was_typed(text: str, why: str) -> None:
    assert [said["reason"] for _, said in ordered(text)] == [why]


def test_an_order_takes_nothing_from_the_reason_of_another() -> None:
    found = ordered("A204关了 误报，A292还在外传，派给李四")
    assert ("assign_alert", {"alert_id": 292, "assignee": "李四"}) in found or all(
        said.get("alert_id") != 292 for tool, said in found if tool == "close_alert"
    )


def test_a_title_is_what_is_dictated() -> None:
    assert ordered("A156开个事件 就叫财务07勒索 我负责") == [
        ("create_case", {"alerts": "156", "title": "财务07勒索", "owner": ranker.ASKER})
    ]
