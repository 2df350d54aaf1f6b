"""The simulator as a process of its own."""

import argparse
import asyncio
import sys

from bifang.core.errors import ConfigError
from simulators.terminal import parse_app, serve_until_signal

from .options import DEFAULT_PORT, DEMO_APPS
from .server import Simulator


def main(argv: list[str] | None = None) -> int:
    """``python -m simulators.feishu``: exit code 1 with one clear line if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m simulators.feishu", description="本机飞书模拟器")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="监听端口（0 为任选空闲端口）")
    parser.add_argument(
        "--app", action="append", metavar="ID:SECRET", help="应用的 App ID 与 App Secret，可写多次"
    )
    parser.add_argument("--no-limits", action="store_true", help="不限制发送频率（压测用）")
    given = parser.parse_args(argv)
    try:
        apps = dict(parse_app(text) for text in given.app) if given.app else dict(DEMO_APPS)
        simulator = Simulator(apps, given.port, limits=not given.no_limits, demo=True)
        asyncio.run(serve_until_signal(simulator, lambda: _describe(simulator), "飞书模拟器已停止。"))
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


def _describe(simulator: Simulator) -> str:
    return f"飞书模拟器：{simulator.base_url}/  （应用：{'、'.join(list(simulator.apps)[:5])}）"
