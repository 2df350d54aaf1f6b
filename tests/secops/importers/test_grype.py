"""Grype: images and directories, aliases, EPSS and KEV, ignored matches, other tools' files."""

import copy

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.services.records import (
    Affected,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Kev,
    Key,
    ScanRecord,
    VulnerabilityRecord,
)

from .reading_aid import of, read, rejected
from .test_trivy import REPORT as TRIVY

DIGEST = "sha256:" + "12" * 32
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
MATCH = {
    "vulnerability": {
        "id": "GHSA-aaaa-bbbb-cccc",
        "dataSource": "https://github.example/GHSA-aaaa-bbbb-cccc",
        "namespace": "github:language:python",
        "severity": "High",
        "urls": ["https://example.org/a"],
        "description": "Made up.",
        "cvss": [{"version": "3.1", "vector": VECTOR, "metrics": {"baseScore": 9.8}, "source": "nvd@nist.gov"}],
        "epss": [{"cve": "CVE-2026-20002", "epss": 0.42, "percentile": 0.97, "date": "2026-11-01"}],
        "knownExploited": [
            {"cve": "CVE-2026-20002", "dateAdded": "2026-10-01", "dueDate": "2026-10-22", "requiredAction": "更新",
             "knownRansomwareCampaignUse": "Known"}
        ],
        "fix": {"versions": ["2.0.1"], "state": "fixed"},
    },
    "relatedVulnerabilities": [{"id": "CVE-2026-20002", "dataSource": "https://nvd.example/2", "urls": []}],
    "matchDetails": [
        {"type": "exact-direct-match", "matcher": "python-matcher", "found": {"versionConstraint": "<2.0.1 (python)"}}
    ],
    "artifact": {
        "name": "pyfoo", "version": "2.0.0", "type": "python", "purl": "pkg:pypi/PyFoo@2.0.0",
        "locations": [{"path": "/usr/lib/python3/dist-packages/pyfoo"}], "licenses": [{"value": "MIT"}],
    },
}  # fmt: skip
REPORT = {
    "matches": [MATCH],
    "source": {
        "type": "image",
        "target": {"userInput": "shop/api:2", "imageID": DIGEST, "tags": ["shop/api:2"], "repoDigests": []},
    },
    "distro": {"name": "debian", "version": "12"},
    "descriptor": {"name": "grype", "version": "0.90.0", "timestamp": "2026-11-02T00:00:00Z"},
}


def test_grype_match_gives_exact_records() -> None:
    vulnerability, finding, scan = read("grype", REPORT)
    assert isinstance(vulnerability, VulnerabilityRecord)
    assert (vulnerability.vuln_id, vulnerability.aliases) == ("CVE-2026-20002", ("GHSA-aaaa-bbbb-cccc",))
    assert vulnerability.cvss == (Cvss("3.1", 9.8, VECTOR, "nvd@nist.gov"),)
    assert (vulnerability.epss, vulnerability.epss_percentile) == (0.42, 0.97)
    assert isinstance(vulnerability.kev, Kev)
    assert vulnerability.kev.ransomware
    assert vulnerability.affected == (
        Affected("github:language:python", "pyfoo", "pkg:pypi/pyfoo", raw="<2.0.1 (python)"),
    )
    assert isinstance(finding, FindingRecord)
    assert finding.component == ComponentRecord(
        "pyfoo", "2.0.0", "pkg:pypi/pyfoo@2.0.0", "pypi", finding.asset,
        location="/usr/lib/python3/dist-packages/pyfoo", licenses=("MIT",), source="grype",
    )  # fmt: skip
    assert (finding.severity, finding.fixed_version, finding.suppressed) == ("high", "2.0.1", False)
    assert finding.asset is not None
    assert finding.asset.keys == (Key("image_digest", DIGEST), Key("image", "shop/api:2"))
    assert isinstance(scan, ScanRecord)
    assert scan.kinds == ("vulnerability",)


def test_grype_ignored_matches_are_suppressed_findings() -> None:
    report = {**REPORT, "matches": [], "ignoredMatches": [MATCH]}
    [finding] = of(read("grype", report), FindingRecord)
    assert finding.suppressed


def test_grype_distribution_advisory_is_not_an_alias_of_its_cves() -> None:
    match = copy.deepcopy(MATCH)
    match["vulnerability"]["id"] = "RHSA-2026:0001"
    [vulnerability] = of(read("grype", {**REPORT, "matches": [match]}), VulnerabilityRecord)
    assert (vulnerability.vuln_id, vulnerability.aliases) == ("RHSA-2026:0001", ())


def test_grype_of_the_current_directory_claims_no_complete_scan() -> None:
    items = read("grype", {**REPORT, "source": {"type": "directory", "target": "."}})
    assert of(items, ScanRecord) == []
    assert len(of(items, FindingRecord)) == 1


def test_grype_of_a_list_without_a_subject_claims_no_complete_scan() -> None:
    items = read("grype", REPORT | {"source": {"type": "unknown", "target": "unknown"}})
    assert len(of(items, FindingRecord)) == 1
    assert of(items, ScanRecord) == []


def test_grype_broken_match_is_rejected_with_its_position() -> None:
    broken = copy.deepcopy(MATCH)
    broken["artifact"]["purl"] = "not a purl"
    items = read("grype", {**REPORT, "matches": [broken, MATCH, {"vulnerability": []}]})
    assert rejected(items) == [
        ("matches[0]", "purl 无效：not a purl"),
        ("matches[2]", "「vulnerability」应当是 JSON 对象，实际是数组"),
    ]
    assert len(of(items, FindingRecord)) == 1


def test_grype_and_trivy_name_each_other() -> None:
    with pytest.raises(InvalidInput, match="像是 trivy，不是 grype"):
        read("grype", TRIVY)
    with pytest.raises(InvalidInput, match="像是 grype，不是 trivy"):
        read("trivy", REPORT)


def test_grype_twice_and_packed_parses_equal() -> None:
    assert read("grype", REPORT) == read("grype", REPORT) == read("grype", REPORT, packed=True)


def test_grype_details_of_old_are_one_object() -> None:
    old = MATCH | {"matchDetails": MATCH["matchDetails"][0]}
    assert read("grype", REPORT | {"matches": [old]}) == read("grype", REPORT | {"matches": [MATCH]})
