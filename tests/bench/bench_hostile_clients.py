"""Answers beside 200 hostile connections: ``python -m tests.bench.bench_hostile_clients [--seconds 30] [--server COMMAND]``.

Web server as in deploy/ (2 workers, 4 threads) on an empty SQLite database; the connections are of six kinds and come
back when they are cut off. ``COMMAND`` is another server to compare with; ``{port}`` stands for its port.
"""

import argparse
import re
import shlex
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.acceptance.processes import MANAGE, Started, clean_environment, free_ports, run
from tests.deadline import wait_until
from tests.hostile_clients import KINDS, besieged

OURS = f"{sys.executable} -m gunicorn bifang.wsgi -c deploy/gunicorn.conf.py --bind 127.0.0.1:{{port}} --workers 2"
CONNECTIONS, LIMIT_S, PATIENCE_S = 200, 2.0, 20.0


def measure(port: int, token: str, kinds: dict[str, int], seconds: float) -> dict[str, list[float]]:
    """What each request took, in seconds, while the crowd was there."""
    asked = {"/healthz": {}, "/admin/login/": {}, "/api/v1/alerts/": {"Authorization": f"Bearer {token}"}}
    took: dict[str, list[float]] = {path: [] for path in asked}
    wait_until(lambda: _ask(f"http://127.0.0.1:{port}/healthz", {}) < 0.5, within=60, what="quiet")
    with besieged(port, kinds) as crowd:
        wait_until(lambda: sum(crowd.opened.values()) >= sum(kinds.values()), within=30, what="the crowd")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for path, headers in asked.items():
                took[path].append(_ask(f"http://127.0.0.1:{port}{path}", headers))
    return took


def _ask(url: str, headers: dict[str, str]) -> float:
    began = time.monotonic()
    try:
        httpx.get(url, headers=headers, timeout=PATIENCE_S, trust_env=False).raise_for_status()
    except httpx.TransportError:
        return float("inf")
    return time.monotonic() - began


def _line(name: str, took: dict[str, list[float]]) -> bool:
    worst = [max(values) for values in took.values()]
    said = " | ".join(f"{value:.2f} s" if value < PATIENCE_S else "没有回答" for value in worst)
    print(f"| {name} | {said} | {sum(map(len, took.values()))} |", flush=True)
    return max(worst) <= LIMIT_S


def main() -> bool:
    """A line for nobody, for each kind and for all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--server", default=OURS)
    options = parser.parse_args()
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="bifang-bench-") as directory:
        home = Path(directory)
        env = clean_environment(home, PYTHONPATH=".")
        for command in (("migrate", "-v0"), ("collectstatic", "-v0", "--noinput")):
            assert run((*MANAGE, *command), env).returncode == 0
        made = run((*MANAGE, "create_api_token", "bench", "--scope", "read"), env)
        token = re.findall(r"bf_\S+", made.stdout)[0]
        server = Started(shlex.split(options.server.format(port=port)), env, home / "web.out")
        try:
            wait_until(lambda: _ask(f"http://127.0.0.1:{port}/healthz", {}) < 5, within=60, what="the server")
            share, rest = divmod(CONNECTIONS, len(KINDS))
            mixed = {kind: share + (place < rest) for place, kind in enumerate(KINDS)}
            crowds = {"没有别人": {}, **{kind: {kind: CONNECTIONS} for kind in KINDS}, "六种一起": mixed}
            print("| 200 个连接 | /healthz 最慢 | 登录页最慢 | API 最慢 | 请求数 |\n|---|---|---|---|---|")
            results = [
                _line(name, measure(port, token, each, options.seconds)) for name, each in crowds.items()
            ]
        finally:
            server.kill()
    return all(results)


if __name__ == "__main__":
    sys.exit(not main())
