"""The stage of the stream benches: a simulator, a model and one bot, a process each; and how a round is measured."""

import asyncio
import json
import os
import secrets
import shutil
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
        """Live connections of all applications."""
        return sum(len(links) for links in self.get("/sim/state")["clients"].values())

    def await_connections(self, count: int, within: float = 60.0) -> None:
        """Wait for so many connections."""
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
        replied: dict[str, float] = {}
        deadline = time.time() + within
        while len(replied) < count and time.time() < deadline:
            asyncio.run(asyncio.sleep(0.25))  # the simulator knows when: looking often costs both of us
            replies = self.get(f"/sim/replies?client_id={self.clients[0]}")
            replied = {}  # a long answer is several messages: the last one of each question counts
            for reply in replies:
                if reply["msg_id"]:
                    replied[reply["msg_id"]] = max(reply["at"] / 1000, replied.get(reply["msg_id"], 0.0))
        took = tuple(at - sent_at.get(name, started) for name, at in replied.items())
        acks = tuple(ack["latency_ms"] / 1000 for ack in self.get("/sim/acks"))
        return Round(count, len(replied), max(replied.values(), default=started) - started, took, acks)


async def _request(method: str, url: str, body: Any) -> Any:
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
        return json.loads(await answer.text() or "null")


def run_paced(place: Stage, messages: list[dict[str, Any]], rate: float) -> dict[str, float]:
    """`paced`, from synchronous code."""
    return asyncio.run(paced(place.base, messages, rate))


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
def bifang(
    place: Stage,
    database_url: str = "",
    *,
    limits: bool = False,
    model: bool = True,
    estate: Path | None = None,
) -> Iterator[psutil.Process]:
    """Bifang's worker, configured as an operator would: migrate, apply_configs, start.

    ``estate``: a data directory to begin with a copy of; on PostgreSQL it has only the keys, the rest is in the database.
    """
    env = environment(place, database_url, limits=limits)
    if estate:
        shutil.copytree(estate, place.home / "var")
    qwen = {"kind": "qwen", "name": "通义千问", "api_key": "sk-bench", "model": "qwen-plus"}
    ai_config = "通义千问" if model else ""
    entries = [
        {"kind": "dingtalk", "name": client, "client_id": client, "client_secret": SECRET,
         "endpoint": place.base, "notifications_enabled": True, "default_role": "viewer", "ai_config": ai_config}
        for client in place.clients
    ]  # fmt: skip
    file = place.home / "configs.yaml"
    file.write_text(yaml.safe_dump({"configs": [qwen, *entries]}, allow_unicode=True))
    for command in (["migrate", "-v0"], ["apply_configs", str(file)]):
        subprocess.run([*MANAGE, *command], cwd=PROJECT, env=env, check=True, stdout=subprocess.DEVNULL)
    with worker(place, database_url, limits=limits, connections=len(place.clients)) as started:
        yield started


def environment(place: Stage, database_url: str = "", *, limits: bool = False) -> dict[str, str]:
    """Of Bifang's processes."""
    return clean_environment(
        place.home,
        BIFANG_SIMULATOR="1",
        DASHSCOPE_HTTP_BASE_URL=place.model,
        BIFANG_RATE_LIMITS="on" if limits else "off",
        **({"DATABASE_URL": database_url} if database_url else {}),
    )


@contextmanager
def worker(
    place: Stage, database_url: str = "", *, limits: bool = False, connections: int = 1
) -> Iterator[psutil.Process]:
    """A worker on what is there; with it so many connections are."""
    env = environment(place, database_url, limits=limits)
    with process([*MANAGE, "start_dingtalk_stream"], env, place.home / "worker.log") as started:
        place.await_connections(connections)
        yield started


@contextmanager
def filled(database_url: str = "", keep: Path | None = None) -> Iterator[Path]:
    """A data directory with the estate of `chat_estate` in its database, or in the one of the URL.

    ``keep``: where it stays for another run; what is there already is taken as it is.
    """
    with tempfile.TemporaryDirectory(prefix="bifang-estate-") as temporary:
        home = keep or Path(temporary)
        env = clean_environment(home, **({"DATABASE_URL": database_url} if database_url else {}))
        if database_url or not (home / "var" / "bifang.sqlite3").exists():
            for command in ([*MANAGE, "migrate", "-v0"], [sys.executable, "-m", "tests.bench.chat_estate"]):
                subprocess.run(command, cwd=PROJECT, env=env, check=True, stdout=subprocess.DEVNULL)
        yield home / "var"


@contextmanager
def sdk_bot(place: Stage) -> Iterator[psutil.Process]:
    """The bot to compare with."""
    addresses = {"DINGTALK_OPENAPI_ENDPOINT": place.base, "DASHSCOPE_HTTP_BASE_URL": place.model}
    env = clean_environment(place.home, **addresses) | {"NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "tests.bench.sdk_bot", place.clients[0], SECRET]
    with process(command, env, place.home / "sdk.log") as bot:
        place.await_connections(1)
        yield bot


@dataclass(frozen=True)
class Question:
    """One of `questions.txt`; ``kind``: list, count, asset, cve, on_call, order, talk, report."""

    kind: str
    text: str


def questions() -> list[Question]:
    """All of them, in the words of those who asked."""
    lines = Path(__file__).with_name("questions.txt").read_text(encoding="utf-8").splitlines()
    return [Question(*line.split("\t")) for line in lines if line and not line.startswith("#")]


MIX = tuple(each.text for each in questions() if each.kind != "report")


def messages(
    place: Stage, count: int, conversations: int, texts: Sequence[str] = MIX
) -> list[dict[str, Any]]:
    """``texts`` in turn, spread over the conversations; asked by people of the estate, who have alerts in hand."""
    people = ("lisi", "zhaoliu", "manager01")
    return [
        {"client_id": place.clients[0], "text": texts[number % len(texts)], "group": True,
         "conversation_id": f"cidBench{number % conversations}==", "staff_id": people[number % len(people)]}
        for number in range(count)
    ]  # fmt: skip


@contextmanager
def fresh_postgres() -> Iterator[str]:
    """The URL of an empty database on the server that the tests use; dropped afterwards."""
    name = f"bifang_bench_{os.getpid()}_{secrets.token_hex(3)}"
    with postgres_url() as server, psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
