"""Statistics by what alerts consist of, and the filters that the list shares with them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from secops_agent.models import Alert, Asset, Staff
from secops_agent.services.alerts.queries import statistics as counting
from secops_agent.services.records import Indicator
from secops_agent.tools.base import ToolResult
from tests.secops.demo_aid import use
from tests.secops.inventory_aid import alert, host, person, store

pytestmark = pytest.mark.both_databases("every test")
SOURCE = "203.0.113.5"


@pytest.fixture
def estate(database: Any, afternoon: datetime) -> None:
    for staff_id, name, role in (
        ("manager01", "张三", "admin"),
        ("lisi", "李四", "analyst"),
        ("zhou", "周七", "viewer"),
    ):
        person(staff_id, name, role)
    now = timezone.now()
    web, ldap = host("web-01", "10.0.0.5"), host("db-02", "10.0.9.7")
    store(
        alert("a", severity="critical", at=now - timedelta(hours=1), assets=(web,), techniques=("T1110.001",),
              indicators=(Indicator("ip", SOURCE), Indicator("ip", "10.0.0.5"), Indicator("account", "zhou.wang"))),
        alert("b", at=now - timedelta(days=1), assets=(web, ldap), techniques=("T1110", "T1486"),
              indicators=(Indicator("ip", SOURCE), Indicator("domain", "evil.example"))),
        alert("c", severity="low", at=now - timedelta(days=2), assets=(ldap,), techniques=("T11100",),
              indicators=(Indicator("ip", "198.51.100.23"), Indicator("domain", "zhou.wang"))),
    )  # fmt: skip
    Asset.objects.filter(name="web-01").update(
        owner=Staff.objects.get(staff_id="lisi"), environment="生产", importance="critical"
    )
    Asset.objects.filter(name="db-02").update(environment="测试", importance="low")


def groups(**asked: Any) -> dict[str, int]:
    found: dict[str, int] = use("alert_statistics", **asked).data["groups"]
    return found


def listed(**asked: Any) -> set[str]:
    ids = use("list_alerts", status="all", **asked).data or []
    return {
        title.removeprefix("规则 ")
        for title in Alert.objects.filter(pk__in=ids).values_list("title", flat=True)
    }


def test_a_card_says_that_an_alert_was_told_to_nobody(estate: None) -> None:
    assert "- 通知：没有发给任何人" in use("get_alert", alert_id=Alert.objects.earliest("pk").pk).text


def test_alerts_are_counted_by_what_they_consist_of(estate: None) -> None:
    assert groups(group_by="owner") == {"李四": 2, "没有负责人": 2}
    assert groups(group_by="technique") == {"T1110": 1, "T1110.001": 1, "T11100": 1, "T1486": 1}
    assert groups(group_by="address") == {SOURCE: 2, "198.51.100.23": 1}
    assert groups(group_by="indicator", keyword="规则 b") == {f"IP {SOURCE}": 1, "域名 evil.example": 1}
    assert groups(group_by="indicator")["账号 zhou.wang"] == 2


def test_conditions_narrow_the_list_and_the_statistics_alike(estate: None) -> None:
    asked: dict[str, tuple[dict[str, Any], set[str]]] = {
        "technique, with its parts": ({"technique": "t1110"}, {"a", "b"}),
        "one part": ({"technique": "T1110.001"}, {"a"}),
        "as keyword": ({"keyword": "T1110"}, {"a", "b"}),
        "source": ({"address": SOURCE}, {"a", "b"}),
        "network of assets": ({"address": "10.0.8.0/23"}, {"b", "c"}),
        "network of sources": ({"address": "198.51.100.16/28"}, {"c"}),
        "network as keyword": ({"keyword": "203.0.113.0/24"}, {"a", "b"}),
        "owner": ({"owner": "李四"}, {"a", "b"}),
        "environment": ({"environment": "测试环境"}, {"b", "c"}),
        "importance": ({"importance": "核心"}, {"a", "b"}),
        "two": ({"environment": "生产", "severity": "critical"}, {"a"}),
    }  # fmt: skip
    assert {name: listed(**given) for name, (given, _) in asked.items()} == {
        name: want for name, (_, want) in asked.items()
    }
    counted = {name: use("alert_statistics", **given).data["total"] for name, (given, _) in asked.items()}
    assert counted == {name: len(want) for name, (_, want) in asked.items()}


def test_the_assignee_is_a_person_and_may_be_the_asker(estate: None) -> None:
    Alert.objects.filter(title="规则 b").update(assignee=Staff.objects.get(staff_id="lisi"))
    assert listed(assignee="李四") == listed(assignee="我", as_="lisi") == {"b"}
    assert use("list_alerts", assignee="老周").status == "no_data"
    assert "处理人=李四" in use("list_alerts", assignee="lisi", keyword="规则").query


def test_days_with_levels_show_the_newest_first(estate: None) -> None:
    lines = [
        line for line in use("alert_statistics", group_by="severity_day").text.splitlines() if line[:1] == "-"
    ]
    days = [timezone.localtime(timezone.now() - timedelta(hours=1))]
    assert lines[0].startswith(f"- {days[0]:%m-%d}：**1**")
    assert [line.rsplit(" ", 2)[-2:] for line in lines] == [["严重", "1"], ["高危", "1"], ["低危", "1"]]


def test_what_has_no_kept_counts_is_read_of_the_newest_only(
    estate: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST_READ", 1)
    found = use("alert_statistics", group_by="technique")
    assert (found.data["total"], found.data["groups"]) == (3, {"T1110.001": 1})
    assert "各组只数了最近的 1 条告警" in found.text


@pytest.mark.parametrize(
    "asked",
    [
        {"technique": "T1110' OR 1=1"}, {"technique": "%"}, {"technique": "T11"}, {"address": "0.0.0.0/0"}, {"address": "10.0.0.0/7"},
        {"address": "2001:db8::/32"}, {"address": "10.0.0"}, {"address": "evil.example"}, {"environment": "火星"}, {"owner": "老周"},
    ],
)  # fmt: skip
def test_what_is_no_such_thing_is_told_and_never_left_out(estate: None, asked: dict[str, Any]) -> None:
    for tool in ("list_alerts", "alert_statistics"):
        found = use(tool, **asked)
        assert found.status in ("error", "no_data"), asked
        assert not found.data


def seen(result: ToolResult) -> str:
    return f"{result.text} {result.data} {result.steps} {result.fields}"


def test_groups_and_viewers_are_not_told_of_people(estate: None) -> None:
    """Not as an observable, not where the same word was read as a domain, not by the name of an account among the assets."""
    Asset.objects.filter(name="db-02").update(asset_type="account", name="zhou.wang")
    for group_by in counting.GROUPINGS:
        for asker in ({"group": True}, {"as_": "zhou"}):
            found = use("alert_statistics", group_by=group_by, **asker)
            assert "zhou.wang" not in seen(found), (group_by, asker)
    assert use("alert_statistics", group_by="asset", group=True).private_text
    assert not use("alert_statistics", group_by="asset", as_="zhou").private_text


def test_every_width_of_a_network_is_exact(database: Any) -> None:
    import ipaddress

    from secops_agent.models import AssetKey
    from secops_agent.services.networks import inside

    addresses = (
        "10.0.0.5",
        "10.0.1.5",
        "10.0.16.1",
        "10.1.0.1",
        "10.128.0.1",
        "110.0.0.5",
        "10.0.0.50",
        "10.0.0.255",
    )
    store(*(host(f"h{number}", each) for number, each in enumerate(addresses)))
    for width in range(8, 33):
        network = ipaddress.ip_network(f"10.0.0.5/{width}", strict=False)
        found = AssetKey.objects.filter(inside(f"10.0.0.5/{width}"), kind="ip").values_list(
            "value", flat=True
        )
        assert set(found) == {each for each in addresses if ipaddress.ip_address(each) in network}, width
