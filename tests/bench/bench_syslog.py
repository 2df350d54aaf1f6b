"""Syslog while the stream worker answers, on SQLite: lines a second by TCP, what is lost by UDP, and by kill -9.

Run: ``python -m tests.bench.bench_syslog [lines]``. Real processes, real sockets; a line in three is CEF, one is JSON.
"""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
import yaml

from tests.acceptance.processes import MANAGE, PROJECT, clean_environment, free_ports
from tests.bench import stream_stage as stages
from tests.bench.stream_stage import Round, Stage, percentile
from tests.deadline import wait_until

MESSAGES_A_SECOND = 10
UDP_RATES = (500, 1000, 2000)
UDP_SECONDS = 8
RULES, HOSTS = 300, 50


@dataclass(frozen=True)
class Counted:
    """What the listener wrote down, and the occurrences that are stored."""

    lines: int
    over_rate: int
    queue_full: int
    kernel: int
    stored: int


def line(number: int) -> bytes:
    """Another kind of event for each rule and host; every line differs from all others."""
    at = datetime.now(UTC).isoformat()
    host, rule, source = f"node-{number % HOSTS:02}", number % RULES, f"203.0.113.{number % 200}"
    head = f"<132>1 {at} {host} app {number} - - "
    kinds = (
        f"Rule {'abcdefghij'[rule % 10] * (rule % 7 + 1)} failed for request {time.time_ns()} from {source}",
        f"CEF:0|Acme|WAF|1.0|{rule}|Event {rule}|7|src={source} dst=10.0.0.{number % HOSTS} rt={time.time_ns()}",
        json.dumps(
            {"timestamp": at, "event_type": "alert", "src_ip": source, "dest_ip": f"10.0.0.{number % HOSTS}",
             "flow_id": time.time_ns(), "alert": {"signature_id": rule, "signature": f"ET {rule}", "severity": 2}}
        ),
    )  # fmt: skip
    return (head + kinds[number % 3]).encode()


def count(place: Stage) -> Counted:
    """Straight from the file."""
    with closing(sqlite3.connect(place.home / "var" / "bifang.sqlite3", timeout=30)) as link:
        traffic = "SELECT coalesce(sum(lines),0), coalesce(sum(over_rate),0), coalesce(sum(queue_full),0) FROM secops_agent_syslogtraffic"
        lines, over, full = link.execute(traffic).fetchone()
        (kernel,) = link.execute(
            "SELECT coalesce(sum(kernel_drops),0) FROM secops_agent_sysloglistener"
        ).fetchone()
        (stored,) = link.execute("SELECT count(*) FROM secops_agent_alertevent").fetchone()
    return Counted(lines, over, full, kernel, stored)


@contextmanager
def listener(place: Stage, port: int) -> Iterator[psutil.Process]:
    """As an operator starts it."""
    env = clean_environment(place.home, BIFANG_SIMULATOR="1")
    file = place.home / "syslog.yaml"
    source = {"name": "压测", "networks": ["127.0.0.0/8"], "rate": 0}
    file.write_text(yaml.safe_dump({"syslog_sources": [source]}, allow_unicode=True))
    subprocess.run(
        [*MANAGE, "apply_configs", str(file)], cwd=PROJECT, env=env, check=True, stdout=subprocess.DEVNULL
    )
    where = f"127.0.0.1:{port}"
    command = [*MANAGE, "listen_syslog", "--udp", where, "--tcp", where]
    log = place.home / "syslog.log"
    seen = log.read_text().count("正在监听") if log.exists() else 0
    with stages.process(command, env, log) as started:
        wait_until(lambda: log.read_text().count("正在监听") > seen, within=60, what="the listener")
        yield started


def by_tcp(port: int, lines: int) -> None:
    """One connection, as fast as it takes."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        for start in range(0, lines, 100):
            link.sendall(b"".join(line(number) + b"\n" for number in range(start, min(start + 100, lines))))


def by_udp(port: int, rate: int, seconds: int) -> int:
    """Paced in steps of 10 ms; returns how many were sent."""
    step = max(rate // 100, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        started, sent = time.monotonic(), 0
        while sent < rate * seconds:
            for number in range(sent, sent + step):
                link.sendto(line(number), ("127.0.0.1", port))
            sent += step
            threading.Event().wait(max(started + sent / rate - time.monotonic(), 0))
    return sent


def settled(place: Stage) -> Counted:
    """When nothing comes in any more: two heartbeats and no change."""
    last, same = count(place), time.monotonic()
    while time.monotonic() - same < 11:
        threading.Event().wait(0.25)
        now = count(place)
        if now != last:
            last, same = now, time.monotonic()
    return last


def measure_tcp(place: Stage, port: int, lines: int) -> tuple[float, int]:
    """Stored lines a second, and how many are missing."""
    before, started = count(place).stored, time.monotonic()
    by_tcp(port, lines)
    wait_until(lambda: count(place).stored - before >= lines, within=600, every=0.25, what="all lines")
    return lines / (time.monotonic() - started), lines - (count(place).stored - before)


def measure_udp(place: Stage, port: int, rate: int) -> str:
    """A row of the table."""
    before = settled(place)
    sent = by_udp(port, rate, UDP_SECONDS)
    after = settled(place)
    stored, kernel = after.stored - before.stored, after.kernel - before.kernel
    told = after.queue_full - before.queue_full + kernel
    return (
        f"| UDP {rate}/s，{UDP_SECONDS} 秒 | 发 {sent}，入库 {stored}（{100 * stored / sent:.1f}%）；队列满 "
        f"{after.queue_full - before.queue_full}，内核丢弃 {kernel}；没有计数的丢失 {sent - stored - told} |"
    )


def measure_kill(place: Stage, port: int, lines: int) -> str:
    """kill -9 in the middle of a stream, then a restart: only what was not stored is gone."""
    before = settled(place).stored
    with listener(place, port) as victim, socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"".join(line(number) + b"\n" for number in range(lines)))
        wait_until(lambda: count(place).stored > before, within=30, what="the first lines")
        victim.send_signal(signal.SIGKILL)
        victim.wait(20)
    at_kill = count(place).stored - before
    with listener(place, port):
        after = settled(place).stored - before
    return f"| kill -9 时 | 发 {lines}，入库 {at_kill}，重启后 {after}（不多不少：{'✓' if after == at_kill else '✗'}） |"


def main(lines: int = 20_000) -> bool:
    """Print the figures; True if every message was answered and TCP lost nothing."""
    (port,) = free_ports(1)
    talk: list[Round] = []
    with stages.stage() as place, stages.bifang(place):
        with listener(place, port) as started:
            measure_tcp(place, port, 500)  # warm up
            messages = stages.messages(place, 15 * MESSAGES_A_SECOND, 20)
            talking = threading.Thread(target=lambda: talk.append(place.stream(messages, MESSAGES_A_SECOND)))
            talking.start()
            rate, missing = measure_tcp(place, port, lines)
            talking.join()
            rows = [measure_udp(place, port, each) for each in UDP_RATES]
            memory = started.memory_info().rss / 2**20
        rows.append(measure_kill(place, port, 3000))
    replies = talk[0].replies
    print("| 项目 | 结果 |\n|---|---|")
    print(f"| TCP，一个连接，{lines} 行，同时机器人在回答 | {rate:.0f} 行/秒，缺 {missing} |")
    print(*rows, sep="\n")
    print(f"| 接收进程的内存 | {memory:.0f} MiB |")
    print(
        f"| 同时的机器人回答 | {talk[0].answered}/{talk[0].sent}，中位 {percentile(replies, 0.5) * 1000:.0f} ms，"
        f"p99 {percentile(replies, 0.99) * 1000:.0f} ms |"
    )
    return talk[0].answered == talk[0].sent and not missing


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000) else 1)
