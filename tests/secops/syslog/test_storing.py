"""What lines become in the database; every counter, and a database that is away."""

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.db import OperationalError
from django.utils import timezone

from bifang.core.database import db
from secops_agent.admin.sources.syslog import SyslogSourceScreen, clock_trouble
from secops_agent.models import (
    Alert,
    AlertMessage,
    Asset,
    SyslogListener,
    SyslogRejection,
    SyslogSource,
    SyslogTraffic,
)
from secops_agent.services.intake import ingest
from secops_agent.syslog import standing, storing
from secops_agent.syslog.line_queue import LineQueue
from secops_agent.syslog.reading import Line
from secops_agent.syslog.sources import SourceSettings, enabled_sources
from secops_agent.syslog.standing import SyslogPulse
from secops_agent.syslog.storing import KEPT_REJECTIONS, SyslogWriter, store_lines
from secops_agent.syslog.tallies import SyslogTallies
from tests.admin_pages import rule
from tests.databases import Database
from tests.secops import inventory_aid
from tests.secops.importers.cn_samples_hosts import QT_LINE
from tests.secops.syslog.lines_aid import line

FAILED = "<34>1 2026-11-26T04:00:0{}Z web-01 sshd {} - - Failed password for root from 203.0.113.{}"


@pytest.fixture
def firewall(database: Database) -> Iterator[SourceSettings]:
    SyslogSource.objects.create(name="防火墙", networks=["203.0.113.0/24"])
    (found,) = enabled_sources()
    yield found
    db.shut_down()


def lines(firewall: SourceSettings, count: int = 3) -> list[Line]:
    return [line(FAILED.format(n % 10, n, n % 200), firewall, at=timezone.now()) for n in range(count)]


@pytest.mark.slow
@pytest.mark.both_databases
def test_lines_become_one_alert_and_its_message(firewall: SourceSettings) -> None:
    rule()
    counted, _ = store_lines(lines(firewall))
    alert = Alert.objects.get()
    assert (alert.source, alert.count, alert.severity) == ("防火墙", 3, "critical")
    assert AlertMessage.objects.exists()
    assert counted == {(firewall.pk, "alerts"): 3}
    store_lines(lines(firewall))
    assert Alert.objects.get().count == 3, "a sender that repeats itself changes nothing"


def test_a_line_changes_no_asset_and_joins_none(firewall: SourceSettings) -> None:
    text = '<34>1 - - app - - - {{"alerts": [{{"title": "t", "assets": [{}]}}]}}'
    for asset in (
        '{"hostname": "web-01"}',
        '{"cloud_id": "i-1"}',
        '{"hostname": "web-01", "cloud_id": "i-1"}',
    ):
        store_lines([line(text.format(asset), firewall, at=timezone.now())])
    assert Asset.objects.count() == 2


@pytest.mark.slow
def test_rejections_are_kept_in_base64_and_bounded(firewall: SourceSettings) -> None:
    bad = [line(b"<34>\xff%d\xff" % n, firewall, at=timezone.now()) for n in range(KEPT_REJECTIONS + 50)]
    counted, _ = store_lines(bad[:150])
    store_lines(bad[150:])
    assert counted == {(firewall.pk, "rejected"): 150}
    assert SyslogRejection.objects.count() == KEPT_REJECTIONS
    newest = SyslogRejection.objects.latest("pk")
    assert base64.b64decode(newest.data) == bad[-1].data
    assert not Alert.objects.exists()


def test_one_line_that_cannot_be_stored_harms_no_other(
    firewall: SourceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ingest.store

    def refuse(items: object, *args: object, **more: object) -> object:
        if any("203.0.113.1" in alert.title for alert in items):  # type: ignore[attr-defined]
            raise ValueError("cannot be")
        return store(items, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "store", refuse)
    counted, _ = store_lines(lines(firewall))
    assert Alert.objects.get().count == 2
    assert counted == {(firewall.pk, "alerts"): 2, (firewall.pk, "rejected"): 1}


def test_a_source_that_is_gone_leaves_no_trouble(firewall: SourceSettings) -> None:
    SyslogSource.objects.all().delete()
    store_lines([line(b"\xff", firewall)])
    tallies = SyslogTallies()
    tallies.note(firewall.pk, "lines", timezone.now())
    assert standing.beat(pulse(), tallies.take()) == []


def pulse() -> SyslogPulse:
    return SyslogPulse("host:1", ("udp 127.0.0.1:5514",), 1, 2, 3, {"198.51.100.9": 3}, 4, 5, 6)


@pytest.mark.both_databases
def test_heartbeats_add_up(firewall: SourceSettings) -> None:
    tallies = SyslogTallies()
    for _ in range(2):
        tallies.note(firewall.pk, "lines", timezone.now(), 10)
        tallies.note(firewall.pk, "queue_full", timezone.now(), 2)
        assert standing.beat(pulse(), tallies.take()) == [firewall]
    traffic = SyslogTraffic.objects.get()
    assert (traffic.lines, traffic.queue_full, traffic.per_minute) == (20, 4, 20)
    now = standing.read_standing()
    assert (now.sources, now.listeners, now.per_minute, now.dropping, now.sound) == (
        1, 1, 20, ("防火墙",), False,
    )  # fmt: skip
    standing.withdraw("host:1")
    with pytest.raises(Exception, match="没有正在运行的接收进程"):
        standing.check_listeners()


def test_counts_survive_a_heartbeat_that_failed() -> None:
    tallies = SyslogTallies()
    tallies.note(1, "lines", timezone.now(), 10)
    tallies.give_back(tallies.take())
    tallies.note(1, "lines", timezone.now(), 1)
    taken = tallies.take()
    assert (taken[1].counts["lines"], taken[1].per_minute) == (11, 11)


def test_strangers_are_remembered_within_bounds() -> None:
    tallies = SyslogTallies()
    for number in range(500):
        tallies.note_stranger(f"198.51.{number // 250}.{number % 250}")
    assert (tallies.unknown, len(tallies.strangers)) == (500, 50)
    assert "198.51.1.249" in tallies.strangers


def test_rows_of_the_dead_are_forgotten(database: Database) -> None:
    old = timezone.now() - standing.FRESH * 2
    SyslogListener.objects.create(owner="elsewhere:1", started_at=old, heartbeat_at=old)
    from bifang.core.processes import process_name

    host = process_name().rpartition(":")[0]
    SyslogListener.objects.create(owner=f"{host}:999999999", started_at=old, heartbeat_at=old)
    standing.forget_dead()
    assert [row.owner for row in SyslogListener.objects.all()] == ["elsewhere:1"]


async def test_a_database_that_is_away_is_tried_again(
    firewall: SourceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def flaky(batch: object) -> object:
        tries.append(batch)
        if len(tries) < 3:
            raise OperationalError("database is locked")
        return store_lines(batch)  # type: ignore[arg-type]

    monkeypatch.setattr(storing, "store_lines", flaky)
    queue, tallies = LineQueue(), SyslogTallies()
    writer = SyslogWriter(queue, tallies)
    writer._backoff.base = 0.01
    for each in lines(firewall):
        await queue.put(each)
    queue.close()
    await writer.run()
    assert (await db.call(Alert.objects.get)).count == 3
    assert (len(tries), tallies.take()[firewall.pk].counts["alerts"]) == (3, 3)


async def test_a_database_that_stays_away_ends_the_process(
    firewall: SourceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(batch: object) -> object:
        raise OperationalError("gone")

    monkeypatch.setattr(storing, "store_lines", gone)
    monkeypatch.setattr(storing, "DATABASE_PATIENCE", 0.05)
    queue = LineQueue()
    writer = SyslogWriter(queue, SyslogTallies())
    writer._backoff.base = 0.01
    await queue.put(lines(firewall)[0])
    with pytest.raises(storing.DatabaseAway):
        await writer.run()


async def test_the_queue_is_bounded_and_one_source_leaves_room(tmp_path: Path) -> None:
    from tests.secops.syslog.lines_aid import source

    queue = LineQueue(most_lines=100, most_bytes=20_000)
    loud, quiet = source(1), source(2)
    while queue.offer(line(b"x" * 600, loud)):
        pass
    assert 5 <= len(queue) <= 10
    assert queue.offer(line(b"x" * 600, quiet))
    waiting = asyncio.create_task(queue.put(line(b"late", loud)))
    await asyncio.sleep(0)
    assert not waiting.done()
    taken = await queue.take()
    await waiting
    queue.close()
    assert [each.data for each in await queue.take()] == [b"late"]
    assert await queue.take() == []
    assert taken[-1].source == quiet
    small = LineQueue(most_lines=10)
    assert [small.offer(line(b"x", loud)) for _ in range(6)] == [True] * 5 + [False]
    assert small.offer(line(b"x", quiet))


@pytest.mark.both_databases
def test_a_line_names_a_known_asset_and_changes_nothing_about_it(firewall: SourceSettings) -> None:
    """Whoever may send as the source could otherwise rename a host, or give it a name under which it is not found."""
    inventory_aid.store(inventory_aid.host("", "10.0.3.15"), inventory_aid.host("db-01", "10.0.3.16"))

    def known() -> list[tuple[object, ...]]:
        rows = Asset.objects.filter(pk__in=ids).order_by("pk", "keys__kind", "keys__value")
        return list(rows.values_list("name", "ips", "sources", "keys__kind", "keys__value", "keys__identity"))

    ids = list(Asset.objects.values_list("pk", flat=True))
    before = known()
    for number, name in enumerate(("财务（已下线）", "db-01", "db-01.evil.example")):
        told = QT_LINE.replace("pay-gateway-3", name).replace("08:30:00", f"08:30:0{number}")
        assert store_lines([line(told, firewall, at=timezone.now())])[0] == {(firewall.pk, "alerts"): 1}
    assert known() == before
    assert set(Alert.objects.get().assets.values_list("pk", flat=True)) == set(ids)
    inventory_aid.store(inventory_aid.host("db-01", fqdn="db-01.corp.example"))
    assert Asset.objects.count() == 2


@pytest.mark.parametrize(
    ("zone", "hours", "told"),
    [
        ("UTC", 0, ""),
        ("Asia/Shanghai", 0, "设备时间慢 8 小时"),
        ("UTC", 3, "设备时间快 3 小时"),
        ("UTC", 0.2, ""),
    ],
)
def test_device_whose_clock_is_hours_off_is_told_where_it_is_shown(
    firewall: SourceSettings, zone: str, hours: float, told: str
) -> None:
    at = timezone.now()
    of = replace(firewall, zone=ZoneInfo(zone))  # the device writes UTC
    stamp = (at + timedelta(hours=hours)).astimezone(UTC).strftime("%b %d %H:%M:%S")
    _, clocks = store_lines([line(f"<34>{stamp} fw01 sshd: x", of, at=at), line("<34>no time", of, at=at)])
    tallies = SyslogTallies()
    tallies.note(firewall.pk, "lines", at)
    tallies.note_clock(firewall.pk, clocks[firewall.pk])
    standing.beat(pulse(), tallies.take())
    traffic = SyslogTraffic.objects.get()
    assert clock_trouble(traffic) == told
    shown = SyslogSourceScreen(SyslogSource, admin.site).state(traffic.source)
    assert (told in shown) if told else ("设备时间" not in shown)
