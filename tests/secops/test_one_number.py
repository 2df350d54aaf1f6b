"""One number for one question: chat, page, report, API and metrics are asked the same of one estate."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from bifang.core.monitoring.metrics import render_metrics
from secops_agent.models import Alert, Finding, Role, Staff, SuppressionRule
from secops_agent.services.alerts.queries.statistics import GROUPINGS
from secops_agent.services.operations.handover import _happened
from secops_agent.services.reports import archive
from secops_agent.services.reports.outline import total
from tests.admin_pages import member, serve_plain_static
from tests.secops.api.callers import with_token
from tests.secops.demo_aid import use
from tests.secops.inventory_aid import finding, flaw, host, store
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

pytestmark = pytest.mark.both_databases("every test")


class Doors:
    """The estate, and everyone who is asked about it."""

    def __init__(self) -> None:
        self.now = timezone.localtime()
        self.midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        Staff.objects.create(staff_id="manager01", name="张三", role=Role.ADMIN)
        _fill(self.now, self.midnight)
        self.page, self.api = member(Role.ADMIN), with_token("read")
        made = archive.look("today", self.now)
        self.report, self.before = made.figures, made.earlier

    def tool(self, name: str, **arguments: Any) -> Any:
        return use(name, **arguments)

    def get(self, path: str, **query: Any) -> Any:
        return self.api.get(f"/api/v1/{path}/", query).json()

    def burden(self) -> tuple[int, ...]:
        tile = next(each for each in self.page.get("/").context["burden"] if "超时" in each.title)
        return tuple(int("".join(filter(str.isdigit, part))) for part in (tile.note or "").split("，"))

    def metric(self, name: str) -> float:
        families = text_string_to_metric_families(render_metrics().decode())
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)


@pytest.fixture
def doors(database: Any, settings: Any, tmp_path: Path) -> Doors:
    serve_plain_static(settings, tmp_path)
    return Doors()


def _fill(now: datetime, midnight: datetime) -> None:
    """Times at either side of every line that could be drawn."""
    today, before = midnight + (now - midnight) / 2, midnight - timedelta(seconds=1)
    yesterday, hours = today - timedelta(days=1), timedelta(hours=1)
    late = timedelta(days=1)
    rows = [
        _row(1, today, due_at=now - hours),
        _row(2, today, severity="critical", due_at=now + timedelta(minutes=20)),  # half an hour of four
        _row(3, today, severity="critical", due_at=now + timedelta(hours=2)),
        _row(4, yesterday, last_seen=today, due_at=now + late),  # occurred again, is not new
        _row(5, before, due_at=now - hours, status="acknowledged"),
        _row(6, before, severity="high", due_at=now + timedelta(hours=2)),  # three hours of twenty-four
        _row(7, yesterday, due_at=now - late, closed_at=today, verdict="benign"),
        _row(8, yesterday, closed_at=before, verdict="benign"),
        _row(9, today, closed_at=today, verdict="false_positive"),
        _row(10, today, closed_at=today, suppressed_by=_rule()),  # nobody's work
    ]
    Alert.objects.bulk_create(rows)
    asset = host("web-01", "10.0.0.1")
    store(flaw(), *(finding(asset, f"R{each}") for each in range(3)),
          finding(asset, "V1", kind="vulnerability", vulnerability="CVE-2021-44228"))  # fmt: skip
    over = Finding.objects.filter(rule_id__in=("R0", "V1"))
    over.update(due_at=now - hours)
    Finding.objects.filter(rule_id="R1").update(due_at=now + hours)


def _rule() -> SuppressionRule:
    return SuppressionRule.objects.create(name="测试")


def _row(number: int, at: datetime, **more: Any) -> Alert:
    values = {
        "identity": f"{number:032x}", "source": "suricata", "title": f"告警 {number}", "severity": "high", "first_seen": at,
        "last_seen": at, "created_at": at,
    } | more  # fmt: skip
    return Alert(**values | ({"status": "closed"} if "closed_at" in more else {}))


def _of(name: str, **arguments: Any) -> Callable[[Doors], int]:
    return lambda doors: doors.tool(name, **arguments).data["total"]


def _listed(name: str, **arguments: Any) -> Callable[[Doors], int]:
    return lambda doors: len(doors.tool(name, limit=50, **arguments).data)


def _api(path: str, **query: Any) -> Callable[[Doors], int]:
    return lambda doors: doors.get(path, **_dated(query, doors))["total"]


def _dated(query: dict[str, Any], doors: Doors) -> dict[str, Any]:
    return query | ({"since": doors.midnight.isoformat()} if query.get("since") else {})


ASKED: dict[str, tuple[int, dict[str, Callable[[Doors], int]]]] = {
    "新增 today": (5, {
        "tool": _of("alert_statistics", period="today", time_of="new"),
        "tool, by hours rounded up": _of("alert_statistics", period="today", time_of="new", since_hours=24),
        "list": _listed("list_alerts", period="today", time_of="new", status="all"),
        "report": lambda doors: total(doors.report.alerts.new),
        "api": _api("alerts/statistics", since=True, time_of="new"),
        "api list": _api("alerts", since=True, time_of="new"),
        "handover": lambda doors: _told(_happened(doors.midnight), "新增"),
    }),
    "发生 today": (6, {
        "tool": _of("alert_statistics", period="today"),
        "tool, with a condition": _of("alert_statistics", period="today", keyword="告警"),
        "list": _listed("list_alerts", period="today", status="all"),
        "api": _api("alerts/statistics", since=True),
        "page": lambda doors: _page(doors, "web:alerts", tab="all", **{"from": f"{doors.now:%Y-%m-%d}"},
                                    status=["open", "acknowledged", "closed"]),
    }),
    "关闭 today": (2, {
        "tool": _of("alert_statistics", period="today", time_of="closed"),
        "list": _listed("list_alerts", period="today", time_of="closed"),
        "report": lambda doors: total(doors.report.alerts.closed),
        "api": _api("alerts/statistics", since=True, time_of="closed"),
        "api list": _api("alerts", since=True, time_of="closed"),
        "handover": lambda doors: _told(_happened(doors.midnight), "关闭"),
    }),
    "overdue": (2, {
        "tool": _of("alert_statistics", due="overdue"),
        "list": _listed("list_alerts", due="overdue"),
        "report": lambda doors: total(doors.report.alerts.overdue),
        "api": _api("alerts", overdue=True),
        "page": lambda doors: doors.burden()[0],
        "metrics": lambda doors: int(doors.metric("bifang_alerts_overdue")),
    }),
    "at risk": (2, {
        "tool": _of("alert_statistics", due="soon"),
        "list": _listed("list_alerts", due="soon"),
        "api": _api("alerts", at_risk=True),
        "page": lambda doors: doors.burden()[1],
        "metrics": lambda doors: int(doors.metric("bifang_alerts_at_risk")),
    }),
    "unclosed": (6, {
        "tool": _of("alert_statistics", status="unclosed"),
        "list": _listed("list_alerts"),
        "report": lambda doors: total(doors.report.alerts.open),
        "api": _api("alerts", status="open,acknowledged"),
        "metrics": lambda doors: int(doors.metric("bifang_alerts_unclosed")),
    }),
    "findings over their limit": (2, {
        "tool": lambda doors: _told(doors.tool("list_vulnerabilities", overdue=True).text, "超过修复时限的发现"),
        "report": lambda doors: total(doors.report.flaws.overdue),
        "api": _api("findings", overdue=True),
        "page": lambda doors: _page(doors, "web:findings", tab="overdue", by="each"),
        "home": lambda doors: int(doors.page.get("/", {"part": "risks"}).context["limits"][0].value),
        "metrics": lambda doors: int(doors.metric("bifang_findings_overdue")),
    }),
}  # fmt: skip


def _told(text: str, word: str) -> int:
    """The number behind a word."""
    digits = text.split(word, 1)[1].lstrip()
    return int("".join(each for each in digits[:4] if each.isdigit()))


def _page(doors: Doors, name: str, **query: Any) -> int:
    return int(doors.page.get(reverse(name), query).context["total"])


@pytest.mark.slow
def test_every_door_says_the_same_number(doors: Doors) -> None:
    said = {asked: {door: ask(doors) for door, ask in asks.items()} for asked, (_, asks) in ASKED.items()}
    wanted = {asked: dict.fromkeys(asks, number) for asked, (number, asks) in ASKED.items()}
    assert said == wanted


def test_findings_over_their_limit_that_are_no_vulnerability_are_told(doors: Doors) -> None:
    both = doors.tool("list_vulnerabilities", overdue=True).text
    assert "超过修复时限的发现 2 处（漏洞 1、错误配置 1）" in both
    assert "CVE-2021-44228" in both
    assert "- **错误配置** 高危 · 问题 R0 · web-01" in both
    Finding.objects.filter(rule_id="V1").update(due_at=None)
    found = doors.tool("list_vulnerabilities", overdue=True)
    assert (found.status, found.data) == ("ok", [])
    assert found.text.startswith("**超过修复时限的发现 1 处（漏洞 0、错误配置 1）**")
    assert "发现页" in found.text


def test_today_is_compared_with_yesterday_up_to_the_same_time_as_the_report_does(doors: Doors) -> None:
    found = doors.tool("compare_periods", period="today")
    new, before = total(doors.report.alerts.new), total(doors.before.alerts.new)
    assert f" {new} 条**，比昨日同一时段（{before} 条）多 {new - before} 条" in found.text


def test_by_day_shows_the_newest_days_first(doors: Doors) -> None:
    Alert.objects.bulk_create(_row(100 + day, doors.now - timedelta(days=day)) for day in range(2, 15))
    shown = [
        line.split("：")[0]
        for line in use("alert_statistics", group_by="day").text.splitlines()
        if line[:1] == "-"
    ]
    days = [doors.now - timedelta(days=day) for day in range(10)]
    assert shown == [f"- {day:%m-%d}" for day in days]


def test_statistics_take_every_filter_of_the_list() -> None:
    from secops_agent.tools.registry import BY_NAME

    of_rows = {"limit", "offset", "urgent", "order"}
    listed = set(BY_NAME["list_alerts"].spec.parameters["properties"]) - of_rows
    assert listed <= set(BY_NAME["alert_statistics"].spec.parameters["properties"])


def test_filtered_groups_add_up_to_the_total_of_the_list(doors: Doors) -> None:
    asked = {"severity": "high", "keyword": "告警", "status": "all"}
    listed = len(doors.tool("list_alerts", limit=50, **asked).data)
    found = {each: doors.tool("alert_statistics", group_by=each, **asked).data for each in GROUPINGS}
    assert {each: data["total"] for each, data in found.items()} == dict.fromkeys(GROUPINGS, listed)
    counted = {each: sum(data["groups"].values()) for each, data in found.items()}
    assert counted == dict.fromkeys(GROUPINGS, 8) | dict.fromkeys(
        ("asset", "address", "indicator", "technique"), 0
    )


@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ("超过修复时限的漏洞", "list_vulnerabilities", {"overdue": True}),
        ("哪些漏洞超期了", "list_vulnerabilities", {"overdue": True}),
        ("超过修复时限的发现", "list_findings", {"overdue": True}),
        ("今天关了多少", "alert_statistics", {"period": "today", "time_of": "closed"}),
        ("今天一共关了几条告警", "alert_statistics", {"period": "today", "time_of": "closed"}),
        ("昨天关闭了几条告警", "alert_statistics", {"period": "yesterday", "time_of": "closed"}),
        ("今天告警比昨天多吗", "compare_periods", {"period": "today"}),
        ("今天新增了哪些告警", "list_alerts", {"period": "today", "time_of": "new"}),
        ("今天有多少告警", "alert_statistics", {"period": "today"}),
        ("快超时的有几条", "list_alerts", {"due": "soon"}),
        ("误报的里面哪个规则最多", "alert_statistics", {"verdict": "false_positive", "group_by": "rule"}),
    ],
)
def test_a_question_about_a_number_keeps_its_conditions(
    text: str, tool: str, arguments: dict[str, Any]
) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    said = {
        name: value
        for name, value in found.intent.arguments.items()
        if name not in ("since_hours", "until_hours")
    }
    assert (found.intent.tool, said, found.unused) == (tool, arguments, ())
