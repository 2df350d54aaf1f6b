"""Frames of Feishu's long connection: protobuf messages of one flat kind (facts: frames), read and written by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

CONTROL, DATA = 0, 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NUMBERS: Final = {1: "seq_id", 2: "log_id", 3: "service", 4: "method"}
_TEXTS: Final = {6: "payload_encoding", 7: "payload_type", 9: "log_id_new"}
_HEADER, _PAYLOAD = 5, 8


class BadFrame(ValueError):
    """Not a frame of Feishu's; the text names the kind of damage, never the content."""


@dataclass(frozen=True, slots=True)
class WireFrame:
    """One binary WebSocket message. What is None is not written; the numbers always are."""

    seq_id: int
    log_id: int
    service: int
    method: int
    headers: tuple[tuple[str, str], ...] = ()
    payload_encoding: str | None = None
    payload_type: str | None = None
    payload: bytes | None = None
    log_id_new: str | None = None

    def header(self, name: str) -> str:
        """A header's value; "" if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def answered(self, payload: bytes, milliseconds: int) -> "WireFrame":
        """The frame as it goes back: an ack is the frame itself, with our answer in it."""
        return replace(self, headers=(*self.headers, ("biz_rt", str(milliseconds))), payload=payload)


def ping(service: int) -> bytes:
    """The frame that asks for a pong."""
    return encode(WireFrame(0, 0, service, CONTROL, (("type", "ping"),)))


def encode(frame: WireFrame) -> bytes:
    """As Feishu's own SDK writes it."""
    out = bytearray()
    for number, name in _NUMBERS.items():
        out += _varint(number << 3 | _VARINT) + _varint(getattr(frame, name))
    for key, value in frame.headers:
        out += _field(_HEADER, _field(1, key.encode()) + _field(2, value.encode()))
    for number in (6, 7, _PAYLOAD, 9):
        rest: str | bytes | None = frame.payload if number == _PAYLOAD else getattr(frame, _TEXTS[number])
        if rest is not None:
            out += _field(number, rest.encode() if isinstance(rest, str) else rest)
    return bytes(out)


def decode(raw: str | bytes) -> WireFrame:
    """The frame; unknown fields are skipped. Raises BadFrame."""
    if isinstance(raw, str):
        raise BadFrame("text instead of bytes")
    found: dict[str, int | str | bytes] = {}
    headers = []
    for number, value in _fields(raw):
        if number in _NUMBERS and isinstance(value, int):
            found[_NUMBERS[number]] = value
        elif number in _TEXTS and isinstance(value, bytes):
            found[_TEXTS[number]] = _text(value)
        elif number == _PAYLOAD and isinstance(value, bytes):
            found["payload"] = value
        elif number == _HEADER and isinstance(value, bytes):
            headers.append(_open_header(value))
    if not found.keys() >= set(_NUMBERS.values()):
        raise BadFrame("a required field is missing")
    return WireFrame(**found, headers=tuple(headers))  # type: ignore[arg-type]  # checked above


def _open_header(raw: bytes) -> tuple[str, str]:
    parts = {number: value for number, value in _fields(raw) if isinstance(value, bytes)}
    if not {1, 2} <= parts.keys():
        raise BadFrame("a header without key or value")
    return _text(parts[1]), _text(parts[2])


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(raw):
        tag, at = _read_varint(raw, at)
        kind = tag & 7
        if kind == _VARINT:
            value: int | bytes
            value, at = _read_varint(raw, at)
        elif kind in (_BYTES, _FIXED64, _FIXED32):
            size, at = _read_varint(raw, at) if kind == _BYTES else (8 if kind == _FIXED64 else 4, at)
            value, at = raw[at : at + size], at + size
        else:
            raise BadFrame("an unknown wire type")
        if at > len(raw) or tag >> 3 == 0:
            raise BadFrame("cut off, or no field number")
        yield tag >> 3, value


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            raise BadFrame("cut off")
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
    raise BadFrame("a number that does not end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadFrame("text that is not UTF-8") from None
