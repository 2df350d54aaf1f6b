"""The numbers of reports, on both databases: against a reckoning of their own, and at the borders of periods."""

from dataclasses import astuple, is_dataclass
from datetime import datetime, timedelta

import pytest

from bifang.channels.text.markup import safe_markdown
from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, SecurityReport
from secops_agent.services.reports import archive, files
from secops_agent.services.reports.figures import total
from secops_agent.services.reports.outline import document
from secops_agent.services.reports.periods import PERIODS, Period, period_of
from tests.secops.reports.estate import NOW, ZONE, random_rows, reckon, row

pytestmark = pytest.mark.both_databases


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_number_is_what_the_rows_say(database, seed):
    rows = list(random_rows(300, seed))
    Alert.objects.bulk_create(rows)
    for name in PERIODS:
        period = period_of(name, NOW)
        found = archive.count(period).alerts
        for key, wanted in reckon(rows, period).items():
            value = getattr(found, key)
            assert (astuple(value) if is_dataclass(value) else value) == wanted, (name, key)
        assert sum(tick.new for tick in found.course) == total(found.new)
        assert sum(tick.closed for tick in found.course) == total(found.closed)


def test_a_second_to_midnight_in_shanghai_belongs_to_the_day_before(database):
    Alert.objects.bulk_create(
        row(number, at(text))
        for number, text in enumerate(("2026-11-24T23:59:59", "2026-11-25T00:00:00", "2026-11-25T23:59:59",
                                       "2026-11-26T00:00:00"))
    )  # fmt: skip
    report = archive.look("yesterday", NOW)
    assert (total(report.figures.alerts.new), total(report.earlier.alerts.new)) == (2, 1)
    ticks = {tick.at: tick.new for tick in report.figures.alerts.course}
    assert (len(ticks), ticks["00"], ticks["23"]) == (24, 1, 1)


@pytest.mark.parametrize(
    ("name", "start", "end", "before"),
    [
        ("today", "2026-11-26T00:00", "2026-11-26T10:30", ("2026-11-25T00:00", "2026-11-25T10:30")),
        ("yesterday", "2026-11-25T00:00", "2026-11-26T00:00", ("2026-11-24T00:00", "2026-11-25T00:00")),
        ("this_week", "2026-11-23T00:00", "2026-11-26T10:30", ("2026-11-16T00:00", "2026-11-19T10:30")),
        ("last_week", "2026-11-16T00:00", "2026-11-23T00:00", ("2026-11-09T00:00", "2026-11-16T00:00")),
        ("this_month", "2026-11-01T00:00", "2026-11-26T10:30", ("2026-10-01T00:00", "2026-10-26T10:30")),
        ("last_month", "2026-10-01T00:00", "2026-11-01T00:00", ("2026-09-01T00:00", "2026-10-01T00:00")),
    ],
)
def test_periods_and_the_ones_before(name, start, end, before):
    found = period_of(name, NOW)
    assert (found.start, found.end) == (at(start), at(end))
    assert (found.before.start, found.before.end) == tuple(map(at, before))
    assert found.whole == (name in ("yesterday", "last_week", "last_month"))


def test_a_long_month_so_far_is_compared_with_no_more_than_the_short_one_before():
    found = period_of("this_month", at("2026-03-31T12:00"))
    assert (found.before.start, found.before.end) == (at("2026-02-01T00:00"), at("2026-03-01T00:00"))


def test_an_unknown_period_is_refused():
    with pytest.raises(InvalidInput, match="last_week"):
        archive.look("明年", NOW)


def test_a_report_that_was_made_keeps_its_numbers(database):
    Alert.objects.bulk_create([row(1, at("2026-11-25T09:00")), row(2, at("2026-11-24T09:00"))])
    made = archive.make("yesterday", NOW)
    Alert.objects.all().delete()
    again = archive.make("yesterday", NOW + timedelta(hours=1))
    assert SecurityReport.objects.count() == 1
    assert again == archive.get(made.pk) == archive.look("yesterday", NOW)
    assert (again.figures, again.earlier) == (made.figures, made.earlier)
    assert total(again.figures.alerts.new) == 1
    tomorrow = archive.look("yesterday", NOW + timedelta(days=1))
    assert tomorrow.earlier == made.figures, "what the last report showed is what the next one compares with"


def test_the_message_is_one_whatever_the_names_and_shows_no_personal_data(database):
    hostile = "[点我](http://evil.example) **大** zhang.san@corp.example 13812345678 " + "长" * 200
    Alert.objects.bulk_create(
        row(number, at("2026-11-25T09:00"), rule_name=f"{number % 7}{hostile}", source=f"{number}{hostile}"[:60])
        for number in range(40)
    )  # fmt: skip
    title, text = files.text(document(archive.look("yesterday", NOW)))
    assert text.splitlines()[0].startswith(
        "**安全日报 2026-11-25（周三）**：新增告警 40 条，比前一天多 40 条"
    )
    assert "新增告警 **40 条** ▲40" in text
    assert len(text) < 3000
    assert "新增告警 40 条" in title
    assert not any(each in text for each in ("](", "zhang.san", "13812345678"))
    assert "〔个人信息〕" in text


@pytest.mark.slow
def test_the_message_leads_to_the_page_where_the_address_of_the_site_is_known(database, settings):
    made = archive.make("yesterday", NOW)
    assert "](" not in files.text(document(made))[1]
    settings.PUBLIC_URL = "https://bifang.example.com"
    link = f"[图表与文件](https://bifang.example.com/admin/secops_agent/securityreport/{made.pk}/change/)"
    assert link in files.text(document(made))[1]
    assert link in safe_markdown(files.text(document(made))[1]), "the door for outgoing text lets it through"
    assert "](" not in files.text(document(archive.look("today", NOW)))[1]


def test_periods_of_other_days_have_their_names():
    week = Period("weekly", at("2026-12-28T00:00"), at("2027-01-04T00:00"))
    assert week.title == "周报 2026-12-28 至 01-03"
    assert period_of("today", NOW).title == "日报 2026-11-26（周四）（截至 11-26 10:30）"
