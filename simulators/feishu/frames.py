"""``pbbp2`` frames (proto2), written here a second time on purpose: the product's codec is tested against this one."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

CONTROL, DATA = 0, 1
LONGEST_VARINT = 10


class FrameError(ValueError):
    """Bytes that are no frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One binary WebSocket message."""

    seq_id: int = 0
    log_id: int = 0
    service: int = 0
    method: int = CONTROL
    headers: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""

    def answering(self, payload: bytes) -> "Frame":
        """The same frame with another payload."""
        return replace(self, payload=payload)


def encode(frame: Frame) -> bytes:
    """The bytes of a frame. Required fields are written even when 0."""
    numbers = (frame.seq_id, frame.log_id, frame.service, frame.method)
    parts = [_varint(tag << 3) + _varint(value) for tag, value in enumerate(numbers, 1)]
    for key, value in frame.headers.items():
        parts.append(_chunk(5, _chunk(1, key.encode()) + _chunk(2, value.encode())))
    if frame.payload:
        parts.append(_chunk(8, frame.payload))
    return b"".join(parts)


def decode(raw: bytes) -> Frame:
    """The frame in those bytes; unknown fields are skipped. FrameError."""
    numbers: dict[int, int] = {}
    headers: dict[str, str] = {}
    payload = b""
    for tag, value in _read(raw):
        if isinstance(value, int):
            numbers[tag] = value
        elif tag == 5:
            pair = {number: part for number, part in _read(value) if isinstance(part, bytes)}
            if not {1, 2} <= pair.keys():
                raise FrameError("a header without key or value")
            headers[pair[1].decode("utf-8", "replace")] = pair[2].decode("utf-8", "replace")
        elif tag == 8:
            payload = value
    if not {1, 2, 3, 4} <= numbers.keys():
        raise FrameError("a required field is missing")
    return Frame(numbers[1], numbers[2], numbers[3], numbers[4], headers, payload)


def _read(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(raw):
        key, at = _read_varint(raw, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_varint(raw, at)
            yield key >> 3, value
            continue
        size, at = _read_varint(raw, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, 0), at)
        if kind not in (1, 2, 5) or at + size > len(raw):
            raise FrameError("cut off, or of an unknown wire type")
        yield key >> 3, raw[at : at + size]
        at += size


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(LONGEST_VARINT):
        if at + shift >= len(raw):
            raise FrameError("cut off within a number")
        byte = raw[at + shift]
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    raise FrameError("a number without end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _chunk(tag: int, data: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(data)) + data


def split(payload: bytes, count: int) -> list[bytes]:
    """The payload in that many parts, at byte boundaries: a part may end within a character."""
    size = max(1, -(-len(payload) // count))
    return [payload[number * size : (number + 1) * size] for number in range(count)]
