"""Ingest over HTTP while the stream worker answers, on SQLite: 200 alerts a second, one a request.

Run: ``python -m tests.bench.bench_ingest [seconds]``. Web server as in deploy/ (gunicorn, 2 workers, 4 threads).
"""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from tests.acceptance.processes import MANAGE, PROJECT, clean_environment, free_ports
from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Round, Stage, percentile
from tests.deadline import wait_until

RATE = 200
MESSAGES_A_SECOND = 10
CONNECTIONS = 32
MAKE_TOKEN = "from secops_agent.services.people import tokens; print(tokens.create('bench', ['ingest', 'read'], rate=0)[1])"


@dataclass
class Sent:
    """What happened to the alerts."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Alerts taken a second."""
        return self.statuses[200] / self.seconds if self.seconds else 0.0


def event(number: int, rules: int = 500, hosts: int = 50, process: str = "bash") -> bytes:
    """One Falco event as falcosidekick sends it: another alert for each rule, host and process."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(
        {"uuid": f"bench-{time.time_ns()}-{number}", "output": f"shell in container {number}", "priority": "Warning",
         "rule": f"Rule {number % rules}", "time": at, "source": "syscall", "hostname": f"node-{number % hosts:02}",
         "tags": ["shell", "mitre_execution"],
         "output_fields": {"proc.name": process, "user.name": "root", "container.id": f"{number % 300:012x}"}}
    ).encode()  # fmt: skip


async def send(
    address: str, token: str, count: int, rate: float, make: Callable[[int], bytes] = event
) -> Sent:
    """Paced: an alert that waits for its turn is late, not left out."""
    sent = Sent()
    started = time.monotonic()
    room = asyncio.Semaphore(CONNECTIONS)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def one(number: int) -> None:
            async with room:
                due = started + number / rate
                async with session.post(f"{address}/api/v1/ingest/falco/", data=make(number)) as answer:
                    await answer.read()
                sent.statuses[answer.status] += 1
                sent.latencies.append(time.monotonic() - due)

        tasks = []
        for number in range(count):
            await asyncio.sleep(max(started + number / rate - time.monotonic(), 0))
            tasks.append(asyncio.create_task(one(number)))
        await asyncio.gather(*tasks)
    sent.seconds = time.monotonic() - started
    return sent


@contextmanager
def web(place: Stage, database_url: str = "") -> Iterator[tuple[str, str]]:
    """The web server on the stage's database, and a token."""
    database = {"DATABASE_URL": database_url} if database_url else {}
    env = clean_environment(place.home, BIFANG_SIMULATOR="1", BIFANG_RATE_LIMITS="off", **database)
    made = subprocess.run(
        [*MANAGE, "shell", "--no-imports", "-c", MAKE_TOKEN],
        cwd=PROJECT,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    (port,) = free_ports(1)
    command = [
        sys.executable, "-m", "gunicorn", "bifang.wsgi", "-c", "deploy/gunicorn.conf.py",
        "--bind", f"127.0.0.1:{port}", "--workers", "2",
    ]  # fmt: skip
    with stages.process(command, env, place.home / "web.log"):
        address, token = f"http://127.0.0.1:{port}", made.stdout.split()[-1]
        wait_until(lambda: asyncio.run(_answers(address)), within=30, every=0.2, what="the web server")
        yield address, token


async def _answers(address: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/api/v1/alerts/") as answer:
            return answer.status == 401
    except aiohttp.ClientError:
        return False


def main(seconds: int = 20) -> bool:
    """Print the figures; True if the rate was held and every message answered."""
    with stages.stage() as place, stages.bifang(place), web(place) as (address, token):
        asyncio.run(send(address, token, RATE, RATE / 2))  # warm up
        talk: list[Round] = []
        messages = stages.messages(place, seconds * MESSAGES_A_SECOND, 20)
        talking = threading.Thread(target=lambda: talk.append(place.stream(messages, MESSAGES_A_SECOND)))
        talking.start()
        sent = asyncio.run(send(address, token, RATE * seconds, RATE))
        talking.join()
        flood = asyncio.run(send(address, token, RATE * 5, 1e6))
    return report(sent, talk[0], flood)


def report(sent: Sent, talk: Round, flood: Sent) -> bool:
    """The table."""
    p50, p99 = (percentile(sent.latencies, share) * 1000 for share in (0.5, 0.99))
    reply50, reply99 = (percentile(talk.replies, share) * 1000 for share in (0.5, 0.99))
    held = sent.rate >= 0.98 * RATE and set(sent.statuses) == {200}
    print("| 项目 | 要求 | 结果 | |\n|---|---|---|---|")
    print(
        f"| HTTP 导入，每请求一条，SQLite | ≥ {RATE}/s | {sent.rate:.0f}/s，{dict(sent.statuses)} | {'✓' if held else '✗'} |"
    )
    print(f"| 同上，延迟（含排队） | — | 中位 {p50:.0f} ms，p99 {p99:.0f} ms | |")
    print(
        f"| 同时的机器人回答 | 全部 | {talk.answered}/{talk.sent}，中位 {reply50:.0f} ms，p99 {reply99:.0f} ms | "
        f"{'✓' if talk.answered == talk.sent else '✗'} |"
    )
    print(f"| 不限速时的最高速率 | — | {flood.rate:.0f}/s | |")
    return held and talk.answered == talk.sent


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 20) else 1)
