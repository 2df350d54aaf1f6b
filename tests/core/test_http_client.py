"""The HTTP client: answers, limits, proxies, redirects, and errors that give nothing away."""

import asyncio
import gzip
import ssl
import threading

import pytest
from aiohttp import web

from bifang.core.errors import ConfigError, RemoteError
from bifang.core.outbound import network
from bifang.core.outbound.http import HttpClient, proxy_for

SECRET = "s3cr3t-session"


@pytest.fixture
async def client():
    async with HttpClient(connect_timeout=60) as client:
        yield client


@pytest.fixture
async def serve():
    """`await serve(handler)` -> base address; any method, any path."""
    runners = []

    async def start(handler):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def _fails(client, code, *args, **kwargs):
    with pytest.raises(RemoteError) as caught:
        await client.request(*args, **kwargs)
    assert caught.value.code == code
    assert not caught.value.permanent or code in ("too_large",)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


async def test_http_post_sends_json_as_utf8_and_returns_any_status(client, serve):
    async def answer(request):
        body = await request.read()
        return web.json_response(
            {"body": body.decode(), "type": request.content_type, "x": request.headers["X-A"]}, status=418
        )

    base = await serve(answer)
    got = await client.request("POST", f"{base}/a?b=1", json={"文": "告警\ud800"}, headers={"X-A": "1"})
    assert got.status == 418
    assert got.headers["content-type"].startswith("application/json")
    assert got.json() == {"body": '{"文":"告警?"}', "type": "application/json", "x": "1"}


@pytest.mark.slow
async def test_http_connections_are_kept_alive_under_load(client, serve):
    ports = set()

    async def answer(request):
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.json_response({})

    base = await serve(answer)
    for _ in range(3):
        await asyncio.gather(*(client.request("POST", base, json={}) for _ in range(300)))
    assert len(ports) <= 256


async def test_http_client_serves_a_second_loop(client, serve):
    async def answer(request):
        return web.json_response({"ok": 1})

    base = await serve(answer)
    await client.request("GET", base)

    async def elsewhere():
        got = await client.request("GET", base)
        await client.close()
        return got.json()

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == {"ok": 1}
    assert (await client.request("GET", base)).status == 200


@pytest.mark.parametrize("body", [b"<html>login</html>", b"", b"[" * 100_000, b"\xff\xfe"])
async def test_http_answer_that_is_not_json_is_named(client, serve, body):
    async def answer(request):
        return web.Response(body=body)

    got = await client.request("GET", await serve(answer))
    with pytest.raises(RemoteError) as caught:
        got.json()
    assert caught.value.code == "not_json"


async def test_http_silent_server_is_a_timeout(client, serve):
    gate = asyncio.Event()

    async def answer(request):
        await gate.wait()
        return web.Response()

    base = await serve(answer)
    error = await _fails(client, "timeout", "POST", f"{base}/x?session={SECRET}", json={}, timeout=0.2)
    gate.set()
    assert "没有响应" in error.message


async def test_http_body_that_trickles_is_a_timeout(client, serve):
    gate = asyncio.Event()

    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await gate.wait()
        return response

    await _fails(client, "timeout", "GET", f"{await serve(answer)}/?s={SECRET}", timeout=0.2)
    gate.set()


async def test_http_refused_connection_is_a_network_error(client, unused_tcp_port):
    await _fails(client, "connect", "GET", f"http://127.0.0.1:{unused_tcp_port}/x?session={SECRET}")


async def test_http_unknown_name_is_a_dns_error(client):
    error = await _fails(client, "dns", "GET", f"http://nowhere.invalid/?s={SECRET}", proxy=None)
    assert "nowhere.invalid" in error.message


async def test_http_abrupt_close_is_a_network_error(client):
    async def slam(reader, writer):
        await reader.readline()
        writer.transport.abort()

    async with await asyncio.start_server(slam, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await _fails(client, "network", "POST", f"http://127.0.0.1:{port}/?session={SECRET}", json={})


async def test_http_tls_to_a_plain_server_is_a_tls_error(client, serve):
    async def answer(request):
        return web.Response()

    base = await serve(answer)
    await _fails(client, "tls", "GET", base.replace("http://", "https://") + f"/?s={SECRET}")


async def test_http_malformed_address_is_permanent(client):
    with pytest.raises(RemoteError) as caught:
        await client.request("GET", f"nonsense?{SECRET}")
    assert caught.value.permanent
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("zipped", [False, True])
async def test_http_body_over_the_cap_is_refused(client, serve, zipped):
    async def answer(request):
        body = b"x" * 3_000_000
        if zipped:
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    base = await serve(answer)
    await _fails(client, "too_large", "GET", base)
    assert len((await client.request("GET", base, max_bytes=4_000_000)).body) == 3_000_000


async def test_http_redirect_is_followed_on_the_same_host_only(client, serve):
    async def other(request):
        raise AssertionError("must not be reached")

    elsewhere = await serve(other)

    async def answer(request):
        if request.path == "/end":
            return web.json_response({"end": True})
        raise web.HTTPFound({"/away": f"{elsewhere}/?s={SECRET}", "/loop": "/loop"}.get(request.path, "/end"))

    base = await serve(answer)
    assert (await client.request("GET", f"{base}/start")).json() == {"end": True}
    for path in ("/away", "/loop"):
        await _fails(client, "redirect", "GET", base + path)
    await _fails(client, "redirect", "POST", f"{base}/start", json={})


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "100.100.100.200", "[::ffff:a9fe:a9fe]"])
async def test_http_metadata_address_is_refused(client, host):
    with pytest.raises(ConfigError):
        await client.request("GET", f"http://{host}/latest/meta-data/")


async def test_http_name_that_leads_to_metadata_is_refused(client, monkeypatch):
    monkeypatch.setattr(network, "_lookup", lambda *_: [(2, "169.254.169.254")])
    with pytest.raises(ConfigError, match="元数据"):
        await client.request("GET", "http://api.dingtalk.example/")


async def _proxy_server(seen):
    async def relay(request):
        seen.append(request.raw_path if request.method != "CONNECT" else f"CONNECT {request.path_qs}")
        return web.json_response({"proxied": True})

    server = web.Server(relay)
    runner = web.ServerRunner(server, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def test_http_proxy_of_the_call_is_used(client):
    seen = []
    runner, proxy = await _proxy_server(seen)
    got = await client.request("GET", "http://gateway.corp.example/a", proxy=proxy)
    assert got.json() == {"proxied": True}
    await runner.cleanup()
    assert seen
    await _fails(client, "proxy", "GET", f"http://gateway.corp.example/a?s={SECRET}", proxy=proxy)


async def test_http_proxy_of_the_environment_is_used(client, monkeypatch):
    seen = []
    runner, proxy = await _proxy_server(seen)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "direct.example")
    got = await client.request("GET", "http://gateway.corp.example/a")
    assert got.json() == {"proxied": True}
    await runner.cleanup()


async def test_http_socks_proxy_is_refused_with_the_remedy(client, monkeypatch):
    with pytest.raises(ConfigError, match="SOCKS"):
        await client.request("GET", "http://api.example/", proxy="socks5://127.0.0.1:1080")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigError, match="NO_PROXY"):
        await client.request("GET", "http://api.example/")


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("", "https://api.dingtalk.com", False),
        ("dingtalk.com", "https://api.dingtalk.com", True),
        (".dingtalk.com", "wss://api.dingtalk.com/connect", True),
        ("*.dingtalk.com", "https://api.dingtalk.com", True),
        ("talk.com", "https://api.dingtalk.com", False),
        ("api.dingtalk.com:8443", "https://api.dingtalk.com", False),
        ("api.dingtalk.com:443", "https://api.dingtalk.com", True),
        ("10.0.0.0/8, other", "https://10.1.2.3", True),
        ("not/a/network", "https://10.1.2.3", False),
        ("*", "https://api.dingtalk.com", True),
        ("", "http://127.0.0.1:8910", True),
        ("", "http://localhost:8910", True),
    ],
)
def test_http_no_proxy_is_honoured(monkeypatch, no_proxy, url, direct):
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "proxy.corp:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    monkeypatch.setenv("no_proxy", no_proxy)
    assert proxy_for(url) == (None if direct else "http://proxy.corp:3128")


def test_tls_context_is_one_for_all_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.append(network.tls_context())) for _ in range(4)]
    network.tls_context()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(context) for context in found}) == 1
    assert found[0].verify_mode == ssl.CERT_REQUIRED
