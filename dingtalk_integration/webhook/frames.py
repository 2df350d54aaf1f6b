"""HTTP callbacks in the shape of Stream's frames: what follows the door does not know which it came through."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from dingtalk_integration.stream.frames import CARD_TOPIC, CHAT_TOPIC, Frame

DOOR: Final = "door"  # a header of ours; DingTalk's frames have none of that name
HTTP: Final = "http"
EVENT_TOPIC: Final = "*"
_ADDRESS: Final = frozenset({"sessionWebhook", "sessionWebhookExpiredTime"})


def chat_frame(body: bytes) -> Frame:
    """A robot message: the body is the ``data`` of Stream's callback, without where its answer is to go.

    The signature does not cover the body: an address of the forger's own would get the answers.
    """
    given = _parsed(body)
    data = (
        {name: value for name, value in given.items() if name not in _ADDRESS} if given is not None else None
    )
    return Frame("chat", CHAT_TOPIC, {DOOR: HTTP}, "", data, _text(body))


def card_frame(body: bytes, timestamp: str) -> Frame:
    """A click. DingTalk gives it no id: the same moment and body are the same click."""
    ident = f"http-{timestamp}-{hashlib.sha256(body).hexdigest()}"
    return Frame("card", CARD_TOPIC, {DOOR: HTTP}, ident, _parsed(body), _text(body))


def event_frame(text: str) -> Frame:
    """An event: PascalCase keys become Stream's spelling, what Stream has in headers stands there."""
    given = _parsed(text.encode()) or {}
    data = {f"{name[:1].lower()}{name[1:]}": value for name, value in given.items() if isinstance(name, str)}
    ident = _scalar(data.pop("eventId", "")) or hashlib.sha256(text.encode()).hexdigest()
    headers = {
        DOOR: HTTP,
        "eventId": ident,
        "eventType": _scalar(data.pop("eventType", "")),
        "eventCorpId": _scalar(data.pop("corpId", "")),
        "eventBornTime": _scalar(data.pop("timeStamp", "")),
    }
    return Frame("event", EVENT_TOPIC, headers, ident, data if given else None, text)


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(body.decode())  # of bytes, json takes half characters and other encodings, too
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(body: bytes) -> str:
    """As JSON is read: UTF-8. What is not stays recognisable in the dead letter."""
    return body.decode("utf-8", "backslashreplace")


def _scalar(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
