"""The long connection of the simulator: open, ping, events, acks, redelivery, refusals."""

import json
from collections import Counter
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from simulators.feishu.frames import DATA, Frame, FrameError, decode, encode
from simulators.feishu.malformed import MALFORMED
from tests.deadline import wait_until
from tests.feishu.robot import CREDENTIALS, connected, open_endpoint
from tests.feishu_simulator import running_feishu

PING = "08001000180720002a0c0a0474797065120470696e67"
EVENT = (
    "08011002180720012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d1201312a080a03736571"
    "1201302a0e0a0874726163655f69641202743142107b22736368656d61223a22322e30227d"
)


def test_frames_are_those_of_the_official_protobuf() -> None:
    ping = Frame(0, 0, 7, 0, {"type": "ping"})
    headers = {"type": "event", "message_id": "m1", "sum": "1", "seq": "0", "trace_id": "t1"}
    event = Frame(1, 2, 7, DATA, headers, b'{"schema":"2.0"}')
    assert (encode(ping).hex(), encode(event).hex()) == (PING, EVENT)
    assert (decode(bytes.fromhex(PING)), decode(bytes.fromhex(EVENT))) == (ping, event)
    for size in range(len(EVENT) // 2):
        try:
            assert decode(bytes.fromhex(EVENT)[:size]) != event
        except FrameError:
            continue


def test_endpoint_answers_as_documented_and_refuses_wrong_credentials() -> None:
    with running_feishu() as sim:
        data = open_endpoint(sim)
        assert data["ClientConfig"] == {
            "ReconnectCount": -1,
            "ReconnectInterval": 120,
            "ReconnectNonce": 30,
            "PingInterval": 120,
        }
        assert {"device_id", "service_id"} <= set(httpx.URL(data["URL"]).params)
        wrong = sim.post("/callback/ws/endpoint", {**CREDENTIALS, "AppSecret": "wrong"})
        assert wrong["code"] != 0
        assert "data" not in wrong
        assert sim.post("/callback/ws/endpoint", {})["code"] == 1000040344


def test_faults_of_the_endpoint() -> None:
    with running_feishu() as sim:
        for fault in ({"endpoint_code": 1}, {"endpoint_code": 1000040343}):
            sim.faults(clear=True, **fault)
            assert sim.post("/callback/ws/endpoint", CREDENTIALS)["code"] == fault["endpoint_code"]
        sim.faults(clear=True, endpoint_status=503)
        assert sim.http.post("/callback/ws/endpoint", json=CREDENTIALS).status_code == 503
        sim.faults(clear=True, endpoint_body="html")
        assert "<html>" in sim.http.post("/callback/ws/endpoint", json=CREDENTIALS).text
        sim.faults(clear=True, endpoint_body={"value": "no-url", "times": 1})
        assert "URL" not in sim.post("/callback/ws/endpoint", CREDENTIALS)["data"]
        assert open_endpoint(sim)["URL"]


def test_handshakes_are_refused_in_headers_and_a_url_works_once() -> None:
    with running_feishu(most_connections=1) as sim:

        def refuse(url: str) -> tuple[str | None, str | None]:
            with pytest.raises(InvalidStatus) as caught:
                connect(url, proxy=None)
            headers = caught.value.response.headers
            return headers.get("Handshake-Status"), headers.get("Handshake-Autherrcode")

        for fault, expected in [
            ("auth", ("514", "1000040343")),
            ("connections", ("514", "1000040350")),
            ("forbidden", ("403", None)),
        ]:
            sim.faults(handshake={"value": fault, "times": 1})
            assert refuse(open_endpoint(sim)["URL"]) == expected
        url = open_endpoint(sim)["URL"]
        with connect(url, proxy=None):
            sim.wait_connected()
            assert refuse(url)[0] == "514"
            assert refuse(open_endpoint(sim)["URL"]) == ("514", "1000040350")


def test_ping_gets_a_pong_with_the_client_config_unless_told_otherwise() -> None:
    with running_feishu(ping_interval_s=9) as sim, connected(sim) as robot:
        robot.ping()
        pong = robot.receive()
        assert (pong.method, pong.service, pong.headers) == (0, 7, {"type": "pong"})
        assert json.loads(pong.payload)["PingInterval"] == 9
        sim.faults(pong_config={"value": {"PingInterval": 3}})
        robot.ping()
        assert json.loads(robot.receive().payload)["PingInterval"] == 3
        sim.faults(clear=True, pong_body="{")
        robot.ping()
        assert robot.receive().payload == b"{"
        sim.faults(clear=True, no_pong=True)
        robot.ping()
        with pytest.raises(TimeoutError):
            robot.receive(within=0.3)
        wait_until(lambda: sim.connections()[0]["pings"] == 4, what="the ping to be counted")


def test_message_reaches_the_robot_and_its_ack_ends_it() -> None:
    with running_feishu() as sim, connected(sim) as robot:
        said = sim.message("你好", open_id="ou_lisi")
        frame, body = robot.receive_event()
        assert body["schema"] == "2.0"
        assert body["header"]["event_id"] == said["event_id"]
        assert body["header"]["event_type"] == "im.message.receive_v1"
        assert (body["header"]["app_id"], body["header"]["tenant_key"]) == ("cli_demo", "tenant_demo")
        assert body["event"]["sender"]["sender_id"]["open_id"] == "ou_lisi"
        message = body["event"]["message"]
        assert (message["message_id"], message["chat_type"]) == (said["message_id"], "p2p")
        assert json.loads(message["content"]) == {"text": "你好"}
        robot.ack(frame)
        (ack,) = sim.wait_acks()
        assert (ack["fault"], ack["code"], ack["biz_rt"], ack["event_id"]) == ("", 200, "5", said["event_id"])
        assert sim.state()["counters"]["unacked"] == 0


def test_group_message_mentions_the_bot_by_key() -> None:
    with running_feishu() as sim, connected(sim) as robot:
        sim.message("查一下", group=True, chat_id="oc_1", mentions=["ou_wangwu"])
        message = robot.receive_event()[1]["event"]["message"]
        assert (message["chat_id"], message["chat_type"]) == ("oc_1", "group")
        assert json.loads(message["content"])["text"] == "@_user_1 查一下"
        bot, person = message["mentions"]
        assert (bot["key"], bot["id"]["open_id"]) == ("@_user_1", sim.state()["bots"]["cli_demo"])
        assert (person["key"], person["id"]["open_id"]) == ("@_user_2", "ou_wangwu")


@pytest.mark.slow
@pytest.mark.parametrize("spoil", ["silence", "code", "frame", "late"])
def test_event_comes_again_with_the_same_id_unless_acknowledged_well(spoil: str) -> None:
    with (
        running_feishu(redeliver_s=(0.5, 0.5), ack_s=0.2 if spoil == "late" else 3.0) as sim,
        connected(sim) as robot,
    ):
        said = sim.message()
        frame, _ = robot.receive_event()
        if spoil == "code":
            robot.ack(frame, code=500)
        if spoil == "frame":
            robot.ack(Frame(frame.seq_id + 1, frame.log_id, frame.service, frame.method, frame.headers))
        again, body = robot.receive_event()
        assert body["header"]["event_id"] == said["event_id"]
        if spoil == "late":
            robot.ack(frame)  # half a second after it was sent
        else:
            robot.ack(again)
        ack = sim.wait_acks(1 if spoil in ("late", "silence") else 2)[-1]
        assert ack["fault"] == ("late" if spoil == "late" else "")
        assert sim.state()["counters"]["unacked"] == (spoil == "late")


def test_redelivery_ends() -> None:
    with running_feishu(redeliver_s=(0.05, 0.05), ack_s=0.05) as sim, connected(sim):
        sim.message()
        wait_until(lambda: sim.state()["counters"]["given_up"], what="the event to be given up")
        counters = sim.state()["counters"]
        assert (counters["frames"], counters["redeliveries"], counters["unacked"]) == (3, 2, 0)


def test_redelivery_gap_can_be_changed_while_waiting() -> None:
    with running_feishu() as sim, connected(sim) as robot:
        said = sim.message()
        robot.receive_event()
        sim.faults(redeliver_after_s=0.1)
        assert robot.receive_event()[1]["header"]["event_id"] == said["event_id"]


def test_payload_comes_in_parts_out_of_order_or_incomplete() -> None:
    with running_feishu() as sim, connected(sim) as robot:
        sim.faults(split=3, split_order="reversed")
        said = sim.message("很长的一句话")
        parts = [robot.receive() for _ in range(3)]
        assert [part.headers["seq"] for part in parts] == ["2", "1", "0"]
        assert {part.headers["sum"] for part in parts} == {"3"}
        assert len({part.headers["message_id"] for part in parts}) == 1
        whole = json.loads(b"".join(part.payload for part in reversed(parts)))
        assert whole["header"]["event_id"] == said["event_id"]
        robot.ack(parts[-1])
        assert sim.wait_acks()[0]["fault"] == ""
        sim.faults(clear=True, split=3, split_lose=1)
        sim.message()
        assert [robot.receive().headers["seq"] for _ in range(2)] == ["0", "2"]


def test_large_payload_is_split_by_itself() -> None:
    with running_feishu(frame_bytes=1000) as sim, connected(sim) as robot:
        sim.message("字" * 2000)
        first = robot.receive()
        count = int(first.headers["sum"])
        parts = [first, *(robot.receive() for _ in range(count - 1))]
        assert count > 6
        assert (
            "字" * 2000 in json.loads(b"".join(part.payload for part in parts))["event"]["message"]["content"]
        )


def test_each_event_goes_to_one_random_connection() -> None:
    with running_feishu() as sim, ExitStack() as stack:
        robots = [stack.enter_context(connected(sim)) for _ in range(2)]
        wait_until(lambda: len(sim.connections()) == 2, what="both connected")
        sim.post("/sim/messages/batch", [{"text": str(number)} for number in range(40)])
        seen: Counter[int] = Counter()
        texts = set()
        for number, robot in enumerate(robots):
            robot.ping()
            while (frame := robot.receive()).method == DATA:
                seen[number] += 1
                texts.add(json.loads(json.loads(frame.payload)["event"]["message"]["content"])["text"])
        assert sum(seen.values()) == 40
        assert len(seen) == 2
        assert len(texts) == 40


def test_events_wait_for_a_connection() -> None:
    with running_feishu() as sim:
        said = sim.message()
        assert said["delivered"] is False
        with connected(sim) as robot:
            assert robot.receive_event()[1]["header"]["event_id"] == said["event_id"]


@pytest.mark.slow
def test_server_closes_cuts_and_freezes() -> None:
    with running_feishu() as sim:
        with connected(sim) as robot:
            sim.faults(close=True)
            with pytest.raises(ConnectionClosed):
                robot.receive()
        with connected(sim) as robot:
            sim.faults(abort=True)
            with pytest.raises(ConnectionClosed):
                robot.receive()
        sim.faults(close_every_s=0.2)
        with connected(sim) as robot, pytest.raises(ConnectionClosed):
            robot.receive()
        sim.faults(clear=True)
        with connected(sim) as robot:
            sim.faults(half_open=True)
            robot.ping()
            sim.message()
            with pytest.raises(TimeoutError):
                robot.receive(within=0.3)
            sim.faults(clear=True)
            robot.ping()
            assert robot.receive().headers["type"] == "pong"


def test_malformed_messages_and_noise() -> None:
    with running_feishu() as sim, connected(sim) as robot:
        sim.faults(malformed="all")
        messages = [robot.socket.recv(timeout=120) for _ in MALFORMED]
        assert messages == [build() for build in MALFORMED.values()]
        robot.socket.send("text")
        robot.socket.send(b"\xff")
        robot.send(Frame(1, 1, 7, DATA, {"message_id": "unknown"}))
        counters = wait_until(
            lambda: found if (found := sim.state()["counters"])["unexpected_acks"] else None, what="the acks"
        )
        assert (counters["noise"], counters["acks"]) == (2, 0)


def test_changes_of_chats_and_people() -> None:
    with running_feishu() as sim, connected(sim) as robot:
        sim.event("contact.user.deleted_v3", open_id="ou_lisi")
        body = robot.receive_event()[1]
        assert body["header"]["event_type"] == "contact.user.deleted_v3"
        assert body["event"]["object"]["open_id"] == "ou_lisi"
        sim.event("im.chat.member.bot.added_v1", chat_id="oc_new")
        assert robot.receive_event()[1]["event"]["chat_id"] == "oc_new"
        assert sim.http.post("/sim/events", json={"event_type": "unknown"}).status_code == 400


def test_stranger_is_refused() -> None:
    with running_feishu() as sim:
        for headers in ({"Host": "evil.example.com"}, {"Origin": "https://evil.example.com"}):
            assert sim.http.get("/sim/state", headers=headers).status_code == 403


def test_unknown_fault_is_named() -> None:
    with running_feishu() as sim:
        answer = sim.http.post("/sim/faults", json={"earthquake": True})
        assert "earthquake" in answer.json()["error"]
