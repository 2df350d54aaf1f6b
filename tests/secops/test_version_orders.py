"""The order of versions where a general library is not the ecosystem: Composer, pub, Maven, rpm, semantic versions."""

from itertools import pairwise

import pytest

from secops_agent.services.vulnerabilities.comparison.versions import Span, judge

ASCENDING = {
    "composer": (
        "1.0-dev", "1.0.0-alpha1", "1.0a2", "v1.0.0.0-BETA1", "1.0-RC1-dev", "1.0rc1", "1.0.0-RC.2", "1.0", "1.0pl1", "1.0.0-patch2",
        "1.0.0.1", "1.0.1", "2.0", "10.0", "2010.01.02", "20100102",
    ),
    "pub": ("1.0.0-1", "1.0.0-a.9", "1.0.0-a.b", "1.0.0", "1.0.0+9", "1.0.0+10", "1.0.0+a", "1.0.1"),
    "maven": ("1.0-alpha-1", "1.0-beta-1", "1.0-rc1", "1.0-SNAPSHOT", "1.0.RELEASE", "1.0-sp", "1.0-1", "1.0.1.Final", "1.1"),
    "rpm": ("1.0~rc1-1", "1.0-1", "1.0^git1-1", "1.0.1-1", "1.1-1.el8", "1.1-1.el8_4", "1.2-1"),
    "npm": ("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0+5", "1.0.1", "1.10.0"),
}  # fmt: skip
SAME = {
    "composer": ("v1.0", "1.0.0.0", "1.0.0-stable", "1.0.0+build"),
    "maven": ("1", "1.0", "1.0.RELEASE", "1-ga", "1.0-Final"),
    "npm": ("1.2.0", "v1.2.0", "1.2.0+a", "1.2.0+b"),
}


@pytest.mark.parametrize("scheme", ASCENDING)
def test_versions_rise_as_the_ecosystem_says(scheme):
    for lower, higher in pairwise(ASCENDING[scheme]):
        assert judge(scheme, Span("0", higher), lower).answer == "affected", (lower, higher)
        assert judge(scheme, Span("0", lower), higher).answer == "unaffected", (lower, higher)


@pytest.mark.parametrize("scheme", SAME)
def test_spellings_of_one_version_are_that_version(scheme):
    for one in SAME[scheme]:
        for other in SAME[scheme]:
            assert judge(scheme, Span("0", "", other), one).answer == "affected", (one, other)
            assert judge(scheme, Span("0", other), one).answer == "unaffected", (one, other)


@pytest.mark.parametrize(
    ("scheme", "version"),
    [
        ("composer", "dev-main"), ("composer", "1.x-dev"), ("composer", "1.2.3.4.5"), ("composer", "1.0-custom"),
        ("maven", "v1.0"), ("maven", "1.ga.1"), ("npm", "1.2.3.4"), ("npm", "1.2.3beta"), ("rpm", "1.0-"),
        ("npm", "1." + "9" * 5000), ("composer", "1." + "9" * 5000),
    ],
)  # fmt: skip
def test_what_has_no_sure_place_is_never_unaffected(scheme, version):
    assert judge(scheme, Span("0", "1.0.0"), version).answer == "unknown"
    assert judge(scheme, Span("0", version), "9.0.0").answer == "unknown"


@pytest.mark.parametrize(
    ("lower", "higher"), [("2.0.a", "2-1"), ("1.0.0.RC1", "1.0.0-2"), ("1.4.sec10", "1.4-b")]
)
def test_what_two_mavens_order_differently_is_unknown(lower, higher):
    for one, other in ((lower, higher), (higher, lower)):
        verdict = judge("maven", Span("0", other), one)
        assert verdict.answer == "unknown"
        assert "Maven 3.9" in verdict.reason
        assert one in verdict.reason
