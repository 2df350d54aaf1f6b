"""One import that says a thing twice, and the same file once more: the gravest stands, and nothing is updated."""

from dataclasses import replace

from secops_agent.importers import registry
from secops_agent.models import Component, Finding
from tests.secops.importers.reading_aid import source_of
from tests.secops.importers.test_grype import MATCH
from tests.secops.importers.test_osv import ADVISORY, MUTE, scan_of

from .inventory_aid import component, finding, flaw, host, mark, store


def brought(value, name="osv"):
    """The file, through the doors."""
    return store(*registry.parse(name, source_of(value)), at=None, digest=mark("file"))


def test_second_record_of_a_finding_adds_and_never_weakens(database):
    grave = finding(host(), "A", severity="critical", evidence="证据")
    mute = replace(grave, severity="info", evidence="", remediation="升级", suppressed=True)
    for items in ((grave, mute), (mute, grave)):
        outcome = store(*items, at=None, digest=mark("file"))
        row = Finding.objects.get()
        assert (row.severity, row.evidence, row.remediation, row.suppressed) == (
            "critical",
            "证据",
            "升级",
            False,
        )
    assert outcome.updated["finding"] == 0


def test_osv_scan_twice_changes_nothing(database):
    first, second = brought(scan_of(ADVISORY, MUTE)), brought(scan_of(ADVISORY, MUTE))
    assert Finding.objects.get().severity == "medium"
    assert (first.created["finding"], second.created["finding"]) == (1, 0)
    assert (sum(second.updated.values()), second.unchanged["finding"]) == (0, 1)


def test_components_without_an_asset_are_counted_and_named(database):
    lost = component(None, version="2.0", purl="")
    outcome = store(component(host()), lost)
    assert Component.objects.count() == 1
    assert [(each.position, each.reason) for each in outcome.rejected] == [
        ("log4j-core 2.0", "没有说明这个组件在哪个资产上：请在导入时指定资产。")
    ]
    assert "一条也没有导入" in store(lost).refusal


def test_known_flaw_by_its_other_name_is_not_updated_again(database):
    store(flaw("CVE-2026-1", aliases=("GHSA-aaaa-bbbb-cccc",)))
    outcome = store(flaw("GHSA-aaaa-bbbb-cccc"))
    assert (outcome.updated["vulnerability"], outcome.unchanged["vulnerability"]) == (0, 1)


def test_scan_that_names_nothing_is_one_asset(database):
    nothing = {"matches": [MATCH], "source": {"type": "directory", "target": ""}}
    first, second = brought(nothing, "grype"), brought(nothing, "grype")
    assert (first.created["asset"], first.created["finding"]) == (1, 1)
    assert (sum(second.created.values()), sum(second.updated.values())) == (0, 0)
