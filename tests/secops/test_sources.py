"""Sources that fall silent, bring little or cannot be read: one alert each, once, which closes itself; never a storm."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.models import SystemConfig
from secops_agent.models import (
    Alert,
    ApiToken,
    CalendarDay,
    DataSource,
    ImportJob,
    SourceDoor,
    SourceHour,
    SourceTrouble,
    SyslogSource,
    SyslogTraffic,
)
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications.delivery import troubles
from secops_agent.services.on_call.working_days import WorkingDays
from secops_agent.services.operations import rhythms, source_tallies, source_watch
from secops_agent.services.operations.rhythms import HourCount
from tests.admin_pages import serve_plain_static
from tests.certificates import self_signed
from tests.secops.notifications import stage

NOW = datetime(2026, 11, 26, 6, tzinfo=UTC)  # Thursday, 14:00 in Beijing
HOUR = timedelta(hours=1)
PLAIN = WorkingDays()


def weeks(per_hour, until=NOW, number=4, unreadable=0):
    """So many weeks of hours; ``per_hour`` is asked for each, in Beijing's time."""
    start = until - timedelta(days=7 * number)
    hours = (start + HOUR * each for each in range(7 * 24 * number))
    return [HourCount(at, per_hour(at + 8 * HOUR), unreadable) for at in hours]


def office(at):
    """Some 60 an hour while people work."""
    return 60 if at.weekday() < 5 and 8 <= at.hour < 20 else 0


def judged(tallies, *, now=NOW, last=None, days=PLAIN):
    rhythm = rhythms.learn(tallies, NOW - timedelta(days=60), now, days)
    assert rhythm is not None
    last = last or max(each.at + HOUR for each in tallies if each.taken + each.unreadable)
    return rhythms.judge(rhythm, tallies, last, now, days)


def test_source_that_goes_on_as_ever_is_well():
    assert judged(weeks(office)) is None
    assert judged(weeks(lambda at: 3)) is None


def test_silence_is_told_after_two_hours_in_which_much_should_have_come():
    tallies = [each if each.at < NOW - 3 * HOUR else HourCount(each.at, 0) for each in weeks(office)]
    found = judged(tallies)
    assert found is not None
    assert found.trouble == SourceTrouble.SILENT
    assert "3 小时没有数据（最近一条 11-26 11:00，平时每天约 510 条）" in found.words


def test_night_and_weekend_are_no_silence():
    sunday = datetime(2026, 11, 29, 3, tzinfo=UTC)
    assert judged(weeks(office, sunday), now=sunday) is None
    monday = datetime(2026, 11, 29, 23, tzinfo=UTC)  # 07:00 in Beijing
    assert judged(weeks(office, monday), now=monday) is None


def test_holiday_is_a_sunday_and_a_working_saturday_a_weekday():
    noon = datetime(2026, 11, 26, 8, tzinfo=UTC)
    quiet = [each if each.at < noon - 9 * HOUR else HourCount(each.at, 0) for each in weeks(office, noon)]
    assert judged(quiet, now=noon) is not None
    holiday = WorkingDays({(NOW + 8 * HOUR).date(): False})
    assert judged(quiet, now=noon, days=holiday) is None
    saturday = datetime(2026, 11, 28, 8, tzinfo=UTC)
    assert judged(weeks(office, saturday), now=saturday) is None
    assert (
        judged(weeks(office, saturday), now=saturday, days=WorkingDays({saturday.date(): True})) is not None
    )


def test_rare_source_is_silent_after_half_as_long_again_as_its_longest_pause():
    scan = [HourCount(NOW - timedelta(days=7 * each), 500) for each in (4, 3, 2, 1)]
    assert judged(scan, now=NOW + timedelta(days=2), last=NOW - timedelta(days=7)) is None
    found = judged(scan, now=NOW + timedelta(days=5), last=NOW - timedelta(days=7))
    assert found is not None
    assert "12 天没有数据" in found.words


def test_tenth_of_what_is_usual_and_a_new_form_are_told():
    few = [
        each if each.at < NOW - 24 * HOUR else HourCount(each.at, each.taken // 30) for each in weeks(office)
    ]
    found = judged(few)
    assert found is not None
    assert (found.trouble, "最近 24 小时只有平时的 3%" in found.words) == (SourceTrouble.LOW, True)
    new = [each if each.at < NOW - 5 * HOUR else HourCount(each.at, 6, 54) for each in weeks(office)]
    found = judged(new)
    assert found is not None
    assert found.trouble == SourceTrouble.GARBLED
    usual = weeks(lambda at: 40, unreadable=20)
    assert judged(usual) is None  # a third was never read


def test_source_without_a_week_has_no_rhythm():
    assert rhythms.learn(weeks(office, number=1), NOW - timedelta(days=6), NOW, PLAIN) is None


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "America/New_York"])
def test_rhythm_does_not_depend_on_the_zone_of_the_house(settings, zone):
    settings.TIME_ZONE = zone
    local = [
        HourCount(each.at.astimezone(timezone.get_default_timezone()), each.taken) for each in weeks(office)
    ]
    assert judged(local) is None


# With the database


def source(name, *, now, quiet_since=None, key=""):
    """A syslog source of four steady weeks."""
    device = SyslogSource.objects.create(name=name, networks=["10.0.0.0/8"])
    row = DataSource.objects.create(
        key=key or f"syslog:{device.pk}", door=SourceDoor.SYSLOG, name=name, first_seen=now - timedelta(days=40),
        last_seen=quiet_since or now, lines=100,
    )  # fmt: skip
    SyslogTraffic.objects.create(source=device, lines=100, last_line_at=quiet_since or now, updated_at=now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    SourceHour.objects.bulk_create(
        SourceHour(source=row, hour=hour - HOUR * each, taken=50)
        for each in range(1, 24 * 28)
        if quiet_since is None or hour - HOUR * each < quiet_since
    )
    return row


@pytest.mark.both_databases
def test_silent_source_is_one_alert_that_closes_itself_when_the_source_is_back(database):
    now = timezone.now()
    row = source("边界WAF", now=now, quiet_since=now - timedelta(days=3))
    for minutes in (0, 5, 65):
        assert source_watch.watch(now + timedelta(minutes=minutes)) == 1
    (alert,) = Alert.objects.all()
    assert (alert.source, alert.severity, alert.count) == ("bifang", "high", 1)
    assert alert.title.startswith("「边界WAF」3 天没有数据")
    assert "看「Syslog 来源」" in alert.description
    back = now + timedelta(minutes=70)
    SyslogTraffic.objects.update(lines=180, rejected=0, last_line_at=back)
    assert source_watch.watch(back) == 0
    alert.refresh_from_db()
    assert (alert.status, alert.closed_by_source) == (AlertStatus.CLOSED, True)
    row.refresh_from_db()
    assert (row.trouble, row.lines) == ("", 180)
    assert SourceHour.objects.get(source=row, hour=source_tallies._hour(back)).taken == 80


def test_alert_that_somebody_closed_does_not_come_back_by_itself(database):
    now = timezone.now()
    source("边界WAF", now=now, quiet_since=now - timedelta(days=3))
    source_watch.watch(now)
    person = stage.staff("lisi", "李四")
    triage.close(Alert.objects.get().pk, "benign", Actor.person(person, "web"))
    source_watch.watch(now + timedelta(hours=2))
    assert Alert.objects.get().status == AlertStatus.CLOSED


def test_many_at_once_are_one_alert_which_ends_with_the_last(database):
    now = timezone.now()
    for number in range(5):
        source(f"设备{number}", now=now, quiet_since=now - timedelta(days=1))
    source_watch.watch(now)
    (alert,) = Alert.objects.all()
    assert alert.title == "5 个数据源同时安静或读不懂"
    back = now + timedelta(minutes=10)
    for row in SyslogTraffic.objects.order_by("pk")[:4]:
        SyslogTraffic.objects.filter(pk=row.pk).update(lines=200, last_line_at=back)
    source_watch.watch(back)
    assert Alert.objects.get().status == AlertStatus.OPEN
    SyslogTraffic.objects.update(lines=300, last_line_at=back + timedelta(minutes=5))
    source_watch.watch(back + timedelta(minutes=5))
    assert Alert.objects.get().status == AlertStatus.CLOSED


def test_holiday_keeps_every_office_quiet_without_an_alert(database):
    now = timezone.now()
    source("办公网", now=now)
    CalendarDay.objects.create(date=timezone.localdate(), working=False, name="国庆节")
    assert source_watch.watch(now) == 0


def test_what_was_switched_off_or_is_not_watched_is_left_alone(database):
    now = timezone.now()
    row = source("旧设备", now=now, quiet_since=now - timedelta(days=3))
    SyslogSource.objects.update(enabled=False)
    assert source_watch.watch(now) == 0
    SyslogSource.objects.update(enabled=True)
    DataSource.objects.filter(pk=row.pk).update(watched=False, judged_at=None)
    assert source_watch.watch(now) == 0
    DataSource.objects.filter(pk=row.pk).update(watched=True, floor=10, judged_at=None)
    assert source_watch.watch(now) == 1


@pytest.mark.both_databases
def test_receipts_of_a_token_are_counted_once_and_a_revoked_one_is_not_waited_for(database):
    now = timezone.now().replace(minute=30)
    for number in range(3):
        ImportJob.objects.create(
            format="generic", digest=str(number), actor_kind="token", actor_ident="7", actor_name="WAF", state="done",
            created_at=now, outcome={"created": {"alert": 4}, "rejected": [{"position": "1", "reason": "x"}] * number},
        )  # fmt: skip
    source_tallies.tally(now)
    source_tallies.tally(now)
    row = DataSource.objects.get()
    assert (row.key, row.name, row.door) == ("token:7:generic", "WAF（generic）", "token")
    assert list(row.hours.values_list("taken", "unreadable")) == [(12, 3)]
    assert row.key.startswith(tuple(source_tallies.gone()) or ("-",)) is False
    ApiToken.objects.create(
        pk=7, name="WAF", digest="x" * 64, scopes=["ingest"], revoked_at=now, created_at=now
    )
    assert row.key.startswith(tuple(source_tallies.gone()))


def test_page_shows_a_line_for_each_source(database, admin_client, settings, tmp_path):
    serve_plain_static(settings, tmp_path)
    now = timezone.now()
    source("边界WAF", now=now, quiet_since=now - timedelta(days=3))
    source_watch.watch(now)
    page = admin_client.get(reverse("admin:secops_agent_datasource_changelist")).content.decode()
    assert "<svg" in page
    assert "没有数据" in page


def test_refused_credentials_and_a_growing_outbox_are_told_by_another_way(database, settings, tmp_path):
    broken = stage.configure()
    other = SystemConfig.objects.create(
        kind="feishu",
        name="飞书",
        client_id="cli_1",
        enabled=True,
        revision=1,
        params={"notifications_enabled": True},
    )
    stage.staff("boss", "boss", role="admin")
    long_ago = timezone.now() - timedelta(hours=1)
    SystemConfig.objects.create(
        kind="qwen",
        name="千问",
        enabled=True,
        revision=1,
        params={},
        last_error="凭证错误：401",
        last_error_at=long_ago,
    )
    for number in range(troubles.MANY_STUCK):
        OutboxRow.objects.create(
            config=broken, order_key="x", key=f"k{number}", text="x", created_at=long_ago, target={}
        )
    OutboxRow.objects.filter(key__startswith="k").update(created_at=long_ago)
    found = {each.key: each for each in troubles._found(timezone.now())}
    assert found[f"outbox:{broken.pk}"].config_id == broken.pk
    assert other.pk != broken.pk
    assert any(each.why == "凭证错误：401" for each in found.values())


def test_full_disk_and_a_certificate_near_its_end_are_troubles(database, settings, tmp_path, monkeypatch):
    self_signed(tmp_path / "tls.pem")
    assert list(troubles._found(timezone.now())) == []
    monkeypatch.setenv("BIFANG_SYSLOG_TLS_CERT", str(tmp_path / "tls.pem"))
    settings.DISK_MIN_MB = 10**9
    assert {each.key for each in troubles._found(timezone.now())} == {
        "disk",
        "certificate:BIFANG_SYSLOG_TLS_CERT",
    }


def test_silent_source_that_comes_back_unreadable_is_another_alert(database):
    now = timezone.now()
    row = source("边界WAF", now=now, quiet_since=now - timedelta(days=3))
    assert source_watch.watch(now) == 1
    DataSource.objects.update(last_seen=now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    SourceHour.objects.update_or_create(source=row, hour=hour, defaults={"taken": 60, "unreadable": 400})
    assert source_watch.watch(now + timedelta(minutes=1)) == 1
    told = [(each.status, each.title[:20]) for each in Alert.objects.order_by("pk")]
    assert [status for status, _ in told] == ["closed", "open"]
    assert "没有数据" in told[0][1]
    assert "格式变了" in told[1][1]
