"""Real sockets: strangers, crowds, slow senders, broken frames, senders that must wait."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from bifang.core.errors import ConfigError
from secops_agent.syslog import connections
from secops_agent.syslog.connections import ConnectionDoor
from secops_agent.syslog.intake import SyslogIntake
from secops_agent.syslog.line_queue import LineQueue
from secops_agent.syslog.listener import DatagramDoor
from secops_agent.syslog.places import ListenPlace, TlsFiles, load_certificate, read_place, tls_context
from secops_agent.syslog.sources import SourceBook
from secops_agent.syslog.tallies import SyslogTallies
from tests.certificates import self_signed
from tests.deadline import eventually
from tests.secops.syslog.lines_aid import source


@dataclass
class Stand:
    """A door on a free port, and what is behind it."""

    port: int
    queue: LineQueue
    tallies: SyslogTallies
    door: ConnectionDoor | DatagramDoor

    async def texts(self, count: int) -> list[bytes]:
        await eventually(lambda: len(self.queue) >= count, what="lines")
        return [each.data for each in await self.queue.take()]


@asynccontextmanager
async def tcp(
    *, networks: tuple[str, ...] = ("127.0.0.0/8",), rate: int = 0, tls: ssl.SSLContext | None = None, lines: int = 1000
) -> AsyncIterator[Stand]:  # fmt: skip
    queue, tallies = LineQueue(most_lines=2 * lines), SyslogTallies()  # of which one source may have half
    intake = SyslogIntake(SourceBook([source(networks=networks, rate=rate)]), queue, tallies)
    door = ConnectionDoor(intake, set(), tls)
    place = await door.open(ListenPlace("tcp", "127.0.0.1", 0))
    try:
        yield Stand(place.port, queue, tallies, door)
    finally:
        intake.hurry()
        await door.close(1)


async def connect(
    stand: Stand, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    name = "localhost" if tls else None
    return await asyncio.open_connection("127.0.0.1", stand.port, ssl=tls, server_hostname=name)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), 60) == b""
    except ConnectionError:
        return True


async def test_lines_and_counts_come_in() -> None:
    async with tcp() as stand:
        for stream in (b"<13>one\n<13>two\n", b"7 <13>one7 <13>two", b"<13>one\0<13>two\0"):
            _, writer = await connect(stand)
            writer.write(stream)
            assert await stand.texts(2) == [b"<13>one", b"<13>two"]
            writer.close()


async def test_a_stranger_is_let_go_and_counted() -> None:
    async with tcp(networks=("203.0.113.0/24",)) as stand:
        reader, writer = await connect(stand)
        assert await is_closed(reader)
        writer.close()
        assert (stand.tallies.unknown, stand.tallies.strangers) == (1, {"127.0.0.1": 1})


async def test_a_broken_count_ends_only_its_connection() -> None:
    async with tcp() as stand:
        _, good = await connect(stand)
        reader, bad = await connect(stand)
        bad.write(b"9999999 <13>x")
        assert await is_closed(reader)
        good.write(b"<13>fine\n")
        assert await stand.texts(1) == [b"<13>fine"]
        assert stand.tallies.broken == 1
        good.close()
        bad.close()


async def test_a_line_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PARTIAL_S", 0.3)
    async with tcp() as stand:
        reader, slow = await connect(stand)
        closed = asyncio.create_task(is_closed(reader))
        while not closed.done():  # a byte now and then does not help
            slow.write(b"x")
            await asyncio.sleep(0.05)
        assert await closed
        assert stand.tallies.broken == 1
        slow.close()


async def test_one_address_has_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_OF_ONE", 2)
    async with tcp() as stand:
        kept = [await connect(stand) for _ in range(2)]
        reader, late = await connect(stand)
        assert await is_closed(reader)
        assert stand.tallies.refused == 1
        kept[0][1].close()
        await eventually(lambda: len(stand.door._links) == 1)  # type: ignore[union-attr]
        _, again = await connect(stand)
        again.write(b"<13>in\n")
        assert await stand.texts(1) == [b"<13>in"]
        for writer in (late, again, kept[1][1]):
            writer.close()


async def test_a_full_queue_makes_the_sender_wait_and_loses_nothing() -> None:
    async with tcp(lines=10) as stand:
        _, writer = await connect(stand)
        sent = [b"<13>%d %s" % (number, b"x" * 1000) for number in range(3000)]
        writer.write(b"".join(each + b"\n" for each in sent))
        await eventually(lambda: len(stand.queue) == 10)
        got: list[bytes] = []
        while len(got) < len(sent):
            got += await stand.texts(1)
        assert got == sent
        writer.close()


async def test_a_rate_slows_tcp_down_and_loses_nothing() -> None:
    async with tcp(rate=50) as stand:
        _, writer = await connect(stand)
        writer.write(b"".join(b"<13>%d\n" % number for number in range(120)))
        assert len(await stand.texts(120)) == 120
        assert not stand.tallies.take()[1].counts["over_rate"]
        writer.close()


async def test_forged_datagrams_take_nothing_from_a_connection() -> None:
    async with tcp(rate=5) as stand:
        for _ in range(100):
            stand.door._intake.take_datagram(b"<13>forged", "127.0.0.1")
        _, writer = await connect(stand)
        writer.write(b"<13>true\n")
        got: list[bytes] = []
        while b"<13>true" not in got:
            got += await stand.texts(1)
        assert stand.tallies.take()[1].counts["over_rate"] > 0
        writer.close()


async def test_what_was_received_is_handed_over_at_the_end() -> None:
    async with tcp() as stand:
        _, writer = await connect(stand)
        writer.write(b"<13>whole\n<13>half")
        await eventually(lambda: len(stand.queue) == 1)
        await stand.door.close(5)  # type: ignore[misc]
        assert await stand.texts(2) == [b"<13>whole", b"<13>half"]
        writer.close()


def tls_files(tmp_path: Path, name: str = "server.pem") -> TlsFiles:
    self_signed(tmp_path / name)
    return TlsFiles(tmp_path / name, tmp_path / name)


def trusting(file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(file))
    context.verify_flags &= (
        ~ssl.VERIFY_X509_STRICT if hasattr(ssl, "VERIFY_X509_STRICT") else context.verify_flags
    )
    return context


async def test_tls_and_its_least_version(tmp_path: Path) -> None:
    files = tls_files(tmp_path)
    async with tcp(tls=tls_context(files)) as stand:
        _, writer = await connect(stand, trusting(files.certificate))
        writer.write(b"7 <13>one")
        assert await stand.texts(1) == [b"<13>one"]
        writer.close()
        assert tls_context(files).minimum_version == ssl.TLSVersion.TLSv1_2
        reader, plain = await connect(stand)
        plain.write(b"<13>not encrypted\n")
        await is_closed(reader)
        plain.close()
        assert len(stand.queue) == 0


async def test_a_client_certificate_is_asked_for(tmp_path: Path) -> None:
    files, mine = tls_files(tmp_path), tls_files(tmp_path, "client.pem")
    wanted = TlsFiles(files.certificate, files.key, mine.certificate)
    async with tcp(tls=tls_context(wanted)) as stand:
        known = trusting(files.certificate)
        known.load_cert_chain(mine.certificate)
        _, writer = await connect(stand, known)
        writer.write(b"<13>known\n")
        assert await stand.texts(1) == [b"<13>known"]
        writer.close()
        with suppress(ssl.SSLError, ConnectionError):
            reader, stranger = await connect(stand, trusting(files.certificate))
            stranger.write(b"<13>unknown\n")
            assert await reader.read() == b""
        assert len(stand.queue) == 0


def test_unusable_certificates_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="没有文件"):
        tls_context(TlsFiles(tmp_path / "none.pem", tmp_path / "none.pem"))
    (tmp_path / "bad.pem").write_text("not a certificate")
    with pytest.raises(ConfigError, match="不能用"):
        tls_context(TlsFiles(tmp_path / "bad.pem", tmp_path / "bad.pem"))
    context = tls_context(tls_files(tmp_path))
    with pytest.raises(ConfigError):
        load_certificate(context, TlsFiles(tmp_path / "bad.pem", tmp_path / "bad.pem"))


@pytest.mark.parametrize(
    "word", ["5514", "example.com:5514", "127.0.0.1:99999", "1.2.3:1", ":5514", "[::1]5514"]
)
def test_places_are_addresses(word: str) -> None:
    with pytest.raises(ConfigError, match="--udp"):
        read_place("udp", word)


def test_places_know_who_can_reach_them() -> None:
    assert [read_place("tcp", word).is_public for word in ("127.0.0.1:1", "[::1]:1", "0.0.0.0:1", "10.0.0.1:1")] == [
        False, False, True, True,
    ]  # fmt: skip


async def test_datagrams_are_counted_where_they_are_dropped() -> None:
    queue, tallies = LineQueue(most_lines=10), SyslogTallies()
    book = SourceBook([source(networks=("127.0.0.1/32",), rate=10)])
    door = DatagramDoor(SyslogIntake(book, queue, tallies))
    place = await door.open(ListenPlace("udp", "127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for number in range(40):
            link.sendto(b"<13>%d\n" % number, ("127.0.0.1", place.port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.sendto(b"<13>stranger", ("127.0.0.1", place.port))
    await eventually(lambda: tallies.unknown == 1)
    counts = tallies.take()[1].counts
    assert counts["lines"] == 40
    assert counts["queue_full"] > 0
    assert counts["over_rate"] > 0
    assert counts["queue_full"] + counts["over_rate"] == 35
    assert tallies.strangers == {"127.0.0.2": 1}
    assert door.kernel_drops() == 0
    door.close()
