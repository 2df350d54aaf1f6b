"""Downstream frames as DingTalk sends them, and as it must never send them.

Source: protocol.md of DingTalk's developerpedia and the official SDKs. ``data`` is always a JSON string and every
header a string.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bifang.core.errors import InvalidInput
from simulators.values import dump, now_ms

CHAT_TOPIC = "/v1.0/im/bot/messages/get"
DELEGATE_TOPIC = "/v1.0/im/bot/messages/delegate"
CARD_TOPIC = "/v1.0/card/instances/callback"
EVENT_TOPIC = "*"
MEGABYTE = 1024 * 1024


def build_frame(
    kind: str,
    topic: str,
    data: str,
    *,
    connection_id: str,
    message_id: str,
    extra: Mapping[str, str] | None = None,
) -> str:
    """One frame as text. ``extra``: headers of its own (events)."""
    headers = {
        "appId": "demo-app",
        "connectionId": connection_id,
        "contentType": "application/json",
        "messageId": message_id,
        "time": str(now_ms()),
        "topic": topic,
    }
    if extra:
        headers.update(extra)
    return dump({"specVersion": "1.0", "type": kind, "headers": headers, "data": data})


def build_disconnect() -> str:
    """SYSTEM disconnect: the real one has neither messageId nor specVersion at times."""
    headers = {"contentType": "application/json", "topic": "disconnect"}
    return dump({"type": "SYSTEM", "headers": headers, "data": dump({"reason": "connection is expired"})})


def _shape(kind: Any, headers: Any, data: Any, **rest: Any) -> str:
    return dump({"specVersion": "1.0", "type": kind, "headers": headers, "data": data, **rest})


def _headers(**changed: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "contentType": "application/json",
        "messageId": "bad",
        "topic": CHAT_TOPIC,
        "time": "1",
    }
    return {**base, **changed}


def _bulky(size: int) -> str:
    content = {"content": "大" * (size // 3)}
    return _shape(
        "CALLBACK", _headers(), dump({"msgId": f"bulky-{size}", "msgtype": "text", "text": content})
    )


MALFORMED: dict[str, Callable[[], str]] = {
    "bad_json": lambda: '{"specVersion":"1.0","type":"CALLB',
    "not_object": lambda: "[1,2,3]",
    "empty": lambda: "",
    "non_string_headers": lambda: _shape("CALLBACK", _headers(time=None, messageId=7, topic=["x"]), "{}"),
    "bad_time": lambda: _shape("CALLBACK", _headers(time="yesterday"), "{}"),
    "headers_list": lambda: _shape("CALLBACK", ["headers"], "{}"),
    "missing_headers": lambda: dump({"type": "CALLBACK", "data": "{}"}),
    "missing_type": lambda: dump({"headers": _headers(), "data": "{}"}),
    "missing_data": lambda: dump({"type": "CALLBACK", "headers": _headers()}),
    "data_object": lambda: _shape("CALLBACK", _headers(), {"msgId": "object"}),
    "data_not_json": lambda: _shape("CALLBACK", _headers(), "{not json"),
    "data_array": lambda: _shape("CALLBACK", _headers(), "[]"),
    "no_msg_id": lambda: _shape("CALLBACK", _headers(), dump({"msgtype": "text", "text": {"content": "x"}})),
    "text_missing": lambda: _shape("CALLBACK", _headers(), dump({"msgId": "no-text", "msgtype": "text"})),
    "event_no_id": lambda: _shape("EVENT", _headers(topic="*"), "{}"),
    "unknown_type": lambda: _shape("MYSTERY", _headers(), "{}"),
    "unknown_topic": lambda: _shape("CALLBACK", _headers(topic="/v9.9/of/nothing"), "{}"),
    "unknown_system": lambda: _shape("SYSTEM", _headers(topic="KEEPALIVE"), "{}"),
    "deep": lambda: _shape("CALLBACK", _headers(), "[" * 5000 + "]" * 5000),
    "huge": lambda: _bulky(1_000_000),
    "over_limit": lambda: _bulky(2 * MEGABYTE),
}


def build_malformed(asked: Any) -> list[str]:
    """The frames that a fault value asks for: a variant, a list of them, or all (without ``over_limit``, which
    makes a client of the `websockets` library close with 1009)."""
    names = [name for name in MALFORMED if name != "over_limit"] if asked in (True, "all") else asked
    names = [names] if isinstance(names, str) else names
    unknown = [name for name in names if name not in MALFORMED]
    if unknown:
        raise InvalidInput(f"没有名为 {unknown[0]!r} 的坏帧。可用：{'、'.join(MALFORMED)}、all")
    return [MALFORMED[name]() for name in names]
