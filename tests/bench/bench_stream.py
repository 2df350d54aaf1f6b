"""The path of a message, beside a bot on the SDK's `AsyncChatbotHandler`: ``python -m tests.bench.bench_stream``."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from statistics import median
from typing import TypeVar

import psutil

from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Round, Stage, percentile

ROUNDS = 5
AFTERWARDS = 3.0  # seconds
T = TypeVar("T")
Bot = Callable[[Stage], AbstractContextManager[psutil.Process]]


def megabytes(process: psutil.Process) -> float:
    """Resident memory."""
    return float(process.memory_info().rss) / 2**20


def rounds(
    place: Stage, bot: Bot, count: int, conversations: int, times: int = ROUNDS
) -> tuple[list[Round], float]:
    """A warm-up and `times` rounds; and the bot's memory after them."""
    with bot(place) as process:
        work = stages.messages(place, count, conversations)
        place.burst(work)
        done = [place.burst(work) for _ in range(times)]
        return done, megabytes(process)


def row(what: str, must: str, value: str, ok: bool) -> bool:
    """Print one line of the table."""
    print(f"| {what} | {must} | {value} | {'达到' if ok else '未达到'} |", flush=True)
    return ok


def whole(found: list[Round]) -> bool:
    """Was every message answered exactly once?"""
    return all(one.answered == one.sent for one in found)


def side_by_side(url: str, measure: Callable[[Stage], T], times: int) -> tuple[list[T], list[T], float]:
    """Both bots on stages of their own, measured in turns, so that the machine's moods meet both; our memory."""
    with (
        stages.stage() as first,
        stages.stage() as second,
        stages.sdk_bot(first, 0),
        stages.bifang(second, 0, url) as worker,
    ):
        pairs = [(measure(first), afterwards(measure(second))) for _ in range(times + 1)][1:]
        return [theirs for theirs, _ in pairs], [ours for _, ours in pairs], megabytes(worker)


def afterwards(measured: T) -> T:
    """Let Bifang seal and tidy what it put off, so that this does not slow the other bot's next round."""
    asyncio.run(asyncio.sleep(AFTERWARDS))
    return measured


def compared(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of neighbouring rounds."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))


def throughput(url: str) -> list[bool]:
    """Rows 1, 5 and 6."""
    theirs, ours, memory = side_by_side(url, lambda p: p.burst(stages.messages(p, 500, 50)), 2 * ROUNDS + 1)
    mine, sdk = [one.rate for one in ours], [one.rate for one in theirs]
    my_ack, sdk_ack = ([percentile(one.acks, 0.99) for one in found] for found in (ours, theirs))
    faster, sooner = compared(mine, sdk), compared(my_ack, sdk_ack)
    return [
        row("500 条同时、50 个会话、模型 0 s", "≥ 1.3 × SDK", f"{median(mine):.0f}/s，SDK {median(sdk):.0f}/s，{faster:.2f} ×", faster >= 1.3 and whole(ours)),
        row("同上，ack 第 99 百分位", "≤ SDK 的 1/4", f"{median(my_ack) * 1000:.0f} ms，SDK {median(sdk_ack) * 1000:.0f} ms，{sooner:.2f} ×", sooner <= 0.25),
        row("同上，常驻内存", "< 150 MB", f"{memory:.0f} MB", memory < 150),
    ]  # fmt: skip


def concurrency(url: str) -> list[bool]:
    """Rows 2 and 3."""
    with stages.stage() as place:
        wide, _ = rounds(place, lambda p: stages.bifang(p, 2, url), 200, 200, 3)
    with stages.stage() as place:
        group, _ = rounds(place, lambda p: stages.bifang(p, 2, url), 20, 1, 3)
    first, second = median(one.seconds for one in wide), median(one.seconds for one in group)
    return [
        row("200 个会话同时、模型 2 s", "全部 ≤ 2.3 s", f"{first:.2f} s", first <= 2.3 and whole(wide)),
        row("一个群 20 人同时、模型 2 s", "全部 ≤ 2.5 s", f"{second:.2f} s", second <= 2.5 and whole(group)),
    ]


def sdk_concurrency() -> None:
    """For the record: what the SDK's pool of threads makes of row 2."""
    with stages.stage() as place, stages.sdk_bot(place, 2):
        one = place.burst(stages.messages(place, 200, 200))
    row("（SDK 机器人）200 个会话同时、模型 2 s", "—", f"{one.seconds:.1f} s", True)


def steady(url: str) -> list[bool]:
    """Row 4."""
    theirs, ours, _ = side_by_side(
        url, lambda p: median(p.stream(stages.messages(p, 300, 50), 50).replies), 5
    )
    ratio = compared(ours, theirs)
    return [
        row("每秒 50 条，回复中位数", "≤ 2 × SDK", f"{median(ours) * 1000:.1f} ms，SDK {median(theirs) * 1000:.1f} ms，{ratio:.2f} ×", ratio <= 2)
    ]  # fmt: skip


def many_configurations(url: str) -> list[bool]:
    """Row 7. The time runs from the start of the process."""
    with stages.stage(200) as place, stages.bifang(place, 0, url) as worker:
        ready = time.time() - worker.create_time()
        memory = megabytes(worker)
    return [
        row("一个进程 200 个配置", "≤ 15 s 全部连接，< 350 MB", f"{ready:.1f} s（含进程启动），{memory:.0f} MB", ready <= 15 and memory < 350)
    ]  # fmt: skip


def limited(url: str) -> list[bool]:
    """Row 8: our limits on, the simulator's limits on, 10 messages a conversation."""
    with stages.stage(limits=True) as place, stages.bifang(place, 0, url, limits=True):
        one = place.burst(stages.messages(place, 500, 50), within=180)
        refused = sum(
            limit["refused"]
            for limit in place.get("/sim/state")["limits"].values()
            if isinstance(limit, dict)
        )
    return [
        row("第一行，打开我们的限速", "不丢，从不超过模拟器的限额", f"{one.answered}/500，被拒 {refused} 次", whole([one]) and not refused)
    ]  # fmt: skip


def main(database: str, url: str) -> bool:
    """The whole table on one database; True if every row was reached."""
    print(f"\n### {database}\n\n| 项目 | 要求 | 结果 | |\n|---|---|---|---|", flush=True)
    parts = (throughput, concurrency, steady, many_configurations, limited)
    reached = [ok for part in parts for ok in part(url)]
    return all(reached)


if __name__ == "__main__":
    sdk_concurrency()
    good = main("SQLite", "")
    with stages.fresh_postgres() as url:
        good = main("PostgreSQL", url) and good
    sys.exit(0 if good else 1)
