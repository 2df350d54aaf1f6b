"""The dashscope package and the HTTP sessions it talks through: loaded late, one session per event loop.

The SDK's import costs about 0.4 s and 60 MiB, so nothing here imports it at module level. Its own shared
session allows 100 connections in all, which would queue the 101st conversation: ours has no limit.
"""

import asyncio
import logging
import weakref
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client import ClientTimeout
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from bifang.core.errors import RemoteError
from bifang.core.outbound.network import GuardedResolver, check_literal, proxy_for, tls_context

_KEEPALIVE_S: Final = 30.0
_CONNECT_S: Final = 10.0
_Sessions = dict[str | None, aiohttp.ClientSession]
_sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sessions] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Sdk:
    """The two asynchronous call classes of dashscope, one per endpoint."""

    text: Any
    multimodal: Any


_loaded: list[Sdk] = []


def load_sdk() -> Sdk:
    """Import dashscope (blocking, about 0.4 s the first time) and make it safe for us."""
    from dashscope.aigc.generation import AioGeneration
    from dashscope.aigc.multimodal_conversation import AioMultiModalConversation

    # Its import may configure the logger from the environment. It writes tracebacks of every network error
    # and the URLs of calls; we report the errors ourselves.
    logging.getLogger("dashscope").setLevel(logging.CRITICAL + 1)
    # The SDK uploads a local file when a user's text happens to be its path, which would let anyone who
    # chats with the robot read files of this machine. We never send media: that step is cut out.
    safe = {"_preprocess_messages": classmethod(lambda cls, *args, **kwargs: False)}
    sdk = Sdk(AioGeneration, type("TextOnlyConversation", (AioMultiModalConversation,), safe))
    _loaded.append(sdk)
    return sdk


async def loaded_sdk() -> Sdk:
    """The SDK; the first call imports it in a thread, so that the loop goes on."""
    return _loaded[0] if _loaded else await asyncio.to_thread(load_sdk)


async def warm_up() -> None:
    """Import the SDK ahead of the first message (workers call this at start-up)."""
    await loaded_sdk()


def session(base_url: str, proxy: str) -> aiohttp.ClientSession:
    """This event loop's session towards ``base_url``; ``proxy`` "" means what the environment says.

    ConfigError for a SOCKS proxy or a forbidden (link-local, metadata) address.
    """
    check_literal(urlsplit(base_url).hostname or "")
    key = proxy_for(base_url, proxy)
    mine = _sessions.setdefault(asyncio.get_running_loop(), {})
    found = mine.get(key)
    if found is None or found.closed:
        found = mine[key] = _open(key)
    return found


async def close_sessions() -> None:
    """Close this event loop's sessions; call before the loop ends."""
    for found in _sessions.pop(asyncio.get_running_loop(), {}).values():
        await found.close()


class _PromptConnector(aiohttp.TCPConnector):
    """The SDK sets every request's time-outs, and none for connecting: a dropped SYN would cost minutes."""

    async def connect(self, req: Any, traces: list[Trace], timeout: ClientTimeout) -> Connection:  # noqa: ASYNC109
        prompt = ClientTimeout(sock_connect=_CONNECT_S, connect=timeout.connect, sock_read=timeout.sock_read)
        return await super().connect(req, traces, prompt)


def _open(proxy: str | None) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_redirect)
    connector = _PromptConnector(
        limit=0, ssl=tls_context(), resolver=GuardedResolver(), keepalive_timeout=_KEEPALIVE_S
    )
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, proxy=proxy, trace_configs=[trace], cookie_jar=jar)


async def _refuse_redirect(*_: object) -> None:
    """The API never redirects; a captive portal or a hostile address would."""
    raise RemoteError(
        "通义千问的接口地址被重定向到别处，多半是上网认证页面或代理拦截。请检查服务器的出口网络和接口地址（base_url）。",
        permanent=False,
        code="network",
    )
