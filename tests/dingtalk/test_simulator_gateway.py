"""The gateway, the WebSocket, pushes and redelivery, as a client sees them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from simulators.dingtalk import Simulator
from simulators.dingtalk.events import EVENTS

CHAT = "/v1.0/im/bot/messages/get"
TOPICS = [{"type": "EVENT", "topic": "*"}, {"type": "CALLBACK", "topic": CHAT}]
GATEWAY = "/v1.0/gateway/connections/open"
JSON = {"Accept": "application/json"}


class Client:
    """A bare client: registers, connects, reads frames, acks."""

    def __init__(self, http: aiohttp.ClientSession, sim: Simulator) -> None:
        self.http = http
        self.sim = sim
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def open(self, headers: dict[str, str] = JSON, **changed: Any) -> aiohttp.ClientResponse:
        body = {"clientId": "dingdemo", "clientSecret": "demo-secret", "subscriptions": TOPICS, **changed}
        response = await self.http.post(f"{self.sim.base_url}{GATEWAY}", json=body, headers=headers)
        await response.read()  # unread, it keeps its connection until it is collected, during another test
        return response

    async def connect(self, **options: Any) -> aiohttp.ClientWebSocketResponse:
        grant = await (await self.open()).json()
        socket = await self.http.ws_connect(f"{grant['endpoint']}?ticket={grant['ticket']}", **options)
        self.sockets.append(socket)
        return socket

    async def post(self, path: str, body: Any) -> Any:
        async with self.http.post(f"{self.sim.base_url}{path}", json=body) as response:
            return await response.json()

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.sim.base_url}{path}") as response:
            return await response.json()


@asynccontextmanager
async def simulated(**options: Any) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as http:
        async with Simulator(apps={"dingdemo": "demo-secret"}, **options) as sim:
            client = Client(http, sim)
            yield client
        for (
            socket
        ) in client.sockets:  # an open one would be found by the garbage collector, during another test
            await socket.close()


async def read_frame(socket: aiohttp.ClientWebSocketResponse, within: float = 120) -> dict[str, Any]:
    message = await socket.receive(timeout=within)
    assert message.type is aiohttp.WSMsgType.TEXT, message
    frame: dict[str, Any] = json.loads(message.data)
    return frame


async def send_ack(
    socket: aiohttp.ClientWebSocketResponse, frame: dict[str, Any], data: Any = None, code: int = 200
) -> None:
    headers = {"contentType": "application/json", "messageId": frame["headers"]["messageId"]}
    text = data if isinstance(data, str) else json.dumps(data)
    await socket.send_str(json.dumps({"code": code, "headers": headers, "message": "OK", "data": text}))


async def test_gateway_refuses_a_wrong_secret_as_dingtalk_does() -> None:
    async with simulated() as client:
        response = await client.open(clientSecret="wrong")
        body = await response.json()
        assert response.status == 401
        assert (body["code"], body["message"]) == ("authFailed", "鉴权失败")


async def test_gateway_answers_xml_to_those_who_do_not_accept_json() -> None:
    async with simulated() as client:
        response = await client.open(headers={"Accept": "*/*"})
        assert response.content_type == "application/xml"


async def test_ticket_opens_one_connection_only() -> None:
    async with simulated() as client:
        grant = await (await client.open()).json()
        url = f"{grant['endpoint']}?ticket={grant['ticket']}"
        async with client.http.ws_connect(url):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.http.ws_connect(url)
        assert refused.value.status == 401


async def test_ticket_expires() -> None:
    async with simulated(ticket_ttl_s=0) as client:
        grant = await (await client.open()).json()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.http.ws_connect(f"{grant['endpoint']}?ticket={grant['ticket']}")


async def test_message_reaches_the_client_with_the_documented_fields() -> None:
    async with simulated() as client:
        socket = await client.connect()
        said = await client.post("/sim/messages", {"text": "你好", "staff_id": "lisi"})
        frame = await read_frame(socket)
        data = json.loads(frame["data"])
        assert said["delivered"] is True
        assert frame["type"] == "CALLBACK"
        assert all(isinstance(value, str) for value in frame["headers"].values())
        assert data["msgId"] == said["msg_id"]
        assert data["text"] == {"content": " 你好"}
        assert (data["conversationId"], data["conversationType"]) == ("cidDemoGroup==", "2")
        assert (data["senderStaffId"], data["senderNick"], data["senderCorpId"]) == (
            "lisi",
            "李四",
            "dingdemocorp",
        )


async def test_outsider_has_no_staff_id() -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/messages", {"text": "x", "outsider": True})
        data = json.loads((await read_frame(socket))["data"])
        assert "senderStaffId" not in data
        assert data["senderCorpId"] != data["chatbotCorpId"]


@pytest.mark.parametrize("msgtype", ["picture", "richText", "audio", "video", "file", "unknown", "quoted"])
async def test_every_message_type_is_built(msgtype: str) -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/messages", {"text": "看这个", "msgtype": msgtype})
        data = json.loads((await read_frame(socket))["data"])
        wire = {"unknown": "unknownMsgType", "quoted": "text"}.get(msgtype, msgtype)
        assert data["msgtype"] == wire
        assert ("isReplyMsg" in data["text"]) if msgtype == "quoted" else data["content"]


@pytest.mark.parametrize("msgtype", ["text", "audio", "richText", "quoted"])
@pytest.mark.parametrize(
    ("value", "names"), [(True, ("errorCode", "errorMessage")), ("errCode", ("errCode", "errMsg"))]
)
async def test_message_over_quota_comes_without_what_was_said(
    value: Any, names: tuple[str, str], msgtype: str
) -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/faults", {"over_quota": value})
        await client.post("/sim/messages", {"text": "看这个", "msgtype": msgtype})
        data = json.loads((await read_frame(socket))["data"])
        assert data[names[0]] == 20001
        assert data[names[1]]
        assert not {"text", "content"} & set(data)
        assert data["sessionWebhook"]
        assert "看这个" not in json.dumps(data, ensure_ascii=False)


async def test_message_waits_for_a_connection() -> None:
    async with simulated() as client:
        said = await client.post("/sim/messages", {"text": "有人吗"})
        assert said["delivered"] is False
        frame = await read_frame(await client.connect())
        assert json.loads(frame["data"])["msgId"] == said["msg_id"]


async def test_unacked_message_comes_again_with_a_new_message_id() -> None:
    async with simulated(redeliver_after_s=0.1) as client:
        socket = await client.connect()
        await client.post("/sim/messages", {"text": "x"})
        first, second = await read_frame(socket), await read_frame(socket)
        assert first["headers"]["messageId"] != second["headers"]["messageId"]
        assert json.loads(first["data"])["msgId"] == json.loads(second["data"])["msgId"]


async def test_acked_message_does_not_come_again_and_the_ack_is_recorded() -> None:
    async with simulated() as client:
        socket = await client.connect()
        said = await client.post("/sim/messages", {"text": "x"})
        await send_ack(socket, await read_frame(socket), {"response": None})
        (ack,) = await acks_after_a_time(client)
        with pytest.raises(TimeoutError):
            await read_frame(socket, within=0.4)
        assert (ack["msg_id"], ack["code"], ack["times_delivered"]) == (said["msg_id"], 200, 1)
        assert ack["latency_ms"] > 0


async def acks_after_a_time(client: Client) -> list[dict[str, Any]]:
    """The acks, as soon as there are any; what is not done now comes again soon."""
    async with asyncio.timeout(120):
        while not (acks := await client.get("/sim/acks?client_id=dingdemo")):
            pass
    await client.post("/sim/faults", {"redeliver_after_s": 0.1})
    return list(acks)


@pytest.mark.parametrize(
    ("code", "data", "again"),
    [
        (200, {"status": "SUCCESS", "message": "ok"}, False),
        (200, {"echo": "of the Python SDK"}, False),
        (200, {"status": "LATER"}, True),
        (500, {"status": "LATER"}, True),
        (500, "", True),
    ],
)
async def test_event_comes_again_unless_it_succeeded(code: int, data: Any, again: bool) -> None:
    async with simulated() as client:
        socket = await client.connect()
        sent = await client.post(
            "/sim/events", {"event_type": "user_leave_org", "data": {"userId": ["lisi"]}}
        )
        frame = await read_frame(socket)
        assert (frame["type"], frame["headers"]["topic"]) == ("EVENT", "*")
        assert frame["headers"]["eventId"] == sent["event_id"]
        await send_ack(socket, frame, data, code)
        await acks_after_a_time(client)
        if again:
            assert (await read_frame(socket))["headers"]["eventId"] == sent["event_id"]
        else:
            with pytest.raises(TimeoutError):
                await read_frame(socket, within=0.3)


async def test_only_subscribed_topics_are_pushed() -> None:
    async with simulated() as client:
        socket = await client.connect()
        said = await client.post("/sim/messages", {"text": "x", "delegate": True})
        assert said["delivered"] is False
        assert not socket.closed


async def test_pushes_are_balanced_over_the_connections() -> None:
    async with simulated(redeliver_after_s=60) as client:
        sockets = [await client.connect() for _ in range(2)]
        await client.post("/sim/messages", {"text": "{i}", "count": 40})
        counts = [0, 0]

        async def count(index: int) -> None:
            while sum(counts) < 40:
                await read_frame(sockets[index])
                counts[index] += 1

        tasks = [asyncio.create_task(count(index)) for index in range(2)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=120)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(counts) == 40
        assert min(counts) > 5


async def test_system_ping_is_answered_with_its_data() -> None:
    async with simulated(ping_every_s=0.05) as client:
        socket = await client.connect()
        frame = await read_frame(socket)
        assert (frame["type"], frame["headers"]["topic"]) == ("SYSTEM", "ping")
        await send_ack(socket, frame, frame["data"])
        await read_frame(socket)
        assert (await client.get("/sim/acks"))[0]["echoed"] is True


async def test_disconnect_is_followed_by_silence_then_close() -> None:
    async with simulated(disconnect_grace_s=0.3) as client:
        socket = await client.connect()
        await client.post("/sim/faults", {"disconnect": True})
        assert (await read_frame(socket))["headers"]["topic"] == "disconnect"
        said = await client.post("/sim/messages", {"text": "x"})
        assert said["delivered"] is False
        assert (await socket.receive(timeout=120)).type is aiohttp.WSMsgType.CLOSE
        frame = await read_frame(await client.connect())
        assert json.loads(frame["data"])["msgId"] == said["msg_id"]


async def test_stop_closes_connections_with_going_away_and_waits_for_none() -> None:
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as http:
        sim = Simulator()
        await sim.start()
        client = Client(http, sim)
        socket = await client.connect()
        live = await http.get(f"{sim.base_url}/sim/live")
        await client.post("/sim/faults", {"open_hang": True})
        hanging = asyncio.create_task(client.open())
        await client.get("/sim/state")
        closing = asyncio.create_task(socket.receive(timeout=120))
        started = loop.time()
        await sim.stop()
        assert loop.time() - started < 50, "the server's own patience is 60 s"
        assert (await closing).data == aiohttp.WSCloseCode.GOING_AWAY
        live.close()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


async def test_requests_under_a_foreign_name_or_from_another_site_are_refused() -> None:
    async with simulated() as client:
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            async with client.http.get(f"{client.sim.base_url}/sim/state", headers=headers) as response:
                assert response.status == 403
        for host in ("localhost:1", "[::1]:8910", "127.0.0.1"):
            headers = {"Host": host}
            async with client.http.get(f"{client.sim.base_url}/sim/state", headers=headers) as response:
                assert response.status == 200


async def test_reset_forgets_messages_and_keeps_connections() -> None:
    async with simulated() as client:
        socket = await client.connect()
        await client.post("/sim/messages", {"text": "x"})
        await client.post("/sim/reset", {})
        state = await client.get("/sim/state")
        assert state["counters"]["pushes"] == 0
        assert len(state["clients"]["dingdemo"]) == 1
        assert not socket.closed


async def test_events_of_the_organisation_have_the_fields_of_the_facts() -> None:
    """timeStamp is text, but a number in events of groups; who is an outsider has a union id only."""
    async with simulated() as client:
        socket = await client.connect()
        for event_type in EVENTS:
            await client.post("/sim/events", {"event_type": event_type, "staff_id": "lisi", "outsiders": 1})
            frame = await read_frame(socket)
            data = json.loads(frame["data"])
            assert frame["headers"]["eventType"] == event_type
            assert frame["headers"]["eventBornTime"].isdecimal()
            assert isinstance(data["timeStamp"], int if event_type.startswith("chat_") else str)
            await send_ack(socket, frame, {"status": "SUCCESS"})
            if event_type == "chat_add_member":
                assert (data["userId"], data["unionId"]) == ([], ["union-outsider-0"])
                assert data["openConversationId"] == "cidDemoGroup=="
        refused = await client.post("/sim/events", {"event_type": "something_of_tomorrow"})
        assert "样例" in refused["error"]
