"""``python -m tests.secops.offline_corpus [FILE.tsv …]``: how the offline mode reads labelled sentences.

Without a file every corpus here; with files exactly those, for example one that was written by somebody who has seen
no rule. The format is told in the docstring of `tests.secops.offline_corpus`. Of each file:

questions     of those with a reading tool or with none: the share that is read as labelled
orders        of those with an acting tool: the share that is proposed or offered as labelled
 (offered)    … of them as an offer only
wrong         proposals that were not labelled so; there must be none
offers to !   offers to sentences that are no orders
"""

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.secops.offline_corpus import FILES
from tests.secops.offline_corpus.scoring import Score, score


def main(files: Iterable[Path]) -> int:
    """The table on stdout, every fault below it; 1 if there was a wrong proposal."""
    start, scores = time.perf_counter(), {path.stem: score(path) for path in files}
    total = sum(scores.values(), Score())
    took = time.perf_counter() - start
    print(f"{'':12}{'questions':>18}{'orders':>18}{'(offered)':>11}{'wrong':>7}{'offers to !':>13}")
    for name, one in (*scores.items(), ("all", total)):
        print(
            f"{name:12}{_share(one.questions_right, one.questions)}{_share(one.orders_right, one.orders)}"
            f"{one.offered:11}{one.wrong:7}{one.offers_to_none:8}/{one.none}"
        )
    print(f"{took / max(1, total.lines) * 1000:.2f} ms a sentence")
    for fault in total.faults:
        print(fault)
    return 1 if total.wrong else 0


def _share(right: int, all_: int) -> str:
    return f"{right:6}/{all_:<5}{right / all_:6.1%}" if all_ else f"{'':18}"


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]] or FILES))
