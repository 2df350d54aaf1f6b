"""A simulator as a process of its own: its arguments, its lines, its end."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from bifang.core.errors import ConfigError


def parse_app(text: str) -> tuple[str, str]:
    """``ID:SECRET`` as (client id, client secret). ConfigError if it is neither."""
    client_id, colon, secret = text.partition(":")
    if not (colon and client_id.strip() and secret.strip()):
        raise ConfigError(f"应用应写作 ID:SECRET，收到的是：{client_id!r}")
    return client_id.strip(), secret.strip()


def say(text: str) -> None:
    """A line for the person at the terminal; line-buffered, for supervisors and tests."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def serve_until_signal(
    server: AbstractAsyncContextManager[Any], describe: Callable[[], str], farewell: str = ""
) -> None:
    """Serve until SIGINT or SIGTERM; `describe` gives the line to say once it listens."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        say(describe())
        await stop.wait()
    if farewell:
        say(farewell)
