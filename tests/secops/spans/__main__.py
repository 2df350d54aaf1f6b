"""``python -m tests.secops.spans [--check]``: fit the tagger to its data and write the weights that are shipped.

``--check`` writes nothing: each writer is tagged by what the others teach. Printed are, per role, the F1 of whole stretches, and how
many sentences have all their orders right, and the role of every token and the beginning of every order right.
"""

import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np

from secops_agent.llm.understanding.ranker import Weights, unpack
from secops_agent.llm.understanding.spans import BETWEEN, GAPS, LABELS, ORDER, ROLES, WEIGHTS, allowed
from tests.secops.spans import digest, marked, of_the_corpora, of_the_ranker, tagged
from tests.secops.spans.fitting import Tagged, fit

_MAY = np.array([[0.0 if allowed(before, label) else -1e9 for label in LABELS] for before in ("", *LABELS)])


def main(check: bool) -> None:
    own = [(one.writer, tagged(one)) for one in marked()]
    more = [tagged(one) for one in (*of_the_ranker(), *of_the_corpora())]
    if not check:
        content = fit([*(one for _, one in own), *more], digest())
        Path(str(files("secops_agent.llm.understanding") / WEIGHTS)).write_bytes(content)
        print(f"{len(own) + len(more)} sentences, {len(content):,} bytes")
        return
    pairs = list[tuple[list[str], list[str]]]()
    for writer in sorted({name for name, _ in own}):
        taught = unpack(fit([*(one for name, one in own if name != writer), *more], ""))
        found = [(one.labels, tag(taught, one)) for name, one in own if name == writer]
        print(f"{writer}: {_told(found)}", flush=True)
        pairs += found
    print(f"all: {_told(pairs)}")


def tag(weights: Weights, one: Tagged) -> list[str]:
    """The best labels by these weights."""
    size = len(LABELS)
    moves = np.array(weights.bias).reshape(len(GAPS), size, size) + _MAY[1:]
    scores, came = _MAY[0], []
    for at, (found, gap) in enumerate(zip(one.features, one.gaps, strict=True)):
        if at:
            ways = scores[:, None] + moves[gap]
            came.append(ways.argmax(0))
            scores = ways.max(0)
        scores = scores + np.array(weights.sums([*found, ""])[0])
    path = [int(scores.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return [LABELS[label] for label in reversed(path)]


def _stretches(labels: list[str]) -> set[tuple[str, int, int]]:
    found, start = set(), 0
    for at, label in enumerate([*labels, BETWEEN]):
        if label[0] != "I":
            found |= {(labels[start][-1], start, at)} if at and labels[start] != BETWEEN else set()
            start = at
    return found


def _told(pairs: list[tuple[list[str], list[str]]]) -> str:
    wanted, got, both = Counter[str](), Counter[str](), Counter[str]()
    orders = useful = 0
    for labels, found in pairs:
        right, tried = _stretches(labels), _stretches(found)
        for counted, some in ((wanted, right), (got, tried), (both, right & tried)):
            counted.update(role for role, _, _ in some)
        orders += {one for one in right if one[0] == ORDER} == {one for one in tried if one[0] == ORDER}
        same = all(
            one[-1] == other[-1] or BETWEEN in (one, other) for one, other in zip(labels, found, strict=True)
        )
        begun = [[at for at, one in enumerate(each) if one == f"B-{ORDER}"] for each in (labels, found)]
        useful += same and len(begun[0]) == len(begun[1])
    shares = " ".join(f"{role} {2 * both[role] / max(1, wanted[role] + got[role]):.0%}" for role in ROLES)
    return f"{shares}; all orders {orders / len(pairs):.0%}; roles and beginnings {useful / len(pairs):.0%} of {len(pairs)}"


if __name__ == "__main__":
    main("--check" in sys.argv)
