"""What arrives late, twice or empty changes no more than it knows; what people decided stays."""

import pytest

from secops_agent.models import Alert, Component, Finding
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.vulnerabilities import findings
from secops_agent.services.vulnerabilities.comparison import matching

from .inventory_aid import (
    ACTOR,
    NOW,
    alert,
    component,
    finding,
    flaw,
    host,
    later,
    log4j_range,
    person,
    scan,
    store,
)

pytestmark = pytest.mark.both_databases("every test")


def status():
    return Alert.objects.get().status


@pytest.mark.slow
def test_older_occurrence_leaves_the_newest_moment(database):
    store(alert("a", 1))
    store(alert("a", 2, at=later(days=-1)))
    row = Alert.objects.get()
    assert (row.first_seen, row.last_seen, row.count) == (later(days=-1), NOW, 2)


def test_rising_severity_never_gives_more_time(database):
    store(alert("a", 1, severity="low", at=later(days=-10)))
    due = Alert.objects.get().due_at
    store(alert("a", 2, severity="critical"))
    assert Alert.objects.get().due_at == due == later(days=-3)


def test_source_does_not_close_what_someone_was_given(database):
    someone = person()
    store(alert("a", 1))
    triage.assign(Alert.objects.get().pk, someone, Actor.person(someone, "dingtalk"))
    store(alert("a", 2, at=later(hours=1), status_hint="closed"))
    assert status() == "acknowledged"


def test_end_that_arrives_late_closes_nothing(database):
    store(alert("a", 1))
    store(alert("a", 2, at=later(hours=-1), status_hint="closed"))
    assert status() == "open"


def test_occurrence_reopens_only_what_its_source_closed_before_it(database):
    store(alert("a", 1), alert("a", 2, at=later(hours=1), status_hint="closed"))
    store(alert("a", 3, at=later(hours=1)))
    assert status() == "closed"
    store(alert("a", 4, at=later(hours=2)))
    assert status() == "open"
    someone = person()
    triage.close(Alert.objects.get().pk, "benign", Actor.person(someone, "dingtalk"))
    store(alert("a", 5, at=later(days=30)))
    assert status() == "closed"


def test_older_observation_does_not_bring_a_finding_back(database):
    asset = host()
    store(finding(asset, "A"), scan(asset))
    store(scan(asset), at=later(days=2))
    store(finding(asset, "A", seen_at=later(days=1)), at=later(days=3))
    row = Finding.objects.get()
    assert (row.state, row.active) == ("gone", False)
    store(finding(asset, "A"), at=later(days=4))
    row = Finding.objects.get()
    assert (row.state, row.active, row.gone_at, row.last_seen) == ("back", True, None, later(days=4))


def test_poorer_and_older_observation_erases_nothing(database):
    asset = host()
    store(finding(asset, "A", fixed_version="2.0", remediation="升级"))
    store(finding(asset, "A", seen_at=later(days=-1)))
    row = Finding.objects.get()
    assert (row.fixed_version, row.remediation, row.first_seen, row.last_seen) == (
        "2.0",
        "升级",
        later(days=-1),
        NOW,
    )


def test_own_findings_keep_a_decision_when_the_component_goes_and_returns(database):
    store(flaw(affected=(log4j_range(),)), component(host()))
    row = Finding.objects.get(source=matching.matches.SOURCE)
    findings.decide(row.pk, "accepted", Actor.person(person(), "dingtalk"))
    seen = []
    for active in (False, True):
        Component.objects.update(active=active)
        assert bool(list(matching.match())) == active
        matching.refresh(actor=ACTOR)
        seen.append(Finding.objects.get())
    gone, back = seen
    assert (gone.state, gone.active, gone.last_seen) == ("gone", False, row.last_seen)
    assert (back.state, back.active, back.gone_at) == ("back", False, None)
    assert back.last_seen > row.last_seen


def test_component_that_a_scan_missed_returns_with_the_next(database):
    store(component(host()))
    Component.objects.update(active=False)
    store(component(host()), at=later(days=1))
    assert Component.objects.get().active


def test_overdue_is_what_is_late_and_not_closed(database):
    store(alert("a", at=later(days=-90)), alert("b", at=later(days=-90)), alert("c", severity="info"))
    done = Alert.objects.get(title="规则 b")
    triage.close(done.pk, "benign", Actor.person(person(), "dingtalk"))
    found = triage.search(AlertFilter(overdue=True)).items
    assert [each.title for each in found] == ["规则 a"]
