"""The stage of the stream benches: a simulator, a model and one bot, a process each; and how a round is measured."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import psycopg
import yaml

from tests.acceptance.processes import MANAGE, PROJECT, clean_environment, free_ports
from tests.deadline import wait_until
from tests.postgres_server import postgres_url

SECRET = "bench-secret"


@dataclass(frozen=True)
class Round:
    """One round: how many messages were answered, in what time; latencies in seconds."""

    sent: int
    answered: int
    seconds: float
    replies: tuple[float, ...]
    acks: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


@contextmanager
def process(command: Sequence[str], env: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """Run until the end of the context."""
    with log.open("ab") as output:
        started = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=output, stderr=output)
    try:
        yield psutil.Process(started.pid)
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


class Stage:
    """A simulator with these applications, and a model behind HTTP."""

    def __init__(self, base: str, model: str, clients: Sequence[str], home: Path) -> None:
        self.base = base
        self.model = model
        self.clients = clients
        self.home = home

    def get(self, path: str) -> Any:
        """JSON of a GET."""
        return asyncio.run(_request("GET", self.base + path, None))

    def post(self, path: str, body: Any) -> Any:
        """JSON of a POST."""
        return asyncio.run(_request("POST", self.base + path, body))

    def connected(self) -> int:
        """Applications with a live connection."""
        return sum(1 for connections in self.get("/sim/state")["clients"].values() if connections)

    def await_connections(self, count: int, within: float = 60.0) -> None:
        """Wait until so many applications are connected."""
        wait_until(lambda: self.connected() >= count, within=within, every=0.1, what="connections")

    def burst(self, messages: list[dict[str, Any]], within: float = 120.0) -> Round:
        """Push everything at once and wait for the answers."""
        self.post("/sim/reset", {})
        started = time.time()
        self.post("/sim/messages/batch", messages)
        return self._collect(len(messages), started, {}, within)

    def stream(self, messages: list[dict[str, Any]], rate: float) -> Round:
        """Push `rate` messages a second and wait for the answers."""
        self.post("/sim/reset", {})
        started = time.time()
        sent_at = asyncio.run(paced(self.base, messages, rate))
        return self._collect(len(messages), started, sent_at, 60.0)

    def _collect(self, count: int, started: float, sent_at: dict[str, float], within: float) -> Round:
        replies: list[dict[str, Any]] = []
        deadline = time.time() + within
        while len(replies) < count and time.time() < deadline:
            replies = self.get(f"/sim/replies?client_id={self.clients[0]}")
            if len(replies) < count:
                asyncio.run(asyncio.sleep(0.1))
        times = [reply["at"] / 1000 for reply in replies]
        took = tuple(reply["at"] / 1000 - sent_at.get(reply["msg_id"], started) for reply in replies)
        acks = tuple(ack["latency_ms"] / 1000 for ack in self.get("/sim/acks"))
        return Round(count, len(replies), max(times, default=started) - started, took, acks)


async def _request(method: str, url: str, body: Any) -> Any:
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
        return json.loads(await answer.text() or "null")


async def paced(base: str, messages: list[dict[str, Any]], rate: float) -> dict[str, float]:
    """Push `rate` messages a second; message id → when."""
    sent_at: dict[str, float] = {}
    started = time.time()
    async with aiohttp.ClientSession() as session:
        for number, message in enumerate(messages):
            await asyncio.sleep(max(started + number / rate - time.time(), 0))
            now = time.time()
            async with session.post(base + "/sim/messages", json=message) as answer:
                sent_at[(await answer.json())["msg_id"]] = now
    return sent_at


@contextmanager
def stage(applications: int = 1, *, model_s: float = 0.0, limits: bool = False) -> Iterator[Stage]:
    """Start the processes of a simulator and of a model that thinks for so many seconds."""
    port, model_port = free_ports(2)
    clients = [f"dingbench{number}" for number in range(applications)]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bifang-bench-")))
        apps = [word for client in clients for word in ("--app", f"{client}:{SECRET}")]
        flags = [] if limits else ["--no-limits"]
        command = [sys.executable, "-m", "simulators.dingtalk", "--port", str(port), *apps, *flags]
        stack.enter_context(process(command, clean_environment(home), home / "simulator.log"))
        model = [
            sys.executable,
            "-m",
            "tests.fake_dashscope",
            "--port",
            str(model_port),
            "--delay",
            str(model_s),
        ]
        stack.enter_context(process(model, clean_environment(home), home / "model.log"))
        place = Stage(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{model_port}/api/v1", clients, home)
        wait_until(lambda: _answers(place), within=20, every=0.1, what="the simulator")
        yield place


def _answers(place: Stage) -> bool:
    try:
        return bool(place.get("/sim/state"))
    except aiohttp.ClientError:
        return False


@contextmanager
def bifang(place: Stage, database_url: str = "", *, limits: bool = False) -> Iterator[psutil.Process]:
    """Bifang's worker, configured as an operator would: migrate, apply_configs, start."""
    env = clean_environment(
        place.home,
        BIFANG_SIMULATOR="1",
        DASHSCOPE_HTTP_BASE_URL=place.model,
        BIFANG_RATE_LIMITS="on" if limits else "off",
        **({"DATABASE_URL": database_url} if database_url else {}),
    )
    qwen = {"kind": "qwen", "name": "通义千问", "api_key": "sk-bench", "model": "qwen-plus"}
    entries = [
        {"kind": "dingtalk", "name": client, "client_id": client, "client_secret": SECRET,
         "endpoint": place.base, "notifications_enabled": True, "default_role": "viewer", "ai_config": "通义千问"}
        for client in place.clients
    ]  # fmt: skip
    file = place.home / "configs.yaml"
    file.write_text(yaml.safe_dump({"configs": [qwen, *entries]}, allow_unicode=True))
    for command in (["migrate", "-v0"], ["apply_configs", str(file)]):
        subprocess.run([*MANAGE, *command], cwd=PROJECT, env=env, check=True, stdout=subprocess.DEVNULL)
    with process([*MANAGE, "start_dingtalk_stream"], env, place.home / "worker.log") as worker:
        place.await_connections(len(place.clients))
        yield worker


@contextmanager
def sdk_bot(place: Stage) -> Iterator[psutil.Process]:
    """The bot to compare with."""
    addresses = {"DINGTALK_OPENAPI_ENDPOINT": place.base, "DASHSCOPE_HTTP_BASE_URL": place.model}
    env = clean_environment(place.home, **addresses) | {"NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "tests.bench.sdk_bot", place.clients[0], SECRET]
    with process(command, env, place.home / "sdk.log") as bot:
        place.await_connections(1)
        yield bot


def messages(place: Stage, count: int, conversations: int) -> list[dict[str, Any]]:
    """`count` messages, each of another person, spread over the conversations."""
    return [
        {"client_id": place.clients[0], "text": f"消息 {number}", "group": True,
         "conversation_id": f"cidBench{number % conversations}==", "staff_id": f"user{number}"}
        for number in range(count)
    ]  # fmt: skip


@contextmanager
def fresh_postgres() -> Iterator[str]:
    """The URL of an empty database on the server that the tests use; dropped afterwards."""
    name = f"bifang_bench_{os.getpid()}"
    with postgres_url() as server, psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
