"""Frames as they come in, and the acks that go back."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dingtalk_stream import AckMessage, CallbackMessage, EventMessage, SystemMessage

CHAT_TOPIC = "/v1.0/im/bot/messages/get"
DELEGATE_TOPIC = "/v1.0/im/bot/messages/delegate"
CARD_TOPIC = "/v1.0/card/instances/callback"
FrameKind = Literal["chat", "event", "card"]
KINDS: Mapping[str, FrameKind] = {CHAT_TOPIC: "chat", DELEGATE_TOPIC: "chat", CARD_TOPIC: "card"}

SYSTEM, EVENT, CALLBACK = SystemMessage.TYPE, EventMessage.TYPE, CallbackMessage.TYPE
DISCONNECT = SystemMessage.TOPIC_DISCONNECT


class MalformedFrame(ValueError):
    """A frame that cannot be used; the text names the kind of damage, never the content."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One pushed chat message, event or card click.

    ``headers`` as received (values are usually strings, use `header`); ``data`` the decoded inner JSON, None if it
    is not a JSON object; ``raw`` the whole frame as text, for a dead letter.
    """

    kind: FrameKind
    topic: str
    headers: Mapping[str, Any]
    message_id: str
    data: Mapping[str, Any] | None
    raw: str

    def header(self, name: str) -> str:
        """The header as text; "" if absent or null."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a frame. ``data`` is put on the wire as a JSON string."""

    data: Any
    code: int = AckMessage.STATUS_OK
    message: str = "OK"


CHAT_ACK = Ack({"response": None})
EVENT_ACK = Ack({"status": "SUCCESS", "message": "ok"})
NOT_FOUND = Ack({"response": None}, code=AckMessage.STATUS_NOT_IMPLEMENT, message="no handler for topic")

Receive = Callable[[Frame], Awaitable[Ack | None]]


def card_ack(response: Mapping[str, Any]) -> Ack:
    """The answer to a card click; ``response`` holds cardUpdateOptions, cardData, userPrivateData."""
    return Ack({"response": dict(response)})


@dataclass(frozen=True, slots=True)
class Envelope:
    """A frame whose outside is understood. ``reply_to``: messageId as received, None if absent."""

    type: str
    topic: str
    headers: Mapping[str, Any]
    reply_to: Any
    data: Any
    raw: str


def open_envelope(raw: str | bytes) -> Envelope:
    """Decode the outside of a frame; MalformedFrame if that is impossible. Missing fields become empty ones."""
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedFrame("not JSON") from None
    if not isinstance(frame, dict):
        raise MalformedFrame("not a JSON object")
    headers = frame.get("headers")
    if not isinstance(headers, dict):
        headers = frame.get("header")  # DingTalk's own documents spell it both ways
        headers = headers if isinstance(headers, dict) else {}
    topic = headers.get("topic")
    return Envelope(
        type=str(frame.get("type", "")),
        topic=topic if isinstance(topic, str) else "",
        headers=headers,
        reply_to=headers.get("messageId"),
        data=frame.get("data"),
        raw=text,
    )


def open_frame(envelope: Envelope, kind: FrameKind) -> Frame:
    """The frame with its inner JSON decoded."""
    message_id = envelope.reply_to
    return Frame(
        kind=kind,
        topic=envelope.topic,
        headers=envelope.headers,
        message_id=message_id
        if isinstance(message_id, str)
        else ""
        if message_id is None
        else str(message_id),
        data=_open_data(envelope.data),
        raw=envelope.raw,
    )


def _open_data(data: Any) -> Mapping[str, Any] | None:
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            return None
    return data if isinstance(data, dict) else None


def encode_ack(reply_to: Any, ack: Ack) -> str:
    """The upstream frame; the same fields as the SDK's `AckMessage.to_dict`."""
    return json.dumps(
        {
            "code": ack.code,
            "headers": {"contentType": "application/json", "messageId": reply_to},
            "message": ack.message,
            "data": json.dumps(ack.data),
        }
    )
