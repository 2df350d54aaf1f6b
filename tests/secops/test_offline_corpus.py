"""The offline mode on all labelled sentences there are: the regression of every change to its words and rules."""

import re
from functools import cache

import pytest

from secops_agent.llm.offline.expressions.entities import read_entities
from secops_agent.llm.offline.expressions.normalization import normalize
from tests.secops.offline_corpus import FILES, Line, read
from tests.secops.offline_corpus.scoring import Score, find, proposed, score
from tests.secops.offline_lexicon import LEXICON, NOW

# `make test` reads every fourth sentence, `make test-all` all of them.
ALL = pytest.param(1, marks=pytest.mark.slow, id="all")
EVERY = pytest.mark.parametrize("every", [ALL, pytest.param(4, id="some")])


@cache
def scores(every: int = 1) -> dict[str, Score]:
    return {path.stem: score(path, every) for path in FILES}


@pytest.mark.slow
def test_questions_are_read_as_labelled() -> None:
    found = sum(scores().values(), Score())
    assert found.questions_right / found.questions >= 0.97, found.faults  # asked back counts as wrong here


@EVERY
def test_orders_are_proposed_or_offered_as_labelled(every: int) -> None:
    """Only a canonical line is done as it stands; all else is one offer, or asked back."""
    found = sum(scores(every).values(), Score())
    assert found.orders_right / found.orders >= 0.90, found.faults


@EVERY
def test_no_sentence_starts_a_wrong_action(every: int) -> None:
    found = scores(every).values()
    assert [fault for each in found for fault in each.faults if "WRONG" in fault] == []
    assert sum(each.wrong for each in found) == 0


@EVERY
def test_what_is_no_order_is_rarely_offered_as_one(every: int) -> None:
    """An offer starts nothing. Many of these lines say 封了 X or name two things, which people write when they order."""
    found = scores(every)["never"]
    assert found.offers_to_none / found.none <= 0.18, found.faults


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_part_of_the_corpora_is_left_behind(path: object) -> None:
    """Orders below 0.90: closing without a verdict, and what takes back half of itself, is asked back instead."""
    found = next(score for name, score in scores().items() if str(path).endswith(f"/{name}.tsv"))
    right = found.questions_right + found.orders_right + found.none - found.offers_to_none
    least = 0.82 if str(path).endswith("/never.tsv") else 0.88
    assert right / found.lines >= least, found.faults


BEFORE = ("请问", "麻烦", "老师，", "急急急,", "@毕方 ", "你好，", "我想知道")
AFTER = ("谢谢", "呀", "。", "，急", "🙏", "[抱拳]")


def some_questions(start: int) -> list[Line]:
    """Every fourth one, others for another courtesy."""
    lines = [line for line in read("questions") if line.tool not in ("", "!") and line.text[0] not in "/／@"]
    return lines[start % 4 :: 4]


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
