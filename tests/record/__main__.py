"""A record of what every door says and does, to compare two states of the tree. Run: ``python -m tests.record DIR``.

On a fresh demo database, with the clock standing still (the command ``faketime``), it writes text files that are the
same each time: the OpenAPI document, the tools of the model and of ``/mcp/``, which lists of alerts find what by page,
API and chat, who may do what to an alert by which door, every page, what the offline mode answers to the corpora, and
the audit trail and history of a scripted day. Compare two of them with ``diff -r``. ``--only PART`` writes one part.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

MOMENT: Final = "2026-11-26 10:30:00"  # a Thursday, in Shanghai


def again_with_a_still_clock() -> None:
    """Replace this process by one whose clock stands still. Does not return, except in that process."""
    if os.environ.get("RECORD_CLOCK") == MOMENT:
        return
    faketime = shutil.which("faketime") or sys.exit("需要 faketime：apt-get install faketime")
    wanted = {
        "RECORD_CLOCK": MOMENT, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONHASHSEED": "0", "TZ": "Asia/Shanghai",
    }  # fmt: skip
    command = [faketime, "-f", MOMENT, sys.executable, "-m", "tests.record", *sys.argv[1:]]
    os.execve(faketime, command, os.environ | wanted)


PARTS: Final = ("documents", "lists", "acts", "pages", "day", "corpora")


def main() -> None:
    """Write all parts, or one."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", metavar="DIR", type=Path)
    asked.add_argument("--only", choices=PARTS, action="append", help="this part; may be given several times")
    given = asked.parse_args()
    again_with_a_still_clock()
    import tests.environment  # noqa: F401 - first: what Django's settings read

    os.environ["DJANGO_SECRET_KEY"] = "of a record, so that what is signed is the same each time"
    from tests.record.acts import acts
    from tests.record.lists import documents, lists
    from tests.record.pages import corpora, day, pages
    from tests.record.stage import Sheaf, prepare

    parts: dict[str, Callable[[Sheaf], None]] = {
        "documents": documents, "lists": lists, "acts": acts, "pages": pages, "day": day, "corpora": corpora,
    }  # fmt: skip
    sheaf = Sheaf(given.folder, prepare())
    for name in given.only or PARTS:
        parts[name](sheaf)


if __name__ == "__main__":
    main()
