"""One vulnerability under many names."""

import pytest

from secops_agent.models import EpssScore, Finding, Vulnerability
from secops_agent.services.records import Cvss, Kev
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter

from .inventory_aid import NOW, finding, flaw, host, later, log4j_range, queries, store

pytestmark = pytest.mark.both_databases
CVE, GHSA, CNVD = "CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q", "CNVD-2021-95919"


@pytest.mark.slow
def test_aliases_lead_to_one_record(database):
    store(flaw(GHSA, severity="high", title="", source="ghsa"))
    store(flaw(CNVD, aliases=(CVE,), source="cnvd", cvss=(Cvss("2.0", 9.3),)))
    store(flaw(CVE, aliases=(GHSA,), references=("https://a",)))
    row = Vulnerability.objects.get()
    assert (row.vuln_id, row.severity, row.sources) == (CVE, "critical", ["cnvd", "ghsa", "osv"])
    for name in (CVE, GHSA.upper(), CNVD.lower()):
        assert catalogue.lookup(name).summary.vuln_id == CVE


def test_merging_moves_findings(database):
    asset = host()
    store(flaw(GHSA), finding(asset, kind="vulnerability", vulnerability=GHSA))
    store(flaw(CVE, title="其他"))
    store(flaw(CVE, aliases=(GHSA,)))
    assert Finding.objects.get().vulnerability.vuln_id == CVE
    assert catalogue.lookup(GHSA).open_findings == 1


def test_advisory_taken_back_by_one_source_stands_while_another_knows_it(database):
    store(flaw(CVE, source="nvd"))
    store(flaw(GHSA, aliases=(CVE,), source="ghsa", withdrawn=NOW, affected=(log4j_range(),)))
    row = Vulnerability.objects.get()
    assert (row.withdrawn, row.ranges.count()) == (None, 0)
    store(flaw("CVE-2026-7", source="ghsa"))
    store(flaw("CVE-2026-7", source="ghsa", withdrawn=NOW))
    assert Vulnerability.objects.get(vuln_id="CVE-2026-7").withdrawn == NOW


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other", "stays"), [(NOW, None, None), (None, NOW, None), (NOW, NOW, NOW)])
def test_two_that_are_one_are_withdrawn_only_if_both_are(database, one, other, stays):
    store(flaw(CVE, source="nvd", withdrawn=one))
    store(flaw(GHSA, source="ghsa", withdrawn=other))
    store(flaw(GHSA, aliases=(CVE,), source="osv"))
    assert Vulnerability.objects.get().withdrawn == stays


def test_two_cves_are_never_one(database):
    store(flaw("CVE-2026-1", aliases=("GHSA-aaaa-bbbb-cccc", "CVE-2026-2")))
    store(flaw("CVE-2026-2", aliases=("GHSA-aaaa-bbbb-cccc",)))
    assert sorted(Vulnerability.objects.values_list("vuln_id", flat=True)) == ["CVE-2026-1", "CVE-2026-2"]


def test_details_of_one_file_are_united_and_a_second_time_changes_nothing(database):
    items = [
        flaw(affected=(log4j_range(),)),
        flaw(affected=(log4j_range("2.12.2"),), fixed_versions=("2.12.2",)),
    ]
    store(*items)
    before = Vulnerability.objects.values().get()
    outcome = store(*items, at=later(days=1))
    assert outcome.unchanged["vulnerability"] == 1
    assert Vulnerability.objects.values().get() == before
    assert len(catalogue.lookup(CVE).affected) == 2


def test_kev_and_epss_raise_the_priority_of_findings(database):
    asset = host()
    store(
        flaw("CVE-2026-1", severity="low"),
        finding(asset, "F1", kind="vulnerability", severity="low", vulnerability="CVE-2026-1"),
    )
    store(
        flaw("CVE-2026-2", severity="high"),
        finding(asset, "F2", kind="vulnerability", vulnerability="CVE-2026-2"),
    )
    order = lambda: [each.vuln_id for each in catalogue.search(VulnerabilityFilter()).items]  # noqa: E731
    assert order() == ["CVE-2026-2", "CVE-2026-1"]
    store(flaw("CVE-2026-1", severity="info", title="", kev=Kev(added=NOW, ransomware=True), source="kev"))
    assert order() == ["CVE-2026-1", "CVE-2026-2"]
    assert list(Finding.objects.order_by("-priority").values_list("rule_id", flat=True)) == ["F1", "F2"]
    assert catalogue.lookup("CVE-2026-1").kev == Kev(NOW, None, "", True)
    [only] = catalogue.search(VulnerabilityFilter(kev_only=True)).items
    assert only.vuln_id == "CVE-2026-1"


def test_epss_feed_is_kept_for_unknown_cves_and_taken_later(database):
    scores = [
        flaw(f"CVE-2026-{n}", severity="info", title="", epss=0.5, epss_date=NOW, source="epss")
        for n in range(5)
    ]
    outcome = store(flaw("CVE-2026-0"), *scores)
    assert (EpssScore.objects.count(), Vulnerability.objects.count()) == (5, 1)
    assert catalogue.lookup("CVE-2026-0").epss == 0.5
    assert catalogue.lookup("cve-2026-3").epss == 0.5
    assert outcome.created["vulnerability"] == 6  # the vulnerability, and five scores
    store(flaw("CVE-2026-3"))
    assert Vulnerability.objects.get(vuln_id="CVE-2026-3").epss == 0.5
    assert store(*scores, at=later(days=1)).unchanged["vulnerability"] == 5


def test_unknown_id_is_told_from_an_empty_answer(database):
    assert catalogue.lookup("CVE-1999-0001") is None
    assert not catalogue.affected_assets("CVE-1999-0001").known


def test_list_stays_within_its_query_budget(database):
    asset = host()
    store(*(flaw(f"CVE-2026-{n}") for n in range(30)))
    store(*(finding(asset, f"F{n}", kind="vulnerability", vulnerability=f"CVE-2026-{n}") for n in range(30)))
    with queries() as caught:
        page = catalogue.search(VulnerabilityFilter(severities=("critical",), limit=25))
    assert len(caught) <= 4
    assert (len(page.items), page.total, page.items[0].assets) == (25, 30, 1)


def test_an_older_score_and_a_silent_kev_take_nothing_back(database):
    """EPSS of an earlier day changes nothing; ransomware use that one source knows of stays known."""
    store(flaw(epss=0.9, epss_date=later(days=-1), kev=Kev(NOW, None, "升级", True)))
    store(flaw(epss=0.1, epss_date=later(days=-9), kev=Kev(None, None, "", False)))
    row = Vulnerability.objects.get()
    assert (row.epss, row.kev, row.ransomware, row.kev_added) == (0.9, True, True, NOW)
