"""The fit of the tagger: a linear-chain conditional random field with an L2 penalty, by L-BFGS over the whole set."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secops_agent.llm.understanding.spans import GAPS, LABELS, allowed
from tests.secops.ranker.fitting import Matrix, descend, pack

FEWEST = 2  # tokens that a feature must stand at
PENALTY = 3.0
ROUNDS = 70
_MAY = np.array([[allowed(before, label) for label in LABELS] for before in LABELS], np.float64)
_BEGINS = np.array([allowed("", label) for label in LABELS], np.float64)
_PAIRS = (len(GAPS), len(LABELS), len(LABELS))


@dataclass(frozen=True)
class Tagged:
    """A sentence: of each token its features, the place in `GAPS` of what stands before it, and its label."""

    features: list[list[str]]
    gaps: list[int]
    labels: list[str]


class Chains:
    """Sentences, the longest first, side by side: step ``j`` is token ``j`` of those that have one."""

    def __init__(self, sentences: Sequence[Tagged], names: Sequence[str]) -> None:
        sentences = sorted(sentences, key=lambda one: -len(one.labels))
        places = {name: at for at, name in enumerate(names)}
        lengths = np.array([len(one.labels) for one in sentences])
        self.steps = [int((lengths > at).sum()) for at in range(lengths[0])]
        tokens = [(one, at) for at, most in enumerate(self.steps) for one in sentences[:most]]
        self.begins = np.concatenate([[0], np.cumsum(self.steps)])
        self.gaps = np.array([one.gaps[at] for one, at in tokens])
        self.labels = np.array([LABELS.index(one.labels[at]) for one, at in tokens])
        known = [sorted({places[name] for name in one.features[at] if name in places}) for one, at in tokens]
        self.columns = np.array([place for each in known for place in (*each, len(names))])
        sizes = [len(each) + 1 for each in known]
        self.row_starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        rows = np.repeat(np.arange(len(known)), sizes)
        order = np.argsort(self.columns, kind="stable")
        self.by_column = rows[order]
        self.column_starts = np.searchsorted(self.columns[order], np.arange(len(names) + 1))
        self.shape = (len(names) + 1, len(LABELS))

    def loss(self, at: Matrix) -> tuple[float, Matrix]:
        """The penalised loss and its gradient."""
        weights, pairs = self.split(at)
        scores = np.add.reduceat(weights[self.columns], self.row_starts).astype(np.float64)
        lost, errors, moved = self._expected(scores, pairs.astype(np.float64))
        gradient = np.add.reduceat(errors[self.by_column].astype(np.float32), self.column_starts)
        lost += PENALTY / 2 * float((at.astype(np.float64) ** 2).sum())
        return lost, np.concatenate([gradient.ravel(), moved.ravel().astype(np.float32)]) + PENALTY * at

    def split(self, at: Matrix) -> tuple[Matrix, Matrix]:
        """Weights of features and labels, and of gaps and pairs of labels."""
        size = self.shape[0] * self.shape[1]
        return at[:size].reshape(self.shape), at[size:].reshape(_PAIRS)

    def _expected(
        self, scores: NDArray[np.float64], pairs: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """The negative log likelihood, and by how much labels and pairs of labels are expected too often."""
        most = scores.max(1, keepdims=True)
        odds, moves = np.exp(scores - most), np.exp(pairs) * _MAY
        forward, sums = self._forward(odds, moves)
        errors, expected = np.empty_like(odds), np.zeros(_PAIRS)
        behind = np.ones((self.steps[-1], len(LABELS)))
        for step in range(len(self.steps) - 1, -1, -1):
            here = slice(self.begins[step], self.begins[step + 1])
            behind = np.concatenate([behind, np.ones((self.steps[step] - len(behind), len(LABELS)))])
            errors[here] = forward[here] * behind
            ahead = odds[here] * behind / sums[here, None]
            behind = np.empty_like(ahead)
            for gap in range(len(GAPS)) if step else ():
                some = np.flatnonzero(self.gaps[here] == gap)
                before = forward[self.begins[step - 1] + some]
                expected[gap] += moves[gap] * (before.T @ ahead[some])
                behind[some] = ahead[some] @ moves[gap].T
        every = np.arange(len(self.labels))
        lost = float(np.log(sums).sum() + most.sum() - scores[every, self.labels].sum())
        errors[every, self.labels] -= 1
        for step in range(1, len(self.steps)):
            here = slice(self.begins[step], self.begins[step + 1])
            before = self.labels[self.begins[step - 1] : self.begins[step - 1] + self.steps[step]]
            lost -= float(pairs[self.gaps[here], before, self.labels[here]].sum())
            np.subtract.at(expected, (self.gaps[here], before, self.labels[here]), 1)
        return lost, errors, expected

    def _forward(
        self, odds: NDArray[np.float64], moves: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of each token the share of each label by what stands before it, and what it was divided by."""
        found, sums = np.empty_like(odds), np.empty(len(odds))
        for step, count in enumerate(self.steps):
            here = slice(self.begins[step], self.begins[step + 1])
            came = np.empty((count, len(LABELS)))
            if step == 0:
                came[:] = _BEGINS
            for gap in range(len(GAPS)) if step else ():
                some = np.flatnonzero(self.gaps[here] == gap)
                came[some] = found[self.begins[step - 1] + some] @ moves[gap]
            came *= odds[here]
            sums[here] = came.sum(1)
            found[here] = came / sums[here, None]
        return found, sums


def fit(sentences: Sequence[Tagged], digest: str) -> bytes:
    """A weights file for `ranker.unpack`, whose ``bias`` is that of pairs of labels by gap."""
    seen = Counter(name for one in sentences for each in one.features for name in set(each))
    names = sorted(name for name, count in seen.items() if count >= FEWEST)
    chains = Chains(sentences, names)
    size = chains.shape[0] * chains.shape[1] + int(np.prod(_PAIRS))
    found = descend(chains.loss, np.zeros(size, np.float32), ROUNDS)
    weights, pairs = chains.split(found)
    return pack([*names, ""], list(LABELS), weights, pairs.ravel(), digest)
