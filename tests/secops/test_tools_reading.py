"""Tools that read: filters, totals, the query that was made, what a group does not see."""

import asyncio
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.agent.turn.toolbox import build_toolbox
from secops_agent.models import Alert, AlertIndicator, Asset, DataSource, Finding, Staff, Vulnerability
from secops_agent.models.people.staff import Role
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage as alert_service
from secops_agent.services.alerts.queries.filters import in_hand
from secops_agent.services.alerts.queries.urgency import URGENT
from secops_agent.services.people.staff import Person
from secops_agent.tools.filters import clock_span
from secops_agent.tools.registry import DEFINITIONS
from tests.scripted_model import call
from tests.secops.demo_aid import demo, use

__all__ = ["demo"]

SCOPE = (
    "severity", "since_hours", "keyword", "asset", "until_hours", "period", "since", "until", "assignee", "technique", "address", "owner", "environment",
    "importance", "exposed",
)  # fmt: skip
CONDITIONS = (
    *SCOPE,
    "status",
    "time_of",
    "verdict",
    "due",
    "due_within",
    "unassigned",
    "listed",
    "older_hours",
    "idle_hours",
)
TABLE = {
    "list_alerts": [*CONDITIONS, "limit", "urgent", "order", "offset"],
    "get_alert": ["alert_id", "alert_ids", "about"],
    "alert_statistics": [*CONDITIONS, "group_by", "limit"],
    "acknowledge_alert": ["alert_id", "alert_ids", "note"],
    "assign_alert": ["alert_id", "alert_ids", "note", "assignee"],
    "close_alert": ["alert_id", "alert_ids", "note", "verdict"],
    "list_assets": ["keyword", "asset_type", "limit", "unassigned", "owner", "environment", "network", "offset", "importance", "exposed", "kev", "riskiest", "version_below"],
    "get_asset": ["asset", "about", "software"],
    "lookup_cve": ["cve_id"],
    "affected_assets": ["cve_id", "asset", "owner", "environment", "importance", "exposed"],
    "list_vulnerabilities": [
        "severity", "kev_only", "asset", "fix_available", "limit", "keyword", "offset", "overdue", "owner", "epss", "group_by", "not_kev", "due_within", "environment", "importance", "exposed", "mended", "widest",
        "older_days", "late_days", "cvss",
    ],
    "compare_periods": [*SCOPE, "metric", "against", "other_since_hours", "other_until_hours", "group_by"],
    "search_events": ["keyword", "account", "asset", "since_hours", "until_hours", "limit"],
    "compute": ["expression"],
    "who_is_on_call": ["schedule", "at", "person", "about"],
    "lookup_indicator": ["value"],
    "search_runbook": ["query", "alert_id", "file", "page"],
    "security_report": ["period", "date", "file", "brief"],
    "block_ip": ["ip", "duration_minutes", "reason"],
    "isolate_host": ["asset", "reason"],
    "service_status": [],
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_tools_have_the_names_and_arguments_of_the_design(name):
    spec = next(each.spec for each in DEFINITIONS if each.name == name)
    assert list(spec.parameters["properties"]) == TABLE[name]
    assert all(each["description"] for each in spec.parameters["properties"].values())


@pytest.mark.parametrize(
    ("now", "since", "until", "told"),
    [
        ("2026-11-30 00:38", "20:00", "", "11-29 20:00 起"), ("2026-11-30 21:00", "20:00", "", "11-30 20:00 起"),
        ("2026-11-30 21:00", "22:00", "06:00", "11-29 22:00 至 11-30 06:00"), ("2026-01-01 00:05", "12-31 20:00", "", "12-31 20:00 起"),
        ("2026-11-30 21:00", "", "08:00", "11-30 08:00 以前"), ("2026-11-30 21:00", "11-28 9:30", "11-28 10:00", "11-28 09:30 至 11-28 10:00"),
    ],
)  # fmt: skip
def test_a_span_may_be_told_by_the_clock(now, since, until, told):
    at = timezone.make_aware(datetime.fromisoformat(now))
    found = clock_span(since, until, at)
    assert found.told == told
    assert found.since is None or found.since <= at
    assert found.until is None or found.since is None or found.since < found.until


@pytest.mark.parametrize("said", ["8pm", "25:00", "02-30 10:00", "昨晚"])
def test_what_is_no_moment_is_told_so(said):
    with pytest.raises(InvalidInput, match="不是钟点"):
        clock_span(said, "", timezone.localtime())


def test_alerts_since_a_moment(demo):
    at = timezone.localtime() - timedelta(hours=5)
    found = use("list_alerts", since=f"{at:%Y-%m-%d %H:%M}", status="all")
    seen = Alert.objects.filter(last_seen__gte=at.replace(second=0, microsecond=0)).count()
    assert f"共 {seen} 条" in found.text or (not seen and found.status == "no_data")
    assert f"{at:%m-%d %H:%M} 起" in found.query


def test_alerts_are_filtered_and_counted(demo):
    found = use("list_alerts", severity="critical,high", status="open", limit=5)
    wanted = Alert.objects.filter(severity__in=["critical", "high"], status="open")
    assert found.status == "ok"
    assert len(found.data) == 5
    assert f"共 {wanted.count()} 条" in found.text
    assert found.query == "级别=严重、高危，状态=未处理"
    assert "（显示前 5 条）" in found.text
    assert str(found.steps[0]) == "更多"
    assert set(found.data) <= set(wanted.values_list("pk", flat=True))


def test_alerts_of_a_person_are_those_assigned_to_them(demo):
    for said in ("李四", "lisi"):
        found = use("list_alerts", keyword=said, limit=50)
        assert set(found.data) <= set(
            Alert.objects.filter(in_hand(Staff.objects.filter(staff_id="lisi"))).values_list("pk", flat=True)
        )
        assert found.data


def test_alerts_of_an_unknown_asset_are_no_data(demo):
    found = use("list_alerts", asset="没有这台")
    assert (found.status, found.data) == ("no_data", None)
    assert "没有这台" in found.text


def test_alerts_of_an_address_nobody_has_are_searched_as_indicator(demo):
    found = use("list_alerts", asset="203.0.113.5")
    assert found.status == "ok"
    rows = AlertIndicator.objects.filter(value="203.0.113.5").values_list("alert_id", flat=True)
    assert set(found.data) <= set(rows)


def test_the_most_urgent_one_is_told_with_why_and_the_next_two(demo):
    several = use("list_alerts", urgent=True, limit=3).data
    found = use("list_alerts", urgent=True, limit=1)
    assert found.data == several[:1]
    assert found.text.startswith(f"**最要紧的是 A{several[0]}**")
    assert "分：严重 40、已得手 15、" in found.text
    assert all(f"A{pk} " in found.text.partition("- 接着：")[2] for pk in several[1:])


def test_one_alert_says_why_it_stands_where_it_does_and_why_nothing_arrived(demo):
    first, second = use("list_alerts", urgent=True, limit=2).data
    text = use("get_alert", alert_id=second, about="order").text
    assert text.startswith(f"**A{second} 排第 2（")
    assert f"排在它前面一位的是 A{first}：" in text
    assert f"顺序：{URGENT}" in text
    said = use("get_alert", alert_id=first, about="delivery").text
    assert said.startswith(f"**A{first} 的消息**：没有发给任何人：没有通知规则要发它")
    assert "可观察对象" not in said


def test_nothing_new_is_said_so_with_what_is_older_and_goes_on(demo):
    now = timezone.now()
    Alert.objects.filter(title__contains="勒索").update(first_seen=now - timedelta(days=2))
    Alert.objects.filter(pk=222).update(last_seen=now - timedelta(hours=1))
    found = use("list_alerts", keyword="勒索", since_hours=13, time_of="new", status="all")
    assert found.text.startswith("**没有新的。更早就有、这段时间又发生的：1 条**")
    assert found.data == [222]
    assert "没有关闭的 1 条" in use("list_alerts", keyword="勒索", since_hours=13, status="all").text


def test_report_in_three_sentences(demo):
    text = use("security_report", period="yesterday", brief=True).text
    assert len([line for line in text.splitlines() if line]) == 4
    assert "需要决定" in text or "没有需要决定" in text
    assert "新增告警" in text


def test_limits_beyond_the_cap_are_cut(demo):
    assert len(use("list_alerts", limit=1000).data) == 50


@pytest.mark.parametrize(
    "arguments", [{"severity": "很高"}, {"status": "没了"}, {"limit": -1}, {"since_hours": -1}, {"nope": 1}]
)
def test_wrong_arguments_are_told(demo, arguments):
    found = use("list_alerts", **arguments)
    assert found.status == "error"
    assert "参数" in found.text or "级别" in found.text


def test_statistics_come_from_the_database(demo):
    found = use("alert_statistics", group_by="status")
    assert found.data["total"] == Alert.objects.count()
    assert sum(found.data["groups"].values()) == found.data["total"]


@pytest.mark.slow
def test_lookup_tells_how_old_the_data_is(demo):
    assert "更新于" in use("lookup_cve", cve_id="cve-2021-44228").text
    assert "更新至" in use("lookup_indicator", value="203.0.113.5").text


def test_unknown_vulnerability_is_not_called_harmless(demo):
    found = use("lookup_cve", cve_id="CVE-2099-1234")
    assert found.status == "no_data"
    assert "不表示不受影响" in found.text


def test_report_numbers_are_the_services(demo):
    found = use("security_report", period="this_month")
    assert found.status == "ok"
    assert f"未关闭：{sum(number for _, number in found.data['alerts']['open'])} 条" in found.text


def test_asset_by_address_name_and_guess(demo):
    assert use("get_asset", asset="10.0.0.5").data["name"] == "web-01"
    several = use("get_asset", asset="web-0")
    assert several.status == "no_data"
    assert "web-02" in several.text


def test_group_sees_no_accounts_and_gets_the_rest_in_private(demo):
    row = AlertIndicator.objects.filter(kind="account").first()
    private, group = (use("get_alert", alert_id=row.alert_id, group=where) for where in (False, True))
    assert f"账号 {row.value}" in private.text
    assert f"账号 {row.value}" not in group.text
    assert group.private_text == private.text
    assert "不在群里显示" in group.text


def test_group_sees_no_mail_addresses_in_texts(demo):
    alert = Alert.objects.order_by("pk").last()
    Alert.objects.filter(pk=alert.pk).update(title="zhang.san@corp.example 手机 13812345678 登录失败")
    for name, arguments in (
        ("get_alert", {"alert_id": alert.pk}),
        ("list_alerts", {"keyword": "登录失败", "limit": 50}),
    ):
        found = use(name, group=True, **arguments)
        assert "zhang.san" not in found.text
        assert "13812345678" not in found.text
        assert "zhang.san@corp.example" in found.private_text


def test_text_from_outside_cannot_format_or_link(demo):
    alert = Alert.objects.order_by("pk").last()
    Alert.objects.filter(pk=alert.pk).update(title="[点我](http://evil.example) ![x](y)\n# 标题 **粗** `码`")
    text = use("get_alert", alert_id=alert.pk).text
    title = next(line for line in text.splitlines() if "标题" in line)
    assert "](" not in text
    assert "`" not in title


def test_viewers_have_only_reading_tools(demo):
    viewer = Person("", "v", "看", Role.VIEWER)
    toolbox = build_toolbox(viewer, is_group=False, now=timezone.localtime())
    names = {spec.name for spec in toolbox.specs}
    assert "list_alerts" in names
    assert not names & {"close_alert", "block_ip"}
    refused = asyncio.run(toolbox.run(call("block_ip", ip="203.0.113.5")))
    assert refused.status == "error"
    assert "需要「处置」角色" in refused.text


def test_status_shows_what_is_wrong(demo):
    found = use("service_status")
    assert "没有在线的" in found.text
    assert f"{Asset.objects.count()} 台" in found.text


def test_status_names_the_sources_that_are_silent_as_the_front_page_does(demo):
    rows = [
        DataSource(key=f"s{i}", door="token", name=f"来源{i}", first_seen=timezone.now(), trouble=trouble,
                   trouble_at=timezone.now() + timedelta(seconds=i), detail="3 天没有数据")
        for i, trouble in enumerate(["silent"] * 11 + [""])
    ]  # fmt: skip
    DataSource.objects.all().delete()
    DataSource.objects.bulk_create(rows)
    text = use("service_status").text
    assert "- 数据源「来源0」3 天没有数据" in text
    assert "有需要处理的问题" in text
    assert "另有 1 个数据源不正常" in text
    assert "来源10" not in text


def test_status_tells_no_names_of_sources_to_viewers_and_none_of_two_corporations(demo):
    DataSource.objects.all().delete()
    given = {
        "first_seen": timezone.now(),
        "trouble": "silent",
        "trouble_at": timezone.now(),
        "detail": "3 天没有数据",
    }
    DataSource.objects.create(key="s", door="token", name="财务系统", **given)
    assert "财务系统" in use("service_status", as_="lisi").text
    Staff.objects.filter(staff_id="zhaoliu").update(role=Role.VIEWER)
    viewer = use("service_status", as_="zhaoliu").text
    assert "财务系统" not in viewer
    assert "- 1 个数据源不正常" in viewer
    for name in ("one", "other"):
        values = {"corp_id": f"ding-{name}", "client_id": name, "client_secret": "s"}
        row, _ = configs.save("dingtalk", f"机器人 {name}", True, values)
        configs.report_error(row.pk, "凭证错误")
    there = use("service_status", as_="lisi").text
    # Others see the same estate, in whatever order they run.
    SystemConfig.objects.filter(name__startswith="机器人 ").delete()
    Staff.objects.filter(staff_id="zhaoliu").update(role=Role.RESPONDER)
    DataSource.objects.all().delete()
    assert "财务系统" not in there
    assert "机器人 other" not in there


def test_missing_alert_is_no_data(demo):
    assert use("get_alert", alert_id=10**9).status == "no_data"
    with pytest.raises(Exception, match="没有编号"):
        alert_service.get(10**9)


def test_assets_by_owner_environment_and_network(demo):
    owned = use("list_assets", owner="王五", limit=50)
    assert set(owned.data) == set(Asset.objects.filter(owner__name="王五").values_list("name", flat=True))
    there = use("list_assets", network="10.0.0.0/24", environment="生产环境", limit=50)
    assert set(there.data) == set(use("list_assets", keyword="10.0.0.0/24", limit=50).data)
    assert {"web-01", "app-01"} <= set(there.data)
    assert "环境=生产，网段=10.0.0.0/24" in there.query
    for asked in ({"network": "0.0.0.0/0"}, {"environment": "火星"}, {"owner": "老周"}):
        assert not use("list_assets", **asked).data


def test_vulnerabilities_by_owner_and_epss(demo):
    likely = use("list_vulnerabilities", epss=90, limit=50)
    assert likely.data
    assert "EPSS=不低于 90%" in likely.query
    assert set(likely.data) == set(
        Vulnerability.objects.filter(epss__gte=0.9, vuln_id__in=likely.data).values_list("vuln_id", flat=True)
    )
    every, mine = (use("list_vulnerabilities", limit=50, **asked).data for asked in ({}, {"owner": "王五"}))
    held = Finding.objects.filter(asset__owner__name="王五", active=True).values_list(
        "vulnerability__vuln_id", flat=True
    )
    assert set(mine) == set(held) & set(mine)
    assert 0 < len(mine) < len(every)
    assert "错误配置" not in use("list_vulnerabilities", overdue=True, owner="赵六").text


def test_processes_and_files_are_looked_up_and_accounts_stay_private(demo):
    row = AlertIndicator.objects.filter(kind="process").first()
    file = AlertIndicator.objects.filter(kind="file", value__startswith="/").first()
    for each, word in ((row, "进程"), (file, "文件")):
        shown = use("lookup_indicator", value=each.value, group=True)
        assert shown.status == "ok"
        assert f"**{word} {each.value}**" in shown.text.replace("\\", "")
        assert each.alert_id in shown.data["alerts"] or len(shown.data["alerts"]) == 10
    account = AlertIndicator.objects.filter(kind="account").first()
    AlertIndicator.objects.create(alert=row.alert, kind="process", value=account.value)
    hidden, unknown = (
        use("lookup_indicator", value=value, group=True) for value in (account.value, "nobody-knows")
    )
    assert hidden.text == unknown.text.replace("nobody-knows", account.value)
    AlertIndicator.objects.filter(kind="process", value=account.value).delete()


def test_a_runbook_is_found_for_an_alert_and_what_is_asked_beside_it(demo):
    alert = Alert.objects.filter(techniques__icontains='"T1110').first()
    by_number, by_id = (
        use("search_runbook", **asked) for asked in ({"query": f"告警 {alert.pk}"}, {"alert_id": alert.pk})
    )
    assert by_number.text == by_id.text
    assert by_id.data
    beside = use("search_runbook", query="挖矿木马处置", alert_id=alert.pk)
    assert f"告警=A{alert.pk}" in beside.query
    assert beside.data[0] != by_id.data[0]
    assert by_id.data[0] in beside.data
    assert use("search_runbook").status == "error"
    assert use("search_runbook", alert_id=10**9).status == "no_data"


def test_the_records_of_an_alert_tell_its_verdict(demo):
    row = (
        Alert.objects.filter(status="open", severity="info").first()
        or Alert.objects.filter(status="open").last()
    )
    alert_service.close(row.pk, "benign", Actor.system("test"), "发版")
    assert "关闭（正常行为） · 发版" in use("get_alert", alert_id=row.pk).text
