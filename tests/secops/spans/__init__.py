"""What the tagger of spans is trained on: sentences of writers who have seen no code, each stretch marked with what it is.

A file of ``data/`` is one writer's, a line a sentence: ``<o>`` one order, ``<o+>`` its continuation, ``<r>`` why, ``<t>`` text to be
passed on or kept, ``<q>`` a question, ``<n>`` nothing to be done; outside of them stands what only joins. Beside them sentences of
the ranker's writers that only ask or order nothing are one stretch each.
"""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from secops_agent.llm.offline import ACTION_TOOLS, READ_TOOLS
from secops_agent.llm.offline.expressions.skeletons import Skeleton
from secops_agent.llm.understanding.entities import take_verdicts_and_numbers
from secops_agent.llm.understanding.spans import (
    ASIDE,
    BETWEEN,
    ORDER,
    QUESTION,
    RESUMED,
    Token,
    features,
    tokens_of,
)
from secops_agent.llm.understanding.verbs import verbs_in
from tests.secops import offline_corpus, ranker
from tests.secops.spans.fitting import Tagged

DATA = Path(__file__).parent / "data"
FILES = tuple(sorted(DATA.glob("*.txt")))
HOUSE = 6  # times; what tests hold counts more than one writer's
ASKING, IDLE, PLAIN = 200, 400, 400  # sentences of the ranker's writers, and orders of our own corpora
_WHY, _TOLD = {"reason", "note", "text", "task"}, re.compile("[，,。；;：:是]")
_TAG = re.compile(r"<(/?)(o\+|[ortqn])>")


@dataclass(frozen=True)
class Marked:
    """A sentence, of each character the number of its stretch (0: none), and of each stretch its first label."""

    writer: str
    text: str
    places: tuple[int, ...]
    stretches: tuple[str, ...]


def marked() -> Iterator[Marked]:
    """Every sentence that the writers marked."""
    for path in FILES:
        for line in path.read_text(encoding="utf-8").splitlines() * (HOUSE if path.stem == "house" else 1):
            yield read_line(path.stem, line)


def read_line(writer: str, line: str) -> Marked:
    """One line of a file."""
    text, places, stretches = "", list[int](), [BETWEEN]
    now = end = 0
    for tag in (*_TAG.finditer(line), None):
        said = line[end : tag.start() if tag else len(line)]
        text += said
        places += [now] * len(said)
        if tag and not tag[1]:
            stretches.append(RESUMED if tag[2] == f"{ORDER}+" else f"B-{tag[2]}")
        now, end = (0 if tag is None or tag[1] else len(stretches) - 1), tag.end() if tag else end
    return Marked(writer, text, tuple(places), tuple(stretches))


def of_the_ranker() -> Iterator[Marked]:
    """Sentences that only ask, and that order nothing, always the same."""
    rows = [one for one in ranker.read() if len(one.labels) == 1 and one.writer not in (ranker.OWN, "house")]
    rows = [one for one in rows if re.search(r"\w", one.text)]
    chosen = random.Random(1)
    for role, most, some in (
        (QUESTION, ASKING, [one for one in rows if one.labels[0] in READ_TOOLS]),
        (ASIDE, IDLE, [one for one in rows if one.labels[0] == "nothing"]),
    ):
        for one in chosen.sample(some, most):
            yield Marked("", one.text, (1,) * len(one.text), (BETWEEN, f"B-{role}"))


def of_the_corpora() -> Iterator[Marked]:
    """Plain orders without a reason: how long, for whom and with which verdict are parts of them. Always the same."""
    rows = [
        line
        for path in offline_corpus.FILES
        for line in offline_corpus.read(path)
        if line.tool in ACTION_TOOLS and not _TOLD.search(line.text) and not _WHY & set(line.arguments)
    ]
    for line in random.Random(1).sample(rows, PLAIN):
        yield Marked("", line.text, (1,) * len(line.text), (BETWEEN, f"B-{ORDER}"))


def labelled(one: Marked) -> tuple[Skeleton, list[Token], list[str]]:
    """As the conversation reads it, with the label of each token."""
    said = take_verdicts_and_numbers(ranker.heard(ranker.Labelled(one.writer or "-", one.text, ())).order)
    tokens = tokens_of(said, verbs_in(said))
    return said, tokens, list(_labels(one, said, tokens))


def tagged(one: Marked) -> Tagged:
    """What is learned from it."""
    said, tokens, labels = labelled(one)
    return Tagged(list(features(said, tokens)), [token.gap for token in tokens], labels)


def _labels(one: Marked, said: Skeleton, tokens: list[Token]) -> Iterator[str]:
    """Reading a sentence changes it: each token has the stretch of most of the characters that are still its own."""
    typed, owners = "", list[int]()
    for at, char in enumerate(said.text):
        typed += said.expand(char)
        owners += [at] * (len(typed) - len(owners))
    found: dict[int, list[int]] = {}
    blocks = SequenceMatcher(None, typed.lower(), one.text.lower(), autojunk=False).get_matching_blocks()
    for block in blocks:
        for step in range(block.size):
            found.setdefault(owners[block.a + step], []).append(one.places[block.b + step])
    last = 0
    for token in tokens:
        own = [place for at in range(token.start, token.end) for place in found.get(at, ())]
        place = Counter(filter(None, own)).most_common(1)[0][0] if any(own) else 0 if own else last
        first = one.stretches[place]
        yield BETWEEN if not place else f"I-{first[-1]}" if place == last else first
        last = place


def digest() -> str:
    """Of all that is trained on, and of the ranker's weights, which are features."""
    summed = hashlib.sha256(ranker.digest().encode())
    for path in FILES:
        summed.update(path.name.encode() + path.read_bytes())
    return summed.hexdigest()[:16]
