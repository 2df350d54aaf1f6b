"""Which tool a sentence asks for: a linear classifier over the character n-grams of the masked sentence.

`questions.model` holds its weights; ``python -m tests.secops.offline_corpus.train`` learns them from the corpora.
"""

from collections.abc import Collection
from functools import cache
from importlib.resources import files

from .skeletons import blank_marks

NONE = "none"
_LENGTHS = (1, 2, 3, 4)


def classify(text: str, allowed: Collection[str]) -> list[tuple[float, str]]:
    """The allowed labels with their scores, the best first; ``text`` is a skeleton's."""
    labels, weights = _model()
    scores = dict.fromkeys(labels, 0)
    for gram in grams(text):
        for label, weight in weights.get(gram, ()):
            scores[label] += weight
    return sorted(((score / 100, label) for label, score in scores.items() if label in allowed), reverse=True)


def grams(text: str) -> frozenset[str]:
    """What the classifier sees of a skeleton's text."""
    said = f"^{blank_marks(text).lower()}$"
    return frozenset(said[i : i + n] for n in _LENGTHS for i in range(len(said) - n + 1))


def is_known(pair: str) -> bool:
    """Whether any sentence that was learned from has these two characters beside each other."""
    return pair in _model()[1]


@cache
def _model() -> tuple[tuple[str, ...], dict[str, tuple[tuple[str, int], ...]]]:
    """The labels, and of each n-gram its weights in hundredths; pairs of Chinese characters are there without any."""
    lines = (files(__package__) / "questions.model").read_text(encoding="utf-8").split("\n")
    labels, weights = tuple(lines[0].split("\t")), {}
    for line in lines[1:]:
        gram, *numbers = line.split("\t")
        pairs = (number.split(":") for number in numbers)
        weights[gram] = tuple((labels[int(label)], int(weight)) for label, weight in pairs)
    return labels, weights
