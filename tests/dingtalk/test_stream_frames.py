"""Frames through the simulator: every kind is received, acked in its own way, and nothing odd ends the client."""

import json
import logging

import pytest

from bifang.core.errors import InvalidInput
from dingtalk_integration.stream import Ack, card_ack
from simulators.dingtalk.frames import MALFORMED
from tests.deadline import wait_until
from tests.dingtalk.stream_client import chat_frame, running_client, scripted_gateway, system_frame
from tests.simulator import running_simulator


@pytest.fixture
def sim():
    with running_simulator() as sim:
        yield sim


@pytest.fixture
def gateway():
    with scripted_gateway() as gateway:
        yield gateway


def test_stream_chat_message_is_received_and_acked(sim):
    with running_client(sim.base_url) as running:
        sim.wait_connected()
        said = sim.message("今天有哪些高危告警", staff_id="lisi")
        acks = wait_until(sim.acks)
        frame = running.wait_frames(1)[0]
    assert frame.kind == "chat"
    assert frame.topic == "/v1.0/im/bot/messages/get"
    assert frame.data["msgId"] == said["msg_id"]
    assert frame.data["senderStaffId"] == "lisi"
    assert frame.message_id == frame.header("messageId") == acks[0]["message_id"]
    assert json.loads(frame.raw)["type"] == "CALLBACK"
    assert (acks[0]["code"], json.loads(acks[0]["data"])) == (200, {"response": None})
    assert running.state.messages_received == 1
    assert running.state.last_frame_at > 0


def test_stream_subscribes_to_events_messages_and_cards(sim):
    with running_client(sim.base_url):
        sim.wait_connected()
        link = sim.connections()[0]
    assert link["topics"] == [
        "CALLBACK /v1.0/card/instances/callback",
        "CALLBACK /v1.0/im/bot/messages/delegate",
        "CALLBACK /v1.0/im/bot/messages/get",
        "EVENT *",
    ]
    assert link["user_agent"].startswith("dingtalk-sdk-python/v0.24.3")


def test_stream_event_is_acked_with_success(sim):
    with running_client(sim.base_url) as running:
        sim.wait_connected()
        sent = sim.event("user_leave_org", {"userId": ["lisi"]})
        ack = wait_until(sim.acks)[0]
    assert running.frames[0].kind == "event"
    assert running.frames[0].header("eventId") == sent["event_id"]
    assert running.frames[0].header("eventType") == "user_leave_org"
    assert (ack["code"], json.loads(ack["data"])["status"]) == (200, "SUCCESS")


def test_stream_card_click_is_acked_with_the_new_card(gateway):
    async def receive(frame):
        return card_ack({"cardData": {"cardParamMap": {"state": frame.data["userId"]}}})

    click = {
        "type": "CALLBACK",
        "headers": {"messageId": "c1", "topic": "/v1.0/card/instances/callback"},
        "data": json.dumps({"outTrackId": "t", "userId": "wangwu"}),
    }
    with running_client(gateway.base, receive) as running:
        running.wait_status("connected")
        wait_until(lambda: gateway.sockets)
        gateway.push(json.dumps(click))
        ack = wait_until(lambda: gateway.received)[0]
    assert running.frames[0].kind == "card"
    assert ack["headers"]["messageId"] == "c1"
    assert json.loads(ack["data"]) == {"response": {"cardData": {"cardParamMap": {"state": "wangwu"}}}}


def test_stream_frame_that_was_not_stored_is_not_acked_and_comes_again(sim):
    sim.faults(redeliver_after_s=0.2)
    kept = []

    async def receive(frame):
        kept.append(frame)
        return None if len(kept) == 1 else Ack({"response": None})

    with running_client(sim.base_url, receive):
        sim.wait_connected()
        sim.message("请处理")
        wait_until(sim.acks)
    assert len(kept) == 2
    assert kept[0].data["msgId"] == kept[1].data["msgId"]
    assert kept[0].message_id != kept[1].message_id


def test_stream_receiver_that_fails_leaves_the_frame_unacked_and_its_text_out_of_the_log(sim, caplog):
    async def receive(frame):
        if "坏" in frame.raw:
            raise InvalidInput(f"cannot store {frame.raw}")
        return Ack({"response": None})

    with running_client(sim.base_url, receive) as running:
        sim.wait_connected()
        bad = sim.message("坏消息")
        running.wait_frames(1)
        good = sim.message("好消息")
        acks = wait_until(sim.acks)
    assert [ack["msg_id"] for ack in acks] == [good["msg_id"]] != [bad["msg_id"]]
    assert "InvalidInput" in caplog.text
    assert "test_stream_frames" in caplog.text
    assert "坏消息" not in caplog.text


def test_stream_ping_is_echoed_and_unknown_system_topics_too(gateway):
    with running_client(gateway.base) as running:
        running.wait_status("connected")
        wait_until(lambda: gateway.sockets)
        gateway.push(system_frame("ping", messageId="p1"), system_frame("KEEPALIVE", messageId="p2"))
        received = wait_until(lambda: gateway.received if len(gateway.received) == 2 else None)
    assert [row["headers"]["messageId"] for row in received] == ["p1", "p2"]
    assert all((row["code"], json.loads(row["data"])) == (200, {"opaque": "o1"}) for row in received)
    assert running.state.messages_received == 0
    assert running.state.last_frame_at > 0


def test_stream_unknown_topic_is_acked_404_and_logged_once(gateway, caplog):
    with running_client(gateway.base) as running:
        running.wait_status("connected")
        wait_until(lambda: gateway.sockets)
        gateway.push(*(chat_frame(i, topic="/v9/none") for i in range(20)))
        received = wait_until(lambda: gateway.received if len(gateway.received) == 20 else None)
    assert {row["code"] for row in received} == {404}
    assert running.frames == []
    assert len([row for row in caplog.records if "/v9/none" in row.getMessage()]) == 1


def test_stream_malformed_frames_are_survived_and_logged_once_per_kind(sim, caplog):
    with running_client(sim.base_url) as running:
        sim.wait_connected()
        for _ in range(3):
            sim.faults(malformed=list(MALFORMED))
        said = sim.message("还在吗")
        wait_until(lambda: [ack for ack in sim.acks() if ack["msg_id"] == said["msg_id"]])
        assert running.statuses == ["connecting", "connected"]
    texts = [row.getMessage() for row in caplog.records if row.levelno >= logging.WARNING]
    assert texts
    assert len(texts) == len(set(texts))
    assert all("dingtalk" in text for text in texts)
    assert max(len(frame.raw.encode()) for frame in running.frames) > 2_000_000
    assert any(frame.data is None and "not json" in frame.raw for frame in running.frames)


def test_stream_binary_and_odd_headers_are_tolerated(gateway):
    odd = json.dumps(
        {
            "type": "CALLBACK",
            "header": {"messageId": 7, "topic": "/v1.0/im/bot/messages/get", "eventId": 12, "time": None},
            "data": {"a": 1},
        }
    )
    with running_client(gateway.base) as running:
        running.wait_status("connected")
        wait_until(lambda: gateway.sockets)
        gateway.push(b"\xff\xfe", odd.encode(), odd)
        received = wait_until(lambda: gateway.received if len(gateway.received) == 2 else None)
    assert [row["headers"]["messageId"] for row in received] == [7, 7]
    assert running.frames[0].message_id == "7"
    assert running.frames[0].data == {"a": 1}
    assert [running.frames[0].header(name) for name in ("eventId", "time", "absent")] == ["12", "", ""]


@pytest.mark.slow
def test_stream_burst_of_thousands_is_received_whole(sim):
    with running_client(sim.base_url) as running:
        sim.wait_connected()
        said = sim.message("突发 {i}", count=5000)
        wait_until(lambda: sim.state()["counters"]["unacked"] == 0, within=30, every=0.1)
        assert {frame.data["msgId"] for frame in running.frames} == set(said["msg_ids"])
        assert sim.state()["counters"]["redeliveries"] == 0
        assert running.statuses == ["connecting", "connected"]
