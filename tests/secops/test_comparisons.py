"""What an import stored and did not come to compare is compared by a task process: soon, once, whatever the door."""

from datetime import timedelta

import pytest
from django.utils import timezone

from secops_agent.models import Component, Finding, History, Uncompared
from secops_agent.services.intake import comparisons, ingest
from secops_agent.services.records import Affected, VexRecord
from secops_agent.services.vulnerabilities.comparison import matches, matching

from .inventory_aid import ACTOR, NOW, alert, component, finding, flaw, host, mark, queries, scan, store

pytestmark = pytest.mark.both_databases
CVE = "CVE-2026-1"
AFFECTED = flaw(CVE, affected=(Affected("PyPI", "demo", introduced="0", fixed="2.0"),))


def installed(name="web-01"):
    return component(host(name), "demo", "1.0", "pkg:pypi/demo@1.0")


def harmless():
    values = {
        "author": "示例厂商",
        "document": "EX-7",
        "version": "1",
        "justification": "component_not_present",
    }
    return VexRecord(vulnerability=CVE, status="not_affected", product="pkg:pypi/demo", said_at=NOW, **values)


@pytest.fixture
def dying(monkeypatch):
    """Imports whose process ends when the comparison begins."""

    def importing(*items, **options):
        def ends(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(matching, "refresh", ends)
            with pytest.raises(KeyboardInterrupt):
                store(*items, **options)

    return importing


def let_claims_end(until=NOW + timedelta(days=3650)):
    """As if whoever claimed up to then had not been heard of since."""
    rows = Uncompared.objects.filter(claimed_until__lt=until)
    assert rows.update(claimed_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.slow
def test_what_a_dead_import_stored_is_compared_by_others_once(database, dying):
    dying(AFFECTED, installed())
    assert comparisons.compare_left() == 0, "it might still be alive"
    assert not Finding.objects.exists()
    let_claims_end()
    assert comparisons.compare_left() > 0
    assert Finding.objects.get().source == "bifang"
    assert not Uncompared.objects.exists()
    assert comparisons.compare_left() == 0


def test_a_suppliers_word_is_followed_though_the_import_died(database, dying):
    store(AFFECTED, installed())
    dying(harmless())
    assert Finding.objects.get().decision == ""
    let_claims_end()
    comparisons.compare_left()
    assert Finding.objects.get().decision == "not_affected"
    assert History.objects.filter(entity="finding", action="vex").count() == 1


def test_a_word_is_followed_though_the_process_died_right_after_the_findings(database, monkeypatch):
    store(AFFECTED, harmless())
    with monkeypatch.context() as patched:
        patched.setattr(matches.statements, "apply", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store(installed())
    assert Finding.objects.get().decision == ""
    let_claims_end()
    comparisons.compare_left()
    assert Finding.objects.get().decision == "not_affected"


def test_the_same_file_again_says_what_it_added_itself(database, dying):
    dying(AFFECTED, installed(), digest=mark("file"))
    assert store(AFFECTED, installed(), digest=mark("file")).matched == 0
    let_claims_end()
    comparisons.compare_left()
    assert Finding.objects.count() == 1
    assert store(installed("web-02")).matched == 1


def test_messages_are_compared_though_their_mark_was_stored_with_them(database, monkeypatch):
    marked = []
    with monkeypatch.context() as patched:
        patched.setattr(matching, "refresh", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ingest.store_at_once([AFFECTED, installed()], ACTOR, received_at=NOW, beside=marked.append)
    assert marked[0].created["component"] == 1
    let_claims_end()
    comparisons.compare_left()
    assert Finding.objects.count() == 1


def test_an_import_at_work_keeps_what_is_its_own(database, monkeypatch):
    remainder = comparisons.Remainder()
    remainder.note({"component": [1]})
    let_claims_end()
    monkeypatch.setattr(comparisons, "_RENEW_S", 0)
    remainder.note({})
    assert comparisons.compare_left() == 0
    assert Uncompared.objects.count() == 1


def test_what_cannot_be_compared_holds_up_nothing_else(database, dying, monkeypatch):
    store(AFFECTED)
    for name in ("web-01", "web-02", "web-03"):
        dying(installed(name))
    let_claims_end()
    whole, broken = matching.refresh, Component.objects.get(asset__name="web-02").pk

    def refresh(*, component_ids, **more):
        return 1 / 0 if broken in component_ids else whole(component_ids=component_ids, **more)

    monkeypatch.setattr(matching, "refresh", refresh)
    assert comparisons.compare_left() == 2
    assert {row.asset.name for row in Finding.objects.all()} == {"web-01", "web-03"}
    assert comparisons.compare_left() == 0, "not again at once"
    monkeypatch.setattr(matching, "refresh", whole)
    let_claims_end()
    assert comparisons.compare_left() == 1


def test_alerts_leave_nothing_to_compare(database):
    with queries() as caught:
        store(alert("a", assets=(host(),)))
    assert not any("uncompared" in each["sql"] for each in caught.captured_queries)


def test_two_comparisons_at_once_make_one_finding(database, monkeypatch):
    """Between what the first one read and what it writes comes the second."""
    monkeypatch.setattr(matching, "refresh", lambda **_: 0)
    store(AFFECTED, installed())
    monkeypatch.undo()
    _with_another_between(monkeypatch)
    assert matching.refresh(actor=ACTOR) == 0
    assert Finding.objects.count() == 1


@pytest.mark.slow
def test_two_comparisons_at_once_tell_once_that_it_is_gone(database, monkeypatch):
    store(AFFECTED, installed())
    Component.objects.update(active=False)
    _with_another_between(monkeypatch)
    matching.refresh(actor=ACTOR)
    assert Finding.objects.get().state == "gone"
    assert History.objects.filter(entity="finding", action="match").count() == 1


def _with_another_between(monkeypatch):
    limits = matches.SlaLimits

    def meanwhile():
        monkeypatch.setattr(matches, "SlaLimits", limits)
        matching.refresh(actor=ACTOR)
        return limits()

    monkeypatch.setattr(matches, "SlaLimits", meanwhile)


def test_what_a_scanner_says_too_is_no_second_finding(database, dying):
    known = installed()
    dying(AFFECTED, known)
    store(finding(host(), CVE, kind="vulnerability", component=known, vulnerability=CVE))
    let_claims_end()
    comparisons.compare_left()
    assert [row.source for row in Finding.objects.all()] == ["trivy"]


def test_what_a_whole_scan_no_longer_has_is_compared_as_well(database):
    kept = component(host(), "other", "1.0", "pkg:pypi/other@1.0")
    ends = scan(host(), source="syft")
    store(AFFECTED, installed(), kept, ends)
    assert Finding.objects.get().state == "new"
    store(kept, ends, at=NOW + timedelta(days=1))
    assert Component.objects.get(active=True).name == "other"
    assert Finding.objects.get().state == "gone"
    assert not Uncompared.objects.exists()
