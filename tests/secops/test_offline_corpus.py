"""The offline mode on all labelled sentences there are: the regression of every change to its words and rules."""

import re

import pytest

from secops_agent.llm.offline.expressions.entities import read_entities
from secops_agent.llm.offline.expressions.normalization import normalize
from tests.secops.offline_corpus import FILES, Line, read
from tests.secops.offline_corpus.scoring import Score, find, proposed, score
from tests.secops.offline_lexicon import LEXICON, NOW

# `make test` reads every eighth sentence, `make test-all` every third.
THIRD = pytest.param(3, marks=pytest.mark.slow, id="third")
EVERY = pytest.mark.parametrize("every", [THIRD, pytest.param(8, id="some")])


@EVERY
def test_sentences_are_read_as_labelled(every: int) -> None:
    """One test, for all is read once. Only a canonical order is done as it stands; all else is one offer, or asked back. An offer
    starts nothing: many lines of `never` say 封了 X or name two things, which people write when they order. Orders below 0.90:
    closing without a verdict, and what takes back half of itself, is asked back instead."""
    scores = {path.stem: score(path, every) for path in FILES}
    assert [fault for each in scores.values() for fault in each.faults if "WRONG" in fault] == []
    assert sum(each.wrong for each in scores.values()) == 0
    found, never = sum(scores.values(), Score()), scores["never"]
    assert found.questions_right / found.questions >= 0.97, found.faults  # asked back counts as wrong here
    assert found.orders_right / found.orders >= 0.90, found.faults
    assert never.offers_to_none / never.none <= 0.18, never.faults
    for name, each in scores.items():
        right = each.questions_right + each.orders_right + each.none - each.offers_to_none
        least = 0.82 if name == "never" else 0.88
        assert every > 3 or right / each.lines >= least, (name, each.faults)


BEFORE = ("请问", "麻烦", "老师，", "急急急,", "@毕方 ", "你好，", "我想知道")
AFTER = ("谢谢", "呀", "。", "，急", "🙏", "[抱拳]")


def some_questions(start: int) -> list[Line]:
    """Every sixteenth one, others for another courtesy."""
    lines = [line for line in read("questions") if line.tool not in ("", "!") and line.text[0] not in "/／@"]
    return lines[start % 16 :: 16]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame", "start"),
    [(word + "{}", i) for i, word in enumerate(BEFORE)] + [("{}" + word, i) for i, word in enumerate(AFTER)],
)
def test_courtesies_around_a_question_change_nothing(frame: str, start: int) -> None:
    lines = some_questions(start)
    said = [(frame.format(line.text), proposed(find(line.text))) for line in lines]
    wrong = [text for text, usual in said if proposed(find(text)) != usual]
    assert len(wrong) <= len(lines) * 0.035, wrong


TARGET = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|[a-z][a-z0-9]*(?:-[a-z]+)*-\d+|A\d+|CVE-\d+-\d+)(?![\w.])",
    re.IGNORECASE,
)


def _is_part_said(target: str, text: str) -> bool:
    """名字里有 node 的主机: the machine with it may be looked up."""
    return any(part in text.lower() for part in target.lower().split("-") if len(part) > 2)


def _is_between(target: str, text: str) -> bool:
    """12 到 20 names all from 12 to 20."""
    number = target.lower().removeprefix("a")
    ranges = re.findall(r"(\d+)\s*(?:到|至|-|~)\s*[aA]?(\d+)", text)
    return number.isdecimal() and any(int(first) <= int(number) <= int(last) for first, last in ranges)


@EVERY
def test_no_suggestion_names_a_target_that_the_sentence_does_not(every: int) -> None:
    """After a refusal a copied example would hit somebody else's host."""
    invented = [
        (line.text, str(one))
        for path in FILES
        for line in list(read(path))[::every]
        for one in find(line.text).suggestions
        for target in TARGET.findall(str(one))
        if target.lower().removeprefix("a") not in line.text.lower()
        and not _is_between(target, line.text)
        and not _is_part_said(target, line.text)
        and target.lower().removeprefix("a")
        not in {
            str(name.value).lower()
            for name in read_entities(normalize(line.text), LEXICON, NOW).entities.values()
        }
    ]
    assert invented == []
