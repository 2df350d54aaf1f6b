"""``python -m tests.secops.offline_corpus.train``: write `questions.model` anew from every corpus here.

Passive-aggressive updates, averaged over the steps; deterministic, half a minute, no dependency.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from secops_agent.llm.offline import classifier
from secops_agent.llm.offline.classifier import NONE, grams
from secops_agent.llm.offline.entities import read_entities
from secops_agent.llm.offline.filters import take_filters
from secops_agent.llm.offline.normalization import normalize, split_address, strip_courtesies
from tests.secops.offline_corpus import FILES, Line, read
from tests.secops.offline_lexicon import LEXICON, NOW

MODEL = Path(classifier.__file__).with_name("questions.model")
EPOCHS, STEP, MARGIN, KEPT = 8, 0.05, 1.0, 0.02
Weights = dict[str, dict[str, float]]
_PAIR = re.compile("[一-鿿]{2}")  # kept without any weight too: what is new is named


def main() -> None:
    """Read, learn, write."""
    labels, weights = learn(line for path in FILES for line in read(path))
    MODEL.write_text(spell(labels, weights), encoding="utf-8")
    print(f"{MODEL}: {len(labels)} labels, {MODEL.stat().st_size // 1024} KiB")


def learn(lines: Iterable[Line]) -> tuple[list[str], Weights]:
    """The labels, and the weight of each n-gram for each."""
    data = [(grams(mask(line.text)), line.label or line.tool.strip("!") or NONE) for line in lines]
    labels = sorted({label for _, label in data})
    weights: Weights = defaultdict(lambda: dict.fromkeys(labels, 0.0))
    for said, _ in data:
        for gram in filter(_PAIR.fullmatch, said):
            weights[gram].update()
    drift: Weights = defaultdict(lambda: dict.fromkeys(labels, 0.0))
    dice, step = random.Random(1), 0
    for _ in range(EPOCHS):
        dice.shuffle(data)
        for said, label in data:
            step += 1
            update(weights, drift, said, label, step)
    return labels, {
        gram: {label: weight - drift[gram][label] / step for label, weight in by_label.items() if weight}
        for gram, by_label in weights.items()
    }


def update(weights: Weights, drift: Weights, said: frozenset[str], label: str, step: int) -> None:
    """Move just enough for the right label to win by the margin; at most ``STEP``."""
    known = [weights[gram] for gram in sorted(said)]
    scores = {name: sum(by_label[name] for by_label in known) for name in known[0]}
    rival = max((name for name in scores if name != label), key=scores.__getitem__)
    loss = MARGIN - scores[label] + scores[rival]
    if loss <= 0:
        return
    size = min(STEP, loss / (2 * len(said)))
    for gram in said:
        weights[gram][label] += size
        weights[gram][rival] -= size
        drift[gram][label] += size * step
        drift[gram][rival] -= size * step


def mask(text: str) -> str:
    """The sentence as the classifier sees it."""
    plain = strip_courtesies(split_address(normalize(text))[1]).text
    return take_filters(read_entities(plain, LEXICON, NOW)).text


def spell(labels: list[str], weights: Weights) -> str:
    """Labels in the first line, then an n-gram and its weights in hundredths a line."""
    lines = ["\t".join(labels)]
    for gram, by_label in sorted(weights.items()):
        kept = {label: weight for label, weight in by_label.items() if abs(weight) >= KEPT}
        pairs = (f"{labels.index(label)}:{round(weight * 100)}" for label, weight in kept.items())
        lines += ["\t".join((gram, *pairs))] if kept or _PAIR.fullmatch(gram) else []
    return "\n".join(lines)


if __name__ == "__main__":
    main()
