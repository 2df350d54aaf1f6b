"""Alerts over HTTP in batches, while the robot answers: 1,000 a second on SQLite, 3,000 on PostgreSQL.

Run: ``python -m tests.bench.bench_intake [sqlite|postgresql] [seconds] [batch]``. gunicorn as in deploy/ (2 workers, 4
threads), the stream worker, a simulator and a model, all on this machine; 8 connections of a sender beside them.
Half of the alerts are new, the others repeat one (40 hosts × 500 rules).
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from tests.bench import bench_ingest
from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Round, percentile

DATABASES = {"sqlite": 1000, "postgresql": 3000}
MESSAGES_A_SECOND = 10
CONNECTIONS = 8


@dataclass
class Flood:
    """What became of the alerts of one round."""

    taken: int
    refused: int
    seconds: float
    latencies: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Alerts a second."""
        return self.taken / self.seconds if self.seconds else 0.0


def batch(first: int, size: int) -> bytes:
    """JSON lines of Falco events; every second one is an alert that was there before."""
    return b"\n".join(
        bench_ingest.event(number, rules=10**9 if number % 2 else 500, hosts=40)
        for number in range(first, first + size)
    )


async def flood(address: str, token: str, seconds: float, rate: float, size: int) -> Flood:
    """As many batches as `rate` asks for; one that waits for its turn is late, not left out."""
    started, taken, refused, latencies = time.monotonic(), 0, 0, list[float]()
    headers = {"Authorization": f"Bearer {token}"}
    turns = iter(range(int(seconds * rate / size)))
    offset = time.time_ns() // 1_000_000

    async with aiohttp.ClientSession(headers=headers) as session:

        async def sender() -> None:
            nonlocal taken, refused
            for turn in turns:
                due = started + turn * size / rate
                await asyncio.sleep(max(due - time.monotonic(), 0))
                body = batch(offset + turn * size, size)
                good = await _post(session, f"{address}/api/v1/ingest/falco/", body)
                latencies.append(time.monotonic() - due)
                taken, refused = taken + size * good, refused + size * (not good)

        await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
    return Flood(taken, refused, time.monotonic() - started, tuple(latencies))


async def _post(session: aiohttp.ClientSession, address: str, body: bytes) -> bool:
    """Was all of it taken? A connection that the server closes while nothing goes over it is opened again, as senders do."""
    for _ in range(3):
        try:
            async with session.post(address, data=body) as answer:
                return answer.status == 200 and not (await answer.json())["rejected"]
        except aiohttp.ServerDisconnectedError:
            continue
    return False


@contextmanager
def database(name: str) -> Iterator[str]:
    """Its URL, "" for SQLite."""
    if name == "sqlite":
        yield ""
        return
    with stages.fresh_postgres() as url:
        yield url


def main(name: str = "sqlite", seconds: int = 15, size: int = 100) -> bool:
    """Print the figures; True if the rate was held and every message answered."""
    rate = DATABASES[name]
    with (
        database(name) as url, stages.stage() as place, stages.bifang(place, url),
        bench_ingest.web(place, url) as (address, token),
    ):  # fmt: skip
        asyncio.run(flood(address, token, 3, rate / 4, size))  # warm up
        talk: list[Round] = []
        messages = stages.messages(place, seconds * MESSAGES_A_SECOND, 20)
        talking = threading.Thread(target=lambda: talk.append(place.stream(messages, MESSAGES_A_SECOND)))
        talking.start()
        paced = asyncio.run(flood(address, token, seconds, rate, size))
        talking.join()
        alone = asyncio.run(flood(address, token, 2, rate * 5, size))
    return report(name, size, paced, talk[0], alone)


def report(name: str, size: int, paced: Flood, talk: Round, alone: Flood) -> bool:
    """The table."""
    rate = DATABASES[name]
    p50, p99 = (percentile(paced.latencies, share) for share in (0.5, 0.99))
    held = paced.rate >= 0.97 * rate and not paced.refused and talk.answered == talk.sent
    print(f"负载 {os.getloadavg()[0]:.1f}；{name}，每请求 {size} 条")
    print("| 项目 | 要求 | 结果 | |\n|---|---|---|---|")
    print(
        f"| 成批导入，机器人同时回答 | ≥ {rate}/s | {paced.rate:.0f}/s，被拒 {paced.refused}，"
        f"延迟（含排队）中位 {p50:.1f} s，p99 {p99:.1f} s | {'✓' if held else '✗'} |"
    )
    print(
        f"| 同时的机器人回答 | 全部 | {talk.answered}/{talk.sent}，中位 {percentile(talk.replies, 0.5) * 1000:.0f} ms，"
        f"p99 {percentile(talk.replies, 0.99) * 1000:.0f} ms | |"
    )
    print(f"| 没有人提问时 | — | {alone.rate:.0f}/s | |")
    return held


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    sys.exit(0 if main(chosen, *(int(word) for word in sys.argv[2:4])) else 1)
