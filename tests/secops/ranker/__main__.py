"""``python -m tests.secops.ranker [--check]``: fit the ranker to its data and write the weights that are shipped.

``--check`` writes nothing: each writer is ranked by what the others teach. Printed are how often the label is the first, how often
among the first three; how often what is sure is right, and how much is sure; and which labels are taken for which.
"""

import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

from secops_agent.llm.offline import READ_TOOLS
from secops_agent.llm.understanding import ranker
from tests.secops.ranker import Labelled, digest, heard, plain, read
from tests.secops.ranker.fitting import fit

SURE = (0.5, 0.6, 0.7, 0.8)


def main(check: bool) -> None:
    data = [*read(), *plain()]
    found = [ranker.features(heard(one)) for one in data]
    if not check:
        content = fit(found, [one.labels for one in data], [one.counts for one in data], digest())
        Path(str(files("secops_agent.llm.understanding") / ranker.WEIGHTS)).write_bytes(content)
        print(f"{len(data)} sentences, {len(content):,} bytes")
        return
    ranked = list[tuple[tuple[str, ...], list[tuple[str, float]]]]()
    for writer in sorted({one.writer for one in data if one.writer}):
        taught = ranker.unpack(_without(writer, data, found))
        own = [(one, pieces) for one, pieces in zip(data, found, strict=True) if one.writer == writer]
        scored = [(one.labels, list(taught.scores(pieces).items())[:3]) for one, pieces in own]
        print(
            f"{writer}: first {_share(scored, 1):.1%}, among three {_share(scored, 3):.1%} of {len(scored)}",
            flush=True,
        )
        ranked += scored
    for name, some in (("all", ranked), ("questions", [one for one in ranked if set(one[0]) <= READ_TOOLS])):
        print(f"{name}: first {_share(some, 1):.1%}, among three {_share(some, 3):.1%} of {len(some)}")
        for sure in SURE:
            certain = [one for one in some if one[1][0][1] >= sure]
            print(f"  at {sure}: {_share(certain, 1):.1%} right of {len(certain) / len(some):.0%}")
    wrong = Counter(("+".join(wanted), best[0][0]) for wanted, best in ranked if best[0][0] not in wanted)
    for (wanted, taken), count in wrong.most_common(40):
        print(f"  {wanted} taken for {taken}: {count}")


def _without(writer: str, data: list[Labelled], found: list[set[str]]) -> bytes:
    others = [i for i, one in enumerate(data) if one.writer != writer]
    return fit(
        [found[i] for i in others], [data[i].labels for i in others], [data[i].counts for i in others], ""
    )


def _share(scored: list[tuple[tuple[str, ...], list[tuple[str, float]]]], first: int) -> float:
    right = sum(any(name in wanted for name, _ in best[:first]) for wanted, best in scored)
    return right / max(1, len(scored))


if __name__ == "__main__":
    main("--check" in sys.argv)
