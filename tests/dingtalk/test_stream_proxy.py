"""Registration and WebSocket through an HTTP proxy, from the configuration or from the environment."""

import asyncio
import threading
from urllib.parse import urlsplit

import pytest

from bifang.core.outbound.addresses import AddressRules
from tests.deadline import wait_until
from tests.dingtalk.stream_client import chat_frame, running_client, scripted_gateway

HOST = "gateway.corp.example"


class Proxy:
    """A minimal HTTP proxy (CONNECT and absolute URLs) that takes every host for the gateway's port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.url = ""

    async def serve(self, reader, writer):
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, version = head.split(b"\r\n")[0].decode().split()
        self.seen.append(f"{method} {target.split('?')[0]}")
        upstream = await asyncio.open_connection("127.0.0.1", self.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = urlsplit(target).path
            upstream[1].write(f"{method} {path} {version}\r\n".encode() + head.split(b"\r\n", 1)[1])
        await asyncio.gather(self._pump(reader, upstream[1]), self._pump(upstream[0], writer))

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def start(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server


@pytest.fixture
def gateway():
    with scripted_gateway() as gateway:
        yield gateway


@pytest.fixture
def proxy(gateway):
    proxy = Proxy(urlsplit(gateway.base).port)
    thread = threading.Thread(target=proxy.loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(proxy.start(), proxy.loop).result(120)
    yield proxy
    proxy.loop.call_soon_threadsafe(server.close)

    async def finish():
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)

    asyncio.run_coroutine_threadsafe(finish(), proxy.loop).result(120)
    proxy.loop.call_soon_threadsafe(proxy.loop.stop)
    thread.join(120)
    proxy.loop.close()
    proxy.loop.close()


def _goes_through(gateway, seen, **changed):
    rules = AddressRules(allowed_hosts=frozenset({HOST}), simulator=True)
    with running_client(f"http://{HOST}:8910", rules=rules, **changed) as running:
        running.wait_status("connected")
        wait_until(lambda: gateway.sockets)
        gateway.push(chat_frame(1))
        wait_until(lambda: gateway.received)
    assert seen == [f"POST http://{HOST}:8910/v1.0/gateway/connections/open", f"CONNECT {HOST}:8910"]


def test_stream_goes_through_the_proxy_of_the_configuration(gateway, proxy):
    _goes_through(gateway, proxy.seen, proxy=proxy.url)


def test_stream_goes_through_the_proxy_of_the_environment(gateway, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _goes_through(gateway, proxy.seen)


def test_stream_dead_proxy_is_named(unused_tcp_port):
    with running_client(
        f"http://{HOST}:8910", proxy=f"http://user:pa55@127.0.0.1:{unused_tcp_port}"
    ) as running:
        state = running.wait_status("retrying")
    assert "代理" in state.last_error
    assert "pa55" not in state.last_error
