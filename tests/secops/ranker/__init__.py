"""What the ranker of sentences is trained on: sentences of writers who have seen no code, each with the label of what it asks for.

A file of ``data/`` is one writer's, but `OWN`, which holds what Bifang tells people to say: a line is a label (or several, joined by ``+``), a tab and a sentence, in which ``\\n`` stands
for a new line. ``world.json`` holds the names that they were given. Labels are names of tools that read or act, and
``nothing`` (no order, though it speaks of one), ``chatter``, ``knowledge`` (not of the company), ``absent`` (no source of ours
tells it), ``self`` (what Bifang can do, who may), ``followup`` (part of something said before).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from secops_agent.llm.offline import ACTION_TOOLS, Lexicon
from secops_agent.llm.offline.commands import spell_out
from secops_agent.llm.offline.expressions.normalization import normalize, strip_courtesies
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import Sentence, read_sentence
from tests.secops import offline_corpus as corpora
from tests.secops import offline_lexicon

DATA = Path(__file__).parent / "data"
FILES = tuple(sorted(DATA.glob("*.tsv")))
NOW = datetime(2026, 11, 29, 18, tzinfo=ZoneInfo("Asia/Shanghai"))
ASKER = "zhaoliu"
LITTLE, MORE = 0.15, 0.3
OWN, MUCH = "own", 2.0  # what people are told to say is certain


@dataclass(frozen=True)
class Labelled:
    """A sentence of a writer with its labels."""

    writer: str
    text: str
    labels: tuple[str, ...]
    counts: float = 1.0


def read() -> Iterator[Labelled]:
    """Every labelled sentence of the writers."""
    for path in FILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            label, text = line.split("\t")
            counts = MUCH if path.stem in (OWN, "house") else 1.0
            yield Labelled(path.stem, text.replace("\\n", "\n"), tuple(label.split("+")), counts)


def plain() -> Iterator[Labelled]:
    """Of our own corpora, which are plainer than what people write and partly written beside the grammar: they count little. What
    is no order and asks nothing is none, whatever question it can be taken for."""
    for path in corpora.FILES:
        for line in corpora.read(path):
            asked = line.label if line.label == "-" or pattern("cues.asks").search(line.text) else "nothing"
            label = asked if line.tool == "!" else line.tool or line.label
            if label not in ("", "-") and line.text[0] not in "/／":
                yield Labelled("", line.text, (label,), MORE if label in ACTION_TOOLS else LITTLE)


@cache
def lexicon() -> Lexicon:
    """Of the names that the writers were given."""
    names = json.loads((DATA / "world.json").read_text(encoding="utf-8"))
    del names["runbooks"]  # the writers knew them; no sentence is read against them
    return Lexicon.build(**names)


def heard(one: Labelled) -> Sentence:
    """The sentence as the conversation reads it, with the names that its writer was given."""
    said = spell_out(normalize(one.text))
    request = strip_courtesies(said)
    please = "请" if request.pleading else ""
    names = lexicon() if one.writer else offline_lexicon.LEXICON
    return read_sentence(please + request.text, names, NOW, ASKER, said)


def digest() -> str:
    """Of all that is trained on: weights that were fitted to something else have another one."""
    summed = hashlib.sha256()
    for path in (*FILES, DATA / "world.json", *corpora.FILES):
        summed.update(path.name.encode() + path.read_bytes())
    return summed.hexdigest()[:16]
