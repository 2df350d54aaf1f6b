"""Frames as Feishu's own SDK writes them, and whatever else comes over the wire."""

import random

import pytest

from feishu_integration.stream.client import MOST_BYTES, MOST_HELD, MOST_OPEN, Splits
from feishu_integration.stream.frames import CONTROL, DATA, BadFrame, WireFrame, decode, encode, ping

PING = "08001000180720002a0c0a0474797065120470696e67"
EVENT = (
    "08011002180720012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d1201312a080a0373"
    "65711201302a0e0a0874726163655f69641202743142107b22736368656d61223a22322e30227d"
)
HEADERS = (("type", "event"), ("message_id", "m1"), ("sum", "1"), ("seq", "0"), ("trace_id", "t1"))
FRAME = WireFrame(1, 2, 7, DATA, HEADERS, payload=b'{"schema":"2.0"}')


def test_ping_is_written_as_the_sdk_does() -> None:
    assert ping(7).hex() == PING
    assert decode(bytes.fromhex(PING)) == WireFrame(0, 0, 7, CONTROL, (("type", "ping"),))


def test_event_is_read_and_written_as_the_sdk_does() -> None:
    assert decode(bytes.fromhex(EVENT)) == FRAME
    assert encode(FRAME).hex() == EVENT


def test_ack_is_the_frame_with_our_answer() -> None:
    whole = WireFrame(2**64 - 1, 5, 7, DATA, HEADERS, "gzip", "json", b"x", "log-1")
    back = decode(encode(whole.answered(b"{}", 12)))
    assert back == WireFrame(
        2**64 - 1, 5, 7, DATA, (*HEADERS, ("biz_rt", "12")), "gzip", "json", b"{}", "log-1"
    )


def test_unknown_fields_are_skipped() -> None:
    extra = bytes((15 << 3 | 2, 1, 65, 14 << 3 | 0, 1, 13 << 3 | 5, 0, 0, 0, 0, 12 << 3 | 1, *range(8)))
    assert decode(encode(FRAME) + extra) == FRAME


@pytest.mark.parametrize(
    "raw",
    ["text", b"", b"\x08", bytes.fromhex(PING)[2:], b"\x0b", b"\x00\x00", b"\xff" * 20, bytes.fromhex(EVENT)[:-1], bytes.fromhex(PING) + b"\x2a\x02\x0a\x00", bytes.fromhex(PING) + b"\x32\x01\xff"],
)  # fmt: skip
def test_damage_is_refused(raw: str | bytes) -> None:
    with pytest.raises(BadFrame):
        decode(raw)


def test_no_bytes_break_the_reader() -> None:
    dice, good = random.Random(7), bytes.fromhex(EVENT)
    for _ in range(3000):
        raw = bytearray(good if dice.random() < 0.7 else dice.randbytes(dice.randrange(60)))
        for _ in range(dice.randrange(4)):
            raw[dice.randrange(len(raw) or 1) : dice.randrange(len(raw) + 1)] = dice.randbytes(
                dice.randrange(3)
            )
        try:
            decode(bytes(raw))
        except BadFrame:
            continue


def part(seq: int, total: int, payload: bytes, ident: str = "m1") -> WireFrame:
    return WireFrame(
        1, 2, 7, DATA, (("message_id", ident), ("sum", str(total)), ("seq", str(seq))), payload=payload
    )


def test_pieces_in_any_order_are_one_payload() -> None:
    splits = Splits()
    assert [splits.add(part(seq, 3, text)) for seq, text in ((2, b"c"), (0, b"a"), (0, b"a"))] == [None] * 3
    assert splits.add(part(1, 3, b"b")) == b"abc"


def test_what_does_not_come_whole_in_time_is_dropped() -> None:
    now = [0.0]
    splits = Splits(clock=lambda: now[0])
    splits.add(part(0, 2, b"old"))
    now[0] = 5.1
    assert splits.add(part(1, 2, b"new")) is None
    assert splits.add(part(0, 2, b"whole-")) == b"whole-new"


@pytest.mark.parametrize(("seq", "total"), [(3, 3), (-1, 3), (0, 10**9), (5, 2)])
def test_pieces_that_cannot_be_are_ignored(seq: int, total: int) -> None:
    assert Splits().add(part(seq, total, b"x")) in (None, b"x")


def test_open_sets_are_bounded() -> None:
    splits = Splits()
    for number in range(MOST_OPEN + 50):
        splits.add(part(0, 2, b"x", f"m{number}"))
    assert splits.add(part(1, 2, b"y", "m0")) is None
    assert splits.add(part(1, 2, b"y", f"m{MOST_OPEN + 49}")) == b"xy"


def test_what_all_open_sets_hold_is_bounded() -> None:
    """200 sets of nearly 8 MB each would be 1.6 GB; the oldest give way, and come again."""
    splits, big = Splits(), bytes(MOST_BYTES - 1)
    most = MOST_HELD // len(big)
    for number in range(most + 1):
        splits.add(part(0, 2, big, f"m{number}"))
    assert splits.add(part(1, 2, b"y", "m0")) is None
    assert splits.add(part(1, 2, b"y", f"m{most}")) == big + b"y"
