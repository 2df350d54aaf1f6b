"""Messages that Feishu must never send, to see what a client does with them."""

from collections.abc import Callable
from typing import Any

from bifang.core.errors import InvalidInput

from .frames import DATA, Frame, encode

EVENT = {"type": "event", "message_id": "bad", "sum": "1", "seq": "0", "trace_id": "bad"}


def _event(payload: bytes = b"{}", method: int = DATA, **headers: str) -> bytes:
    return encode(Frame(1, 2, 7, method, {**EVENT, **headers}, payload))


MALFORMED: dict[str, Callable[[], bytes | str]] = {
    "text": lambda: '{"not":"binary"}',
    "empty": lambda: b"",
    "noise": lambda: bytes(range(256)),
    "cut_off": lambda: _event()[:-3],
    "trailing": lambda: _event() + b"\xff",
    "missing_fields": lambda: b"\x08\x01",
    "endless_varint": lambda: b"\x08" + b"\xff" * 20,
    "unknown_method": lambda: _event(method=9),
    "unknown_type": lambda: _event(type="mystery"),
    "raw_card": lambda: _event(type="card"),
    "no_headers": lambda: encode(Frame(1, 2, 7, DATA, {}, b"{}")),
    "header_without_value": lambda: encode(Frame(1, 2, 7, DATA)) + b"\x2a\x03\x0a\x01k",
    "sum_text": lambda: _event(sum="three"),
    "sum_zero": lambda: _event(sum="0"),
    "sum_huge": lambda: _event(sum="2000000000"),
    "seq_beyond": lambda: _event(sum="2", seq="5"),
    "seq_negative": lambda: _event(sum="2", seq="-1"),
    "no_payload": lambda: _event(b""),
    "not_utf8": lambda: _event(b"\xff\xfe{"),
    "not_json": lambda: _event(b"{not json"),
    "array": lambda: _event(b"[]"),
    "no_header": lambda: _event(b'{"schema":"2.0","event":{}}'),
    "deep": lambda: _event(b"[" * 5000 + b"]" * 5000),
    "huge": lambda: _event(b'"' + b"x" * 1_000_000 + b'"'),
}


def build_malformed(asked: Any) -> list[bytes | str]:
    """The messages that a fault value asks for: a variant, a list of them, or all."""
    names = list(MALFORMED) if asked in (True, "all") else [asked] if isinstance(asked, str) else asked
    unknown = [name for name in names if name not in MALFORMED]
    if unknown:
        raise InvalidInput(f"没有名为 {unknown[0]!r} 的坏帧。可用：{'、'.join(MALFORMED)}、all")
    return [MALFORMED[name]() for name in names]
