"""A rule goes on, off and over while alerts come in: each alert is either shown or suppressed, and counted once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from secops_agent.models import SUPPRESSED, Alert, History, SuppressionRule
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.suppressions import rules
from tests.secops.inventory_aid import alert, store

pytestmark = [
    pytest.mark.both_databases, pytest.mark.slow, pytest.mark.django_db(transaction=True),
]  # fmt: skip
SYSTEM = Actor.system("test")
RULE = {"name": "扫描", "enabled": True, "reason": "每周", "rules": ["扫描"], "severities": ["low"]}
ROUNDS, EACH = 6, 15


def test_a_rule_that_changes_during_intake_leaves_no_alert_between(database):
    rule = rules.save_suppression(RULE, SYSTEM)
    done, faults = threading.Event(), []

    def change():
        try:
            step = 0
            while not done.wait(0.005):
                step += 1
                past = timezone.now() - timedelta(seconds=1)
                SuppressionRule.objects.filter(pk=rule.pk).update(expires_at=past if step % 2 else None)
                if step % 3 == 0:
                    rules.switch_off(rule.pk, SYSTEM)
                    rules.save_suppression(RULE, SYSTEM)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    def take(part):
        try:
            for number in range(ROUNDS):
                store(*(alert(f"{part}-{n}", number, rule_name="扫描", severity="low") for n in range(EACH)))
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    changer = threading.Thread(target=change)
    takers = [threading.Thread(target=take, args=(part,)) for part in range(2)]
    for thread in (changer, *takers):
        thread.start()
    for thread in takers:
        thread.join(120)
    done.set()
    changer.join(30)
    assert not faults
    _demand_whole()


def _demand_whole():
    shown = Alert.objects.filter(status=AlertStatus.OPEN, suppressed_by=None, closed_at=None)
    assert Alert.objects.filter(SUPPRESSED).count() + shown.count() == Alert.objects.count() == 2 * EACH
    assert set(Alert.objects.values_list("count", flat=True)) == {ROUNDS}
    told = History.objects.filter(entity="alert")
    turns = told.filter(action="suppress").count() - told.filter(action="lift").count()
    assert turns == Alert.objects.filter(SUPPRESSED).count()
    assert Alert.objects.filter(status=AlertStatus.CLOSED).count() == Alert.objects.filter(SUPPRESSED).count()
