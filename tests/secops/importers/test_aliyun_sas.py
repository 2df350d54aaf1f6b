"""Aliyun Security Center: new and old field names, levels in two languages, states, details."""

import json
from typing import Any

import pytest

from secops_agent.importers import registry
from secops_agent.services.records import AlertRecord, FindingRecord, Indicator, Key

from .reading_aid import of, read, rejected, source_of

EVENT: dict[str, Any] = {
    "Id": 32750999,
    "SecurityEventIds": "269****",
    "AlarmUniqueInfo": "8df914418f4211fbf756efe7a6f40cbc",
    "UniqueInfo": "51a1d2f0e0f34b5bb2d2a5f6f0c8f001",
    "AlarmEventName": "login_common_location",
    "AlarmEventNameDisplay": "ECS非常用地登录",
    "AlarmEventType": "异常登录",
    "AlarmEventTypeDisplay": "异常登录",
    "Level": "serious",
    "EventStatus": 1,
    "InstanceName": "pay-gateway-3",
    "InstanceId": "i-bp1example0003",
    "InternetIp": "198.51.100.15",
    "IntranetIp": "10.0.3.15",
    "Uuid": "bffb12c3-590a-4db2-b538-000000000003",
    "OccurrenceTime": "2026-11-20 08:30:00",
    "OccurrenceTimeStamp": 1795134600000,
    "LastTime": "2026-11-20 09:30:00",
    "LastTimeStamp": 1795138200000,
    "Desc": "检测到来自非常用地的登录",
    "CanBeDealOnLine": True,
    "Details": [
        {"NameDisplay": "登录源IP", "Type": "text", "Value": "203.0.113.66(荷兰)"},
        {"NameDisplay": "登录账号", "Type": "text", "Value": "root"},
        {"NameDisplay": "文件MD5", "Type": "text", "Value": "AB" * 16},
        {"NameDisplay": "恶意文件路径", "Type": "text", "Value": "/tmp/.x/kinsing"},
    ],
    "TacticItems": [{"TacticId": "TA0001", "TacticDisplayName": "初始访问"}],
}
RESPONSE = {
    "RequestId": "A",
    "TotalCount": 1,
    "Count": 1,
    "PageSize": 20,
    "CurrentPage": 1,
    "SuspEvents": [EVENT],
}
OLD: dict[str, Any] = {
    "AlarmUniqueInfo": "8df914418f4211fbf756efe7a6f40cbc", "Id": 1, "EventName": "WEBSHELL", "EventTypeDesc": "网站后门",
    "EventDesc": "发现网站后门", "Level": "可疑", "EventStatus": "8", "InstanceName": "web 前端 1",
    "InternetIp": "198.51.100.5", "IntranetIp": "10.0.0.5", "LastTime": "2026-11-20 09:30:00",
    "Details": [{"NameDisplay": "文件路径", "Type": "text", "Value": "/var/www/a.php"}],
}  # fmt: skip


def test_aliyun_event_gives_exact_record() -> None:
    [alert] = of(read("aliyun_sas", RESPONSE), AlertRecord)
    assert (alert.title, alert.severity, alert.status_hint) == (
        "异常登录：ECS非常用地登录",
        "critical",
        "open",
    )
    assert alert.dedup_key == ("8df914418f4211fbf756efe7a6f40cbc",)
    [asset] = alert.assets
    assert asset.keys == (
        Key("cloud_id", "i-bp1example0003"),
        Key("agent_id", "aliyun_sas:bffb12c3-590a-4db2-b538-000000000003"),
        Key("hostname", "pay-gateway-3"),
        Key("ip", "10.0.3.15"),
        Key("ip", "198.51.100.15"),
    )
    assert alert.indicators == (
        Indicator("ip", "203.0.113.66"),
        Indicator("account", "root"),
        Indicator("hash", "ab" * 16),
        Indicator("file", "/tmp/.x/kinsing"),
    )
    assert alert.first_seen is not None
    assert alert.last_seen is not None
    assert alert.first_seen.isoformat() == "2026-11-20T00:30:00+00:00"
    assert alert.last_seen.isoformat() == "2026-11-20T01:30:00+00:00"
    assert alert.techniques == ("TA0001",)


def test_aliyun_old_names_and_chinese_levels() -> None:
    [alert] = of(read("aliyun_sas", {"SuspEvents": [OLD]}), AlertRecord)
    assert (alert.title, alert.severity, alert.rule_id) == ("网站后门：WEBSHELL", "medium", "WEBSHELL")
    assert alert.status_hint == "closed"
    assert alert.last_seen is not None
    assert alert.last_seen.isoformat() == "2026-11-20T01:30:00+00:00"
    assert alert.assets[0].name == "web 前端 1"
    assert alert.assets[0].keys == (Key("ip", "10.0.0.5"), Key("ip", "198.51.100.5"))


@pytest.mark.parametrize(
    ("level", "expected"),
    [("serious", "critical"), ("紧急", "critical"), ("suspicious", "medium"), ("可疑", "medium"), ("remind", "low"), ("提醒", "low")],
)  # fmt: skip
def test_aliyun_level(level: str, expected: str) -> None:
    [alert] = of(read("aliyun_sas", {"SuspEvents": [EVENT | {"Level": level}]}), AlertRecord)
    assert alert.severity == expected


@pytest.mark.parametrize(
    ("status", "expected"), [(1, "open"), (2, "closed"), (8, "closed"), ("32", "closed"), (999, "")]
)
def test_aliyun_status(status: Any, expected: str) -> None:
    [alert] = of(read("aliyun_sas", {"SuspEvents": [EVENT | {"EventStatus": status}]}), AlertRecord)
    assert alert.status_hint == expected


def test_aliyun_response_in_every_wrapping_reads_the_same() -> None:
    direct = read("aliyun_sas", RESPONSE)
    java = {"suspEvents": [{key[0].lower() + key[1:]: value for key, value in EVENT.items()}]}
    for written in ({"headers": {}, "statusCode": 200, "body": RESPONSE}, [RESPONSE], [EVENT], EVENT, java):
        assert read("aliyun_sas", written) == direct, written
    assert read("aliyun_sas", json.dumps(RESPONSE) + "\n" + json.dumps(RESPONSE)) == direct * 2


def test_aliyun_alarm_detail_names_its_causes() -> None:
    detail = {"RequestId": "A", "Data": {
        "AlarmUniqueInfo": "8df9", "AlarmEventAliasName": "恶意进程", "AlarmEventDesc": "挖矿", "Level": "serious", "Type": "x",
        "InstanceName": "db-02", "IntranetIp": "10.0.0.6", "Uuid": "u", "StartTime": 1795134600000, "EndTime": 1795138200000,
        "CauseDetails": [{"Key": "k", "Value": [{"Name": "矿池域名", "Type": "text", "Value": "pool.example.net"}]}],
    }}  # fmt: skip
    [alert] = of(read("aliyun_sas", detail), AlertRecord)
    assert Indicator("domain", "pool.example.net") in alert.indicators


def test_aliyun_broken_event_is_rejected() -> None:
    events = [
        EVENT,
        {"Level": "serious"},
        EVENT | {"LastTimeStamp": None, "LastTime": "soon"},
        EVENT | {"Details": "x"},
    ]
    items = read("aliyun_sas", {"SuspEvents": events})
    assert len(of(items, AlertRecord)) == 1
    assert [position for position, _ in rejected(items)] == [f"SuspEvents[{n}]" for n in (1, 2, 3)]


VULNERABILITY: dict[str, Any] = {
    "AliasName": "CESA-2026:3197-Important: sudo security update", "Name": "oval:com.redhat.rhsa:def:20263197",
    "Necessity": "asap", "Status": 1, "Type": "cve", "Related": "CVE-2026-14287,CVE-2026-14288",
    "InstanceName": "pay-gateway-3", "InstanceId": "i-bp1example0003", "IntranetIp": "10.0.3.15",
    "InternetIp": "198.51.100.15", "Uuid": "bffb12c3-590a-4db2-b538-000000000003", "FirstTs": 1795134600000,
    "LastTs": 1795138200000, "PrimaryId": 1, "ExtendContentJson": {
        "Os": "centos", "OsRelease": "7", "cveList": ["CVE-2026-14287", "CVE-2026-14288"],
        "RpmEntityList": [{"Name": "sudo", "Version": "1.8.23", "FullVersion": "1.8.23-3.el7", "Path": "/usr/bin/sudo",
                           "MatchDetail": "sudo version less than 0:1.8.23-4.el7_7.1", "UpdateCmd": "yum update sudo"}],
    },
}  # fmt: skip


def test_aliyun_vulnerabilities_are_findings_of_every_cve() -> None:
    answer = {"RequestId": "A", "TotalCount": 1, "VulRecords": [VULNERABILITY]}
    findings = of(read("aliyun_sas", answer), FindingRecord)
    assert [finding.vulnerability for finding in findings] == ["CVE-2026-14287", "CVE-2026-14288"]
    first = findings[0]
    assert (first.severity, first.remediation, first.location) == ("high", "yum update sudo", "/usr/bin/sudo")
    assert first.component
    assert first.component.purl == "pkg:rpm/centos/sudo@1.8.23-3.el7?distro=centos-7"
    assert first.asset
    assert first.asset.keys[0] == Key("cloud_id", "i-bp1example0003")
    assert first.seen_at
    assert first.seen_at.isoformat() == "2026-11-20T01:30:00+00:00"
    assert registry.detect(source_of(answer)) == "aliyun_sas"


def test_aliyun_vulnerability_keeps_each_packages_own_remedy() -> None:
    more = VULNERABILITY["ExtendContentJson"]
    second = {"Name": "sudo-devel", "FullVersion": "1.8.23-3.el7", "UpdateCmd": "yum update sudo-devel"}
    both = {"Related": "CVE-2026-14287", "ExtendContentJson": {**more, "cveList": [],
            "RpmEntityList": [*more["RpmEntityList"], second]}}  # fmt: skip
    findings = of(read("aliyun_sas", {"VulRecords": [VULNERABILITY | both]}), FindingRecord)
    assert [finding.remediation for finding in findings] == ["yum update sudo", "yum update sudo-devel"]
    assert len({finding.key for finding in findings}) == 2


def test_aliyun_vulnerabilities_that_are_gone_or_unrated_are_named() -> None:
    records = [VULNERABILITY | change for change in ({"Status": 7}, {"Necessity": "soon"}, {"Status": 10})]
    items = read("aliyun_sas", {"VulRecords": records})
    assert [why for _, why in rejected(items)] == [
        "「Status」为 7：已修复，不是发现",
        "「Necessity」应当是 asap、later、nntf 之一，实际是 soon",
    ]
    assert {finding.suppressed for finding in of(items, FindingRecord)} == {True}


def test_aliyun_vulnerability_without_packages_or_cves_keeps_its_own_name() -> None:
    bare = VULNERABILITY | {"Related": None, "ExtendContentJson": None}
    [finding] = of(read("aliyun_sas", {"VulRecords": [bare]}), FindingRecord)
    assert (finding.vulnerability, finding.component) == ("oval:com.redhat.rhsa:def:20263197", None)
