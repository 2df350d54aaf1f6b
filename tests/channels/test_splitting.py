"""Long answers in pieces that DingTalk shows whole."""

import random

import pytest

from bifang.channels.ports import Reply
from bifang.channels.text.splitting import BYTES, CHARACTERS, fits, split_markdown


def pieces_of(text: str) -> list[Reply]:
    pieces = list(split_markdown(Reply(text, title="周报")))
    assert all(fits(piece.text) for piece in pieces)
    assert all(len(piece.text) <= CHARACTERS and len(piece.text.encode()) <= BYTES for piece in pieces)
    return pieces


def test_short_answer_stays_as_it_is() -> None:
    reply = Reply("短", title="标题")
    assert split_markdown(reply) == (reply,)


def test_pieces_are_numbered_and_only_the_first_mentions() -> None:
    pieces = pieces_of("\n\n".join(["段落" * 400] * 12))
    assert [piece.title for piece in pieces] == [
        f"周报（{n}/{len(pieces)}）" for n in range(1, len(pieces) + 1)
    ]
    assert [piece.at_sender for piece in pieces] == [True, *[False] * (len(pieces) - 1)]


def test_paragraphs_stay_whole_and_nothing_is_lost() -> None:
    paragraphs = [f"第{n}段" + "字" * 300 for n in range(40)]
    pieces = pieces_of("\n\n".join(paragraphs))
    assert [one for piece in pieces for one in piece.text.split("\n\n")] == paragraphs


def test_code_block_is_closed_and_opened_again() -> None:
    lines = [f"line {number} " + "x" * 60 for number in range(200)]
    pieces = pieces_of("前言\n```json\n" + "\n".join(lines) + "\n```\n后记")
    assert len(pieces) > 2
    for piece in pieces:
        assert piece.text.count("```") % 2 == 0
    assert all(piece.text.startswith("```json\n") for piece in pieces[1:])
    inside = [line for piece in pieces for line in piece.text.split("\n") if line.startswith("line")]
    assert inside == lines


@pytest.mark.parametrize("character", ["字", "a", "😀", "`"])
def test_endless_line_is_cut(character: str) -> None:
    pieces = pieces_of(character * 30_000)
    assert sum(piece.text.count(character) for piece in pieces) >= 30_000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_any_text_fits_and_keeps_its_words(seed: int) -> None:
    chance = random.Random(seed)
    words = ["字" * 50, "word ", "\n", "\n\n", "```\n", "```python\n", "😀" * 20, "- 项目\n", "| a | b |\n"]
    text = "".join(chance.choice(words) for _ in range(chance.randint(500, 2000)))
    pieces = pieces_of(text)
    joined = "".join(piece.text for piece in pieces)
    for piece in pieces if len(pieces) > 1 else ():
        assert sum(line.startswith("```") for line in piece.text.split("\n")) % 2 == 0
    for word in ("字", "word", "😀", "项目"):
        assert joined.count(word) == text.count(word)
