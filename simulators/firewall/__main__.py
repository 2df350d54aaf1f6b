"""``python -m simulators.firewall [--port N] [--token T]``, or ``--stdio [--rules FILE] [--hosts]``: serves until it is interrupted or
its input ends; no Django is imported."""

import argparse
import asyncio
import sys
from pathlib import Path

from bifang.core.errors import ConfigError
from simulators.terminal import serve_until_signal

from .pipe import serve_lines
from .rules import HOST_TOOLS, TOOLS, Firewall
from .server import DEFAULT_PORT, FirewallServer


async def serve(port: int, token: str) -> None:
    """Until SIGINT or SIGTERM."""
    server = FirewallServer(port, token)
    await serve_until_signal(server, lambda: f"防火墙模拟器（MCP）：{server.url}")


def main() -> int:
    """Exit code 1 with one clear line if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.firewall", description="本机的防火墙（MCP 服务）"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="监听端口（0 为任选）")
    parser.add_argument("--token", default="", help="要求的 Bearer 令牌，默认不要求")
    parser.add_argument("--stdio", action="store_true", help="不监听端口：在标准输入输出上提供服务")
    parser.add_argument("--rules", type=Path, help="--stdio 时存规则的文件：每次访问是一个新的进程")
    parser.add_argument("--hosts", action="store_true", help="--stdio 时也隔离主机")
    given = parser.parse_args()
    if given.stdio:
        tools = [*TOOLS, *(HOST_TOOLS if given.hosts else ())]
        serve_lines(Firewall(given.rules), tools, sys.stdin.buffer, sys.stdout.buffer)
        return 0
    try:
        asyncio.run(serve(given.port, given.token))
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


sys.exit(main())
