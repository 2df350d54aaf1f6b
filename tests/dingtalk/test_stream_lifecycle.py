"""Opening, parking, backing off, replacing, noticing death, stopping."""

import asyncio
import logging
import re
import threading
import time

import pytest
from aiohttp import web

from bifang.core.outbound.addresses import AddressRules
from dingtalk_integration.stream import CHAT_ACK, StreamClient, StreamSettings
from tests.deadline import wait_until
from tests.dingtalk.stream_client import QUICK, chat_frame, running_client, scripted_gateway, system_frame
from tests.simulator import running_simulator


@pytest.fixture
def sim():
    with running_simulator(disconnect_grace_s=60.0) as sim:
        yield sim


@pytest.fixture
def gateway():
    with scripted_gateway() as gateway:
        yield gateway


def _answers(sim, text="在吗"):
    said = sim.message(text)
    wait_until(lambda: [ack for ack in sim.acks() if ack["msg_id"] == said["msg_id"]])


def test_stream_registration_is_the_sdks(gateway):
    with running_client(gateway.base) as running:
        running.wait_status("connected")
    body, headers = gateway.opened[0]
    assert (body["clientId"], body["clientSecret"]) == ("dingdemo", "demo-secret")
    assert body["subscriptions"][0] == {"type": "EVENT", "topic": "*"}
    assert body["ua"] == "dingtalk-sdk-python/v0.24.3-union"
    assert isinstance(body["localIp"], str)
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("DingTalkStream/1.0 SDK/0.24.3")
    assert gateway.tickets == ["T1cket/+="]


def test_stream_wrong_secret_parks_with_the_remedy(sim):
    with running_client(sim.base_url, client_secret="wrong") as running:
        state = running.wait_status("parked")
        assert "凭证错误" in state.last_error
        assert "Client Secret" in state.last_error
        assert state.last_error_at > 0
        assert sim.state()["clients"]["dingdemo"] == []
    assert running.statuses == ["connecting", "parked", "stopped"]


def test_stream_parked_client_tries_again_when_woken(sim):
    sim.faults(open_status=401)
    with running_client(sim.base_url) as running:
        running.wait_status("parked")
        sim.faults(clear=True)
        running.client.wake()
        running.wait_status("connected")
        _answers(sim)


def test_stream_parked_client_tries_again_by_itself(sim):
    sim.faults(open_status={"value": 401, "times": 3})
    with running_client(sim.base_url, park_retry_s=0.1) as running:
        running.wait_status("connected")
    assert running.statuses.count("parked") >= 1


@pytest.mark.parametrize(
    ("status", "body", "parked"),
    [
        (401, {"code": "authFailed", "message": "鉴权失败"}, "凭证错误"),
        (400, {"code": "invalidClientId", "message": "no such app"}, "凭证错误"),
        (403, {"code": "Forbidden.AccessDenied.IpNotInWhiteList", "message": "ip"}, "白名单"),
        (400, {"code": "invalidParameter.app.unpublished", "message": "未发布"}, "应用已发布"),
        (403, {"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "limit"}, ""),
        (403, {"code": "unknownError", "message": "?"}, ""),
        (403, {"error": "squid"}, ""),
        (404, {"code": "NotFound"}, ""),
    ],
)
def test_stream_only_a_proven_refusal_parks(gateway, status, body, parked):
    gateway.answer = lambda base: web.json_response(body, status=status)
    with running_client(gateway.base) as running:
        state = running.wait_status("parked" if parked else "retrying")
    assert parked in state.last_error


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        {"open_status": 500},
        {"open_status": 503},
        {"open_status": 403},
        {"open_body": "html"},
        {"open_body": "empty"},
        {"open_body": "json-array"},
        {"open_body": "no-endpoint"},
        {"open_body": "not-json"},
        {"open_hang": True},
    ],
)
def test_stream_odd_gateway_is_retried_until_it_recovers(sim, faults):
    sim.faults(**faults)
    with running_client(sim.base_url, open_timeout_s=0.3) as running:
        state = running.wait_status("retrying")
        assert state.last_error
        assert running.thread.is_alive()
        sim.faults(clear=True)
        running.wait_status("connected")
        _answers(sim)


@pytest.mark.parametrize("status", [401, 403, 407, 502])
def test_stream_portal_page_never_parks(gateway, status):
    gateway.answer = lambda base: web.Response(text="<html>login</html>", status=status)
    with running_client(gateway.base) as running:
        wait_until(lambda: len(gateway.opened) >= 3)
        assert running.state.status == "retrying"


def test_stream_absent_gateway_is_retried(unused_tcp_port):
    with running_client(f"http://127.0.0.1:{unused_tcp_port}") as running:
        assert "网络" in running.wait_status("retrying").last_error


@pytest.mark.parametrize(
    "endpoint", ["wss://evil.example/connect", "ws://169.254.169.254/connect", "nonsense"]
)
def test_stream_foreign_socket_address_is_refused(gateway, endpoint):
    gateway.answer = lambda base: web.json_response({"endpoint": endpoint, "ticket": "T1cket"})
    with running_client(gateway.base) as running:
        state = running.wait_status("parked")
    assert "地址" in state.last_error
    assert "T1cket" not in state.last_error


def test_stream_refused_handshake_is_retried(gateway):
    gateway.answer = lambda base: web.json_response(
        {"endpoint": f"{base.replace('http', 'ws', 1)}/elsewhere", "ticket": "T1cket"}
    )
    with running_client(gateway.base) as running:
        state = running.wait_status("retrying")
    assert "404" in state.last_error
    assert "T1cket" not in state.last_error


def test_stream_socks_proxy_parks_with_the_remedy(sim):
    with running_client(sim.base_url, proxy="socks5://127.0.0.1:1080") as running:
        assert "HTTP 代理" in running.wait_status("parked").last_error


def test_stream_repeated_errors_are_logged_once(gateway, caplog):
    gateway.answer = lambda base: web.Response(status=500)
    with running_client(gateway.base, backoff_base_s=0.001, backoff_cap_s=0.002):
        wait_until(lambda: len(gateway.opened) > 20)
    assert caplog.text.count("HTTP 500") == 1


def _newer_than(sim, old):
    return wait_until(lambda: next((link["id"] for link in sim.connections() if link["id"] != old), ""))


def test_stream_disconnect_opens_the_new_socket_before_the_old_closes(sim):
    with running_client(sim.base_url, drain_s=0.3) as running:
        sim.wait_connected()
        old = sim.connections()[0]["id"]
        for _ in range(2):
            sim.faults(disconnect=True)
            old = _newer_than(sim, old)
            _answers(sim)
        wait_until(lambda: running.state.connections == 1)
    assert set(running.statuses) == {"connecting", "connected", "stopped"}


def test_stream_old_socket_still_acks_what_it_brought(gateway):
    release = asyncio.Event()

    async def receive(frame):
        if frame.message_id == "m1":
            await release.wait()
        return CHAT_ACK

    with running_client(gateway.base, receive) as running:
        wait_until(lambda: gateway.sockets)
        gateway.push(chat_frame(1))
        running.wait_frames(1)
        gateway.push(system_frame("disconnect"))
        wait_until(lambda: running.state.connections == 2)
        gateway.push(chat_frame(2), socket=0)
        wait_until(lambda: "m2" in [row["headers"].get("messageId") for row in gateway.received])
        gateway.call(gateway.sockets[1].close())
        running.client._loop.call_soon_threadsafe(release.set)
        wait_until(lambda: "m1" in [row["headers"].get("messageId") for row in gateway.received])


def test_stream_old_socket_is_closed_after_the_drain_time(gateway):
    with running_client(gateway.base, drain_s=0.2) as running:
        wait_until(lambda: gateway.sockets)
        gateway.push(system_frame("disconnect"))
        wait_until(lambda: len(gateway.sockets) == 2 and running.state.connections == 1)
        wait_until(lambda: gateway.sockets[0].closed, what="the old socket closed")
        assert not gateway.sockets[1].closed


def test_stream_storm_of_disconnects_backs_off(gateway):
    with running_client(gateway.base, backoff_base_s=10.0, backoff_cap_s=10.0) as running:
        for number in (1, 2):
            wait_until(lambda number=number: len(gateway.sockets) == number)
            gateway.push(system_frame("disconnect"))
        threading.Event().wait(0.3)
        assert len(gateway.sockets) == 2
        assert running.state.connections == 2


def _end_newest(gateway, running, how):
    """A hand-over or a loss of the newest socket, and wait until the client has proved its successor."""
    count, answered_at = len(gateway.sockets), running.state.answered_at
    if how == "disconnect":
        gateway.push(system_frame("disconnect"))
    else:
        gateway.call(gateway.sockets[-1].close())
    wait_until(
        lambda: len(gateway.sockets) > count and running.state.answered_at > answered_at,
        what=f"a connection after {how}",
    )


LIKE_IN_LIFE = {"backoff_base_s": 1.0, "backoff_cap_s": 60.0}


@pytest.mark.slow
@pytest.mark.parametrize("handovers", [0, 1, 3, 8])
def test_stream_losses_wait_one_two_and_four_seconds_at_most_however_many_handovers_went_before(
    gateway, handovers
):
    waits = []
    with running_client(gateway.base, waits=waits, **LIKE_IN_LIFE) as running:
        running.wait_status("connected")
        for _ in range(handovers):
            _end_newest(gateway, running, "disconnect")
        assert all(wait <= 5 for wait in waits)
        del waits[:]
        for _ in range(3):
            _end_newest(gateway, running, "loss")
    assert [0.5 <= wait / most <= 1 for wait, most in zip(waits, (1, 2, 4), strict=True)] == [True] * 3, waits


def test_stream_first_handover_waits_for_nothing(gateway):
    waits = []
    with running_client(gateway.base, waits=waits, **LIKE_IN_LIFE) as running:
        running.wait_status("connected")
        _end_newest(gateway, running, "disconnect")
    assert waits == []


def test_stream_loss_after_a_healthy_connection_is_a_first_one_again(gateway):
    waits = []
    with running_client(gateway.base, waits=waits, stable_s=0.0, **LIKE_IN_LIFE) as running:
        running.wait_status("connected")
        for how in ("loss", "disconnect", "loss", "loss", "disconnect", "loss"):
            _end_newest(gateway, running, how)
    assert len(waits) == 4
    assert all(wait <= 1 for wait in waits), waits


def test_stream_cut_connection_is_opened_again(sim):
    with running_client(sim.base_url) as running:
        sim.wait_connected()
        old = sim.connections()[0]["id"]
        sim.faults(abort=True)
        _newer_than(sim, old)
        _answers(sim)
    assert "retrying" in running.statuses
    assert "断开" in running.state.last_error


def test_stream_dead_peer_is_noticed(sim):
    with running_client(sim.base_url, ping_interval_s=0.2, pong_timeout_s=0.2) as running:
        sim.wait_connected()
        sim.faults(half_open=True)
        wait_until(lambda: "retrying" in running.statuses)
        assert "心跳" in running.state.last_error
        wait_until(lambda: [link for link in sim.connections() if not link["half_open"]])
        sim.faults(clear=True)
        _answers(sim)


def test_stream_socket_that_opens_dead_is_no_connection(sim):
    sim.faults(half_open="all")
    with running_client(sim.base_url, ping_interval_s=0.1, pong_timeout_s=0.1) as running:
        since = running.wait_status("retrying").since
        wait_until(lambda: len(running.states) >= 5)
        assert "connected" not in running.statuses
        assert "心跳" in running.state.last_error
        assert running.state.since == since  # however often it tries
        sim.faults(clear=True)
        running.wait_status("connected")
        _answers(sim)


def test_stream_default_times_notice_a_dead_peer_within_30_seconds():
    settings = StreamSettings(name="x", client_id="a", client_secret="b")
    assert settings.ping_interval_s + settings.pong_timeout_s < 30


def test_stream_quiet_but_living_peer_is_kept(sim):
    with running_client(sim.base_url, ping_interval_s=0.05, pong_timeout_s=60.0) as running:
        sim.wait_connected()
        threading.Event().wait(0.6)
        assert running.statuses == ["connecting", "connected"]


def test_stream_jump_of_the_clock_replaces_the_connection(sim):
    offset = [0.0]
    with running_client(sim.base_url, clock=lambda: time.time() + offset[0], clock_check_s=0.05) as running:
        sim.wait_connected()
        old = sim.connections()[0]["id"]
        offset[0] = 3600.0
        wait_until(lambda: len(sim.connections()) == 2)
        assert running.state.status == "connected"
        assert old in [link["id"] for link in sim.connections()]
        wait_until(lambda: running.state.connections == 2)


def test_stream_jump_of_the_clock_ends_a_long_wait(sim):
    offset = [0.0]
    sim.faults(open_status={"value": 500, "times": 1})
    times = {"backoff_base_s": 60.0, "backoff_cap_s": 60.0, "clock_check_s": 0.05}
    with running_client(sim.base_url, clock=lambda: time.time() + offset[0], **times) as running:
        running.wait_status("retrying")
        offset[0] = -3600.0
        running.wait_status("connected")


def test_stream_slow_receiver_stops_the_reading_and_loses_nothing(gateway):
    gate = asyncio.Event()

    async def receive(frame):
        await gate.wait()
        return CHAT_ACK

    with running_client(
        gateway.base, receive, max_pending=50, ping_interval_s=0.1, pong_timeout_s=1.0
    ) as running:
        wait_until(lambda: gateway.sockets)
        gateway.push(*(chat_frame(i) for i in range(1000)))
        running.wait_frames(50)
        threading.Event().wait(2.5)  # two pings, none of whose pongs can be read
        assert len(running.frames) == 50
        assert running.statuses == ["connecting", "connected"]
        running.client._loop.call_soon_threadsafe(gate.set)
        wait_until(lambda: len(gateway.received) == 1000)
    assert {row["headers"]["messageId"] for row in gateway.received} == {f"m{i}" for i in range(1000)}


@pytest.mark.parametrize(
    "faults", [{}, {"open_hang": True}, {"open_status": 401}, {"open_status": 500}, {"half_open": "all"}]
)
def test_stream_stop_is_prompt_in_every_state(sim, faults):
    sim.faults(**faults)
    with running_client(
        sim.base_url, backoff_base_s=30.0, backoff_cap_s=30.0, open_timeout_s=30.0
    ) as running:
        if "open_hang" in faults:
            wait_until(lambda: running.states)
        elif "open_status" in faults:
            wait_until(lambda: running.state.last_error)
        elif "half_open" in faults:
            wait_until(lambda: running.state.connections)
        else:
            running.wait_status("connected")
        running.stop(within=60)
    assert running.state.status == "stopped"
    assert running.state.connections == 0
    if not faults:
        wait_until(lambda: sim.state()["clients"]["dingdemo"] == [])


def test_stream_stop_lets_pending_acks_go_out(gateway):
    started, release = threading.Event(), asyncio.Event()

    async def receive(frame):
        started.set()
        await release.wait()
        return CHAT_ACK

    with running_client(gateway.base, receive) as running:
        wait_until(lambda: gateway.sockets)
        gateway.push(chat_frame(1))
        assert started.wait(120)
        running.client.stop()
        running.client._loop.call_soon_threadsafe(running.client._loop.call_later, 0.1, release.set)
        running.thread.join(120)
        assert not running.thread.is_alive()
        wait_until(lambda: gateway.received)


def test_stream_stop_does_not_wait_for_a_receiver_that_hangs(gateway):
    started = threading.Event()

    async def receive(frame):
        started.set()
        await asyncio.Event().wait()

    with running_client(gateway.base, receive) as running:
        wait_until(lambda: gateway.sockets)
        gateway.push(chat_frame(1))
        assert started.wait(120)
        running.stop(within=60)
    assert gateway.received == []


async def test_stream_stop_before_run_ends_it_at_once():
    client = StreamClient(StreamSettings(name="x", client_id="a", client_secret="b"), None)
    client.stop()
    await asyncio.wait_for(client.run(), 120)
    assert client.state.status == "stopped"
    client.stop()
    client.wake()


async def test_stream_cancelled_run_closes_everything(unused_tcp_port):
    settings = StreamSettings(
        name="x",
        client_id="a",
        client_secret="b",
        endpoint=f"http://127.0.0.1:{unused_tcp_port}",
        rules=AddressRules(simulator=True),
    )
    client = StreamClient(settings, None)
    task = asyncio.create_task(client.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.state.status == "stopped"


def test_stream_observer_that_fails_harms_nothing(sim, caplog):
    settings = StreamSettings(
        name="x",
        client_id="dingdemo",
        client_secret="demo-secret",
        endpoint=sim.base_url,
        rules=AddressRules(simulator=True),
        **QUICK,
    )

    def observe(state):
        raise RuntimeError("observer")

    client = StreamClient(settings, None, observe)
    thread = threading.Thread(target=lambda: asyncio.run(client.run()))
    thread.start()
    sim.wait_connected()
    client.stop()
    thread.join(120)
    assert not thread.is_alive()
    assert "observer of a connection failed" in caplog.text


def test_stream_logs_hold_no_secret_ticket_or_text(sim, caplog):
    caplog.set_level(logging.DEBUG)
    sim.faults(redeliver_after_s=0.2)
    with running_client(sim.base_url) as running:
        sim.wait_connected()
        old = sim.connections()[0]["id"]
        sim.message("机密内容甲")
        sim.faults(malformed="all", disconnect=True)
        running.wait_frames(1)
        _newer_than(sim, old)
        sim.faults(abort=True)
        wait_until(lambda: "retrying" in running.statuses)
        sim.wait_connected()
        sim.faults(open_status=401)
        sim.faults(abort=True)
        running.wait_status("parked")
    ours = [
        row for row in caplog.records if not row.name.startswith(("httpx", "httpcore", "simulators.dingtalk"))
    ]
    text = "\n".join(row.getMessage() for row in ours)
    assert "已连接" in text
    assert not re.search(r"demo-secret|ticket-|ticket=|机密内容|session=", text)
    assert all(
        "dingtalk" in row.getMessage() for row in ours if row.name.startswith("dingtalk_integration.stream")
    )


def test_stream_tells_how_long_a_ping_takes_there_and_back_and_when_it_last_did(sim):
    """The loop-back check: no message, so no quota counts it."""
    before = sim.state()["metered"]
    with running_client(sim.base_url, ping_interval_s=0.05) as running:
        running.wait_status("connected")
        first = wait_until(lambda: running.state.answered_at)
        wait_until(lambda: running.state.answered_at > first)
        assert 0 < running.state.round_trip_s < 5
    assert sim.state()["metered"] == before
