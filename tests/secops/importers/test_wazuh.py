"""Wazuh: alerts of every kind, vulnerabilities, index exports, the payloads of its integrations."""

import json
from typing import Any

import pytest

from secops_agent.importers.base import Options
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    FindingRecord,
    Indicator,
    Key,
    ScanRecord,
    VulnerabilityRecord,
)

from .reading_aid import of, read, rejected

ALERT: dict[str, Any] = {
    "timestamp": "2026-11-20T08:30:00.123+0800",
    "rule": {
        "level": 10,
        "description": "sshd: brute force trying to get access to the system.",
        "id": "5712",
        "mitre": {"id": ["T1110"], "tactic": ["Credential Access"], "technique": ["Brute Force"]},
        "frequency": 8,
        "firedtimes": 1,
        "mail": False,
        "groups": ["syslog", "sshd", "authentication_failures"],
    },
    "agent": {"id": "001", "name": "web-01", "ip": "10.0.0.5"},
    "manager": {"name": "wazuh-manager"},
    "id": "1795134600.12345",
    "full_log": "Nov 20 08:30:00 web-01 sshd[811]: Failed password for root from 203.0.113.66 port 40001 ssh2",
    "predecoder": {"program_name": "sshd", "hostname": "web-01"},
    "decoder": {"name": "sshd"},
    "data": {"srcip": "203.0.113.66", "srcport": "40001", "dstuser": "root"},
    "location": "/var/log/auth.log",
}
STATE: dict[str, Any] = {
    "agent": {"id": "002", "name": "db-02", "type": "Wazuh", "version": "v4.9.0"},
    "host": {
        "os": {"full": "Ubuntu 22.04.5 LTS", "platform": "ubuntu", "version": "22.04.5", "type": "linux"}
    },
    "package": {
        "architecture": "amd64",
        "name": "openssl",
        "type": "deb",
        "version": "3.0.2-0ubuntu1.10",
        "path": " ",
    },
    "vulnerability": {
        "category": "Packages",
        "classification": "CVSS",
        "description": "An example.",
        "detected_at": "2026-11-19T02:00:00.000Z",
        "enumeration": "CVE",
        "id": "CVE-2026-10001",
        "published_at": "2026-10-01T00:00:00Z",
        "reference": "https://a.example/1, https://b.example/2",
        "scanner": {"vendor": "Wazuh"},
        "score": {"base": 7.5, "version": "3.1"},
        "severity": "High",
        "under_evaluation": False,
    },
    "wazuh": {"cluster": {"name": "wazuh-manager"}, "schema": {"version": "1.0.0"}},
}


def test_wazuh_alert_gives_exact_record() -> None:
    [alert] = of(read("wazuh", ALERT), AlertRecord)
    assert (alert.severity, alert.rule_id, alert.techniques) == ("medium", "5712", ("T1110",))
    assert alert.dedup_key == ("5712", "wazuh:001", "203.0.113.66")
    assert alert.event_id == "1795134600.12345||wazuh-manager"
    [asset] = alert.assets
    assert asset.keys == (Key("agent_id", "wazuh:001"), Key("hostname", "web-01"), Key("ip", "10.0.0.5"))
    assert alert.indicators == (Indicator("ip", "203.0.113.66"), Indicator("account", "root"))
    assert alert.occurred_at is not None
    assert alert.occurred_at.isoformat() == "2026-11-20T00:30:00.123000+00:00"
    assert alert.description.startswith("Nov 20 08:30:00")


@pytest.mark.parametrize(
    ("level", "expected"),
    [(3, "low"), (6, "low"), (7, "medium"), (11, "medium"), (12, "high"), (14, "high"), (15, "critical"), (16, "critical")],
)  # fmt: skip
def test_wazuh_level(level: int, expected: str) -> None:
    [alert] = of(read("wazuh", ALERT | {"rule": ALERT["rule"] | {"level": level}}), AlertRecord)
    assert alert.severity == expected


def test_wazuh_file_change_and_windows_event_give_indicators() -> None:
    change = {"path": "/etc/passwd", "event": "modified", "sha256_after": "ab" * 32, "uname_after": "root"}
    windows = {"win": {"eventdata": {
        "targetUserName": "zhangsan", "ipAddress": "203.0.113.9", "image": "C:\\Windows\\cmd.exe",
        "hashes": f"MD5={'CD' * 16},SHA256={'EF' * 32}", "queryName": "c2.example.net",
    }, "system": {"message": "An account failed to log on."}}}  # fmt: skip
    fim, logon = of(
        read("wazuh", [ALERT | {"syscheck": change, "data": None}, ALERT | {"data": windows}]), AlertRecord
    )
    assert fim.dedup_key[2] == "/etc/passwd"
    assert {Indicator("file", "/etc/passwd"), Indicator("hash", "ab" * 32)} <= set(fim.indicators)
    assert {(item.kind, item.value) for item in logon.indicators} == {
        ("ip", "203.0.113.9"), ("account", "zhangsan"), ("domain", "c2.example.net"), ("process", "C:\\Windows\\cmd.exe"),
        ("hash", "cd" * 16), ("hash", "ef" * 32),
    }  # fmt: skip


def test_wazuh_syslog_of_a_device_belongs_to_the_device() -> None:
    device = ALERT | {
        "agent": {"id": "000", "name": "wazuh-manager"},
        "predecoder": {"hostname": "fw-01"},
        "location": "10.0.0.254",
    }
    [alert] = of(read("wazuh", device), AlertRecord)
    assert [asset.keys for asset in alert.assets] == [(Key("hostname", "fw-01"), Key("ip", "10.0.0.254"))]


def test_wazuh_state_gives_vulnerability_and_finding() -> None:
    items = read("wazuh", STATE)
    [flaw], [finding] = of(items, VulnerabilityRecord), of(items, FindingRecord)
    assert (flaw.vuln_id, flaw.severity, flaw.cvss[0].score, flaw.cvss[0].version) == (
        "CVE-2026-10001",
        "high",
        7.5,
        "3.1",
    )
    assert flaw.references == ("https://a.example/1", "https://b.example/2")
    assert finding.component is not None
    assert finding.component.purl == "pkg:deb/ubuntu/openssl@3.0.2-0ubuntu1.10?distro=ubuntu-22.04.5"
    assert finding.asset is not None
    assert finding.asset.keys == (Key("agent_id", "wazuh:002"), Key("hostname", "db-02"))
    assert finding.vulnerability == "CVE-2026-10001"
    assert of(items, ScanRecord) == []


def test_wazuh_version_five_keeps_the_agent_elsewhere() -> None:
    newer = {key: value for key, value in STATE.items() if key != "agent"} | {
        "wazuh": {
            "agent": {"id": "003", "name": "pay", "host": {"hostname": "pay-gateway-3", "ip": ["10.0.3.15"]}}
        }
    }
    [finding] = of(read("wazuh", newer), FindingRecord)
    assert finding.asset is not None
    assert Key("hostname", "pay-gateway-3") in finding.asset.keys
    assert finding.asset.ips == ("10.0.3.15",)


def test_wazuh_detector_alert_is_a_finding_and_solved_is_none() -> None:
    detected = {
        "cve": "CVE-2026-10002", "title": "示例缺陷", "severity": "Critical", "status": "Active",
        "package": {"name": "curl", "version": "7.81.0", "architecture": "amd64", "condition": "Package less than 7.82"},
        "cvss": {"cvss3": {"base_score": "9.8"}}, "references": ["https://c.example/3"],
    }  # fmt: skip
    lines = [ALERT | {"data": {"vulnerability": detected | change}} for change in ({}, {"status": "Solved"})]
    items = read("wazuh", "\n".join(map(json.dumps, lines)))
    [finding] = of(items, FindingRecord)
    assert of(items, AlertRecord) == []
    assert (finding.vulnerability, finding.severity) == ("CVE-2026-10002", "critical")
    assert finding.component is not None
    assert (finding.component.name, finding.component.purl) == ("curl", "")


def test_wazuh_index_exports_read_the_same() -> None:
    direct = read("wazuh", [ALERT, STATE])
    hits = [
        {"_index": "wazuh-alerts-4.x", "_id": str(n), "_source": value}
        for n, value in enumerate((ALERT, STATE))
    ]
    assert read("wazuh", {"took": 3, "hits": {"total": {"value": 2}, "hits": hits}}) == direct
    assert read("wazuh", "\n".join(map(json.dumps, hits))) == direct


def test_wazuh_integrations_read_as_they_are_sent() -> None:
    shuffle = {"severity": 2, "pretext": "WAZUH Alert", "title": "t", "rule_id": "5712", "all_fields": ALERT}
    assert read("wazuh", shuffle) == read("wazuh", ALERT)
    slack = {"attachments": [{
        "color": "warning", "pretext": "WAZUH Alert", "title": ALERT["rule"]["description"], "text": ALERT["full_log"],
        "fields": [{"title": "Agent", "value": "(001) - web-01"}, {"title": "Location", "value": "/var/log/auth.log"},
                   {"title": "Rule ID", "value": "5712 _(Level 10)_"}],
        "ts": "1795134600.12345",
    }]}  # fmt: skip
    [alert] = of(read("wazuh", slack), AlertRecord)
    assert (alert.rule_id, alert.severity, alert.assets[0].name) == ("5712", "medium", "web-01")
    assert alert.occurred_at is not None
    assert alert.occurred_at.isoformat() == "2026-11-20T00:30:00+00:00"


def test_wazuh_broken_lines_are_rejected() -> None:
    lines = [
        ALERT,
        ALERT | {"rule": {"level": 3}},
        {"manager": {}},
        ALERT | {"timestamp": "spät"},
        STATE | {"package": {}},
    ]
    items = read("wazuh", "\n".join(map(json.dumps, lines)) + "\n{broken")
    assert len(of(items, AlertRecord)) == 1
    assert [position for position, _ in rejected(items)] == [f"第 {n} 行" for n in (2, 3, 4, 5, 6)]


def test_wazuh_listing_of_an_agent_gives_its_findings() -> None:
    """The API's answer before 4.8; it does not say whose packages these are."""
    entry = {
        "name": "curl", "version": "7.88.1", "cve": "CVE-2026-20009", "type": "PACKAGE", "cvss2_score": 0, "cvss3_score": 6.5,
        "severity": "Medium", "title": "示例", "status": "VALID", "detection_time": "2026-11-13T22:11:57+00:00",
        "external_references": ["https://example.com/a"], "architecture": "amd64", "condition": "Package less than 8",
    }  # fmt: skip
    listing = {"data": {"affected_items": [entry, entry | {"name": ""}], "total_affected_items": 2}}
    mine = AssetRecord("host", "web-01", (Key("hostname", "web-01"),))
    items = read("wazuh", listing, Options(asset=mine))
    [finding], [flaw] = of(items, FindingRecord), of(items, VulnerabilityRecord)
    assert (finding.asset, finding.vulnerability, finding.severity) == (mine, "CVE-2026-20009", "medium")
    assert (flaw.cvss[0].score, finding.references) == (6.5, ("https://example.com/a",))
    assert rejected(items) == [("data.affected_items[1]", "缺少必填字段「name」")]
    named = {
        "data": {
            "affected_items": [entry | {"agent_name": "db-01", "agent_ip": "10.0.0.9"}],
            "total_affected_items": 1,
        }
    }
    [other] = of(read("wazuh", named), FindingRecord)
    assert other.asset is not None
    assert other.asset.keys == (Key("hostname", "db-01"), Key("ip", "10.0.0.9"))
    assert read("wazuh", {"data": {"affected_items": [], "total_affected_items": 0}}) == []
