"""The fit: multinomial logistic regression with an L2 penalty, by L-BFGS over the whole set."""

import gzip
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from secops_agent.llm.understanding.ranker import OFFSET

Matrix = NDArray[np.float32]
FEWEST = 3  # sentences that a feature must stand in
RARITY = 0.7  # the power of a feature's rarity that it counts with
PENALTY = 0.002
ROUNDS = 40
MEMORY = 8


class Table:
    """Sentences by features, in both orders: ``by_row`` sums weights for each sentence, ``by_column`` errors for each feature.
    The last feature is every sentence's."""

    def __init__(self, sentences: Sequence[set[str]], names: Sequence[str]) -> None:
        places = {one: i for i, one in enumerate(names)}
        counted = Counter(one for found in sentences for one in found)
        self.rarity = np.array(
            [np.log(len(sentences) / counted[one]) ** RARITY for one in names] + [1.0], np.float32
        )
        known = [sorted(places[one] for one in found if one in places) for found in sentences]
        self.columns = np.array([place for each in known for place in (*each, len(names))])
        self.rows = np.repeat(np.arange(len(known)), [len(each) + 1 for each in known])
        lengths = np.repeat([1 / np.sqrt(len(each) + 1) for each in known], [len(each) + 1 for each in known])
        lengths[self.columns == len(names)] = 1
        self.values = (lengths * self.rarity[self.columns]).astype(np.float32)[:, None]
        self.order = np.argsort(self.columns, kind="stable")
        self.row_starts = np.searchsorted(self.rows, np.arange(len(known)))
        self.column_starts = np.searchsorted(self.columns[self.order], np.arange(len(names) + 1))

    def by_row(self, weights: Matrix) -> Matrix:
        return np.add.reduceat(weights[self.columns] * self.values, self.row_starts)

    def by_column(self, errors: Matrix) -> Matrix:
        return np.add.reduceat(errors[self.rows[self.order]] * self.values[self.order], self.column_starts)


def fit(
    sentences: Sequence[set[str]], wanted: Sequence[tuple[str, ...]], counts: Sequence[float], digest: str
) -> bytes:
    """A weights file for `ranker.unpack`; ``counts``: how much each sentence counts."""
    seen = Counter(one for found in sentences for one in found)
    names = sorted(one for one, count in seen.items() if count >= FEWEST)
    labels = sorted({label for each in wanted for label in each})
    targets = np.zeros((len(sentences), len(labels)), np.float32)
    for row, each in enumerate(wanted):
        for label in each:
            targets[row, labels.index(label)] += 1 / len(each)
    table, shares = Table(sentences, names), np.array(counts, np.float32)[:, None]
    start = np.zeros((len(names) + 1, len(labels)), np.float32)
    weights = descend(lambda at: _loss(at, table, targets, shares), start) * table.rarity[:, None]
    return pack(names, labels, weights[:-1], weights[-1], digest)


def _loss(weights: Matrix, table: Table, targets: Matrix, shares: Matrix) -> tuple[float, Matrix]:
    """The penalised loss and its gradient; the bias is free."""
    scores = table.by_row(weights)
    scores -= scores.max(1, keepdims=True)
    odds = np.exp(scores)
    sums = odds.sum(1, keepdims=True)
    gradient = table.by_column(shares * (odds / sums - targets))
    gradient[:-1] += PENALTY * weights[:-1]
    lost = float((shares * targets * (np.log(sums) - scores)).sum())
    return lost + PENALTY / 2 * float((weights[:-1] ** 2).sum()), gradient


def descend(loss: Callable[[Matrix], tuple[float, Matrix]], at: Matrix, rounds: int = ROUNDS) -> Matrix:
    """Where the loss is least, by L-BFGS."""
    value, gradient = loss(at)
    steps: list[tuple[Matrix, Matrix]] = []
    for _ in range(rounds):
        direction = _direction(gradient, steps)
        length, slope = 1.0, float(np.vdot(gradient, direction))
        while True:
            there, bent = loss(at - length * direction)
            if there <= value - 1e-4 * length * slope or length < 1e-6:
                break
            length /= 2
        steps.append((-length * direction, bent - gradient))
        steps = [pair for pair in steps[-MEMORY:] if np.vdot(*pair) > 0]
        at, value, gradient = at - length * direction, there, bent
    return at


def _direction(gradient: Matrix, steps: Sequence[tuple[Matrix, Matrix]]) -> Matrix:
    """The two loops of L-BFGS."""
    direction, weighed = gradient.copy(), []
    for step, change in reversed(steps):
        share = np.vdot(step, direction) / np.vdot(step, change)
        direction -= share * change
        weighed.append(share)
    last = steps[-1] if steps else None
    direction *= np.vdot(*last) / np.vdot(last[1], last[1]) if last else 1 / max(1, np.linalg.norm(gradient))
    for (step, change), share in zip(steps, reversed(weighed), strict=True):
        direction += (share - np.vdot(change, direction) / np.vdot(step, change)) * step
    return direction


def pack(names: list[str], labels: list[str], weights: Matrix, bias: Matrix, digest: str) -> bytes:
    """One byte a weight."""
    scale = float(np.abs(weights).max()) / (OFFSET - 1)
    steps = (np.rint(weights / scale) + OFFSET).astype(np.uint8)
    kept = {
        "digest": digest, "labels": labels, "scale": round(scale, 6), "bias": [round(float(one), 4) for one in bias],
        "features": names, "weights": b64encode(steps.tobytes()).decode(),
    }  # fmt: skip
    return gzip.compress(json.dumps(kept, ensure_ascii=False).encode(), mtime=0)
