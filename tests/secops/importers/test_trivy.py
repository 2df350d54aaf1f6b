"""Trivy: images, misconfigurations, secrets; broken entries; another tool's file."""

import copy

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.services.records import (
    ComponentRecord,
    FindingRecord,
    Key,
    ScanRecord,
    VulnerabilityRecord,
)

from .reading_aid import of, read, rejected, source_of

DIGEST = "sha256:" + "ab" * 32
IMAGE_ID = "sha256:" + "cd" * 32
REPORT = {
    "SchemaVersion": 2,
    "CreatedAt": "2026-11-20T08:30:00.123456789+08:00",
    "ArtifactName": "registry.corp.example/shop/web:1.4",
    "ArtifactType": "container_image",
    "Metadata": {
        "OS": {"Family": "debian", "Name": "12.5"},
        "ImageID": IMAGE_ID,
        "RepoTags": ["registry.corp.example/shop/web:1.4"],
        "RepoDigests": [f"registry.corp.example/shop/web@{DIGEST}"],
    },
    "Results": [
        {
            "Target": "registry.corp.example/shop/web:1.4 (debian 12.5)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Packages": [
                {
                    "ID": "openssl@3.0.11-1~deb12u2",
                    "Name": "openssl",
                    "Identifier": {"PURL": "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.5"},
                    "Version": "3.0.11",
                    "Release": "1~deb12u2",
                    "Licenses": ["Apache-2.0"],
                }
            ],
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-10001",
                    "PkgName": "openssl",
                    "PkgIdentifier": {"PURL": "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.5"},
                    "InstalledVersion": "3.0.11-1~deb12u2",
                    "FixedVersion": "3.0.13-1~deb12u1",
                    "Status": "fixed",
                    "PrimaryURL": "https://avd.example/cve-2026-10001",
                    "Title": "openssl: 示例缺陷",
                    "Description": "An example.",
                    "Severity": "HIGH",
                    "CweIDs": ["CWE-787"],
                    "CVSS": {"nvd": {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 9.8}},
                    "References": ["https://nvd.example/1"],
                    "PublishedDate": "2026-01-02T03:04:05Z",
                }
            ],
        },
        {
            "Target": "app/package-lock.json",
            "Class": "lang-pkgs",
            "Type": "npm",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "GHSA-AAAA-bbbb-cccc",
                    "PkgName": "@corp/left",
                    "InstalledVersion": "1.0.0",
                    "Severity": "UNKNOWN",
                }
            ],
        },
        {
            "Target": "Dockerfile",
            "Class": "config",
            "Type": "dockerfile",
            "Misconfigurations": [
                {
                    "ID": "DS002",
                    "AVDID": "AVD-DS-0002",
                    "Title": "以 root 运行",
                    "Message": "Specify a USER",
                    "Resolution": "Add USER",
                    "Severity": "HIGH",
                    "Status": "FAIL",
                    "CauseMetadata": {"StartLine": 3},
                },
                {"ID": "DS001", "Title": "passes", "Severity": "LOW", "Status": "PASS"},
            ],
        },
        {
            "Target": "app/.env",
            "Class": "secret",
            "Secrets": [
                {"RuleID": "aws-access-key-id", "Category": "AWS", "Severity": "CRITICAL", "Title": "AWS key",
                 "StartLine": 7, "Match": "AWS=AKIAEXAMPLEEXAMPLE12"}
            ],
        },
    ],
}  # fmt: skip


def test_trivy_image_gives_exact_records() -> None:
    items = read("trivy", REPORT)
    assert rejected(items) == []
    [openssl] = of(items, ComponentRecord)
    assert openssl.purl == "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.5"
    assert (openssl.version, openssl.distro, openssl.component_type) == (
        "3.0.11-1~deb12u2",
        "debian-12.5",
        "deb",
    )
    assert openssl.asset is not None
    assert openssl.asset.name == "registry.corp.example/shop/web:1.4"
    assert openssl.asset.keys == (
        Key("image_digest", DIGEST),
        Key("image_digest", IMAGE_ID),
        Key("image", "registry.corp.example/shop/web:1.4"),
    )
    cve, ghsa = of(items, VulnerabilityRecord)
    assert (cve.vuln_id, cve.severity, cve.cvss[0].score, cve.cwes) == (
        "CVE-2026-10001",
        "high",
        9.8,
        ("CWE-787",),
    )
    assert cve.published is not None
    assert cve.published.isoformat() == "2026-01-02T03:04:05+00:00"
    assert (ghsa.vuln_id, ghsa.severity) == ("GHSA-aaaa-bbbb-cccc", "info")


def test_trivy_findings_of_every_kind() -> None:
    vulnerable, library, config, secret = of(read("trivy", REPORT), FindingRecord)
    assert vulnerable.fixed_version == "3.0.13-1~deb12u1"
    assert vulnerable.seen_at is not None
    assert vulnerable.seen_at.isoformat() == "2026-11-20T00:30:00.123456+00:00"
    assert library.component is not None
    assert library.component.purl == "pkg:npm/%40corp/left@1.0.0"
    assert (config.kind, config.rule_id, config.location) == (
        "misconfiguration",
        "AVD-DS-0002",
        "Dockerfile:3",
    )
    assert (secret.kind, secret.location, secret.severity) == ("secret", "app/.env:7", "critical")


def test_trivy_never_keeps_the_secret() -> None:
    assert "AKIAEXAMPLE" not in repr(read("trivy", REPORT))


def test_trivy_complete_scan_says_what_it_covered() -> None:
    [scan] = of(read("trivy", REPORT), ScanRecord)
    assert scan.kinds == ("misconfiguration", "secret", "vulnerability")


def test_trivy_broken_entry_is_rejected_with_its_position_and_the_rest_goes_in() -> None:
    report = copy.deepcopy(REPORT)
    report["Results"][0]["Vulnerabilities"].insert(
        0, {"VulnerabilityID": "CVE-2026-1", "PkgName": 5, "CVSS": []}
    )
    report["Results"][1]["Vulnerabilities"].append({"PkgName": "x"})
    items = read("trivy", report)
    assert rejected(items) == [
        ("Results[0].Vulnerabilities[0]", "「CVSS」应当是 JSON 对象，实际是数组"),
        ("Results[1].Vulnerabilities[1]", "缺少必填字段「VulnerabilityID」"),
    ]
    assert len(of(items, FindingRecord)) == 4
    assert of(items, ScanRecord) == []


def test_trivy_same_order_or_not_parses_equal() -> None:
    backwards = {key: REPORT[key] for key in reversed(REPORT)}
    backwards["Results"] = [{key: result[key] for key in reversed(result)} for result in REPORT["Results"]]
    assert set(read("trivy", backwards)) == set(read("trivy", REPORT))
    assert read("trivy", REPORT, packed=True) == read("trivy", REPORT)


def test_trivy_refuses_what_is_something_else() -> None:
    with pytest.raises(InvalidInput, match="不像是 trivy"):
        read("trivy", {"hello": "world"})


def workload(name: str, *results: object, **more: object) -> dict[str, object]:
    return {"Namespace": "shop", "Kind": "Deployment", "Name": name, "Results": list(results)} | more


FLAW = {"VulnerabilityID": "CVE-2026-10009", "PkgName": "apt", "InstalledVersion": "1.8", "Severity": "LOW"}
IMAGE = {"Target": "reg/web:2 (debian 10.4)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [FLAW]}
CONFIG = {
    "Target": "Deployment/web", "Class": "config", "Type": "kubernetes",
    "Misconfigurations": [{"ID": "KSV001", "Title": "示例", "Severity": "HIGH", "Status": "FAIL", "Message": "m"}],
}  # fmt: skip


@pytest.mark.parametrize("holder", ["Resources", "Findings"])
def test_trivy_cluster_gives_findings_of_each_workload(holder: str) -> None:
    report = {"ClusterName": "prod", holder: [workload("web", IMAGE, CONFIG), workload("job", IMAGE)]}
    items = read("trivy", report)
    assert registry.detect(source_of(report)) == "trivy"
    found = [(each.asset and each.asset.name, each.rule_id) for each in of(items, FindingRecord)]
    assert found == [
        ("shop/Deployment/web", "CVE-2026-10009"),
        ("shop/Deployment/web", "KSV001"),
        ("shop/Deployment/job", "CVE-2026-10009"),
    ]
    web, job = of(items, ScanRecord)
    assert (web.asset.keys, web.kinds) == (
        (Key("application", "prod/shop/Deployment/web"),),
        ("misconfiguration", "vulnerability"),
    )
    assert job.kinds == ("vulnerability",)
    component = of(items, FindingRecord)[0].component
    assert component is not None
    assert component.distro == "debian-10.4"


def test_trivy_cluster_of_old_has_two_lists() -> None:
    report = {
        "ClusterName": "prod",
        "Vulnerabilities": [workload("web", IMAGE)],
        "Misconfigurations": [workload("web", CONFIG)],
    }
    items = read("trivy", report)
    assert len(of(items, FindingRecord)) == 2
    [scan] = of(items, ScanRecord)
    assert scan.kinds == ("misconfiguration", "vulnerability")


def test_trivy_licences_are_counted_and_named() -> None:
    licence = {"Severity": "LOW", "Name": "MIT", "PkgName": "a"}
    report = REPORT | {"Results": [{"Target": "Node.js", "Class": "license", "Licenses": [licence, licence]}]}
    assert rejected(read("trivy", report)) == [
        ("Results[0].Licenses", "2 条许可证检查结果没有导入（组件自己的许可证会随组件导入）")
    ]


def test_trivy_results_alone_are_known() -> None:
    assert registry.detect(source_of({"Results": REPORT["Results"]})) == "trivy"


def test_bare_array_of_before_020_is_read() -> None:
    old = [
        {"Target": "registry.example.com/app:1.0 (debian 10.5)", "Type": "debian", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-2020-8177", "PkgName": "curl", "InstalledVersion": "7.64.0-4", "Severity": "HIGH"}]},
        {"Target": "Gemfile.lock", "Type": "bundler", "Vulnerabilities": None},
    ]  # fmt: skip
    items = read("trivy", old)
    (found,) = of(items, FindingRecord)
    assert found.asset is not None
    assert (found.asset.asset_type, found.asset.name) == ("container_image", "registry.example.com/app:1.0")
    assert found.component is not None
    assert (found.component.purl, found.component.distro) == (
        "pkg:deb/debian/curl@7.64.0-4?distro=debian-10.5",
        "debian-10.5",
    )
    assert [scan.kinds for scan in of(items, ScanRecord)] == [("vulnerability",)]
    assert registry.detect(source_of(old)) == "trivy"
