"""Time limits of alerts: at risk and broken are told once, only where a rule is about them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from bifang.channels.models import OutboxRow
from secops_agent.models import Alert, AlertMessage
from secops_agent.services.alerts import triage
from secops_agent.services.notifications import silences
from secops_agent.services.operations import deadlines
from tests.secops.inventory_aid import ACTOR, alert, store

from . import stage
from .test_messages import age

pytestmark = pytest.mark.both_databases
BOTH = ["sla_at_risk", "sla_broken"]
BOSS = {"kind": "group", "config": "钉钉", "conversation_id": "cidBoss"}


@pytest.fixture(autouse=True)
def config(database):
    return stage.configure()


def due_in(minutes):
    """All alerts must be closed so many minutes from now."""
    Alert.objects.update(due_at=timezone.now() + timedelta(minutes=minutes))


def pass_by():
    while deadlines.watch():
        pass
    age(120)
    stage.announce()


@pytest.mark.slow
def test_limit_is_told_when_it_is_near_and_when_it_has_passed_each_once(database):
    stage.rule(on=["new", *BOTH])
    stage.rule(name="主管", severities=[], on=["sla_broken"], targets=[BOSS])
    store(alert(severity="critical", at=timezone.now()))
    pass_by()
    due_in(30)
    for _ in range(2):
        pass_by()
    assert len(stage.told()) == 2
    assert "⏰ 处理时限还剩 30 分钟" in stage.told()[1]
    assert stage.told("cidBoss") == []
    due_in(-1)
    for _ in range(2):
        pass_by()
    assert len(stage.told()) == 3
    assert "⏰ 处理时限已超时 1 分钟" in stage.told()[2]
    assert len(stage.told("cidBoss")) == 1


@pytest.mark.parametrize(
    ("severity", "minutes", "told"),
    [("critical", 31, 0), ("critical", 29, 1), ("low", 21 * 60 + 1, 0), ("low", 21 * 60 - 1, 1)],
)
def test_risk_begins_with_the_last_eighth_of_the_time(database, severity, minutes, told):
    stage.rule(severities=[], on=["sla_at_risk"])
    store(alert(severity=severity, at=timezone.now()))
    due_in(minutes)
    pass_by()
    assert len(stage.told()) == told


def test_rule_that_is_not_about_limits_says_nothing_of_them(database):
    stage.rule()
    store(alert(at=timezone.now()))
    pass_by()
    due_in(-5)
    pass_by()
    store(alert(number=1, at=timezone.now()))
    pass_by()
    assert len(stage.told()) == 1


def test_closed_alert_breaks_nothing(database):
    stage.rule(on=BOTH)
    store(alert(at=timezone.now()))
    triage.close(Alert.objects.get().pk, "benign", ACTOR)
    due_in(-5)
    pass_by()
    assert stage.told() == []


def test_alert_that_comes_too_late_is_new_and_broken_at_once(database):
    stage.rule(on=["sla_broken"])
    store(alert(at=timezone.now() - timedelta(days=9)))
    pass_by()
    assert len(stage.told()) == 1
    assert "已超时" in stage.told()[0]


MANY = 40


@pytest.mark.slow
def test_many_limits_at_once_are_one_summary(database):
    stage.rule(on=["new", "sla_broken"])
    store(*(alert(f"k{number}", at=timezone.now()) for number in range(MANY)))
    stage.announce()
    age(300)
    stage.announce()
    before = len(stage.told())
    due_in(-1)
    pass_by()
    age(300)
    stage.announce()
    assert len(stage.told()) - before <= 2
    assert f"{MANY} 条告警" in stage.told()[-1]


def test_silence_and_limits(database):
    stage.rule(on=["sla_broken"])
    store(alert(at=timezone.now()))
    silences.silence("source", "suricata", 60, ACTOR)
    due_in(-1)
    pass_by()
    assert stage.told() == []
    assert AlertMessage.objects.filter(kind="group").get().state == "held"


def test_several_workers_note_a_limit_once(database):
    stage.rule(on=["sla_broken"])
    store(*(alert(f"k{number}", at=timezone.now()) for number in range(20)))
    due_in(-1)

    def work(_):
        try:
            return deadlines.watch()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 20
    stage.announce()
    age(10)
    stage.announce()
    assert "20 条告警" in OutboxRow.objects.get().text
    assert set(AlertMessage.objects.filter(burst="").values_list("wanted", flat=True)) == {1}


def test_what_was_noted_in_a_transaction_that_died_is_noted_again(database, monkeypatch):
    stage.rule(on=["sla_broken"])
    store(alert(at=timezone.now()))
    due_in(-1)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deadlines, "note_changes", die)
        with pytest.raises(KeyboardInterrupt):
            deadlines.watch()
    pass_by()
    assert len(stage.told()) == 1
