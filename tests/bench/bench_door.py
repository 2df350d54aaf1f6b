"""What comes in while a worker answers, and what a kill -9 costs: ``python -m tests.bench.bench_door [door kill order]``.

Questions of `questions.txt` about the estate of `chat_estate` (PostgreSQL: about nothing, which costs less), answered
without a model: all of it is this machine's work.
``--database sqlite|postgresql`` runs it on one; ``--estate DIR`` keeps the SQLite estate for another run.
"""

import argparse
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Stage, percentile
from tests.deadline import wait_until

ROUNDS = 3
AT_ONCE, KNOCKS, A_SECOND = 50, 200, 20
PARTS = ("door", "kill", "order")


def replies(place: Stage) -> list[dict[str, Any]]:
    """What the robot answered so far; who had to wait was told so, too."""
    return [each for each in place.get("/sim/replies") if "正在排队" not in each["text"]]


def door(url: str, home: Path | None) -> None:
    """From the push of a frame to its acknowledgement, which follows the disk, while 50 questions are answered."""
    with stages.stage() as place, stages.bifang(place, url, model=False, estate=home):
        place.burst(stages.messages(place, AT_ONCE, AT_ONCE))
        place.post("/sim/reset", {})
        alone = knock(place)
        ended = threading.Event()
        asking = threading.Thread(target=keep_asking, args=(place, ended))
        asking.start()
        beside = knock(place)
        ended.set()
        asking.join()
    for what, waited in (("alone", alone), ("while answering", beside)):
        told = ", ".join(
            f"p{share * 100:.0f} {percentile(waited, share):.0f} ms" for share in (0.5, 0.9, 0.99)
        )
        print(f"door {what}: {told}, load {os.getloadavg()[0]:.0f}", flush=True)


def knock(place: Stage) -> list[int]:
    """How long greetings wait for their acknowledgements, ms."""
    rows = stages.messages(place, KNOCKS, KNOCKS, ["你好"])
    rows = [{**row, "conversation_id": f"cidDoor{number}=="} for number, row in enumerate(rows)]
    sent = set(stages.run_paced(place, rows, A_SECOND))
    wait_until(lambda: sent <= {ack["msg_id"] for ack in place.get("/sim/acks")}, within=60)
    return [ack["latency_ms"] for ack in place.get("/sim/acks") if ack["msg_id"] in sent]


def keep_asking(place: Stage, ended: threading.Event) -> None:
    """50 questions at once, and 50 more when they are answered."""
    while not ended.is_set():
        said = place.post("/sim/messages/batch", stages.messages(place, AT_ONCE, AT_ONCE))
        asked = {one["msg_id"] for one in said}
        wait_until(lambda asked=asked: asked <= {each["msg_id"] for each in replies(place)}, within=120)


def let_pass(seconds: float) -> None:
    """What is under way arrives and is counted."""
    threading.Event().wait(seconds)


def kill(url: str, home: Path | None) -> None:
    """kill -9 after 60 of a burst of 200; how many are answered twice."""
    with stages.stage() as place, stages.bifang(place, url, model=False, estate=home) as first:
        said = place.post("/sim/messages/batch", stages.messages(place, 200, 100))
        wait_until(lambda: len(replies(place)) >= 60, within=120, every=0.02)
        first.kill()
        first.wait()
        let_pass(1)
        before = len(replies(place))
        with stages.worker(place, url):
            everything = {one["msg_id"] for one in said}
            wait_until(lambda: everything <= {each["msg_id"] for each in replies(place)}, within=180)
            let_pass(3)
            times = Counter(each["msg_id"] for each in replies(place))
    twice = sum(number > 1 for number in times.values())
    print(f"kill: {before} before, {twice} of 200 answered twice, load {os.getloadavg()[0]:.0f}", flush=True)


def order(url: str, home: Path | None) -> None:
    """Two workers; one is killed in the middle of 300 messages. What is delivered or answered again aside."""
    with (
        stages.stage() as place,
        stages.bifang(place, url, model=False, estate=home) as first,
        stages.worker(place, url, connections=2),
    ):
        said: dict[str, list[str]] = defaultdict(list)
        for turn in range(10):
            rows = stages.messages(place, 30, 30)
            for row, one in zip(rows, place.post("/sim/messages/batch", rows), strict=True):
                said[row["conversation_id"]].append(one["msg_id"])
            if turn == 5:
                wait_until(lambda: len(replies(place)) >= 40, within=120, every=0.02)
                first.kill()
                first.wait()
        everything = {one for ids in said.values() for one in ids}
        wait_until(lambda: everything <= {each["msg_id"] for each in replies(place)}, within=180)
        again = {ack["msg_id"] for ack in place.get("/sim/acks") if ack["times_delivered"] > 1}
        wrong = sum(not _is_in_order(replies(place), ids, again) for ids in said.values())
    print(f"order: {wrong} of 30 conversations out of order, load {os.getloadavg()[0]:.0f}", flush=True)


def _is_in_order(told: Sequence[dict[str, Any]], ids: Sequence[str], again: set[str]) -> bool:
    """By the first answer to each; what was delivered again came late."""
    wanted = [one for one in ids if one not in again]
    return wanted == list(dict.fromkeys(each["msg_id"] for each in told if each["msg_id"] in wanted))


def main() -> None:
    """The whole bench, or what was chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--database", choices=["sqlite", "postgresql"])
    parser.add_argument("--estate", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    measures = {"door": door, "kill": kill, "order": order}
    for vendor in [chosen.database] if chosen.database else ["sqlite", "postgresql"]:
        print(vendor, flush=True)
        for part in chosen.parts or PARTS:
            for _ in range(chosen.rounds if part != "order" or vendor == "postgresql" else 0):
                run(measures[part], vendor, chosen.estate)


def run(measure: Callable[[str, Path | None], None], vendor: str, estate: Path | None) -> None:
    """A round, on a database of its own."""
    if vendor == "sqlite":
        with stages.filled(keep=estate) as home:
            measure("", home)
    else:
        with stages.fresh_postgres() as url:
            measure(url, None)


if __name__ == "__main__":
    main()
