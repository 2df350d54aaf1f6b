"""A vulnerability that attackers use, on a core asset that the internet reaches: an alert, told once and limited like any."""

import pytest
from django.utils import timezone

from secops_agent.models import Alert, AlertPayload, Asset, Finding
from secops_agent.services.actors import Actor
from secops_agent.services.intake import exposed
from secops_agent.services.operations.periodic import OWN_JOBS
from secops_agent.services.records import Kev
from secops_agent.services.vulnerabilities import findings
from tests.secops.inventory_aid import alert, finding, flaw, host, store

from .stage import announce, configure, rule, told
from .test_bursts import pass_by

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
CVE = "CVE-2021-44228"


def exploited(*names: str, address: str = "203.0.114", importance: str = "critical") -> None:
    """Hosts with the vulnerability."""
    store(flaw(kev=Kev()))
    for n, name in enumerate(names):
        asset = host(name, f"{address}.{n + 1}")
        store(finding(asset, f"log4j-{name}", kind="vulnerability", vulnerability=CVE))
    Asset.objects.filter(name__in=names).update(importance=importance)


def test_it_is_told_once_where_a_rule_is_about_it() -> None:
    configure()
    rule(severities=["critical", "high"], rules=[exposed.RULE])
    exploited("pay-01")
    assert exposed.tell() == 1
    announce()
    (text,) = told()
    assert CVE in text
    assert "pay-01" in text
    assert exposed.tell() == 0
    announce()
    assert len(told()) == 1
    row = Alert.objects.get()
    assert (row.rule_name, [each.name for each in row.assets.all()]) == (exposed.RULE, ["pay-01"])
    assert Asset.objects.count() == 1
    assert exposed.JOB in [function for function, _, _ in OWN_JOBS]


@pytest.mark.parametrize("wrong", [{"address": "10.0.0"}, {"importance": "high"}, {"importance": ""}])
def test_what_nobody_reaches_or_is_less_important_is_no_alert(wrong: dict[str, str]) -> None:
    exploited("pay-01", **wrong)
    assert exposed.tell() == 0
    assert not Alert.objects.exists()


def test_many_of_one_vulnerability_are_one_message() -> None:
    configure()
    rule()
    exploited(*(f"pay-{n:02}" for n in range(12)))
    assert exposed.tell() == 12
    announce()
    pass_by(10)
    assert Alert.objects.count() == 12
    (text,) = told()
    assert "×12" in text, "the flood limits are those of alerts"


def test_an_alert_that_somebody_sent_under_this_rule_stops_nothing() -> None:
    store(alert("forged", rule_name=exposed.RULE, source=exposed.SOURCE, raw={"finding": "x"}))
    store(alert("purged", rule_name=exposed.RULE, source=exposed.SOURCE))
    AlertPayload.objects.filter(alert__title__contains="purged").delete()
    assert Alert.objects.filter(source=exposed.SOURCE, rule_name=exposed.RULE).count() == 2
    exploited("pay-01")
    assert exposed.tell() == 1
    assert not Alert.objects.filter(status="closed").exists()


def test_it_ends_with_the_finding_and_comes_back_with_it() -> None:
    exploited("pay-01")
    exposed.tell()
    pk, actor = Finding.objects.get().pk, Actor.system("test")
    findings.decide(pk, "fixed", actor, "已升级")
    assert exposed.tell() == 1
    assert Alert.objects.get().status == "closed"
    assert exposed.tell() == 0
    findings.decide(pk, "", actor)
    assert exposed.tell() == 1
    assert Alert.objects.get().status == "open"


def test_what_a_person_closed_or_works_on_is_left_to_them() -> None:
    exploited("pay-01", "pay-02")
    exposed.tell()
    first, second = Alert.objects.order_by("pk")
    Alert.objects.filter(pk=first.pk).update(status="closed", verdict="benign", closed_at=timezone.now())
    Alert.objects.filter(pk=second.pk).update(status="acknowledged")
    assert exposed.tell() == 0
    for pk in Finding.objects.values_list("pk", flat=True):
        findings.decide(pk, "fixed", Actor.system("test"), "已升级")
    assert exposed.tell() == 0
    assert set(Alert.objects.values_list("status", flat=True)) == {"closed", "acknowledged"}
