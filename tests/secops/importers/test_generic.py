"""Our own format: every kind of record, strictness, lines."""

import json
import re
from pathlib import Path

from secops_agent.importers import registry
from secops_agent.importers.formats.tables.generic_parts import ASSET_FIELDS, GUIDE
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Indicator,
    Key,
    ScanRecord,
    VulnerabilityRecord,
)

from .reading_aid import of, read, rejected, source_of

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "generic-format.md"
DOCUMENT = {
    "format": "bifang",
    "version": 1,
    "source": "cmdb",
    "assets": [
        {"type": "host", "fqdn": "web-01.corp.example", "ips": ["203.0.113.5"], "owner": "manager01", "importance": "高",
         "tags": ["电商"], "environment": "prod"},
    ],
    "components": [{"asset": "web-01", "name": "log4j-core", "version": "2.14.1",
                    "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}],
    "vulnerabilities": [
        {"id": "CVE-2026-80008", "aliases": ["CNVD-2026-12345"], "severity": "超危", "epss": 0.5,
         "cvss": ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"], "kev": {"added": "2026-11-01"},
         "affected": [{"ecosystem": "npm", "package": "x", "introduced": "0", "fixed": "2"}]},
    ],
    "findings": [
        {"kind": "vulnerability", "asset": "203.0.113.5", "vulnerability": "cve-2026-80008", "severity": "critical"},
        {"kind": "misconfiguration", "asset": "https://shop.example/", "title": "目录列表", "severity": "low"},
    ],
    "alerts": [
        {"title": "暴力破解", "severity": "high", "rule_id": "r1", "assets": ["web-01"], "confidence": 80, "event_id": "e1",
         "indicators": [{"type": "ip", "value": "198.51.100.7"}], "occurred_at": "2026-11-20 08:00:00",
         "techniques": ["t1110"]},
    ],
    "scans": [{"asset": "203.0.113.5", "kinds": ["vulnerability"]}],
}  # fmt: skip


def test_generic_document_gives_every_kind_of_record() -> None:
    items = read("generic", DOCUMENT)
    assert rejected(items) == []
    host = of(items, AssetRecord)[0]
    assert host.keys == (
        Key("fqdn", "web-01.corp.example"),
        Key("hostname", "web-01"),
        Key("ip", "203.0.113.5"),
    )
    assert (host.importance, host.source, host.owner) == ("high", "cmdb", "manager01")
    assert of(items, ComponentRecord)[0].component_type == "maven"
    flaw = of(items, VulnerabilityRecord)[0]
    assert (flaw.severity, flaw.aliases, flaw.cvss[0].score) == ("critical", ("CNVD-2026-12345",), 9.8)
    vulnerable, listing = of(items, FindingRecord)
    assert (vulnerable.vulnerability, vulnerable.title) == ("CVE-2026-80008", "CVE-2026-80008")
    assert listing.asset is not None
    assert listing.asset.asset_type == "website"
    [alert] = of(items, AlertRecord)
    assert alert.dedup_key == ("r1", "web-01")
    assert alert.indicators == (Indicator("ip", "198.51.100.7"),)
    assert alert.occurred_at is not None
    assert alert.occurred_at.isoformat() == "2026-11-20T00:00:00+00:00"
    assert (alert.techniques, alert.confidence) == (("T1110",), 80)
    assert len(of(items, ScanRecord)) == 1


def test_generic_lines_are_the_same_as_the_document() -> None:
    singular = {"assets": "asset", "components": "component", "vulnerabilities": "vulnerability",
                "findings": "finding", "alerts": "alert", "scans": "scan"}  # fmt: skip
    lines = "\n".join(
        json.dumps({"record": record, "source": "cmdb", **entry})
        for part, record in singular.items()
        for entry in DOCUMENT[part]
    )
    assert [item for item in read("generic", lines) if not isinstance(item, AssetRecord | ScanRecord)]
    assert len(read("generic", lines)) == len(read("generic", DOCUMENT))
    assert read("generic", lines)[0] == read("generic", DOCUMENT)[0]


def test_generic_refuses_what_is_misspelt_or_impossible() -> None:
    document = {
        "assets": [{"hostnam": "x"}, {"name": "nobody"}, {"hostname": "ok"}],
        "vulnerabilities": [
            {"id": "CVE-2026-1111", "severity": "terrible"},
            {"id": "CVE-2026-1112", "epss": 7},
        ],
        "alerts": [{"title": "t", "severity": "low", "indicators": [{"type": "ip", "value": "999.1.1.1"}]}],
        "scans": [{"asset": "web-01"}],
    }
    items, known = read("generic", document), "、".join(sorted(ASSET_FIELDS))
    assert rejected(items) == [
        ("assets[0]", f"有不认识的字段：hostnam。认识的有：{known}。写法见 {GUIDE}。"),
        ("assets[1]", "资产没有标识：至少给出 hostname、fqdn、ips、cloud_id、images、repo_url、url 等之一"),
        ("vulnerabilities[0]", "「severity」应当是 critical、high、medium、low、info 之一，实际是 terrible"),
        ("vulnerabilities[1]", "「epss」应当在 0 和 1 之间"),
        ("alerts[0]", "指标「999.1.1.1」不是有效的 ip"),
    ]
    assert of(items, ScanRecord) == []


def test_generic_examples_of_the_documentation_are_accepted() -> None:
    examples = re.findall(r"```json\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        items = read("generic", example)
        assert items
        assert rejected(items) == []


def test_array_of_records_is_read_like_lines() -> None:
    records = [
        {"record": "alert", "title": "甲"},
        {"record": "nonsense"},
        {"record": "asset", "hostname": "db-01"},
    ]
    items = read("generic", records)
    assert [type(item).__name__ for item in items] == ["AlertRecord", "Rejected", "AssetRecord"]
    assert [position for position, _ in rejected(items)] == ["[1]"]
    assert registry.detect(source_of(records)) == "generic"
