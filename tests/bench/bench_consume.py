"""Alerts from message brokers: how many a second, with a process killed in between, none lost and none twice.

Run: ``python -m tests.bench.bench_consume [count]``. Each broker on SQLite and on PostgreSQL; two processes, of which
one is killed with SIGKILL at a third and started again at once. Needs redis-server and nats-server.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml

from tests.acceptance.processes import MANAGE, Started, clean_environment, run
from tests.deadline import wait_until
from tests.postgres_server import postgres_url
from tests.secops.brokers.servers import SERVERS, TOPIC, BrokerServer, alert

PROCESSES = 2
COUNTS = "from secops_agent.models import Alert as A, BrokerLetter as L; print('figures', A.objects.count(), A.objects.exclude(count=1).count(), L.objects.count())"


@dataclass(frozen=True)
class Consumed:
    """One round; ``settled_s``: until the last message was confirmed, those of the killed process included."""

    broker: str
    database: str
    sent: int
    alerts: int
    doubled: int
    dead: int
    rate: float
    settled_s: float

    @property
    def sound(self) -> bool:
        """Nothing lost, nothing twice."""
        return (self.alerts, self.doubled, self.dead) == (self.sent, 0, 0)


@contextmanager
def a_database(name: str) -> Iterator[dict[str, str]]:
    """What a process needs for a new one: SQLite in its directory, or one on the server."""
    if name == "SQLite":
        yield {}
        return
    made = f"bench_consume_{os.getpid()}"
    with postgres_url() as url, psycopg.connect(url, autocommit=True) as link:
        link.execute(f"CREATE DATABASE {made}")  # type: ignore[call-overload]
        try:
            yield {"DATABASE_URL": f"{url.rpartition('/')[0]}/{made}"}
        finally:
            link.execute(f"DROP DATABASE {made} WITH (FORCE)")  # type: ignore[call-overload]


def one_round(kind: str, database: str, extra: dict[str, str], count: int, home: Path) -> Consumed:
    """Fill the stream, start, kill, wait."""
    server = SERVERS[kind](home / "broker")
    env = clean_environment(home, BIFANG_ADDRESS_ALLOW_LIST="127.0.0.1", **extra)
    prepare(server, env, home)
    try:
        server.publish(
            [
                alert(f"告警 {n}", assets=[f"host-{n % 200}"], rule_id=f"r{n % 300}", dedup_key=[str(n)])
                for n in range(count)
            ]
        )
        rate, settled = consume(server, env, count, home)
    finally:
        server.kill()
    told = run((*MANAGE, "shell", "--no-imports", "-c", COUNTS), env).stdout.split()
    alerts, doubled, dead = (int(word) for word in told[told.index("figures") + 1 :][:3])
    return Consumed(kind, database, count, alerts, doubled, dead, rate, settled)


def prepare(server: BrokerServer, env: dict[str, str], home: Path) -> None:
    """Migrated, and one configuration."""
    done = run((*MANAGE, "migrate"), env)
    assert done.returncode == 0, done.stdout
    entry = {"kind": "stream", "name": "总线", "url": server.url, "topic": TOPIC, "format": "generic"}
    file = home / "configs.yaml"
    file.write_text(yaml.safe_dump({"configs": [entry]}, allow_unicode=True), encoding="utf-8")
    done = run((*MANAGE, "apply_configs", str(file)), env)
    assert done.returncode == 0, done.stdout
    server.start()


def consume(server: BrokerServer, env: dict[str, str], count: int, home: Path) -> tuple[float, float]:
    """Alerts a second from the first to nine tenths, the kill included; seconds until all is confirmed."""
    with ExitStack() as stack:
        made = [Started((*MANAGE, "consume_alerts"), env, home / f"{n}.out") for n in range(PROCESSES)]
        wait_until(lambda: -1 != server.waiting() < count, within=60, every=0.02, what="the first")
        began, left = time.monotonic(), server.waiting()
        wait_until(lambda: server.waiting() < count * 2 // 3, within=600, every=0.05, what="a third")
        os.kill(made[0].process.pid, signal.SIGKILL)
        made[0].process.wait()
        made.append(Started((*MANAGE, "consume_alerts"), env, home / "again.out"))
        for one in made:
            stack.callback(one.kill)
        wait_until(lambda: server.waiting() < count // 10, within=600, every=0.05, what="nine tenths")
        rate = (left - server.waiting()) / (time.monotonic() - began)
        wait_until(lambda: server.waiting() == 0, within=600, every=0.1, what="all")
        return rate, time.monotonic() - began


def main(count: int = 10_000) -> bool:
    """The table; True if nothing was lost or doubled."""
    print("| | 告警 | 每秒 | 全部确认 | 丢 | 重 | 死信 |\n|---|---|---|---|---|---|---|", flush=True)
    rounds = [sound(kind, name, count) for kind in SERVERS for name in ("SQLite", "PostgreSQL")]
    return all(rounds)


def sound(kind: str, database: str, count: int) -> bool:
    """One round, and its line."""
    if not shutil.which(f"{kind}-server"):
        print(f"没有 {kind}-server，跳过")
        return False
    with tempfile.TemporaryDirectory() as place, a_database(database) as extra:
        one = one_round(kind, database, extra, count, Path(place))
    print(
        f"| {one.broker}，{one.database} | {one.alerts} | {one.rate:.0f} | {one.settled_s:.0f} s | "
        f"{one.sent - one.alerts} | {one.doubled} | {one.dead} |", flush=True,
    )  # fmt: skip
    return one.sound


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000) else 1)
