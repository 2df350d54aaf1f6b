"""The DingTalk Stream client. No Django."""

from bifang.channels.streams.state import Status, StreamState
from dingtalk_integration.stream.client import StreamClient
from dingtalk_integration.stream.frames import (
    CARD_TOPIC,
    CHAT_ACK,
    CHAT_TOPIC,
    DELEGATE_TOPIC,
    EVENT_ACK,
    Ack,
    Frame,
    FrameKind,
    Receive,
    card_ack,
)
from dingtalk_integration.stream.settings import StreamSettings

__all__ = [
    "CARD_TOPIC",
    "CHAT_ACK",
    "CHAT_TOPIC",
    "DELEGATE_TOPIC",
    "EVENT_ACK",
    "Ack",
    "Frame",
    "FrameKind",
    "Receive",
    "Status",
    "StreamClient",
    "StreamSettings",
    "StreamState",
    "card_ack",
]
