"""The client against the simulator: connected, refused, half-open, told otherwise, stopped."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bifang.channels.streams.state import StreamState
from bifang.core.outbound.addresses import AddressRules
from feishu_integration.stream.client import FeishuClient, Pushed, Stored
from feishu_integration.stream.endpoint import ping_interval
from feishu_integration.stream.settings import FeishuLinkSettings
from tests.deadline import wait_until
from tests.feishu.test_simulator_openapi import CARD, Api
from tests.feishu_simulator import FeishuHandle, running_feishu

QUICK = {"backoff_base_s": 0.05, "backoff_cap_s": 0.2, "park_retry_s": 60.0, "open_timeout_s": 60.0}


class Running:
    """What the client showed and received; ``stored`` is what it says of each."""

    def __init__(self, endpoint: str, **changed: Any) -> None:
        fields = {"app_id": "cli_demo", "app_secret": "demo-secret", "rules": AddressRules(simulator=True)}
        settings = FeishuLinkSettings(name="测试", endpoint=endpoint, **{**QUICK, **fields, **changed})
        self.pushed: list[Pushed] = []
        self.states: list[StreamState] = []
        self.stored = True
        self.answer: dict[str, Any] | None = None
        self.client = FeishuClient(settings, self._receive, self.states.append)
        self.thread = threading.Thread(target=lambda: asyncio.run(self.client.run()))

    async def _receive(self, pushed: Pushed) -> Stored | None:
        self.pushed.append(pushed)
        return Stored(self.answer) if self.stored else None

    def left_since(self, seen: int) -> bool:
        """Was it not connected meanwhile, be it for a moment?"""
        return any(state.status != "connected" for state in self.states[seen:])

    def wait_status(self, status: str) -> StreamState:
        wait_until(lambda: self.client.state.status == status, within=30, what=f"{status}: {self.states}")
        return self.client.state


@contextmanager
def running_client(endpoint: str, **changed: Any) -> Iterator[Running]:
    running = Running(endpoint, **changed)
    running.thread.start()
    try:
        yield running
    finally:
        running.client.stop()
        running.thread.join(60)
        assert not running.thread.is_alive()


@pytest.fixture
def sim() -> Iterator[FeishuHandle]:
    with running_feishu() as handle:
        yield handle


def test_stored_event_is_acknowledged_with_its_time(sim: FeishuHandle) -> None:
    with running_client(sim.base_url) as running:
        running.wait_status("connected")
        said = sim.message("你好")
        (ack,) = sim.wait_acks(1)
        assert (ack["event_id"], ack["code"], ack["fault"]) == (said["event_id"], 200, "")
        assert len(running.pushed) == 1
    assert running.client.state.status == "stopped"
    wait_until(lambda: sim.connections() == [], within=20)


def test_event_that_is_not_stored_comes_again(sim: FeishuHandle) -> None:
    with running_client(sim.base_url) as running:
        running.wait_status("connected")
        running.stored = False
        sim.faults(redeliver_after_s=0.2)
        sim.message("你好")
        wait_until(lambda: len(running.pushed) >= 2, within=20)
        running.stored = True
        wait_until(lambda: any(ack["code"] == 200 for ack in sim.acks()), within=20)


def test_callback_is_answered_in_its_ack(sim: FeishuHandle) -> None:
    with running_client(sim.base_url) as running:
        running.wait_status("connected")
        said, api = sim.message("你好"), Api(sim)
        sent = api.reply(said["message_id"], msg_type="interactive", content=json.dumps(CARD)).json()["data"]
        for answer in ({"toast": {"type": "success", "content": "已批准"}}, {}):
            running.answer = answer
            shown = sim.click(sent["message_id"], {"code": "A2B3C4"})
            assert (shown["ok"], shown["toast"]) == (True, answer.get("toast"))
            (ack,) = [one for one in sim.acks() if one["event_id"] == shown["event_id"]]
            assert ack["data"] == answer, "an answer, if an empty one"


def test_wrong_secret_parks_and_is_not_shown(sim: FeishuHandle) -> None:
    with running_client(sim.base_url, app_secret="wrong-secret") as running:
        state = running.wait_status("parked")
    assert "App Secret" in state.last_error
    assert "wrong-secret" not in repr(running.states)


def test_a_secret_that_a_refusal_repeats_is_not_shown_even_if_it_is_cut(sim: FeishuHandle) -> None:
    refusal = {"code": 10003, "msg": "x" * 190 + " wrong-secret"}
    sim.faults(endpoint_body=json.dumps(refusal))
    with running_client(sim.base_url, app_secret="wrong-secret") as running:
        state = running.wait_status("parked")
    assert "（10003：xxx" in state.last_error
    assert "wrong" not in repr(running.states)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"handshake": "connections"}, "parked", "已达到上限（50 个）"),
        ({"handshake": "forbidden"}, "parked", "拒绝了连接（403）"),
        ({"handshake": "auth"}, "retrying", "514"),
        ({"endpoint_code": 1}, "retrying", "暂时不能建立长连接（1）"),
        ({"endpoint_code": 1000040343}, "retrying", "暂时不能建立长连接"),
        ({"endpoint_status": 500}, "retrying", "HTTP 500"),
        ({"endpoint_body": "html"}, "retrying", "不是 JSON"),
        ({"endpoint_body": "no-url"}, "retrying", "没有可用的连接地址"),
        ({"endpoint_body": "no-device"}, "retrying", "没有可用的连接地址"),
    ],
)
def test_refusals_are_told_apart(sim: FeishuHandle, fault: dict[str, Any], status: str, words: str) -> None:
    sim.faults(**fault)
    with running_client(sim.base_url, backoff_base_s=30.0, backoff_cap_s=30.0) as running:
        state = running.wait_status(status)
        assert words in state.last_error
        sim.faults(clear=True)
        running.client.wake()
        running.wait_status("connected")


@pytest.mark.slow
def test_half_open_connection_is_replaced(sim: FeishuHandle) -> None:
    with running_client(sim.base_url, pong_timeout_s=0.5) as running:
        running.wait_status("connected")

        def connection_after(*known: str) -> str:
            """The id of the only one that there is, which is none of these."""
            ids = [each["id"] for each in sim.connections()]
            return ids[0] if len(ids) == 1 and ids[0] not in known else ""

        first = wait_until(connection_after, within=20)
        sim.faults(pong_config={"value": {"PingInterval": 1}})
        sim.faults(close="now")  # the next one pings at once, and is told to ping each second
        second = wait_until(lambda: connection_after(first), within=20)
        sim.faults(no_pong={"value": True, "times": 1})
        wait_until(lambda: connection_after(first, second), within=30, what=f"another: {running.states}")
        assert any("没有响应心跳" in state.last_error for state in running.states)


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        (9, 9.0),
        (0.001, 1.0),
        (10**400, 600.0),
        (float("inf"), 600.0),
        (float("nan"), 7.0),
        (0, 7.0),
        ("9", 7.0),
    ],
    ids=lambda value: str(value)[:8],
)
def test_only_a_ping_interval_that_makes_sense_is_believed(told: Any, believed: float) -> None:
    """JSON as Python reads it has numbers that no clock can wait for: they would ping without a pause."""
    assert ping_interval({"PingInterval": told}, 7.0) == believed


@pytest.mark.slow
def test_connections_that_close_are_cheap(sim: FeishuHandle) -> None:
    with running_client(sim.base_url) as running:
        for _ in range(5):
            running.wait_status("connected")
            wait_until(lambda: sim.connections(), within=20)
            before = len(running.states)
            sim.faults(close="now")
            wait_until(lambda seen=before: running.left_since(seen), within=20)
        running.wait_status("connected")
        sim.message("还在")
        wait_until(lambda: running.pushed, within=20)
