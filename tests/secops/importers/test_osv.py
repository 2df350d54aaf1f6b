"""OSV advisories and osv-scanner results."""

import json
from typing import Any

import pytest

from secops_agent.services.records import (
    Affected,
    ComponentRecord,
    FindingRecord,
    Key,
    ScanRecord,
    VulnerabilityRecord,
)

from .reading_aid import of, read, rejected

ADVISORY: dict[str, Any] = {
    "schema_version": "1.6.0",
    "id": "GHSA-dddd-eeee-ffff",
    "aliases": ["CVE-2026-50005"],
    "modified": "2026-10-02T00:00:00Z",
    "published": "2026-10-01T00:00:00Z",
    "summary": "示例",
    "details": "long",
    "severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "barlib"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "2.0"},
                                                 {"last_affected": "2.3"}]},
                {"type": "GIT", "repo": "https://git.example/b", "events": [{"introduced": "0"}, {"fixed": "abc"}]},
            ],
            "versions": ["1.0", "1.1"],
        }
    ],
    "references": [{"type": "WEB", "url": "https://example.org/c"}],
    "database_specific": {"severity": "MODERATE", "cwe_ids": ["CWE-20"]},
}  # fmt: skip
PURL = "pkg:pypi/barlib"


def test_osv_advisory_gives_one_exact_record() -> None:
    [record] = read("osv", ADVISORY)
    assert isinstance(record, VulnerabilityRecord)
    assert (record.vuln_id, record.aliases) == ("CVE-2026-50005", ("GHSA-dddd-eeee-ffff",))
    assert (record.severity, record.cvss[0].version, record.cvss[0].score) == ("medium", "4.0", 9.3)
    assert record.affected == (
        Affected("PyPI", "barlib", PURL, "0", "1.2", range_type="ECOSYSTEM"),
        Affected("PyPI", "barlib", PURL, "2.0", "", "2.3", range_type="ECOSYSTEM"),
        Affected("PyPI", "barlib", PURL, "0", "abc", range_type="GIT"),
        Affected("PyPI", "barlib", PURL, versions=("1.0", "1.1")),
    )
    assert (record.fixed_versions, record.cwes) == (("1.2",), ("CWE-20",))


@pytest.mark.parametrize(
    "written",
    [
        json.dumps([ADVISORY, ADVISORY | {"id": ""}, ADVISORY | {"id": "GHSA-1111-2222-3333", "aliases": []}]),
        "\n".join(json.dumps(ADVISORY | change) for change in ({}, {"id": ""}, {"id": "GHSA-1111-2222-3333", "aliases": []})),
    ],
    ids=["array", "lines"],
)  # fmt: skip
def test_osv_many_advisories_reject_only_the_broken_one(written: str) -> None:
    items = read("osv", written)
    assert [record.vuln_id for record in of(items, VulnerabilityRecord)] == [
        "CVE-2026-50005",
        "GHSA-1111-2222-3333",
    ]
    assert rejected(items) == [("[1]" if written.startswith("[") else "第 2 行", "缺少必填字段「id」")]


def test_osv_pretty_printed_advisory_is_one_document() -> None:
    assert read("osv", json.dumps(ADVISORY, indent=2)) == read("osv", ADVISORY)


def test_osv_distribution_record_of_a_cve_is_that_cve() -> None:
    [record] = of(read("osv", ADVISORY | {"id": "DEBIAN-CVE-2026-50006", "aliases": []}), VulnerabilityRecord)
    assert (record.vuln_id, record.aliases) == ("CVE-2026-50006", ("DEBIAN-CVE-2026-50006",))


SCAN = {
    "results": [
        {
            "source": {"path": "/srv/shop/requirements.txt", "type": "lockfile"},
            "packages": [
                {
                    "package": {"name": "barlib", "version": "1.1", "ecosystem": "PyPI"},
                    "vulnerabilities": [ADVISORY],
                    "groups": [
                        {"ids": ["GHSA-dddd-eeee-ffff"], "experimentalAnalysis": {"GHSA-dddd-eeee-ffff": {"called": False}}}
                    ],
                },
                {"package": {"name": "bash", "version": "5.2-1", "ecosystem": "Debian:12"}},
            ],
        }
    ],
    "experimental_config": {},
}  # fmt: skip


def test_osv_scanner_gives_components_and_findings() -> None:
    items = read("osv", SCAN)
    library, bash = of(items, ComponentRecord)
    assert (library.purl, library.location) == ("pkg:pypi/barlib@1.1", "/srv/shop/requirements.txt")
    assert (bash.purl, bash.distro) == ("pkg:deb/debian/bash@5.2-1?distro=debian-12", "debian-12")
    [finding] = of(items, FindingRecord)
    assert (finding.vulnerability, finding.fixed_version, finding.suppressed) == (
        "CVE-2026-50005",
        "1.2",
        True,
    )
    assert finding.asset is not None
    assert finding.asset.keys == (Key("path", "/srv/shop"),)
    assert len(of(items, ScanRecord)) == 1
    assert items == read("osv", SCAN, packed=True)


def test_osv_scanner_broken_package_is_rejected() -> None:
    scan = {
        "results": [{**SCAN["results"][0], "packages": [{"package": {}}, *SCAN["results"][0]["packages"]]}]
    }
    items = read("osv", scan)
    assert rejected(items) == [("results[0].packages[0]", "缺少必填字段「commit」")]
    assert len(of(items, ComponentRecord)) == 2
    assert of(items, ScanRecord) == []


def scan_of(*advisories: dict[str, Any], **more: Any) -> dict[str, Any]:
    package = {
        "package": {"name": "barlib", "version": "1.1", "ecosystem": "PyPI"},
        "vulnerabilities": list(advisories),
    }
    return {
        "results": [{"source": {"path": "/srv/shop/lock", "type": "lockfile"}, "packages": [package | more]}]
    }


MUTE = {
    "id": "PYSEC-2026-7",
    "aliases": ["CVE-2026-50005", "GHSA-dddd-eeee-ffff"],
    "modified": "2026-10-02T00:00:00Z",
}


@pytest.mark.parametrize("order", [(ADVISORY, MUTE), (MUTE, ADVISORY)], ids=["mute-last", "mute-first"])
def test_osv_alias_without_severity_overwrites_nothing(order: tuple[dict[str, Any], ...]) -> None:
    [finding] = of(read("osv", scan_of(*order)), FindingRecord)
    assert (finding.vulnerability, finding.severity, finding.fixed_version) == (
        "CVE-2026-50005",
        "medium",
        "1.2",
    )
    assert (finding.rule_id, finding.description) == ("GHSA-dddd-eeee-ffff", "示例")


def test_osv_advisories_of_one_flaw_without_cve_are_one_finding() -> None:
    rust = ADVISORY | {
        "id": "RUSTSEC-2026-0009",
        "aliases": ["GHSA-1111-2222-3333"],
        "database_specific": {},
        "severity": [],
    }
    github = ADVISORY | {"id": "GHSA-1111-2222-3333", "aliases": ["RUSTSEC-2026-0009"]}
    for order in ((rust, github), (github, rust)):
        [finding] = of(read("osv", scan_of(*order)), FindingRecord)
        assert (finding.vulnerability, finding.severity) == ("GHSA-1111-2222-3333", "medium")


def test_osv_two_cves_stay_two_findings() -> None:
    other = ADVISORY | {"id": "GHSA-9999-8888-7777", "aliases": ["CVE-2026-50009"]}
    found = of(read("osv", scan_of(ADVISORY, other)), FindingRecord)
    assert [each.vulnerability for each in found] == ["CVE-2026-50005", "CVE-2026-50009"]


def test_osv_scanner_score_counts_where_no_advisory_has_one() -> None:
    groups = [{"ids": ["PYSEC-2026-7"], "aliases": [], "max_severity": "9.8"}]
    [finding] = of(read("osv", scan_of(MUTE, groups=groups)), FindingRecord)
    assert finding.severity == "critical"


def test_osv_flaw_is_set_aside_only_if_every_advisory_is() -> None:
    groups = [{"ids": ["PYSEC-2026-7"], "experimentalAnalysis": {"PYSEC-2026-7": {"called": False}}}]
    assert not of(read("osv", scan_of(ADVISORY, MUTE, groups=groups)), FindingRecord)[0].suppressed
