"""The filters that people ask for: how old, untouched, whose, by a word, of two spans, by a score or a version. With data, and in words."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.core.configuration import configs
from secops_agent.models import Alert, Case, Finding, History, Proposal, Staff, Vulnerability
from secops_agent.models.automation.proposal import ProposalState, Risk
from secops_agent.services.actors import Actor
from secops_agent.services.assets.lower import is_below
from secops_agent.services.audit import history
from secops_agent.tools.filters import span
from tests.secops.demo_aid import use
from tests.secops.inventory_aid import alert, component, finding, flaw, host, person, store
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

pytestmark = pytest.mark.both_databases
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def names(tool: str, **asked: Any) -> list[str]:
    """The last characters of the titles of the alerts that it lists."""
    found = Alert.objects.in_bulk(use(tool, **asked).data)
    return sorted(row.title[-1] for row in found.values())


@pytest.fixture
def staff(database: Any) -> dict[str, Staff]:
    return {
        staff_id: person(staff_id, name, role)
        for staff_id, name, role in (
            ("manager01", "张三", "admin"),
            ("lisi", "李四", "analyst"),
            ("wangwu", "王五", "approver"),
        )
    }


def test_what_is_old_and_what_nobody_touched_are_two_things(staff: dict[str, Staff]) -> None:
    now = timezone.now()
    store(*(alert(key, at=now - 5 * HOUR) for key in "abc"))
    rows = {row.title[-1]: row for row in Alert.objects.all()}
    Alert.objects.filter(pk__in=[rows["a"].pk, rows["b"].pk]).update(created_at=now - 3 * DAY)
    History.objects.all().delete()
    history.record("alert", rows["b"].pk, Actor.person(staff["lisi"], "chat"), "comment", {}, "在看")
    history.record("alert", rows["a"].pk, Actor.system("import"), "hit", {})
    assert names("list_alerts", older_hours=48) == ["a", "b"]
    assert names("list_alerts", idle_hours=48) == ["a"]  # what Bifang itself notes is no touch
    assert names("list_alerts", older_hours=80) == []
    assert use("alert_statistics", older_hours=48).data["total"] == 2
    assert "没有人动=超过 48 小时" in use("list_alerts", idle_hours=48).query


@pytest.fixture
def flaws(staff: dict[str, Staff]) -> None:
    now = timezone.now()
    web = host("web-01")
    store(
        flaw("CVE-2024-0001", title="一", cvss=()),
        component(web, "curl", "7.88.1-10+deb12u4", purl="pkg:deb/debian/curl@7.88.1-10%2Bdeb12u4"),
        component(host("db-01"), "curl", "1:8.5.0", purl="pkg:rpm/redhat/curl@8.5.0?epoch=1"),
        component(host("app-01"), "curl", "latest", purl="pkg:generic/curl"),
        finding(web, "R1"),
        finding(web, "R2"),
    )
    Finding.objects.filter(rule_id="R1").update(first_seen=now - 40 * DAY, due_at=now - 35 * DAY)
    Finding.objects.filter(rule_id="R2").update(first_seen=now - 5 * DAY, due_at=now - 2 * DAY)


def test_findings_by_how_long_they_are_there_and_over_their_limit(flaws: None) -> None:
    def rules(**asked: Any) -> list[str]:
        codes = [int(code[1:]) for code in use("list_findings", **asked).data]
        return sorted(Finding.objects.filter(pk__in=codes).values_list("rule_id", flat=True))

    assert rules() == ["R1", "R2"]
    assert rules(older_days=30) == ["R1"]
    assert rules(overdue=True) == ["R1", "R2"]
    assert rules(late_days=30) == ["R1"]
    assert "修复时限=已超过 30 天以上" in use("list_findings", late_days=30).query


def test_vulnerabilities_by_score_and_age(staff: dict[str, Staff]) -> None:
    web, now = host("web-01"), timezone.now()
    for name in ("CVE-2024-0001", "CVE-2024-0002"):
        store(flaw(name), finding(web, name, kind="vulnerability", vulnerability=name))
    Vulnerability.objects.filter(vuln_id="CVE-2024-0001").update(score=9.8)
    Vulnerability.objects.filter(vuln_id="CVE-2024-0002").update(score=7.5)
    Finding.objects.filter(vulnerability__vuln_id="CVE-2024-0001").update(first_seen=now - 40 * DAY)
    assert use("list_vulnerabilities", cvss=9).data == ["CVE-2024-0001"]
    assert use("list_vulnerabilities", older_days=30).data == ["CVE-2024-0001"]
    assert use("list_vulnerabilities", older_days=30, cvss=10).status == "no_data"
    assert len(use("list_findings", cvss=7).data) == 2


def test_software_below_a_version(flaws: None) -> None:
    assert use("list_assets", keyword="curl", version_below="8.3").data == ["web-01"]
    older = use("list_assets", keyword="curl", version_below="8.3")
    assert "版本低于 8.3" in older.text
    assert "7.88.1-10+deb12u4" in older.text
    assert use("list_assets", keyword="curl", version_below="8.5.1").data == ["db-01", "web-01"]
    assert "3 个资产装有 curl" in use("list_assets", keyword="curl", version_below="7.1").text
    assert "请写软件名" in use("list_assets", version_below="8.3").text
    assert [is_below(each, "8.3") for each in ("8.2.9", "8.3", "8.3.0", "1:7.1", "v8.2", "latest", "10.1")] == [
        True, False, False, True, True, None, False,
    ]  # fmt: skip


def test_cases_by_owner_time_and_age(staff: dict[str, Staff]) -> None:
    now = timezone.now()
    made = [
        Case.objects.create(title="旧", owner=staff["lisi"], created_at=now - 20 * DAY),
        Case.objects.create(title="新", owner=staff["lisi"], created_at=now - DAY),
        Case.objects.create(title="无主", created_at=now - 20 * DAY),
        Case.objects.create(title="关", owner=staff["lisi"], created_at=now - 20 * DAY, status="closed"),
    ]
    history.record("case", made[2].pk, Actor.person(staff["lisi"], "chat"), "comment", {}, "在看")

    def titles(**asked: Any) -> set[str]:
        return set(
            Case.objects.filter(pk__in=use("list_cases", **asked).data).values_list("title", flat=True)
        )

    assert titles(owner="李四") == {"旧", "新"}
    assert titles(owner="李四", scope="all") == {"旧", "新", "关"}
    assert titles(unassigned=True) == {"无主"}
    assert titles(older_days=10) == {"旧", "无主"}
    assert titles(idle_days=10) == {"旧"}
    assert titles(since_hours=48) == {"新"}
    assert "负责人=李四" in use("list_cases", owner="李四").query
    assert "没有" in use("list_cases", owner="没这个人").text


def test_proposals_by_who_asked_what_and_when(staff: dict[str, Staff]) -> None:
    now, config = (
        timezone.now(),
        configs.save("dingtalk", "钉钉", True, {"client_id": "ding1", "client_secret": "s"})[0],
    )
    for number, (asker, tool, state, ago) in enumerate((
        ("lisi", "isolate_host", ProposalState.REJECTED, 3), ("lisi", "block_ip", ProposalState.APPROVED, 30), ("wangwu", "block_ip", ProposalState.PROPOSED, 1),
    )):  # fmt: skip
        Proposal.objects.create(
            code=f"K{number}", config=config, tool=tool, title=tool, risk=Risk.DANGEROUS, summary=f"做 {number}", digest="0" * 64, asked_by=staff[asker],
            asker_id=asker, asker_name=staff[asker].name, state=state, created_at=now - ago * HOUR, expires_at=now + HOUR,
        )  # fmt: skip

    def told(**asked: Any) -> list[int]:
        text = use("list_proposals", as_="wangwu", **asked).text
        return [number for number in range(3) if f"做 {number}" in text]

    assert told() == [2]
    assert told(asked_by="李四") == [0, 1]
    assert told(asked_by="李四", action="isolate_host") == [0]
    assert told(asked_by="李四", since_hours=4) == [0]
    assert told(action="block_ip") == [1, 2]
    assert told(asked_by="我") == [2]


def test_a_word_two_spans_and_an_environment_are_compared(staff: dict[str, Staff]) -> None:
    now = timezone.now()
    for key, days in (("暴力", 1), ("暴力", 3), ("挖矿", 1)):
        store(alert(f"{key}{days}", at=now - days * DAY, rule_name=key))
    both = {"since_hours": 48, "other_since_hours": 96, "other_until_hours": 48}
    assert use("compare_periods", **both).data == {"now": 2, "before": 1, "change": 1}
    assert use("compare_periods", keyword="暴力", **both).data == {"now": 1, "before": 1, "change": 0}
    assert "关键字=暴力" in use("compare_periods", keyword="暴力", **both).query
    assert "长短不同" not in use("compare_periods", **both).text
    assert "长短不同" in use("compare_periods", **{**both, "other_since_hours": 200}).text
    assert "开头和结尾" in use("compare_periods", since_hours=48, other_since_hours=96).text


def test_raw_events_of_a_machine_an_account_and_a_span(staff: dict[str, Staff]) -> None:
    now = timezone.now()
    for key, account, hours in (("a", "lisi", 2), ("b", "root", 2), ("c", "lisi", 30)):
        store(
            alert(
                key,
                at=now - hours * HOUR,
                assets=(host("jump-01"),),
                raw={"user": account, "program": "sshd"},
            )
        )
    assert names("search_events", asset="jump-01", since_hours=48) == ["a", "b", "c"]
    assert names("search_events", asset="jump-01", since_hours=48, until_hours=24) == ["c"]
    assert names("search_events", account="李四", since_hours=48) == ["a", "c"]  # by his account
    assert names("search_events", keyword="sshd", account="root") == ["b"]
    assert "请说明找什么" in use("search_events").text


def test_the_loudest_rules_by_number_and_days(staff: dict[str, Staff]) -> None:
    now = timezone.now()
    for rule, days in (("端口扫描", 2), ("弱口令", 20)):
        store(*(alert(f"{rule}{n}", at=now - days * DAY, rule_name=rule) for n in range(12)))
    Alert.objects.update(status="closed", verdict="false_positive")
    assert "吵闹的规则 2 条" in use("noisy_rules").text
    assert "弱口令" not in use("noisy_rules", days=7).text
    assert "另有 1 条" in use("noisy_rules", limit=1).text


ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("SQL注入这个月比上个月多吗", "compare_periods", {"keyword": "SQL注入", "period": "this_month"}),
    ("跟上周比 webshell 涨了没有", "compare_periods", {"keyword": "webshell", "period": "this_week"}),
    ("db-01 的暴力破解这周比上周多了吗", "compare_periods", {"keyword": "暴力破解", "asset": "db-01", "period": "this_week"}),
    ("WAF 的告警昨天和前天比哪天多", "compare_periods", {"keyword": "WAF", "period": "yesterday"}),
    ("王五手上超过三天没动的告警", "list_alerts", {"keyword": "王五", "status": "unclosed", "idle_hours": 72}),
    ("超过两天没关的高危告警有哪些", "list_alerts", {"severity": "high", "status": "unclosed", "older_hours": 48}),
    ("四十天以上没修的漏洞有哪些", "list_vulnerabilities", {"older_days": 40}),
    ("逾期十天以上的漏洞有哪些", "list_vulnerabilities", {"overdue": True, "late_days": 10}),
    ("CVSS 8 分以上的漏洞有哪些没修", "list_vulnerabilities", {"cvss": 8}),
    ("李四负责的案件有哪些没结", "list_cases", {"owner": "李四"}),
    ("我负责的案件还有哪些没结", "list_cases", {"scope": "mine"}),
    ("超过一周没有进展的案件有哪些", "list_cases", {"idle_days": 7}),
    ("王五上午提的隔离申请批了没有", "list_proposals", {"asked_by": "王五", "action": "isolate_host"}),
    ("周五晚上是不是我值班", "who_is_on_call", {"at": "周五", "person": ASKER}),
    ("哪些机器装的 nginx 1.20 以下", "list_assets", {"keyword": "nginx", "version_below": "1.20", "asset_type": "host"}),
    ("哪些机器装的是老版本 nginx", "list_assets", {"keyword": "nginx", "asset_type": "host"}),  # each with its version
    ("jump-01 昨天 root 的原始日志", "search_events", {"asset": "jump-01", "keyword": "root"}),
    ("最吵的前三条规则", "noisy_rules", {"limit": 3}),
    ("CVE二零二一四四二二八是什么漏洞", "lookup_cve", {"cve_id": "CVE-2021-44228"}),
    ("二百零三点零点一百一十三点七是什么来头", "lookup_indicator", {"value": "203.0.113.7"}),
    ("十点零点零点五这台归谁管", "get_asset", {"asset": "10.0.0.5"}),
    ("login点bad点com 这个域名有情报吗", "lookup_indicator", {"value": "login.bad.com"}),
    ("E十二现在走到哪一步了", "get_case", {"case_id": 12}),
    ("误报到底占几成", "alert_statistics", {"group_by": "verdict"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tool", "wanted"), ASKED)
def test_a_sentence_reaches_its_filter(text: str, tool: str, wanted: dict[str, Any]) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None, found
    extra = {"since_hours", "until_hours"} - wanted.keys()
    said = {name: value for name, value in found.intent.arguments.items() if name not in extra}
    assert (found.intent.tool, said) == (tool, wanted)


# What is no day, no version, no second attack of ours is asked back, never left out.
LOST = (
    "上线前三天跟上线后三天比暴力破解多吗", "这周的挖矿和勒索比上周多吗", "李四负责的案件超过五个工作日没动的有哪些",
    "超时两小时以上的告警有哪些", "李四和王五负责的案件有哪些没结", "小孙昨天关了几条告警",
)  # fmt: skip


@pytest.mark.parametrize("text", LOST)
def test_what_cannot_be_taken_is_asked_back(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert (found.intent, found.offers) == (None, ())


@pytest.mark.parametrize("text", ["封禁 二百零三点零点一百一十三点七", "关闭 E十二 误报"])
def test_what_was_heard_is_only_an_offer(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is None
    assert len(found.offers) == 1


@pytest.mark.parametrize("text", ["没装 HIDS 的主机有哪些", "哪些服务器 EDR 还没装"])
def test_what_no_inventory_holds_is_said(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is None
    assert "资产清单里没有这一项" in found.question


def test_two_months_are_whole_and_a_night_ends_in_the_morning() -> None:
    said = understand("十月的告警比八月多吗", LEXICON, NOW, asker=ASKER).intent
    assert said is not None
    assert said.arguments["period"] == "last_month"
    other = span(said.arguments["other_since_hours"], said.arguments["other_until_hours"], NOW)
    assert [(at.month, at.day, at.hour) for at in (other.since, other.until) if at] == [(8, 1, 0), (9, 1, 0)]
    night = understand("昨晚2点到4点 jump-01 的告警", LEXICON, NOW, asker=ASKER).intent
    assert night is not None
    assert (night.arguments["since_hours"], night.arguments["until_hours"]) == (9, 6)
