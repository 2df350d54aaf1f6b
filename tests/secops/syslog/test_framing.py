"""Frames of a connection: told apart safely, whatever comes and however it is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secops_agent.syslog.framing import LONGEST, BrokenFraming, Framer, SyslogFrame


def frames(*pieces: bytes, longest: int = LONGEST) -> list[bytes]:
    framer = Framer(longest)
    found = [frame.data for piece in pieces for frame in framer.feed(piece)]
    return found + [frame.data for frame in framer.finish()]


def test_both_framings_are_told_apart() -> None:
    assert frames(b"<13>one\n<13>two\r\n<13>three") == [b"<13>one", b"<13>two", b"<13>three"]
    assert frames(b"7 <13>one8 <13>t\no") == [b"<13>one", b"<13>t\no"]
    assert frames(b"7 <13>one\n7 <13>two\n") == [b"<13>one", b"<13>two"]


def test_nul_ends_a_line_as_well() -> None:
    assert frames(b"<14>one\0<14>two\0\n<14>three\n\0") == [b"<14>one", b"<14>two", b"<14>three"]
    framer = Framer()
    assert [frame.data for frame in framer.feed(b"<14>one\0<14>tw")] == [b"<14>one"]
    assert frames(b"9 <13>o\0ne") == [b"<13>o\0ne"]


def test_nul_in_a_message_of_a_sender_that_ends_lines_with_lf_forges_no_line() -> None:
    assert frames(b"<14>one\n<14>t\0<8>forged\n") == [b"<14>one", b"<14>t\0<8>forged"]
    assert frames(b"<14>one\n\0<14>two\n\0") == [b"<14>one", b"<14>two"]


def test_a_line_that_begins_with_a_number_is_a_line() -> None:
    assert frames(b"2026 was a good year\n<13>two\n") == [b"2026 was a good year", b"<13>two"]
    assert frames(b"99999999 <13>x\n") == [b"99999999 <13>x"]
    assert frames(b"12") == [b"12"]


def test_what_a_message_says_changes_no_framing() -> None:
    assert frames(b"<13>a\n20 <13>b\n<13>c\n") == [b"<13>a", b"20 <13>b", b"<13>c"]
    assert frames(b"12 <13>a\n5 <13>7 <13>two") == [b"<13>a\n5 <13>", b"<13>two"]


@pytest.mark.parametrize(
    "stream", [b"9999999 <13>x", b"7 <13>onegarbage", b"7 <13>one0 x", b"7 <13>one12345678 x"]
)
def test_a_count_that_cannot_be_breaks_the_connection(stream: bytes) -> None:
    with pytest.raises(BrokenFraming):
        frames(stream)


def test_long_lines_are_cut_and_marked() -> None:
    framer = Framer(8)
    found = [frame for piece in (b"<13>abcdefgh", b"ijkl", b"mn\n<13>x\n") for frame in framer.feed(piece)]
    assert found == [SyslogFrame(b"<13>abcd", 18), SyslogFrame(b"<13>x", 5)]
    counted = Framer(8)
    assert list(counted.feed(b"12 <13>abcdefgh7 <13>two")) == [
        SyslogFrame(b"<13>abcd", 12),
        SyslogFrame(b"<13>two", 7),
    ]


def test_a_counted_line_end_is_no_cut() -> None:
    """rsyslog's RSYSLOG_SyslogProtocol23Format, sent octet-counted."""
    framer = Framer(8)
    assert list(framer.feed(b"8 <13>one\n9 <13>four\n")) == [
        SyslogFrame(b"<13>one", 7),
        SyslogFrame(b"<13>four", 9),
    ]


def test_memory_is_bounded_whatever_comes() -> None:
    for begin in (b"<13>", b"1000000 <13>"):
        framer = Framer()
        list(framer.feed(begin))
        for _ in range(14):
            list(framer.feed(b"x" * LONGEST))
        assert len(framer._buffer) + len(framer._kept) <= 2 * LONGEST
        assert framer.pending


def test_what_is_unfinished_at_the_end_is_kept() -> None:
    framer = Framer()
    list(framer.feed(b"100 <13>half"))
    assert list(framer.finish()) == [SyslogFrame(b"<13>half", 100)]


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), st.data())
def test_pieces_make_no_difference(messages: list[bytes], data: st.DataObject) -> None:
    bodies = [b"<13>" + message for message in messages]
    for stream in (
        b"".join(b"%d %b" % (len(body), body) for body in bodies),
        b"".join(body.replace(b"\n", b"_") + end for body in bodies for end in (b"\n", b"\0")),
    ):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert frames(*pieces, longest=12) == frames(stream, longest=12)


@given(st.binary(max_size=300))
def test_anything_is_frames_or_a_broken_connection(stream: bytes) -> None:
    framer = Framer(16)
    try:
        found = [*framer.feed(stream), *framer.finish()]
    except BrokenFraming:
        return
    assert all(len(frame.data) <= 16 and frame.size >= len(frame.data) for frame in found)
