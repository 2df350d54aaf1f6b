"""Sources and lines without a database."""

import ipaddress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from secops_agent.services.records import AlertRecord
from secops_agent.syslog.reading import Line, LineReading, read_line
from secops_agent.syslog.sources import SourceSettings

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)  # noon in Shanghai


def source(
    pk: int = 1,
    name: str = "防火墙",
    networks: tuple[str, ...] = ("203.0.113.0/24",),
    encoding: str = "utf-8",
    zone: str = "Asia/Shanghai",
    format: str = "auto",
    plain_level: int = 4,
    rate: int = 0,
) -> SourceSettings:
    parsed = tuple(ipaddress.ip_network(each) for each in networks)
    return SourceSettings(pk, name, parsed, encoding, ZoneInfo(zone), format, plain_level, rate)


def line(data: bytes | str, of: SourceSettings | None = None, *, size: int = 0, at: datetime = NOW) -> Line:
    raw = data.encode() if isinstance(data, str) else data
    return Line(of or source(), "203.0.113.9", raw, size or len(raw), at)


def read(data: bytes | str, of: SourceSettings | None = None, **more: int) -> LineReading:
    return read_line(line(data, of, **more))


def alert(data: bytes | str, of: SourceSettings | None = None, **more: int) -> AlertRecord:
    reading = read(data, of, **more)
    assert reading.refusal == ""
    (found,) = reading.alerts
    return found
