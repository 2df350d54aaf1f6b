"""compare_periods: the same numbers as the report, against the same time of day; how long people take."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from secops_agent.models import Alert, Staff
from secops_agent.services.alerts import timing
from secops_agent.services.alerts.timing import time_taken, times_by
from secops_agent.services.reports import archive
from secops_agent.services.reports.outline import total
from tests.secops.demo_aid import use
from tests.secops.inventory_aid import person

pytestmark = pytest.mark.both_databases
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(database: Any, afternoon: datetime) -> datetime:
    """Ten alerts of today, acknowledged after 1 to 10 minutes by two people; three of yesterday, after an hour."""
    boss, li = person("manager01", "张三", "admin"), person("lisi", "李四", "analyst")
    now = afternoon
    today = now.replace(hour=0, minute=0, second=0, microsecond=0) + (now - now.replace(hour=0, minute=0)) / 4
    yesterday = today - timedelta(days=1)
    Alert.objects.bulk_create([
        *(_row(n, today, created_at=today - n * MINUTE, acknowledged_at=today, assignee=boss if n % 2 else li) for n in range(1, 11)),
        *(_row(n, yesterday, severity="critical", created_at=yesterday - 60 * MINUTE, acknowledged_at=yesterday, assignee=li) for n in range(11, 14)),
        _row(14, yesterday, closed_at=today, verdict="false_positive"),
        _row(15, yesterday, closed_at=today, closed_by_source=True),
        _row(16, yesterday - timedelta(days=6), severity="low"),
    ])  # fmt: skip
    return now


def _row(number: int, at: datetime, **more: Any) -> Alert:
    values = {
        "identity": f"{number:032x}",
        "source": "suricata",
        "title": f"告警 {number}",
        "severity": "high",
    }
    times = dict.fromkeys(("first_seen", "last_seen", "created_at"), at)
    return Alert(**values | times | more | ({"status": "closed"} if "closed_at" in more else {}))


def test_counts_are_those_of_the_report_and_stop_at_the_same_time_of_day(now: datetime) -> None:
    report = archive.look("today", now)
    new = use("compare_periods")
    assert new.data == {"now": 10, "before": 5, "change": 5}
    assert (new.data["now"], new.data["before"]) == (
        total(report.figures.alerts.new), total(report.earlier.alerts.new),
    )  # fmt: skip
    assert "新增告警：今日" in new.text
    assert "比昨日同一时段（5 条）多 5 条（+100%）" in new.text
    assert use("compare_periods", metric="closed").data["now"] == total(report.figures.alerts.closed) == 2
    assert use("compare_periods", metric="false_positive").data == {"now": 1, "before": 0, "change": 1}
    assert use("compare_periods", against="last_week").data["before"] == 1
    assert use("compare_periods", period="yesterday").data["now"] == 5


def test_conditions_and_groups_are_kept_and_told(now: datetime) -> None:
    found = use("compare_periods", group_by="severity", severity="critical,high")
    assert "- 高危：10（之前 2）" in found.text
    assert "- 严重：0（之前 3）" in found.text
    assert "级别=严重、高危" in found.query
    assert "指标=新增告警" in found.query
    assert use("compare_periods", assignee="李四").data == {"now": 5, "before": 3, "change": 2}


def test_the_time_taken_has_one_definition(now: datetime) -> None:
    rows = Alert.objects.filter(acknowledged_at__date=now.date())
    found = time_taken(rows, "acknowledged")
    assert found == timing.TimeTaken(10, 5.5, 5.5, 9.0)
    assert archive.look("today", now).figures.alerts.acknowledging == found
    assert times_by(rows, "acknowledged", "source") == {"suricata": found}
    assert time_taken(Alert.objects.filter(closed_at__isnull=False), "closed").count == 1  # type: ignore[union-attr]
    assert time_taken(Alert.objects.none(), "closed") is None


def test_how_long_people_take_by_person(now: datetime) -> None:
    asked = use("compare_periods", metric="acknowledge_time", period="today", group_by="assignee")
    assert "中位 5.5 分钟，平均 5.5 分钟，九成在 9 分钟 内（10 条）" in asked.text
    assert "中位快了 54.5 分钟" in asked.text
    assert (
        "- 李四：中位 6 分钟，平均 6 分钟，九成在 10 分钟 内（5 条）（之前 中位 60 分钟"
        in asked.text.replace("1 小时", "60 分钟")
    )
    assert "- 张三：中位 5 分钟" in asked.text
    assert asked.data == {"now": 5.5, "before": 60.0, "count": 10}
    assert use("compare_periods", metric="close_time", assignee="张三").status == "no_data"


def test_what_was_closed_is_compared_by_who_closed_it(now: datetime) -> None:
    Alert.objects.filter(closed_at__isnull=False).update(
        closed_by=Staff.objects.get(name="李四"), assignee=None, closed_by_source=False
    )
    for metric in ("closed", "close_time"):
        asked = use("compare_periods", metric=metric, period="today", group_by="assignee")
        assert "分组=关闭人" in asked.query
        assert "- 李四：" in asked.text
        assert use("compare_periods", metric=metric, assignee="李四").status == "ok"
        assert use("compare_periods", metric=metric, assignee="张三").status == "no_data"


def test_the_time_of_day_is_the_same_whatever_it_is_compared_with(now: datetime) -> None:
    Staff.objects.filter(staff_id="lisi").update(name="李四四")
    for against, days in (("yesterday", 1), ("last_week", 7)):
        query = use("compare_periods", period="today", against=against).query
        end = now - timedelta(days=days)
        assert f"至 {end:%m-%d %H:}" in query, query
