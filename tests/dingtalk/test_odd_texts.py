"""Any text: what half a character, NUL or a flood does to the simulator, its links and the client at the other end."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dingtalk_integration.stream import CHAT_ACK, Frame
from tests.deadline import wait_until
from tests.dingtalk.stream_client import chat_frame, running_client, scripted_gateway, system_frame
from tests.dingtalk.test_simulator_faults import fetch_webhook
from tests.dingtalk.test_simulator_gateway import simulated
from tests.simulator import SimulatorHandle, running_simulator

ODD = {
    "half a character": "a\ud800b",
    "the other half": "\udfff",
    "halves the wrong way round": "\ude00\ud83d",
    "NUL": "a\x00b",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff\ufffe\uffff",
    "direction and invisible": "\u202e\u2066\u200b\u200d反",
    "marks of the page": "\ue000\ue001@lisi\ud800",
    "links with half a character": "[a\ud800](https://a.example/\udfff?q=\ud800) ![\ud800](https://a.example/\ud800)",
    "long": "大" * 100_000,
    "long and escaped": '"\\' * 100_000,
}
every_odd_text = pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())


def post(sim: SimulatorHandle, path: str, body: Any) -> Any:
    """As ASCII: only escapes can bring half a character over HTTP."""
    response = sim.http.post(path, content=json.dumps(body))
    assert response.status_code in (200, 400), response.text
    return response.json()


def say_everywhere(sim: SimulatorHandle, text: str) -> list[str]:
    """That text in every field that a message or an event has; the ids that must be acked."""
    small = text[:60]
    rows: list[dict[str, Any]] = [
        {"text": text},
        {"text": "x", "nick": text},
        {"text": "x", "conversation_title": small, "conversation_id": small},
        {"text": "x", "staff_id": small},
        {"text": text, "msgtype": "quoted", "content": {"text": text[:1000], "as_string": True}},
        {"text": text, "msgtype": "richText"},
        {"text": "x", "msgtype": "file", "content": {small: [text]}},
        {"text": "x", "extra": {"senderId": small, small: text}},
    ]
    said = [post(sim, "/sim/messages", row)["msg_id"] for row in rows]
    event = {"event_type": f"x{small}", "corp_id": small, "data": {small: text}}
    return [*said, post(sim, "/sim/events", event)["event_id"]]


@pytest.mark.slow
@every_odd_text
def test_link_carries_any_text_and_stays(text: str) -> None:
    with running_simulator() as sim, running_client(sim.base_url) as running:
        sim.wait_connected()
        [link] = sim.connections()
        ids = say_everywhere(sim, text)
        wait_until(lambda: set(ids) <= {ack["msg_id"] for ack in sim.acks()}, what="acks")
        assert [one["id"] for one in sim.connections()] == [link["id"]]
        assert running.statuses == ["connecting", "connected"]
        heard = [frame.data.get("text", {}).get("content", "") for frame in running.frames if frame.data]
        assert any(text in one for one in heard)
        assert sim.get("/sim/page")["entries"]
        assert sim.replies() == []


@every_odd_text
async def test_page_shows_what_a_robot_said_whatever_it_is(text: str) -> None:
    async with simulated() as client:
        socket = await client.connect()
        url = await fetch_webhook(client, socket)
        for body in (
            {"msgtype": "text", "text": {"content": text[:3000]}, "at": {"atUserIds": [text[:60]]}},
            {"msgtype": "markdown", "markdown": {"title": text[:60], "text": text[:3000]}},
        ):
            async with client.http.post(url, data=json.dumps(body)) as answer:
                assert (await answer.json())["errcode"] == 0
        entries = (await client.get("/sim/page"))["entries"]
        assert len(entries) == 3
        assert all(entry["html"] is not None for entry in entries)


@every_odd_text
async def test_any_text_survives_a_restart(text: str, tmp_path: Path) -> None:
    file = tmp_path / "simulator.json"
    async with simulated(state_file=file) as client:
        body = {"text": text, "staff_id": text[:60], "conversation_id": text[:60]}
        async with client.http.post(f"{client.sim.base_url}/sim/messages", data=json.dumps(body)) as said:
            assert said.status == 200
    async with simulated(state_file=file) as client:
        assert [entry["text"] for entry in (await client.get("/sim/page"))["entries"]] == [text[:200]]


@pytest.mark.parametrize("size", [600_000, 5_000_000])
def test_text_that_no_frame_holds_is_refused_and_nobody_is_disconnected(size: int) -> None:
    with running_simulator() as sim, running_client(sim.base_url):
        sim.wait_connected()
        [link] = sim.connections()
        for path, body in (
            ("/sim/messages", {"text": "x" * size}),
            ("/sim/events", {"event_type": "x", "data": {"x": "x" * size}}),
        ):
            assert "放不下" in post(sim, path, body)["error"]
        said = sim.message("还在吗")
        wait_until(lambda: said["msg_id"] in {ack["msg_id"] for ack in sim.acks()})
        assert [one["id"] for one in sim.connections()] == [link["id"]]
        assert [entry["text"] for entry in sim.get("/sim/page")["entries"]] == ["还在吗"]


async def test_link_that_cannot_write_is_cut_so_that_its_client_comes_back() -> None:
    async with simulated() as client:
        socket = await client.connect()
        client.sim.world.links.all()[0].push("\ud800")
        message = await socket.receive(timeout=120)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        async with asyncio.timeout(120):
            while (await client.get("/sim/state"))["clients"]["dingdemo"]:
                pass
        await client.connect()
        assert (await client.post("/sim/messages", {"text": "又来了"}))["delivered"] is True


def test_client_takes_any_text_in_any_part_of_a_frame() -> None:
    """What our own simulator would not send: odd headers and odd gateway frames."""
    received: list[Frame] = []

    async def receive(frame: Frame) -> Any:
        received.append(frame)
        return CHAT_ACK

    with scripted_gateway() as gateway, running_client(gateway.base, receive) as running:
        wait_until(lambda: gateway.sockets)
        for text in ODD.values():
            gateway.push(
                chat_frame(1, messageId=text[:60]),
                chat_frame(2, topic=text[:60], messageId=text[:60]),
                system_frame(text[:60], messageId=text[:60]),
                json.dumps({"type": text, "headers": {text[:60]: text}, "data": text}),
                json.dumps({"type": "EVENT", "headers": {"eventId": text[:60]}, "data": json.dumps(text)}),
            )
        gateway.push(chat_frame(7))
        wait_until(lambda: "m7" in [row["headers"].get("messageId") for row in gateway.received])
        assert len(gateway.sockets) == 1
        assert running.state.status == "connected"
