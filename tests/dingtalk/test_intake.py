"""Stored first, acknowledged then; what no database can hold is kept as a dead letter."""

import json
from typing import Any

import pytest

from bifang.channels.models import InboxRow, State
from bifang.core.database import db
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.stream.frames import CHAT_TOPIC, Frame, open_envelope, open_frame
from tests.channels.boxes import robot
from tests.databases import Database

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]


def chat_frame(data: Any, message_id: str = "frame-1", **headers: Any) -> Frame:
    text = data if isinstance(data, str) else json.dumps(data)
    return make_frame("chat", CHAT_TOPIC, text, message_id, headers)


def event_frame(data: str, event_id: str = "e1", message_id: str = "frame-1") -> Frame:
    return make_frame("event", "*", data, message_id, {"eventId": event_id, "eventType": "t"})


def make_frame(kind: Any, topic: str, data: str, message_id: str, headers: dict[str, Any]) -> Frame:
    outside = {"type": "X", "headers": {"messageId": message_id, "topic": topic, **headers}, "data": data}
    return open_frame(open_envelope(json.dumps(outside)), kind)


def text(content: str, msg_id: str = "m1", **fields: Any) -> dict[str, Any]:
    return {"msgId": msg_id, "msgtype": "text", "text": {"content": content}, **fields}


class Door:
    """An intake and what it told."""

    def __init__(self, config_id: int) -> None:
        self.told = 0
        self._intake = Intake(config_id, self._tell)

    def _tell(self) -> None:
        self.told += 1

    async def receive(self, frame: Frame) -> Any:
        ack = await self._intake.receive(frame)
        return ack and ack.data


@pytest.fixture
async def door(database: Database) -> Door:
    return Door(await db.call(robot))


async def rows() -> list[InboxRow]:
    return await db.call(lambda: list(InboxRow.objects.order_by("pk")))


async def test_message_is_stored_and_the_engine_told(door: Door) -> None:
    assert await door.receive(chat_frame(text("你好"))) == {"response": None}
    (row,) = await rows()
    assert (row.text, row.state, door.told) == ("你好", State.PENDING, 1)


async def test_event_is_acknowledged_with_success(door: Door) -> None:
    ack = await door.receive(event_frame('{"a": [1, 2.5, null, true, "字"]}'))
    assert ack["status"] == "SUCCESS"
    (row,) = await rows()
    assert row.payload["data"] == {"a": [1, 2.5, None, True, "字"]}


async def test_configuration_that_is_gone_is_not_acknowledged(database: Database) -> None:
    """Any reason why it could not be stored: DingTalk delivers it again."""
    door = Door(await db.call(robot) + 999)
    assert await door.receive(chat_frame(text("你好"))) is None
    assert (door.told, await rows()) == (0, [])


CANNOT_BE_HELD = {
    "nul": chat_frame(text("a\x00b")),
    "nul in the id": chat_frame(text("x", msg_id="a\x00")),
    "half a character": chat_frame(text("\ud83d")),
    "half a character in a quotation": chat_frame(
        {"msgtype": "oa", "msgId": "m1", "content": {"title": "\udc00"}}
    ),
    "half a character in the webhook": chat_frame(text("x", sessionWebhook="https://x/\udc00")),
    "not JSON": chat_frame("{nonsense"),
    "an array": chat_frame("[1]"),
    "a very long id": chat_frame(text("x", msg_id="i" * 201)),
    "deep": chat_frame("[" * 3000 + "]" * 3000),
    "event with NUL": event_frame('{"a": "\\u0000"}'),
    "event with NaN": event_frame('{"a": NaN}'),
    "event with Infinity": event_frame('{"a": 1e999}'),
    "event that is deep": event_frame('{"a": ' + "[" * 900 + "]" * 900 + "}"),
    "event with half a character": event_frame('{"a": "\\ud800"}'),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CANNOT_BE_HELD))
async def test_what_no_database_holds_is_a_dead_letter_and_acknowledged(door: Door, name: str) -> None:
    frame = CANNOT_BE_HELD[name]
    assert await door.receive(frame) is not None
    # DingTalk's redelivery is the same letter.
    again = json.loads(frame.raw)
    again["headers"]["messageId"] = "frame-2"
    await door.receive(open_frame(open_envelope(json.dumps(again)), frame.kind))
    (row,) = await rows()
    assert row.state == State.DEAD
    assert row.last_error
    assert row.unreadable is not None
    # The next good one is stored.
    await door.receive(chat_frame(text("好的", msg_id="good")))
    assert [one.state for one in await rows()] == [State.DEAD, State.PENDING]


FINE = [
    text("反斜杠 \\u0000 写出来的"),
    text("😀 表情 👨‍👩‍👧"),
    text("x", senderNick="半个字符 \udc00"),
    text("x" * 100_000),
    text("x", sessionWebhookExpiredTime="9" * 400),
    text("x", sessionWebhookExpiredTime="²"),
    {"msgtype": "richText", "msgId": "m", "content": {"richText": 5}},
    {"msgtype": "text", "msgId": 12345, "text": {"content": "数字标识"}},
    {},
]


@pytest.mark.slow
@pytest.mark.parametrize("data", FINE)
async def test_odd_but_harmless_messages_are_stored(door: Door, data: dict[str, Any]) -> None:
    assert await door.receive(chat_frame(data)) is not None
    (row,) = await rows()
    assert row.state == State.PENDING


async def test_message_without_any_identity_is_a_dead_letter(door: Door) -> None:
    assert await door.receive(chat_frame({"msgtype": "text"}, message_id="")) is not None
    (row,) = await rows()
    assert "没有任何标识" in row.last_error


async def test_shape_nobody_thought_of_is_a_dead_letter(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from dingtalk_integration.handlers import intake

    def stumble(frame: Frame, config_id: int) -> Any:
        raise RecursionError

    monkeypatch.setattr(intake, "NORMALISE", dict.fromkeys(("chat", "event", "card"), stumble))
    assert await door.receive(chat_frame(text("x"))) is not None
    (row,) = await rows()
    assert (row.state, "RecursionError" in row.last_error) == (State.DEAD, True)


async def test_log_tells_ids_and_no_text(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        await door.receive(chat_frame(text("我的秘密", conversationId="cid9")))
        await door.receive(chat_frame(text("我的秘密\x00", msg_id="m2")))
    assert "dingtalk" in caplog.text
    assert "秘密" not in caplog.text
