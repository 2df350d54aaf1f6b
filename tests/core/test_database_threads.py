"""Who is first at the database threads."""

import threading

from bifang.core.database import db


def test_lower_ranks_go_first_and_equal_ones_in_order() -> None:
    threads, release, told = db.DatabaseThreads(1), threading.Event(), list[str]()
    threads.submit(release.wait, 60)
    for number, rank in enumerate((7, 3, 0, 3, 7)):
        standing = db.rank.set(rank)
        last = threads.submit(told.append, f"{rank}-{number}")
        db.rank.reset(standing)
    release.set()
    last.result(60)
    threads.close()
    assert told == ["0-2", "3-1", "3-3", "7-0", "7-4"]


def test_what_is_prompt_waits_behind_no_answer() -> None:
    release, done = threading.Event(), threading.Event()
    for _ in range(db.threads().count):
        db.threads().submit(release.wait, 60)
    db.promptly(done.set)
    assert done.wait(60)
    release.set()
