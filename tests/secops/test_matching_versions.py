"""受影响, 不受影响, 无法判断: compared as the ecosystem compares, never guessed."""

import pytest

from secops_agent.models import Finding
from secops_agent.services.records import Affected
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.comparison.matching import Subject, Target, verdict
from secops_agent.services.vulnerabilities.comparison.software import (
    advisory_coordinates,
    component_coordinates,
)
from secops_agent.services.vulnerabilities.comparison.versions import Span, judge

from .inventory_aid import component, finding, flaw, host, later, log4j_range, store


@pytest.mark.parametrize(
    ("scheme", "span", "version", "answer"),
    [
        ("deb", Span("0", "1:8.9p1-3ubuntu0.10"), "1:8.9p1-3ubuntu0.4", "affected"),
        ("deb", Span("0", "3.0.13-1~deb12u1"), "3.0.13-1", "unaffected"),
        ("deb", Span("0", "1:1.2-3"), "1.2-4", "unknown"),  # the epoch is lost
        ("rpm", Span("0", "1:1.1.1k-9.el8"), "1:1.1.1k-12.el8", "unaffected"),
        ("rpm", Span("0", "0:1.1.1k-9.el8"), "1.1.1k-8.el8", "affected"),
        ("rpm", Span("0", "1:1.1.1k-9.el8"), "1.1.1k-12.el8", "unknown"),
        ("apk", Span("0", "3.1.4-r5"), "3.1.4-r2", "affected"),
        ("apk", Span("0", "3.1.4-r5"), "3.1.4-r10", "unaffected"),
        ("maven", Span("2.0-beta9", "2.15.0"), "2.0-beta8", "unaffected"),
        ("maven", Span("2.0-beta9", "2.15.0"), "2.14.1", "affected"),
        ("pypi", Span(raw=">=2.0,<2.15.0 || =1.2"), "1.2", "affected"),
        ("pypi", Span(raw="Apache Log4j 2.15 以下"), "2.1", "unknown"),
        ("npm", Span(raw="vers:npm/>=1.0.0|<2.0.0"), "2.0.0", "unaffected"),
        ("npm", Span(raw="vers:pypi/<2.0.0"), "1.0.0", "unknown"),
        ("npm", Span(raw="vers:npm/<1.0.0|>=2.0.0|<3.0.0"), "2.1.0", "affected"),
        ("npm", Span(raw="vers:npm/<1.0.0|>=2.0.0|<3.0.0"), "1.5.0", "unaffected"),
        ("npm", Span(raw="vers:npm/>=1.0.0|!=1.5.0|<2.0.0"), "1.5.0", "unaffected"),
        ("pypi", Span(raw="vers:generic/>=1.0|<2.0"), "1.2", "affected"),
        ("deb", Span(raw="vers:deb/*"), "1:1.0-1", "affected"),
        ("npm", Span(raw="vers:npm/garbage||"), "1.0.0", "unknown"),
        ("npm", Span(raw="vers:npm/<2.0.0|>=1.0.0"), "1.5.0", "unknown"),  # not sorted, so not vers
        ("npm", Span(raw="vers:npm/>=1.0.0|>=2.0.0"), "1.5.0", "unknown"),
        ("pub", Span(raw="vers:pub/<2.0.0"), "1.0.0", "affected"),
        ("pub", Span("0", "1.2.3+2"), "1.2.3+1", "affected"),
        ("composer", Span("0", "6.4.18.1"), "6.4.18.0", "affected"),
        ("composer", Span("0", "1.0RC1"), "1.0b1", "affected"),
        ("composer", Span("0", "1.0"), "dev-main", "unknown"),
        ("composer", Span("0", "1.0"), "1.2.3.4.5", "unknown"),
        ("composer", Span(raw="vers:composer/<6.4.18.1"), "6.4.18.0", "affected"),
        ("maven", Span("0", "", "4.1.0"), "4.1.0.RELEASE", "affected"),
        ("maven", Span("0", "1.2"), "v6.4.0-RC6", "unknown"),
        ("npm", Span("0", "", "1.2.3"), "1.2.3+build7", "affected"),
        ("npm", Span("0", "1.2.3"), "1.2.3.4", "unknown"),
        ("deb", Span("0", "", "1.0-0"), "1.0-00", "affected"),
        ("deb", Span(raw="< 1.2.3-1 (deb)"), "1.2.3-0", "affected"),
        ("deb", Span(raw="< 1.2.3-1 (deb)"), "1.2.3-1", "unaffected"),
        ("deb", Span(raw="< 1:1.2.3-1 (deb)"), "1.3-1", "unknown"),  # the epoch is lost
        ("pypi", Span(raw=">=2.0,<2.3 || =2.5 (python)"), "2.5", "affected"),
        ("composer", Span(raw="<6.4.18.1 (semver)"), "6.4.18.0", "affected"),
        ("pypi", Span(raw="< 1.2.3-1 (deb)"), "1.2.4", "unknown"),
        ("maven", Span(raw="< 1.2 (unknown)"), "1.3", "unknown"),
        ("npm", Span("0", "4.17.21"), "latest", "unknown"),
        ("golang", Span("0", "0.17.0"), "v0.16.0", "affected"),
        ("gem", Span("0", "", "2.2.3"), "2.2.3", "affected"),
        ("npm", Span(versions=("1.0.1", "1.0.2")), "1.0.2", "affected"),
        ("npm", Span(versions=("1.0.1",)), "1.0.3", "unaffected"),
        ("golang", Span("0", "abc123", range_type="GIT"), "1.0.0", "unknown"),
        ("swift", Span("0", "2.0.0"), "1.0.0", "unknown"),
        ("deb", Span("0"), "1.0-1", "affected"),
        ("npm", Span("0", "1.0.0"), "", "unknown"),
    ],
)
def test_judge_answers_with_its_reason(scheme, span, version, answer):
    found = judge(scheme, span, version)
    assert (found.answer, bool(found.reason)) == (answer, True)


@pytest.mark.parametrize(
    ("ecosystem", "platform", "answer"),
    [
        ("Debian:12", "debian-12", "affected"),
        ("Debian:11", "debian-12", "unknown"),
        ("Ubuntu:22.04:LTS", "debian-12", "unknown"),
        ("Debian", "debian-12", "unknown"),
        ("Debian:12", "debian", "unknown"),
        ("debian:distro:debian:12", "debian-12", "affected"),
    ],
)
def test_distribution_releases_do_not_speak_for_each_other(ecosystem, platform, answer):
    where = advisory_coordinates(ecosystem, "openssl", "")
    target = Target("deb", "openssl", where.platform, Span("0", "3.0.13-1"))
    assert verdict([target], Subject("deb", ("openssl",), "3.0.11-1", platform)).answer == answer


def test_advisory_of_another_package_says_nothing():
    assert (
        verdict(
            [Target("deb", "curl", "debian-12", Span("0"))], Subject("deb", ("openssl",), "1", "debian-12")
        )
        is None
    )


def test_one_range_that_affects_outweighs_the_others():
    subject = Subject("npm", ("lodash",), "4.17.15", "")
    targets = [
        Target("npm", "lodash", "", span)
        for span in (Span(raw="?? x"), Span("5.0.0", "5.1.0"), Span("0", "4.17.21"))
    ]
    assert verdict(targets, subject).answer == "affected"
    assert verdict(targets[:2], subject).answer == "unknown"
    assert verdict(targets[1:2], subject).answer == "unaffected"


def test_coordinates_hold_epoch_platform_and_source_package():
    purl = "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12.5&epoch=1&upstream=openssl"
    found = component_coordinates(purl, "libssl3", "3.0.11-1", "")
    assert (found.package, found.source_package, found.version, found.platform) == (
        "libssl3",
        "openssl",
        "1:3.0.11-1",
        "debian-12",
    )
    assert advisory_coordinates("Maven", "org.a:b", "").package == "org.a:b"
    assert component_coordinates("pkg:maven/org.a/b@1", "b", "1", "").package == "org.a:b"
    assert component_coordinates("pkg:pypi/Foo_Bar@1", "Foo_Bar", "1", "").package == "foo-bar"


@pytest.mark.slow
@pytest.mark.both_databases
def test_new_advisory_meets_known_components(database):
    old, new, odd = host("app-01"), host("app-02"), host("app-03")
    store(component(old), component(new, version="2.17.1"), component(odd, version="main-build"))
    outcome = store(flaw(affected=(log4j_range(),)))
    assert outcome.matched == 1
    found = catalogue.affected_assets("cve-2021-44228")
    assert [each.asset.name for each in found.affected] == ["app-01"]
    assert [each.asset.name for each in found.unaffected] == ["app-02"]
    assert found.affected[0].fixed_version == "2.15.0"
    assert found.affected[0].reason == "版本 2.14.1 低于修复版本 2.15.0"
    assert found.affected[0].sources == ("bifang",)


@pytest.mark.slow
@pytest.mark.both_databases
def test_new_component_meets_known_advisory_and_leaves_again(database):
    asset = host("app-01")
    store(flaw(affected=(log4j_range(),)))
    assert store(component(asset)).matched == 1
    assert store(component(asset), at=later(hours=1)).matched == 0
    store(
        flaw(
            affected=(Affected("Maven", "org.apache.logging.log4j:log4j-core", "", "3.0.0", "3.0.1"),),
            withdrawn=later(),
        )
    )
    assert Finding.objects.get().state == "gone"


@pytest.mark.both_databases
def test_scanner_finding_is_not_doubled(database):
    asset = host("app-01")
    part = component(asset)
    store(
        flaw(affected=(log4j_range(),)),
        part,
        finding(asset, kind="vulnerability", component=part, vulnerability="CVE-2021-44228"),
    )
    assert list(Finding.objects.values_list("source", flat=True)) == ["trivy"]
    [only] = catalogue.affected_assets("CVE-2021-44228").affected
    assert only.sources == ("trivy",)


@pytest.mark.both_databases
def test_source_package_of_a_distribution_is_matched(database):
    purl = "pkg:deb/debian/libssl3@3.0.11-1?distro=debian-12&upstream=openssl"
    store(component(host(), "libssl3", "3.0.11-1", purl, distro="debian-12"))
    outcome = store(flaw("CVE-2026-1", affected=(Affected("Debian:12", "openssl", "", "0", "3.0.13-1"),)))
    assert outcome.matched == 1


@pytest.mark.both_databases
def test_product_name_alone_is_a_reason_to_look(database):
    store(
        component(host(), "weblogic", "12.2.1", ""),
        flaw("CNVD-2026-1", affected=(Affected("", "WebLogic", raw="WebLogic 12.2.1"),)),
    )
    [only] = catalogue.affected_assets("CNVD-2026-1").unknown
    assert "没有可比较的软件包" in only.reason
