"""Answers about one thing answer the usual questions beside it; lists tell what they consist of and take what people say."""

import asyncio
import re
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from secops_agent.agent.trial import Dialog, Trial
from secops_agent.models import Alert, AlertIndicator, Asset, CaseTask, Finding, Staff
from secops_agent.services.alerts.queries.filters import in_hand
from secops_agent.services.alerts.queries.urgency import most_urgent
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.privacy import is_personal
from secops_agent.services.vulnerabilities.comparison.versions import highest
from tests.secops.demo_aid import demo, person, use

__all__ = ["demo"]
NUMBER = re.compile(r"\*\*A(\d+)\*\*")


def asked(tool: str, **given: Any) -> Any:
    return use(tool, as_="zhaoliu", **given)


def lines(text: str) -> list[str]:
    return [line.strip("- ") for line in text.splitlines() if line.strip()]


def test_an_asset_tells_what_cuts_it_off_and_what_goes_on(demo: Any) -> None:
    text = asked("get_asset", asset="file-01", about="network").text
    task = CaseTask.objects.get(text__contains="隔离 file-01", done_at__isnull=False)
    assert "没有隔离记录" in lines(text)[1]
    assert f"完成任务：{task.text}（{task.done_by}" in text
    assert "file-01 已断网，备份是昨天 02:00 的，完整。" in text
    open_now = Alert.objects.filter(assets__name="file-01").exclude(status="closed")
    assert f"未关闭告警：{open_now.count()} 条" in text
    worst = list(most_urgent(open_now).values_list("pk", flat=True)[:5])
    assert [int(pk) for pk in NUMBER.findall(text)] == worst
    first = asked("get_asset", asset="file-01", about="alerts").text
    assert lines(first)[1].startswith("未关闭告警")


def test_an_asset_tells_the_version_of_a_software_and_what_to_upgrade_to(demo: Any) -> None:
    assert (
        "软件：log4j-core 2.17.1，没有发现未修复"
        in asked("get_asset", asset="pay-gateway-1", software="log4j").text
    )
    known_as = asked("get_asset", asset="jenkins-01", software="glibc").text
    assert "组件是 libc6" in known_as
    assert re.search(r"升级：libc6 \S+ 升到 \S+（解决 \d+ 个", known_as)


@pytest.mark.parametrize(
    ("scheme", "versions", "last"),
    [
        ("deb", ["2.35-0ubuntu3.4", "2.35-0ubuntu3.10", "2.35-0ubuntu3.7"], "2.35-0ubuntu3.10"),
        ("maven", ["2.15.0"], "2.15.0"), ("unknown", ["1", "2"], ""), ("deb", [], ""),
    ],
)  # fmt: skip
def test_the_last_version_is_the_last_in_the_order_of_its_kind(
    scheme: str, versions: list[str], last: str
) -> None:
    assert highest(scheme, versions) == last


def test_an_address_tells_where_it_was_and_how_it_was_judged(demo: Any) -> None:
    ids = set(AlertIndicator.objects.filter(value="8.8.8.8").values_list("alert_id", flat=True))
    text = asked("lookup_indicator", value="8.8.8.8").text
    assert "公共 DNS" in text
    assert f"告警：{len(ids)} 条" in text
    for name in ("web-01", "web-02"):
        number = Alert.objects.filter(pk__in=ids, assets__name=name).count()
        assert f"{name} {number} 条（A" in text
    wrong = Alert.objects.filter(pk__in=ids, status="closed", verdict="false_positive").count()
    assert f"误报 {wrong} 条" in text
    assert "封禁：没有" in text


def test_a_domain_finds_the_addresses_of_pages_under_it(demo: Any) -> None:
    urls = AlertIndicator.objects.filter(value__startswith="http://bad.example.net/")
    expected = urls.values("alert_id").distinct().count()
    assert expected
    assert f"告警：{expected} 条" in asked("lookup_indicator", value="bad[.]example[.]net").text
    assert asked("lookup_indicator", value="example.net").status == "no_data"


def test_several_alerts_tell_what_they_share(demo: Any) -> None:
    pair = Alert.objects.filter(indicators__value="203.0.113.77", assets__name="jump-01").order_by("-pk")[:2]
    first, second = (each.pk for each in pair)
    text = asked("get_alert", alert_id=first, alert_ids=str(second)).text
    assert "相同：资产 jump-01；地址 203.0.113.77" in text
    assert "相隔" in text
    in_group = asked("get_alert", alert_id=first, alert_ids=str(second), group=True).text
    accounts = AlertIndicator.objects.filter(alert_id__in=[first, second], kind="account")
    names = {name for name in accounts.values_list("value", flat=True) if is_personal("account", name)}
    assert names
    assert all(name in text and not re.search(rf"账号 {name}\b", in_group) for name in names)


def test_an_alert_tells_how_its_like_was_closed(demo: Any) -> None:
    alert = Alert.objects.filter(
        assets__name="pay-gateway-2", title__contains="错误率", status="open"
    ).latest("last_seen")
    assets = alert.assets.values_list("pk", flat=True)
    like = Alert.objects.filter(
        rule_name=alert.rule_name, status="closed", assets__in=list(assets)
    ).distinct()
    benign = like.filter(verdict="benign").count()
    text = asked("get_alert", alert_id=alert.pk).text
    assert benign
    assert f"正常行为 {benign} 条" in text
    assert "（负责人 张三）" in text


def test_a_flaw_tells_one_asset_its_version_and_all_the_core_ones_first(demo: Any) -> None:
    one = asked("affected_assets", cve_id="CVE-2021-44228", asset="pay-gateway-1").text
    assert one.startswith("**pay-gateway-1 不受 CVE-2021-44228 影响**")
    assert "log4j-core 2.17.1" in one
    every = asked("affected_assets", cve_id="CVE-2021-44228").text
    names = re.findall(r"^- \*\*(.+?)\*\*.*升到", every, re.MULTILINE)
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3, "": 4}
    weights = [order[Asset.objects.get(name=name).importance] for name in names]
    assert weights == sorted(weights)
    assert len(set(weights)) > 1
    assert every.count("修复时限") == len(names)


def test_a_case_tells_what_was_done_by_whom(demo: Any) -> None:
    text = asked("get_case", case_id=CaseTask.objects.get(text__contains="隔离 file-01").case_id).text
    assert "已完成：隔离 file-01，拔掉 pc-hr-02 的网线（赵六 " in text
    assert "没有完成：从备份恢复 file-01 的共享目录（赵六）" in text


def test_a_list_of_alerts_tells_what_it_consists_of(demo: Any) -> None:
    mine = Alert.objects.filter(in_hand([Staff.objects.get(name="李四").pk])).exclude(status="closed")
    text = asked("list_alerts", assignee="李四").text
    assert f"共 {mine.count()} 条" in text
    assert f"高危 {mine.filter(severity='high').count()}" in text
    assert f"已超时 {mine.filter(due_at__lte=timezone.now()).count()}" in text


@pytest.mark.parametrize(
    ("given", "column"), [({"order": "oldest"}, "first_seen"), ({"due": "overdue"}, "due_at")]
)
def test_a_list_of_alerts_has_the_order_that_was_asked_for(
    demo: Any, given: dict[str, str], column: str
) -> None:
    ids = asked("list_alerts", limit=50, **given).data
    rows = Alert.objects.in_bulk(ids)
    at = [getattr(rows[pk], column) for pk in ids]
    assert len(at) > 5
    assert at == sorted(at)


def test_vulnerabilities_are_narrowed_by_what_they_are_on(demo: Any) -> None:
    found = asked("list_vulnerabilities", epss=90, not_kev=True, limit=50).data
    rows = Finding.objects.filter(active=True, vulnerability__epss__gte=0.9, vulnerability__kev=False)
    assert set(found) == set(rows.values_list("vulnerability__vuln_id", flat=True)) != set()
    exposed = [row.pk for row in Asset.objects.all() if exposure_of(row)]
    there = Finding.objects.filter(active=True, asset_id__in=exposed, vulnerability__isnull=False)
    shown = asked("list_vulnerabilities", exposed=True, limit=50)
    assert set(shown.data) == set(there.values_list("vulnerability__vuln_id", flat=True)) != set()
    mine = asked("list_vulnerabilities", kev_only=True, owner="赵六", group_by="asset")
    owner = Staff.objects.get(name="赵六")
    assert mine.data["subject"]["asset"] == mine.fields[0]
    assert set(mine.fields) <= set(Asset.objects.filter(owner=owner).values_list("name", flat=True))
    none = asked("list_vulnerabilities", severity="high", due_within=1)
    assert none.status == "no_data"
    assert "最近的修复时限" in none.text


def test_assets_are_narrowed_by_exposure_and_told_with_what_is_open(demo: Any) -> None:
    found = asked("list_assets", exposed=True, kev=True)
    kev = Finding.objects.filter(active=True, vulnerability__kev=True)
    known = {row.name for row in Asset.objects.filter(pk__in=kev.values("asset_id")) if exposure_of(row)}
    assert set(found.data) == known != set()
    assert "KEV" in found.text
    top = asked("list_assets", environment="生产", importance="critical", riskiest=True, limit=3)
    assert len(top.data) == 3


SAID = [
    ("pc-hr-02 现在网络状态怎么样", "get_asset", {"asset": "pc-hr-02", "about": "network"}),
    ("A12 和 A15 有什么共同点", "get_alert", {"alert_id": 12, "alert_ids": "15"}),
    ("CVE-2021-44228 在 mq-01 上中不中", "affected_assets", {"cve_id": "CVE-2021-44228", "asset": "mq-01"}),
    ("EPSS 80 以上不在KEV里的漏洞", "list_vulnerabilities", {"epss": 80, "not_kev": True}),
    ("10天内到期的漏洞", "list_vulnerabilities", {"due_within": 10}),
    ("可能对外的资产上的高危漏洞", "list_vulnerabilities", {"severity": "high", "exposed": True}),
    ("生产环境的KEV漏洞按负责人分", "list_vulnerabilities", {"kev_only": True, "environment": "生产", "group_by": "owner"}),
    ("没有补丁的漏洞，影响资产最多的是哪个", "list_vulnerabilities", {"fix_available": False, "widest": True, "limit": 1}),
    ("没人认的高危告警，最早的排前面", "list_alerts", {"severity": "high", "unassigned": True, "order": "oldest"}),
]  # fmt: skip


@override_settings(RATE_LIMITS=False)
def test_conditions_that_people_say_reach_the_tool(demo: Any) -> None:
    async def each() -> list[tuple[str, Any, Any]]:
        trial = Trial(asker)
        try:
            tried = [(text, (await trial.turn(Dialog(), text))[0]) for text, _, _ in SAID]
        finally:
            await trial.close()
        return [(text, one.tool, one.arguments) for text, one in tried]

    asker = person("zhaoliu")
    assert asyncio.run(each()) == SAID
