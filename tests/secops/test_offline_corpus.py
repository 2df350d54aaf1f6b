"""The offline mode on all labelled sentences there are: the regression of every change to its words and rules."""

from functools import cache

import pytest

from tests.secops.offline_corpus import FILES, Line, read
from tests.secops.offline_corpus.scoring import Score, find, proposed, score


@cache
def scores() -> dict[str, Score]:
    return {path.stem: score(path) for path in FILES}


def test_questions_are_read_as_labelled() -> None:
    found = sum(scores().values(), Score())
    assert found.questions_right / found.questions >= 0.97, found.faults


def test_orders_are_proposed_or_offered_as_labelled() -> None:
    found = sum(scores().values(), Score())
    assert found.orders_right / found.orders >= 0.97, found.faults
    assert found.offered / found.orders <= 0.15


def test_no_sentence_starts_a_wrong_action() -> None:
    assert [fault for found in scores().values() for fault in found.faults if "WRONG" in fault] == []
    assert sum(found.wrong for found in scores().values()) == 0


def test_what_is_no_order_is_hardly_ever_offered_as_one() -> None:
    found = scores()["never"]
    assert found.offers_to_none / found.none <= 0.05, found.faults


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_part_of_the_corpora_is_left_behind(path: object) -> None:
    found = next(score for name, score in scores().items() if str(path).endswith(f"/{name}.tsv"))
    right = found.questions_right + found.orders_right + found.none - found.offers_to_none
    assert right / found.lines >= 0.95, found.faults


BEFORE = ("请问", "麻烦", "老师，", "急急急,", "@毕方 ", "你好，", "我想知道")
AFTER = ("谢谢", "呀", "。", "，急", "🙏", "[抱拳]")


def some_questions(start: int) -> list[Line]:
    """Every fourth one, others for another courtesy."""
    lines = [line for line in read("questions") if line.tool not in ("", "!") and line.text[0] not in "/／@"]
    return lines[start % 4 :: 4]


@pytest.mark.parametrize(
    ("frame", "start"),
    [(word + "{}", i) for i, word in enumerate(BEFORE)] + [("{}" + word, i) for i, word in enumerate(AFTER)],
)
def test_courtesies_around_a_question_change_nothing(frame: str, start: int) -> None:
    lines = some_questions(start)
    said = [(frame.format(line.text), proposed(find(line.text))) for line in lines]
    wrong = [text for text, usual in said if proposed(find(text)) != usual]
    assert len(wrong) <= len(lines) * 0.03, wrong
