"""The demo estate: as promised, once, and gone without a trace."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from secops_agent.models import (
    Action,
    Alert,
    AlertMessage,
    Asset,
    BlockRecord,
    CaseReporting,
    CaseTask,
    Component,
    DataSource,
    DemoObject,
    Finding,
    History,
    Runbook,
    SourceHour,
    Staff,
    Vulnerability,
)
from secops_agent.services import runbooks
from secops_agent.services.alerts import indicators, triage
from secops_agent.services.alerts.triage import AlertFilter
from secops_agent.services.assets import inventory
from secops_agent.services.investigations import replays
from secops_agent.services.operations import source_watch
from secops_agent.services.reports import archive
from secops_agent.services.reports.figures import total
from secops_agent.services.vulnerabilities import catalogue

from .inventory_aid import alert, host, person, store
from .notifications import stage as notifications

TABLES = (
    Action, Alert, Asset, BlockRecord, CaseReporting, Component, DataSource, Finding, Runbook, SourceHour, Staff, Vulnerability, History, DemoObject,
)  # fmt: skip


def counts():
    return {table.__name__: table.objects.count() for table in TABLES}


@pytest.mark.slow
def test_estate_holds_what_was_promised(database):
    notifications.configure()
    notifications.rule(severities=[])
    call_command("load_demo")
    assert not AlertMessage.objects.exists(), "demo data are not news"
    now = timezone.now()
    found = counts()
    assert (found["Alert"], found["Vulnerability"], found["Runbook"]) == (300, 120, 12)
    assert (found["BlockRecord"], found["DataSource"], found["CaseReporting"]) == (4, 3, 2)
    done = (
        CaseTask.objects.exclude(done_at=None).filter(text__regex="封禁|隔离").values_list("text", flat=True)
    )
    blocked = BlockRecord.objects.values_list("target", flat=True)
    assert done
    assert all(any(target in text for target in blocked) for text in done), (
        "what is done stands in the ledger"
    )
    assert not History.objects.filter(note__contains="已封禁").exists()
    assert source_watch.watch() == 2
    assert Alert.objects.count() == 300, "what is wrong was told long ago"
    assert 55 <= found["Asset"] <= 65
    assert 380 <= found["Component"] <= 460
    assert Alert.objects.order_by("id").values_list("pk", flat=True)[0] == 1
    assert Alert.objects.filter(first_seen__gte=now - timedelta(days=14)).count() == 300
    assert Alert.objects.filter(last_seen__gt=now).count() == 0
    assert len(set(Alert.objects.values_list("source", flat=True))) == 6
    assert Vulnerability.objects.filter(kev=True).exists()
    assert Vulnerability.objects.exclude(epss=None).count() == 120
    assert [inventory.find(ip).asset.name for ip in ("10.0.0.5", "10.0.3.15")] == ["web-01", "pay-gateway-3"]
    assert dict(Staff.objects.values_list("staff_id", "role")) == {
        "manager01": "admin",
        "lisi": "analyst",
        "wangwu": "approver",
        "zhaoliu": "responder",
    }
    assert Asset.objects.filter(asset_type="host", owner=None).count() == 0

    answer_every_question()


def answer_every_question():
    now = timezone.now()
    for severity in ("critical", "high", "medium"):
        assert triage.search(AlertFilter(severities=(severity,), since=now - timedelta(hours=24))).total
    for asset in ("web-01", "db-02", "pay-gateway-3", "支付系统"):
        assert triage.search(AlertFilter(asset=asset)).total
        assert catalogue.search(catalogue.VulnerabilityFilter(asset=asset)).total
    for keyword in ("暴力破解", "挖矿", "webshell", "WAF", "HIDS"):
        assert triage.search(AlertFilter(keyword=keyword)).total
    assert triage.search(AlertFilter(keyword="WAF", since=now - timedelta(hours=2))).total
    assert triage.get(12).summary.status == "open"
    assert catalogue.affected_assets("CVE-2021-44228").affected
    assert catalogue.affected_assets("CVE-2021-4034").unknown
    assert catalogue.lookup("CVE-2024-3094").affected_assets == 0
    assert indicators.lookup("203.0.113.5").alerts.total
    assert runbooks.search("勒索病毒")[0].title == "勒索病毒应急处置"
    alerts = archive.look("this_week").figures.alerts
    assert total(alerts.new) == sum(tick.new for tick in alerts.course)
    assert triage.statistics(group_by="assignee").total == 300


@pytest.mark.slow
def test_loading_twice_changes_nothing(database):
    call_command("load_demo")
    before, rows = counts(), list(Alert.objects.values())
    call_command("load_demo")
    assert counts() == before
    assert list(Alert.objects.values()) == rows


@pytest.mark.slow
@pytest.mark.both_databases
def test_clear_removes_exactly_what_was_made(database):
    person("wangwu", "王五", "viewer")
    store(alert("mine", assets=(host("my-host"),)))
    before, mine = counts(), Alert.objects.values().get()
    call_command("load_demo")
    call_command("load_demo", "--clear")
    assert counts() == before
    assert Alert.objects.values().get() == mine
    assert Staff.objects.get().role == "viewer"
    call_command("load_demo", "--clear")
    assert counts() == before


@pytest.mark.slow
def test_clear_keeps_what_real_data_hangs_on_and_numbers_begin_anew(database):
    call_command("load_demo")
    call_command("load_demo", "--clear")
    call_command("load_demo")
    assert Alert.objects.filter(pk=12).exists()
    store(alert("real", assets=(host("web-01", "10.0.0.5"),)))
    call_command("load_demo", "--clear")
    assert [each.name for each in triage.get(Alert.objects.get().pk).summary.assets] == ["web-01"]


@pytest.mark.slow
def test_what_the_demos_people_found_follows_from_the_facts(database):
    call_command("load_demo")
    closed = Alert.objects.filter(status="closed")
    assert closed.count() == 171
    for rule, verdict in (("2034647", "true_positive"), ("webshell", "true_positive"), ("5402", "benign")):
        assert set(closed.filter(rule_id=rule).values_list("verdict", flat=True)) == {verdict}
    ours = closed.filter(rule_id="942100", indicators__value="198.51.100.7")
    assert set(ours.values_list("verdict", flat=True)) <= {"false_positive"}
    replays.run()
    found = replays.latest()
    assert (found.whole.judged, found.whole.harmless) == (171, 0)
    assert found.whole.agreement >= 45
    assert found.whole.recall >= 70
