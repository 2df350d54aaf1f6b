"""The path of a question, beside a bot on the SDKs of DingTalk and 通义千问: ``python -m tests.bench.bench_stream``.

Both talk to the same kind of simulator and the same kind of model, over HTTP. Bifang answers from an estate of 100,000 alerts
(`chat_estate`) what strangers asked (`questions.txt`, in turn). ``--database sqlite|postgresql`` and the names of parts
(``cost burst waiting steady many flat limited``) run less of it; ``--estate DIR`` keeps the SQLite estate for another run.
"""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import TypeVar

import psutil

from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Round, Stage, percentile

ROUNDS = 3
IDLE_S = 5.0
LIMITS = {"list": "≤ 15 ms"}
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


@dataclass(frozen=True)
class Estate:
    """Where Bifang finds its data: a directory to copy, or a database by its URL."""

    url: str
    home: Path

    def bifang(
        self, place: Stage, *, model: bool = True, limits: bool = False
    ) -> AbstractContextManager[psutil.Process]:
        """The worker on a copy of it."""
        return stages.bifang(place, self.url, model=model, limits=limits, estate=self.home)


def side_by_side(
    data: Estate, measure: Callable[[Stage], T], rounds: int = ROUNDS
) -> tuple[list[T], list[T]]:
    """The other bot and ours in turn, so that the machine's moods meet both; after a round each to warm up."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(stages.stage()) for _ in range(2))
        stack.enter_context(stages.sdk_bot(first))
        stack.enter_context(data.bifang(second))
        pairs = [(measure(first), measure(second)) for _ in range(rounds + 1)][1:]
    return [theirs for theirs, _ in pairs], [ours for _, ours in pairs]


def used(worker: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = worker.cpu_times()
    return float(times.user + times.system)


def cost(data: Estate) -> list[bool]:
    """Processor time of one question, receive and send included, without a model; what an idle worker takes is left out.

    On PostgreSQL without the server's.
    """
    with stages.stage() as place, data.bifang(place, model=False) as worker:
        place.burst(stages.messages(place, 100, 100))
        idle = worker.cpu_percent(interval=IDLE_S) / 100
        found = [(each, _cost(place, worker, each, idle)) for each in stages.questions()]
    mix = mean(taken for each, taken in found if each.kind != "report")
    reached = [
        row(
            f"{each.kind} {each.text}",
            LIMITS.get(each.kind, ""),
            f"{taken:.1f} ms",
            each.kind != "list" or taken <= 15,
        )
        for each, taken in found
    ]
    return [*reached, row("20 问平均", "≤ 12 ms", f"{mix:.1f} ms", mix <= 12)]


def _cost(place: Stage, worker: psutil.Process, question: stages.Question, idle: float) -> float:
    """Milliseconds of processor time."""
    times = 3 if question.kind == "report" else 30
    work = stages.messages(place, times, times, [question.text])
    place.burst(work[:3])
    before, started = used(worker), time.monotonic()
    round_ = place.burst(work)
    taken = used(worker) - before - idle * (time.monotonic() - started)
    assert round_.answered == times, f"{question.text}: {round_.answered}/{times}"
    return taken / times * 1000


def burst(place: Stage) -> Round:
    """500 messages at once in 50 conversations."""
    return place.burst(stages.messages(place, 500, 50))


def throughput(data: Estate, least: int) -> list[bool]:
    """What a burst takes, and how long its senders wait for their acks."""
    with stages.stage() as place, data.bifang(place, model=False):
        burst(place)
        alone = [burst(place) for _ in range(ROUNDS)]
    theirs, ours = side_by_side(data, burst)
    plain, mine, sdk = (median(one.rate for one in found) for found in (alone, ours, theirs))
    my_ack, sdk_ack = (median(percentile(one.acks, 0.99) for one in found) for found in (ours, theirs))
    return [
        row("500 问同时、50 个会话，没有模型", f"≥ {least}/s", f"{plain:.0f}/s", plain >= least and whole(alone)),
        row("同上，有模型", f"≥ {least}/s", f"{mine:.0f}/s（SDK 不查数据，{sdk:.0f}/s）", mine >= least and whole(ours)),
        row("同上，确认时延第 99 百分位", "", f"{my_ack * 1000:.0f} ms，SDK {sdk_ack * 1000:.0f} ms", True),
    ]  # fmt: skip


def waiting(data: Estate, limit: float) -> list[bool]:
    """A model that takes its time holds nobody up."""
    with stages.stage(model_s=2) as place, data.bifang(place):
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
        row("一个群 3 人 20 问、模型 2 s", "", f"{group:.2f} s", whole(found[1])),
    ]


def steady(data: Estate) -> list[bool]:
    """Twenty-five questions a second."""

    def measure(place: Stage) -> float:
        return median(place.stream(stages.messages(place, 250, 50), 25).replies) * 1000

    with stages.stage() as place, data.bifang(place, model=False):
        measure(place)
        alone = median(measure(place) for _ in range(ROUNDS))
    theirs, ours = (median(found) for found in side_by_side(data, measure))
    return [
        row("每秒 25 问，回复中位数，没有模型", "≤ 40 ms", f"{alone:.1f} ms", alone <= 40),
        row("同上，有模型", "≤ 40 ms", f"{ours:.1f} ms，SDK {theirs:.1f} ms", ours <= 40),
    ]


def many_configurations(data: Estate) -> list[bool]:
    """The time runs from the start of the process. On a database of its own: two hundred robots would stay in the other."""
    own = stages.fresh_postgres() if data.url else nullcontext("")
    with own as url, stages.stage(200) as place, stages.bifang(place, url) as worker:
        ready = time.time() - worker.create_time()
        memory = megabytes(worker)
    return [
        row("一个进程 200 个配置", "≤ 15 s 全部连接，< 350 MB", f"{ready:.1f} s（含进程启动），{memory:.0f} MB", ready <= 15 and memory < 350)
    ]  # fmt: skip


def flat(data: Estate) -> list[bool]:
    """Memory after the 5th and after the 20th burst."""
    with stages.stage() as place, data.bifang(place) as worker:
        found = []
        for _ in range(20):
            burst(place)
            found.append(megabytes(worker))
    fifth, last = found[4], found[19]
    growth = last / fifth - 1
    text = f"第 5 次后 {fifth:.0f} MB，第 20 次后 {last:.0f} MB，{growth:+.1%}"
    return [row("20 次 500 条，常驻内存", "≤ 140 MB，增长 < 5 %", text, last <= 140 and growth < 0.05)]


def limited(data: Estate) -> list[bool]:
    """Our limits on, the simulator's limits on, 10 messages a conversation."""
    with stages.stage(limits=True) as place, data.bifang(place, limits=True):
        one = place.burst(stages.messages(place, 500, 50), within=180)
        limits = place.get("/sim/state")["limits"].values()
        refused = sum(limit["refused"] for limit in limits if isinstance(limit, dict))
    return [
        row("第一行，打开我们的限速", "不丢，从不超过模拟器的限额", f"{one.answered}/500，被拒 {refused} 次", whole([one]) and not refused)
    ]  # fmt: skip


PARTS = ("cost", "burst", "waiting", "steady", "many", "flat", "limited")


def table(database: str, data: Estate, parts: list[str]) -> bool:
    """The table of one database; True if every row was reached."""
    measures: dict[str, Callable[[], list[bool]]] = {
        "cost": lambda: cost(data),
        "burst": lambda: throughput(data, 50 if data.url else 80),  # PostgreSQL shares the two cores
        "waiting": lambda: waiting(data, 3.5),
        "steady": lambda: steady(data),
        "many": lambda: many_configurations(data),
        "flat": lambda: flat(data),
        "limited": lambda: limited(data),
    }
    print(f"\n### {database}\n\n| 项目 | 要求 | 结果 | |\n|---|---|---|---|", flush=True)
    reached = [ok for part in parts for ok in measures[part]()]
    return all(reached)


def main() -> bool:
    """The whole bench, or what was chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--database", choices=["sqlite", "postgresql"])
    parser.add_argument("--estate", type=Path)
    chosen = parser.parse_args()
    parts, good = chosen.parts or list(PARTS), True
    if chosen.database != "postgresql":
        with stages.filled(keep=chosen.estate) as home:
            good = table("SQLite", Estate("", home), parts)
    if chosen.database != "sqlite":
        with stages.fresh_postgres() as url, stages.filled(url) as home:
            good = table("PostgreSQL", Estate(url, home), parts) and good
    return good


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
