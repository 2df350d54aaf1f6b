"""The path of a message, beside a bot on the SDKs of DingTalk and 通义千问: ``python -m tests.bench.bench_stream``.

Both talk to the same kind of simulator and the same kind of model, over HTTP. ``--database sqlite|postgresql`` and the
names of parts (``burst waiting steady many flat limited``) run less of it.
"""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import TypeVar

import psutil

from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Round, Stage, percentile

ROUNDS = 3
T = TypeVar("T")


def megabytes(process: psutil.Process) -> float:
    """Resident memory."""
    return float(process.memory_info().rss) / 2**20


def row(what: str, must: str, value: str, ok: bool) -> bool:
    """Print one line of the table."""
    print(f"| {what} | {must} | {value} | {'达到' if ok else '**未达到**'} |", flush=True)
    return ok


def whole(found: list[Round]) -> bool:
    """Was every message answered exactly once?"""
    return all(one.answered == one.sent for one in found)


def side_by_side(url: str, measure: Callable[[Stage], T], rounds: int = ROUNDS) -> tuple[list[T], list[T]]:
    """The other bot and ours in turn, so that the machine's moods meet both; after a round each to warm up."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(stages.stage()) for _ in range(2))
        stack.enter_context(stages.sdk_bot(first))
        stack.enter_context(stages.bifang(second, url))
        pairs = [(measure(first), measure(second)) for _ in range(rounds + 1)][1:]
    return [theirs for theirs, _ in pairs], [ours for _, ours in pairs]


def burst(place: Stage) -> Round:
    """500 messages at once in 50 conversations."""
    return place.burst(stages.messages(place, 500, 50))


def throughput(url: str, share: float) -> list[bool]:
    """What a burst takes, and how long its senders wait for their acks."""
    theirs, ours = side_by_side(url, burst)
    mine, sdk = median(one.rate for one in ours), median(one.rate for one in theirs)
    my_ack, sdk_ack = (median(percentile(one.acks, 0.99) for one in found) for found in (ours, theirs))
    return [
        row("500 条同时、50 个会话", f"≥ {share} × SDK", f"{mine:.0f}/s，SDK {sdk:.0f}/s，{mine / sdk:.2f} ×", mine / sdk >= share and whole(ours)),
        row("同上，确认时延第 99 百分位", "≤ 0.5 × SDK", f"{my_ack * 1000:.0f} ms，SDK {sdk_ack * 1000:.0f} ms，{my_ack / sdk_ack:.2f} ×", my_ack / sdk_ack <= 0.5),
    ]  # fmt: skip


def waiting(url: str, limit: float) -> list[bool]:
    """A model that takes its time holds nobody up."""
    with stages.stage(model_s=2) as place, stages.bifang(place, url):
        found = []
        for count, conversations in ((200, 200), (20, 1)):
            work = stages.messages(place, count, conversations)
            place.burst(work)
            found.append([place.burst(work) for _ in range(ROUNDS)])
    wide, group = (median(one.seconds for one in each) for each in found)
    return [
        row(
            "200 个会话同时、模型 2 s",
            f"全部 ≤ {limit} s",
            f"{wide:.2f} s",
            wide <= limit and whole(found[0]),
        ),
        row("一个群 20 人同时、模型 2 s", "全部 ≤ 2.5 s", f"{group:.2f} s", group <= 2.5 and whole(found[1])),
    ]


def steady(url: str) -> list[bool]:
    """Fifty messages a second."""

    def measure(place: Stage) -> float:
        return median(place.stream(stages.messages(place, 300, 50), 50).replies) * 1000

    theirs, ours = (median(found) for found in side_by_side(url, measure))
    text = f"{ours:.1f} ms，SDK {theirs:.1f} ms，多 {ours - theirs:.1f} ms"
    return [row("每秒 50 条，回复中位数", "≤ SDK + 15 ms", text, ours - theirs <= 15)]


def many_configurations(url: str) -> list[bool]:
    """The time runs from the start of the process."""
    with stages.stage(200) as place, stages.bifang(place, url) as worker:
        ready = time.time() - worker.create_time()
        memory = megabytes(worker)
    return [
        row("一个进程 200 个配置", "≤ 15 s 全部连接，< 350 MB", f"{ready:.1f} s（含进程启动），{memory:.0f} MB", ready <= 15 and memory < 350)
    ]  # fmt: skip


def flat(url: str) -> list[bool]:
    """Memory after the 5th and after the 20th burst."""
    with stages.stage() as place, stages.bifang(place, url) as worker:
        found = []
        for _ in range(20):
            burst(place)
            found.append(megabytes(worker))
    fifth, last = found[4], found[19]
    growth = last / fifth - 1
    text = f"第 5 次后 {fifth:.0f} MB，第 20 次后 {last:.0f} MB，{growth:+.1%}"
    return [row("20 次 500 条，常驻内存", "< 160 MB，增长 < 5 %", text, last < 160 and growth < 0.05)]


def limited(url: str) -> list[bool]:
    """Our limits on, the simulator's limits on, 10 messages a conversation."""
    with stages.stage(limits=True) as place, stages.bifang(place, url, limits=True):
        one = place.burst(stages.messages(place, 500, 50), within=180)
        limits = place.get("/sim/state")["limits"].values()
        refused = sum(limit["refused"] for limit in limits if isinstance(limit, dict))
    return [
        row("第一行，打开我们的限速", "不丢，从不超过模拟器的限额", f"{one.answered}/500，被拒 {refused} 次", whole([one]) and not refused)
    ]  # fmt: skip


PARTS = ("burst", "waiting", "steady", "many", "flat", "limited")


def table(database: str, url: str, parts: list[str]) -> bool:
    """The table of one database; True if every row was reached."""
    lenient = bool(url)  # PostgreSQL shares the two cores
    measures: dict[str, Callable[[], list[bool]]] = {
        "burst": lambda: throughput(url, 0.6 if lenient else 0.75),
        "waiting": lambda: waiting(url, 2.7 if lenient else 2.6),
        "steady": lambda: steady(url),
        "many": lambda: many_configurations(url),
        "flat": lambda: flat(url),
        "limited": lambda: limited(url),
    }
    print(f"\n### {database}\n\n| 项目 | 要求 | 结果 | |\n|---|---|---|---|", flush=True)
    reached = [ok for part in parts for ok in measures[part]()]
    return all(reached)


def main() -> bool:
    """The whole bench, or what was chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--database", choices=["sqlite", "postgresql"])
    chosen = parser.parse_args()
    parts, good = chosen.parts or list(PARTS), True
    if chosen.database != "postgresql":
        good = table("SQLite", "", parts)
    if chosen.database != "sqlite":
        with stages.fresh_postgres() as url:
            good = table("PostgreSQL", url, parts) and good
    return good


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
