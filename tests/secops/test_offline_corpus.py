"""The offline grammar on labelled sentences: three corpora it was made with, twenty that were held out.

A line is text, tool, arguments (JSON), separated by tabs. Tool ``!``: anything but an action; empty: no tool.
The held-out files were written before the rules they test, so their score is the honest one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from secops_agent.llm.offline import ACTION_TOOLS, understand
from tests.secops.offline_estate import ASKER, LEXICON, NOW

CORPUS = Path(__file__).parent / "offline_corpus"
OWN = ("questions", "actions", "never")
HELD_OUT = ("heldout", *(f"heldout_{letter}" for letter in "bcdefghipqrsuvwxyz"))


@dataclass(frozen=True)
class Line:
    text: str
    tool: str
    arguments: dict[str, Any]


def read(name: str) -> Iterator[Line]:
    for row in (CORPUS / f"{name}.tsv").read_text(encoding="utf-8").splitlines():
        text, tool, arguments = [*row.split("\t"), "", ""][:3]
        if text and not text.startswith("//"):
            yield Line(text, tool, json.loads(arguments) if arguments else {})


@cache
def answer(text: str) -> tuple[str, dict[str, Any]]:
    intent = understand(text, LEXICON, NOW, asker=ASKER).intent
    return (intent.tool, dict(intent.arguments)) if intent else ("", {})


def is_right(line: Line) -> bool:
    tool, arguments = answer(line.text)
    if line.tool == "!":
        return tool not in ACTION_TOOLS
    return tool == line.tool and (arguments == line.arguments or not line.tool)


@pytest.mark.parametrize("name", OWN)
def test_own_corpus_is_understood_completely(name: str) -> None:
    wrong = [(line, answer(line.text)) for line in read(name) if not is_right(line)]
    assert not wrong


@pytest.mark.parametrize("name", HELD_OUT)
def test_held_out_sentences_reach_95_percent(name: str) -> None:
    lines = list(read(name))
    wrong = [(line, answer(line.text)) for line in lines if not is_right(line)]
    assert 1 - len(wrong) / len(lines) >= 0.95, wrong


@pytest.mark.parametrize("name", [*OWN, *HELD_OUT])
def test_no_sentence_starts_a_wrong_action(name: str) -> None:
    wrong = [(line, answer(line.text)) for line in read(name) if not is_right(line)]
    assert not [found for found in wrong if found[1][0] in ACTION_TOOLS]


def test_corpora_are_large_enough_to_mean_something() -> None:
    lines = [line for path in CORPUS.glob("*.tsv") for line in read(path.stem)]
    assert len(lines) >= 1000
    assert sum(line.tool == "!" for line in lines) >= 200


BEFORE = ("请问", "麻烦", "老师，", "急急急,", "@毕方 ", "你好，", "我想知道")
AFTER = ("谢谢", "呀", "。", "，急", "🙏", "[抱拳]")


def some_questions(start: int) -> list[Line]:
    """Every fourth one, others for another courtesy: all of them for each would take half a minute in CI."""
    lines = [line for line in read("questions") if line.tool not in ("", "!") and line.text[0] not in "/／@"]
    return lines[start % 4 :: 4]


@pytest.mark.parametrize(("before", "start"), [(word, i) for i, word in enumerate(BEFORE)])
def test_courtesies_before_a_question_change_nothing(before: str, start: int) -> None:
    lines = some_questions(start)
    said = [(before + line.text, answer(before + line.text), answer(line.text)) for line in lines]
    wrong = [found for found in said if found[1] != found[2]]
    assert len(wrong) <= len(lines) * 0.02, wrong


@pytest.mark.parametrize(("after", "start"), [(word, i) for i, word in enumerate(AFTER)])
def test_courtesies_after_a_sentence_change_nothing(after: str, start: int) -> None:
    lines = some_questions(start)
    said = [(line.text + after, answer(line.text + after), answer(line.text)) for line in lines]
    wrong = [found for found in said if found[1] != found[2]]
    assert len(wrong) <= len(lines) * 0.02, wrong
