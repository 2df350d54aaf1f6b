"""Findings: new, still there, gone, back; and people's decisions."""

import pytest

from secops_agent.models import Component, Finding
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Conflict
from secops_agent.services.vulnerabilities import findings
from secops_agent.services.vulnerabilities.findings import FindingFilter

from .inventory_aid import NOW, component, finding, host, later, mark, person, queries, scan, store

pytestmark = pytest.mark.both_databases


def states():
    return dict(Finding.objects.order_by("rule_id").values_list("rule_id", "state"))


@pytest.mark.slow
def test_state_goes_through_its_life(database):
    asset = host()
    store(finding(asset, "A"), finding(asset, "B"), scan(asset))
    assert states() == {"A": "new", "B": "new"}
    outcome = store(finding(asset, "A"), scan(asset), at=later(days=1))
    assert states() == {"A": "present", "B": "gone"}
    assert outcome.vanished == 1
    store(finding(asset, "A"), finding(asset, "B"), scan(asset), at=later(days=2))
    assert states() == {"A": "present", "B": "back"}
    told = [entry.changes["state"] for entry in findings.get(Finding.objects.get(rule_id="B").pk).history]
    assert told == [("gone", "back"), ("new", "gone")]


def test_same_file_twice_changes_nothing(database):
    asset = host()
    items = [finding(asset, "A"), finding(asset, "B"), scan(asset)]
    store(*items, at=None, digest=mark("file"))
    outcome = store(*items, at=None, digest=mark("file"))
    assert outcome.unchanged["finding"] == 2
    assert states() == {"A": "new", "B": "new"}


def test_scan_of_other_kind_source_or_asset_removes_nothing(database):
    mine, other = host("web-01"), host("web-02")
    store(finding(mine, "A"))
    store(scan(mine, "secret"), scan(other), scan(mine, source="grype"), at=later(days=1))
    assert states() == {"A": "new"}


def test_older_scan_that_comes_late_removes_nothing(database):
    asset = host()
    store(finding(asset, "A", seen_at=NOW))
    store(scan(asset, at=later(days=-1)))
    assert states() == {"A": "new"}


def test_broken_file_removes_nothing(database):
    from secops_agent.services.records import Rejected

    asset = host()
    store(finding(asset, "A"))
    outcome = store(
        finding(asset, "B"),
        scan(asset),
        Rejected("matches[7]", "文件在这里断了", fatal=True),
        at=later(days=1),
    )
    assert states() == {"A": "new", "B": "new"}
    assert outcome.as_dict("x")["rejected"] == [{"position": "matches[7]", "reason": "文件在这里断了"}]


def test_decision_survives_imports_and_hides_the_finding(database):
    someone, asset = person(), host()
    store(finding(asset, "A"), finding(asset, "B"))
    pk = Finding.objects.get(rule_id="A").pk
    findings.decide(pk, "accepted", Actor.person(someone, "dingtalk"), "内网")
    store(finding(asset, "A", severity="critical"), at=later(days=1))
    assert [each.rule_id for each in findings.search(FindingFilter()).items] == ["B"]
    assert [each.id for each in findings.search(FindingFilter(decision="accepted")).items] == [pk]
    with pytest.raises(Conflict):
        findings.decide(pk, "accepted", Actor.person(someone, "dingtalk"))
    findings.decide(pk, "", Actor.person(someone, "dingtalk"))
    assert [each.rule_id for each in findings.search(FindingFilter()).items] == ["A", "B"]


def test_components_that_a_scan_no_longer_has_are_retired(database):
    asset = host()
    first, second = component(asset, version="2.14.1"), component(asset, version="2.17.1")
    store(first, scan(asset, source="syft"))
    store(second, scan(asset, source="syft"), at=later(days=1))
    assert dict(Component.objects.values_list("version", "active")) == {"2.14.1": False, "2.17.1": True}


def test_finding_without_asset_is_rejected(database):
    outcome = store(finding(None, "A"), finding(host(), "B"))
    assert outcome.created["finding"] == 1
    assert "没有说明是哪个资产" in outcome.rejected[0].reason


def test_list_stays_within_its_query_budget(database):
    asset = host()
    store(*(finding(asset, f"F{n}") for n in range(40)))
    with queries() as caught:
        page = findings.search(
            FindingFilter(
                severities=("high",), asset_id=Finding.objects.values_list("asset_id", flat=True)[0]
            )
        )
    assert len(caught) <= 3
    assert (len(page.items), page.total) == (20, 40)
