"""The DingTalk Stream client. No Django."""

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
from dingtalk_integration.stream.state import Status, StreamState

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
