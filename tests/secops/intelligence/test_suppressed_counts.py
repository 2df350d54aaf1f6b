"""What a rule closed is nobody's work: not in reports, not at handover, not among the noisy rules."""

from datetime import timedelta

import pytest
from django.utils import timezone

from secops_agent.models import SUPPRESSED, Alert
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import backlog, triage
from secops_agent.services.investigations.noise import noisy_rules
from secops_agent.services.operations.handover import _happened
from secops_agent.services.reports.archive import count
from secops_agent.services.reports.periods import Period
from secops_agent.services.suppressions import rules
from tests.secops.inventory_aid import alert, person, store

pytestmark = pytest.mark.both_databases


@pytest.fixture
def day(database):
    """Twelve that a rule closed, eleven of one rule that nobody touched, and one that a person closed."""
    now = timezone.now()
    given = {"name": "扫描", "enabled": True, "reason": "每周", "rules": ["扫描"], "severities": ["low"]}
    rules.save_suppression(given, Actor.system("test"))
    old = now - timedelta(days=8)
    muted = [alert(f"扫{n}", rule_name="扫描", severity="low", at=old) for n in range(12)]
    store(*muted, *(alert(f"吵{n}", rule_name="吵", at=old) for n in range(11)), alert("真"), at=now)
    triage.close(Alert.objects.get(dedup_key="真").pk, "true_positive", Actor.person(person(), "dingtalk"))
    return Period("daily", now - timedelta(hours=1), now + timedelta(hours=1))


@pytest.mark.slow
def test_reports_count_what_people_closed_and_name_the_rest(day):
    found = count(day).alerts
    assert (found.closed, found.suppressed) == ((("high", 1),), 12)
    assert found.closing is not None
    assert found.closing.count == 1
    assert sum(tick.closed for tick in found.course) == 1
    before = Period("daily", day.start - timedelta(hours=2), day.start)
    assert dict(count(before).alerts.open).get("low", 0) == 0


def test_handover_noise_and_the_home_page_tell_them_apart(day):
    assert "关闭 1，" in _happened(day.start)
    assert {each.rule for each in noisy_rules(day.end)} == {"吵"}
    assert backlog.suppressed(day.start - timedelta(days=30)) == 12
    row = Alert.objects.filter(SUPPRESSED).first()
    assert row.is_suppressed
    triage.reopen(row.pk, Actor.system("test"))
    assert backlog.suppressed(day.start - timedelta(days=30)) == 11
