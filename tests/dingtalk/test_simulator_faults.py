"""Every fault strikes as its table says."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from simulators.dingtalk.faults import STANDING
from simulators.dingtalk.frames import MALFORMED
from tests.dingtalk.test_simulator_gateway import Client, read_frame, send_ack, simulated


async def fetch_webhook(client: Client, socket: aiohttp.ClientWebSocketResponse, **fields: Any) -> str:
    """Say something; the sessionWebhook that came with it, acked."""
    await client.post("/sim/messages", {"text": "x", **fields})
    frame = await read_frame(socket)
    await send_ack(socket, frame, {"response": None})
    url: str = json.loads(frame["data"])["sessionWebhook"]
    return url


async def reply(client: Client, url: str, text: str = "答") -> tuple[int, Any]:
    """Answer over a sessionWebhook: (status, errcode or None)."""
    body = {"msgtype": "markdown", "markdown": {"title": "答", "text": text}, "at": {"atUserIds": ["lisi"]}}
    async with client.http.post(url, json=body, timeout=aiohttp.ClientTimeout(3)) as response:
        if response.content_type != "application/json":
            return response.status, None
        return response.status, (await response.json()).get("errcode")


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_gateway_answers_the_status_as_often_as_told(status: int) -> None:
    async with simulated() as client:
        await client.post("/sim/faults", {"open_status": {"value": status, "times": 2}})
        assert [(await client.open()).status for _ in range(3)] == [status, status, 200]
        assert await client.get("/sim/faults") == {}


@pytest.mark.parametrize("body", ["html", "empty", "json-array", "no-endpoint", "not-json"])
async def test_gateway_answers_odd_bodies(body: str) -> None:
    async with simulated() as client:
        await client.post("/sim/faults", {"client_id": "dingdemo", "open_body": body})
        text = await (await client.open()).text()
        assert '"endpoint":"ws' not in text.replace(" ", "")
        await client.post("/sim/faults", {"clear": True})
        assert "endpoint" in await (await client.open()).json()


async def test_abort_cuts_without_a_close_frame() -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/faults", {"abort": True})
        assert (await socket.receive(timeout=120)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


@pytest.mark.slow
async def test_abort_every_cuts_again_until_cleared() -> None:
    async with simulated() as client:
        await client.post("/sim/faults", {"abort_every_s": 0.1})
        for _ in range(2):
            socket = await client.connect()
            assert (await socket.receive(timeout=120)).type is not aiohttp.WSMsgType.TEXT
        await client.post("/sim/faults", {"clear": True})
        socket = await client.connect()
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.3)


async def test_half_open_connection_is_silent_and_new_ones_work() -> None:
    async with simulated(redeliver_after_s=0.2) as client:
        dead = await client.connect(autoping=False)
        await dead.ping()
        assert (await dead.receive(timeout=120)).type is aiohttp.WSMsgType.PONG
        await client.post("/sim/faults", {"half_open": True})
        said = await client.post("/sim/messages", {"text": "x"})
        await dead.ping()
        with pytest.raises(TimeoutError):
            await dead.receive(timeout=0.3)
        await asyncio.wait_for(dead.close(), 120)
        fresh = await client.connect()
        assert json.loads((await read_frame(fresh))["data"])["msgId"] == said["msg_id"]


async def test_duplicate_delivers_on_random_connections() -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/faults", {"duplicate": 3})
        await client.post("/sim/messages", {"text": "x"})
        frames = [await read_frame(socket) for _ in range(3)]
        assert len({frame["headers"]["messageId"] for frame in frames}) == 3
        assert len({json.loads(frame["data"])["msgId"] for frame in frames}) == 1


async def test_malformed_frames_come_now_and_before_each_push() -> None:
    async with simulated() as client:
        socket = await client.connect(max_msg_size=8 * 1024 * 1024)
        await client.post("/sim/faults", {"malformed": list(MALFORMED)})
        frames = [(await socket.receive(timeout=120)).data for _ in MALFORMED]
        assert max(len(frame.encode()) for frame in frames) > 2_000_000
        await client.post("/sim/faults", {"malformed_each": "bad_json"})
        await client.post("/sim/messages", {"text": "x"})
        with pytest.raises(json.JSONDecodeError):
            json.loads((await socket.receive(timeout=120)).data)
        assert (await read_frame(socket))["type"] == "CALLBACK"


async def test_changed_redelivery_time_applies_to_what_waits_already() -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/messages", {"text": "x"})
        await read_frame(socket)
        await client.post("/sim/faults", {"redeliver_after_s": 0.05})
        await read_frame(socket)


async def test_reply_is_listed_with_its_route_and_message() -> None:
    async with simulated() as client:
        socket = await client.connect()
        url = await fetch_webhook(client, socket)
        assert await reply(client, url, "**好**") == (200, 0)
        (row,) = await client.get("/sim/replies?client_id=dingdemo")
        assert (row["route"], row["msgtype"], row["text"]) == ("webhook", "markdown", "**好**")
        assert (row["conversation_id"], row["at_user_ids"]) == ("cidDemoGroup==", ["lisi"])
        assert row["msg_id"].startswith("msg")
        assert await client.get(f"/sim/replies?client_id=dingdemo&after={row['seq']}") == []


async def test_webhook_limit_of_twenty_a_minute() -> None:
    async with simulated(limits=True) as client:
        socket = await client.connect()
        url = await fetch_webhook(client, socket)
        codes = [(await reply(client, url))[1] for _ in range(21)]
        assert codes == [0] * 20 + [130101]
        seen = (await client.get("/sim/state"))["limits"]["webhook"]
        assert (seen["limit"], seen["max"], seen["refused"]) == (20, 21, 1)


async def test_lifted_limits_are_still_counted() -> None:
    async with simulated(limits=False) as client:
        socket = await client.connect()
        url = await fetch_webhook(client, socket)
        assert {(await reply(client, url))[1] for _ in range(25)} == {0}
        assert (await client.get("/sim/state"))["limits"]["webhook"]["max"] == 25


async def test_webhook_refuses_long_bodies_and_unknown_or_expired_sessions() -> None:
    async with simulated() as client:
        socket = await client.connect()
        url = await fetch_webhook(client, socket)
        assert await reply(client, url, "长" * 7000) == (200, 460101)
        assert await reply(client, url[:-4] + "0000") == (200, 300001)
        assert await reply(client, await fetch_webhook(client, socket, webhook_expired=True)) == (200, 300001)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ({"webhook_errcode": 300001}, (200, 300001)),
        ({"webhook_errcode": 130101}, (200, 130101)),
        ({"webhook_status": 502}, (502, None)),
        ({"webhook_down": True}, (503, None)),
    ],
)
async def test_webhook_fails_as_told_then_recovers(fault: dict[str, Any], answer: tuple[int, Any]) -> None:
    async with simulated() as client:
        socket = await client.connect()
        url = await fetch_webhook(client, socket)
        (name,) = fault
        await client.post("/sim/faults", {name: {"value": fault[name], "times": 1}})
        assert await reply(client, url) == answer
        assert await reply(client, url) == (200, 0)


@pytest.mark.parametrize("fault", [{"webhook_down": "refuse"}, {"webhook_lost": True}])
async def test_webhook_connection_is_cut(fault: dict[str, Any]) -> None:
    async with simulated() as client:
        socket = await client.connect()
        url = await fetch_webhook(client, socket)
        await client.post("/sim/faults", fault)
        with pytest.raises(aiohttp.ClientError):
            await reply(client, url)
        arrived = len(await client.get("/sim/replies"))
        # the aiohttp client repeats a request on a kept connection once, so a lost answer may arrive twice
        assert arrived == 0 if "webhook_down" in fault else arrived >= 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", [{"open_hang": True}, {"open_delay_s": 30}])
async def test_gateway_that_never_answers(fault: dict[str, Any]) -> None:
    async with simulated() as client:
        await client.post("/sim/faults", fault)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.open(), 0.2)


async def test_unknown_fault_and_wrong_value_are_named() -> None:
    async with simulated() as client:
        answer = await client.post("/sim/faults", {"earthquake": True})
        assert "earthquake" in answer["error"]
        answer = await client.post("/sim/faults", {"open_status": "teapot"})
        assert "open_status" in answer["error"]


def test_every_standing_fault_is_in_the_documented_table() -> None:
    from simulators.dingtalk import faults

    documented = {line.split()[0] for line in (faults.__doc__ or "").splitlines() if line.strip()}
    assert set(STANDING) <= documented
