"""Who may speak to a simulator: this machine only."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

HOST = "127.0.0.1"
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only this machine, under a local name (no DNS rebinding), and no page of another site (no CSRF)."""
    if not _is_local(request.headers.get("Host", "")):
        return web.Response(status=403, text="模拟器只接受来自本机的请求（Host 应为 127.0.0.1 或 localhost）")
    origin = request.headers.get("Origin")
    if origin and not _is_local(urlsplit(origin).netloc):
        return web.Response(status=403, text="模拟器不接受其他网站的请求")
    return await handler(request)


def _is_local(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host in LOCAL_NAMES
    return name in LOCAL_NAMES and port.isdigit()
