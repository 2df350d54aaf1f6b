"""Nuclei of version 2 and 3, as JSON lines, an array, and pretty-printed objects."""

import json
from typing import Any

import pytest

from secops_agent.services.records import FindingRecord, Key, VulnerabilityRecord

from .reading_aid import of, read, rejected

V3: dict[str, Any] = {
    "template": "http/cves/2026/CVE-2026-60006.yaml",
    "template-id": "CVE-2026-60006",
    "info": {
        "name": "Example - Path Traversal",
        "author": ["someone"],
        "tags": ["cve", "cve2026"],
        "description": "d",
        "reference": ["https://example.org/d"],
        "severity": "high",
        "classification": {
            "cve-id": ["cve-2026-60006"],
            "cwe-id": ["cwe-22"],
            "cvss-metrics": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
            "cvss-score": 7.5,
            "epss-score": 0.9,
            "epss-percentile": 0.99,
        },
        "remediation": "升级",
    },
    "matcher-name": "root",
    "type": "http",
    "host": "https://shop.corp.example:8443",
    "matched-at": "https://shop.corp.example:8443/../etc/passwd",
    "extracted-results": ["root:x:0:0"],
    "request": "GET / HTTP/1.1",
    "ip": "203.0.113.9",
    "timestamp": "2026-11-04T10:00:00.000000001+08:00",
    "matcher-status": True,
}
V2: dict[str, Any] = {
    "templateID": "exposed-token",
    "info": {"name": "Exposed token", "author": "a,b", "tags": "exposure,token", "severity": "medium",
             "reference": "https://example.org/e\nhttps://example.org/f"},
    "type": "http",
    "host": "http://203.0.113.10",
    "matched": "http://203.0.113.10/.env",
    "extracted_results": None,
    "extracted-results": ["token=hunter2"],
    "timestamp": "2026-11-04T10:00:00Z",
}  # fmt: skip
NETWORK = {
    "template-id": "ssh-weak", "info": {"name": "Weak SSH", "severity": "low", "tags": ["network"]}, "type": "tcp",
    "host": "db-01.corp.example:22", "matched-at": "db-01.corp.example:22", "ip": "203.0.113.11",
}  # fmt: skip


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_nuclei_v3_gives_exact_records() -> None:
    vulnerability, finding = read("nuclei", lines(V3))
    assert isinstance(vulnerability, VulnerabilityRecord)
    assert (vulnerability.vuln_id, vulnerability.epss, vulnerability.cwes) == (
        "CVE-2026-60006",
        0.9,
        ("CWE-22",),
    )
    assert vulnerability.cvss[0].score == 7.5
    assert isinstance(finding, FindingRecord)
    assert (finding.kind, finding.severity, finding.vulnerability) == (
        "vulnerability",
        "high",
        "CVE-2026-60006",
    )
    assert finding.evidence == "匹配器：root；提取：root:x:0:0"
    assert finding.asset is not None
    assert finding.asset.keys == (
        Key("url", "https://shop.corp.example:8443"),
        Key("fqdn", "shop.corp.example"),
    )
    assert finding.seen_at is not None
    assert finding.seen_at.isoformat() == "2026-11-04T02:00:00+00:00"


def test_nuclei_v2_spellings_and_secrets() -> None:
    [finding] = of(read("nuclei", lines(V2)), FindingRecord)
    assert (finding.rule_id, finding.kind, finding.location) == (
        "exposed-token",
        "secret",
        "http://203.0.113.10/.env",
    )
    assert finding.references == ("https://example.org/e", "https://example.org/f")
    assert "hunter2" not in repr(finding)


def test_nuclei_network_hit_is_about_a_host() -> None:
    [finding] = of(read("nuclei", [NETWORK]), FindingRecord)
    assert finding.asset is not None
    assert (finding.asset.asset_type, finding.asset.ips) == ("host", ("203.0.113.11",))
    assert Key("hostname", "db-01") in finding.asset.keys


def test_nuclei_array_lines_and_pretty_objects_are_the_same() -> None:
    pretty = "\n".join(json.dumps(value, indent=2) for value in (V3, V2))
    assert read("nuclei", [V3, V2]) == read("nuclei", lines(V3, V2)) == read("nuclei", pretty)
    assert read("nuclei", lines(V3, V2), packed=True) == read("nuclei", [V3, V2])


def test_nuclei_broken_line_is_rejected_with_its_number() -> None:
    written = lines(V3) + "{broken\n\n" + lines({"template-id": "x", "info": {}}, V2)
    items = read("nuclei", written)
    positions = [position for position, _ in rejected(items)]
    assert positions == ["第 2 行", "第 4 行"]
    assert len(of(items, FindingRecord)) == 2


def test_nuclei_status_of_a_miss_is_no_finding() -> None:
    assert read("nuclei", lines(V3 | {"matcher-status": False})) == []


@pytest.mark.parametrize("written", [b"", b"\n", b"[]\n"], ids=["nothing", "blank", "array"])
def test_nuclei_without_a_hit_is_an_empty_result(written: bytes) -> None:
    assert read("nuclei", written) == []
