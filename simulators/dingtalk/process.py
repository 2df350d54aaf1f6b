"""The simulator as a process of its own."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from bifang.core.errors import ConfigError
from simulators.terminal import parse_app, serve_until_signal

from .options import DEFAULT_PORT, DEMO_APPS, limits_from_environment
from .server import Simulator


def default_port() -> int:
    """``SIM_PORT``, else 8910. ConfigError if it is no port."""
    text = os.environ.get("SIM_PORT", "").strip() or str(DEFAULT_PORT)
    if not text.isdigit() or int(text) > 65535:
        raise ConfigError(f"SIM_PORT 应是 0 到 65535 的端口号，现在是 {text!r}")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the process and of the management command."""
    parser.add_argument(
        "--port", type=int, default=None, help="监听端口（默认 SIM_PORT 或 8910；0 为任选空闲端口）"
    )
    parser.add_argument(
        "--app",
        action="append",
        metavar="ID:SECRET",
        help="应用的 Client ID 与 Client Secret，可写多次（默认 dingdemo:demo-secret）",
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="把会话记录保存到这个文件，重启后仍在")
    parser.add_argument("--no-limits", action="store_true", help="不限制发送频率（压测用）")
    parser.add_argument(
        "--redeliver-after", type=float, default=60.0, metavar="SECONDS", help="未确认的消息多久后重投"
    )


def serve(args: Any) -> None:
    """Serve until SIGINT or SIGTERM. ConfigError for a busy port or a wrong argument."""
    apps = dict(parse_app(text) for text in args.app) if args.app else dict(DEMO_APPS)
    port = default_port() if args.port is None else args.port
    simulator = Simulator(
        apps,
        port,
        limits=limits_from_environment() and not args.no_limits,
        redeliver_after_s=args.redeliver_after,
        state_file=args.state,
    )
    asyncio.run(serve_until_signal(simulator, lambda: _describe(simulator), "钉钉模拟器已停止。"))


def _describe(simulator: Simulator) -> str:
    return f"钉钉模拟器：{simulator.base_url}/  （应用：{'、'.join(list(simulator.apps)[:5])}）"


def main(argv: list[str] | None = None) -> int:
    """``python -m simulators.dingtalk``: exit code 1 with one clear line if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m simulators.dingtalk", description="本机钉钉模拟器")
    add_arguments(parser)
    try:
        serve(parser.parse_args(argv))
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0
