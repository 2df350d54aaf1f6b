"""Headers as the RFCs and as devices write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secops_agent.syslog.headers import SyslogMessage, read_message
from tests.secops.syslog.lines_aid import NOW

SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(line: str, at: datetime = NOW, zone: ZoneInfo = SHANGHAI) -> SyslogMessage:
    return read_message(line, zone, at)


def test_rfc5424() -> None:
    found = read(
        '<165>1 2026-11-26T03:59:00.003Z web-01.example.com evntslog 77 ID47 [ex@32473 iut="3" q="a\\"b\\]c"][x@1] '
        "\ufeffAn application event"
    )
    assert (found.severity, found.facility, found.host, found.app, found.process) == (
        5, 20, "web-01.example.com", "evntslog", "77",
    )  # fmt: skip
    assert found.text == "An application event"
    assert found.fields == {"ex@32473.iut": "3", "ex@32473.q": 'a"b]c'}
    assert found.at == datetime(2026, 11, 26, 3, 59, 0, 3000, tzinfo=UTC)


def test_rfc5424_with_nothing_in_it() -> None:
    assert read("<0>1 - - - - - -") == SyslogMessage(0, 0, "")


@pytest.mark.parametrize(
    ("line", "host", "app", "text"),
    [
        ("<34>Nov 26 11:59:00 web-01 sshd[42]: Failed password", "web-01", "sshd", "Failed password"),
        ("<34>Nov  6 11:59:00 10.0.0.1 su: root", "10.0.0.1", "su", "root"),
        ("<190>Nov 26 2026 11:59:00 FW %%01POLICY/6/DENY(l): vsys=public", "FW", "%%01POLICY/6/DENY(l)", "vsys=public"),
        ("<189>*Nov 26 11:59:00.123: %SYS-5-CONFIG_I: Configured", "", "%SYS-5-CONFIG_I", "Configured"),
        ("<34>2026-11-26T11:59:00.123456+08:00 web-01 app: x", "web-01", "app", "x"),
        ("<34>Nov 26 11:59:00 fw CEF:0|A|B|1|2|n|5|src=1.1.1.1", "fw", "", "CEF:0|A|B|1|2|n|5|src=1.1.1.1"),
        ("<34>Nov 26 11:59:00 CEF:0|A|B|1|2|n|5|", "", "", "CEF:0|A|B|1|2|n|5|"),
        ('<34>Nov 26 11:59:00 ids suricata[7]: {"a": "b: c"}', "ids", "suricata", '{"a": "b: c"}'),
        ("<34>just words", "", "", "just words"),
        ("no priority at all", "", "", "no priority at all"),
        ("<999>what", "", "", "<999>what"),
        ("", "", "", ""),
    ],
)  # fmt: skip
def test_what_devices_send(line: str, host: str, app: str, text: str) -> None:
    found = read(line)
    assert (found.host, found.app, found.text) == (host, app, text)


@pytest.mark.parametrize(
    ("received", "stamp", "year"),
    [
        (datetime(2027, 1, 1, 0, 0, 5, tzinfo=SHANGHAI), "Dec 31 23:59:58", 2026),
        (datetime(2026, 12, 31, 23, 59, 58, tzinfo=SHANGHAI), "Jan  1 00:00:03", 2027),
        (datetime(2026, 11, 26, 12, 0, tzinfo=SHANGHAI), "Nov 26 11:59:59", 2026),
        (datetime(2028, 3, 1, 0, 0, 1, tzinfo=SHANGHAI), "Feb 29 23:59:59", 2028),
    ],
)
def test_the_missing_year_is_the_nearest_one(received: datetime, stamp: str, year: int) -> None:
    found = read(f"<13>{stamp} host app: x", received.astimezone(UTC))
    assert found.at is not None
    assert found.at.astimezone(SHANGHAI).year == year
    assert abs(found.at - received) < timedelta(minutes=1)


def test_the_zone_is_the_sources() -> None:
    line = "<13>Nov 26 03:59:00 host app: x"
    assert read(line, zone=ZoneInfo("UTC")).at == datetime(2026, 11, 26, 3, 59, tzinfo=UTC)
    assert read(line).at == datetime(2026, 11, 25, 19, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp",
    [
        "2099-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "2026-13-45T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "x",
    ],
)
def test_a_time_that_cannot_be_is_none(stamp: str) -> None:
    assert read(f"<13>1 {stamp} host app - - - text").at is None


@pytest.mark.slow
@given(st.text(max_size=400))
def test_every_line_is_a_message(line: str) -> None:
    for head in ("", "<13>", "<13>1 ", "<13>Nov 26 11:59:00 ", "<13>1 - h a p m [x "):
        assert 0 <= read(head + line).severity <= 7
