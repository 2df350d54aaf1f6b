"""Alerts come in: repeats, severities, what people decided, and what the source says about the end."""

import pytest

from secops_agent.models import Alert, AlertEvent, History
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import backlog, triage
from secops_agent.services.records import Indicator

from .inventory_aid import NOW, alert, host, later, person, store

pytestmark = pytest.mark.both_databases("every test")


def counted(dimension="severity"):
    return sorted((each.value, each.count) for each in triage.statistics(group_by=dimension).groups)


def test_repeats_become_occurrences_of_one_alert(database):
    outcome = store(*(alert("a", n, at=later(minutes=-n)) for n in range(30)), alert("b"))
    assert outcome.created["alert"] == 2
    row = Alert.objects.get(title="规则 a")
    assert (row.count, row.first_seen, row.last_seen) == (30, later(minutes=-29), NOW)


def test_importing_twice_changes_nothing(database):
    items = [alert("a", n, assets=(host("web-01", "10.0.0.5"),), raw={"n": n}) for n in range(5)]
    store(*items)
    before = list(Alert.objects.values())
    outcome = store(*items, at=later(hours=1))
    assert (outcome.created["alert"], outcome.updated["alert"], outcome.unchanged["alert"]) == (0, 0, 1)
    assert list(Alert.objects.values()) == before
    assert outcome.unchanged["asset"] == 1


def test_new_occurrence_updates_count_and_last_seen(database):
    store(alert("a", 1))
    outcome = store(alert("a", 2, at=later(hours=2)))
    assert outcome.updated["alert"] == 1
    row = Alert.objects.get()
    assert (row.count, row.last_seen) == (2, later(hours=2))


def test_events_without_id_count_once_by_time(database):
    for _ in range(2):
        store(alert("a", event_id=""), alert("a", event_id="", at=later(seconds=1)))
    assert Alert.objects.get().count == 2
    assert AlertEvent.objects.count() == 2


def test_rising_severity_reopens_and_keeps_the_verdict(database):
    someone = person()
    store(alert("a", 1, severity="low"))
    pk = Alert.objects.get().pk
    triage.assign(pk, someone, Actor.person(someone, "dingtalk"))
    triage.close(pk, "false_positive", Actor.person(someone, "dingtalk"), "误报")
    store(alert("a", 2, severity="critical", at=later(hours=1)))
    row = Alert.objects.get()
    assert (row.severity, row.status, row.verdict, row.assignee) == (
        "critical",
        "open",
        "false_positive",
        someone,
    )
    newest = History.objects.filter(entity="alert").first()
    assert newest.changes == {"severity": ["low", "critical"], "status": ["closed", "open"]}
    assert row.due_at == later(hours=5)


def test_repeat_of_a_closed_alert_leaves_it_closed_and_counts_it(database):
    someone = person()
    store(alert("a", 1))
    pk = Alert.objects.get().pk
    triage.close(pk, "benign", Actor.person(someone, "dingtalk"))
    store(alert("a", 2, severity="info", at=later(hours=1)))
    found = triage.get(pk)
    assert (found.summary.status, found.summary.verdict, found.summary.severity) == (
        "closed",
        "benign",
        "high",
    )
    assert found.recurred == 1


def test_source_closes_only_what_nobody_has_in_hand(database):
    someone = person()
    store(alert("a", 1), alert("b", 1))
    mine = Alert.objects.get(title="规则 b")
    triage.acknowledge(mine.pk, Actor.person(someone, "dingtalk"))
    over = [alert(key, 2, at=later(hours=1), status_hint="closed") for key in "ab"]
    store(*over)
    assert dict(Alert.objects.values_list("title", "status")) == {
        "规则 a": "closed",
        "规则 b": "acknowledged",
    }
    assert Alert.objects.get(title="规则 a").count == 1
    store(alert("a", 3, at=later(hours=2)))
    assert Alert.objects.get(title="规则 a").status == "open"


def test_statistics_follow_every_change(database):
    someone = person()
    store(alert("a", 1), alert("b", 1, severity="low", assets=(host("web-01"),)))
    assert counted() == [("high", 1), ("low", 1)]
    pk = Alert.objects.get(title="规则 a").pk
    triage.close(pk, "true_positive", Actor.person(someone, "dingtalk"))
    assert counted("status") == [("closed", 1), ("open", 1)]
    assert [(each.severity, each.total) for each in backlog.levels() if each.total] == [("low", 1)]
    store(alert("b", 2, severity="critical", at=later(days=1)))
    assert counted() == [("critical", 1), ("high", 1)]


def test_assets_and_indicators_of_all_occurrences_are_kept(database):
    first = alert(
        "a", 1, assets=(host("web-01"),), indicators=(Indicator("ip", "203.0.113.5"),), raw={"n": 1}
    )
    second = alert(
        "a",
        2,
        assets=(host("db-02"),),
        indicators=(Indicator("account", "root"),),
        raw={"n": 2},
        at=later(minutes=1),
    )
    store(first)
    store(first, second)
    found = triage.get(Alert.objects.get().pk, private=True)
    assert [each.name for each in found.summary.assets] == ["web-01", "db-02"]
    assert {(each.kind, each.value) for each in found.indicators} == {
        ("ip", "203.0.113.5"),
        ("account", "root"),
    }
    assert found.raw == {"n": 2}
