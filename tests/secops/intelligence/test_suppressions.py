"""Suppression: tried first, applied where alerts are stored, and never to what somebody has to see."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.core.configuration.entries import EntryFaults
from bifang.core.errors import InvalidInput
from secops_agent.models import (
    Alert,
    AlertMessage,
    Asset,
    AuditRecord,
    History,
    Investigation,
    SuppressionRule,
)
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.assets import inventory
from secops_agent.services.faults import Conflict, Forbidden
from secops_agent.services.intake import retrospect
from secops_agent.services.records import AssetRecord, Indicator, Key, ListedRecord
from secops_agent.services.suppressions import rules
from secops_agent.services.suppressions.trials import try_out
from tests.secops.inventory_aid import alert, host, later, person, store
from tests.secops.notifications import stage

pytestmark = pytest.mark.both_databases
SYSTEM = Actor.system("test")
SCANS = {
    "name": "例行扫描",
    "enabled": True,
    "reason": "每周的漏洞扫描",
    "rules": ["规则 扫描"],
    "asset_tags": ["测试"],
}


def scan(number=0, key="扫描", **more):
    values = {"assets": (host("lab-01", tags=("测试",)),), "rule_name": "规则 扫描", "severity": "low"} | more
    return alert(key, number, **values)


def suppressed():
    return set(
        Alert.objects.filter(status=AlertStatus.CLOSED, suppressed_by__isnull=False).values_list(
            "title", flat=True
        )
    )


@pytest.mark.slow
def test_what_a_rule_covers_is_kept_and_counted_and_nobody_is_told(database):
    stage.configure()
    stage.rule(severities=[])
    rules.save_suppression(SCANS, SYSTEM)
    store(scan(), scan(1), alert("别的", severity="high"))
    assert suppressed() == {"规则 扫描"}
    row = Alert.objects.get(title="规则 扫描")
    assert (row.count, row.verdict, row.payload.alert_id) == (2, "", row.pk)
    rule = SuppressionRule.objects.get()
    assert rule.hits == 2
    assert rule.last_hit_at is not None
    assert set(AlertMessage.objects.values_list("alerts__title", flat=True)) == {"规则 别的"}
    assert set(Investigation.objects.values_list("alert__title", flat=True)) <= {"规则 别的"}
    assert triage.get(row.pk).suppressed_by == "例行扫描"
    store(scan(2, at=later(hours=1)))
    assert suppressed() == {"规则 扫描"}
    assert SuppressionRule.objects.get().hits == 3
    assert list(
        History.objects.filter(entity="alert", entity_id=row.pk).values_list("action", flat=True)
    ) == ["suppress"]


def test_the_same_import_twice_counts_nothing_twice(database):
    rules.save_suppression(SCANS, SYSTEM)
    store(scan())
    store(scan())
    assert SuppressionRule.objects.get().hits == 1


def test_a_repeat_that_no_rule_covers_any_more_comes_back_as_new(database):
    stage.configure()
    stage.rule(severities=[], on=["new"])
    rule = rules.save_suppression(SCANS, SYSTEM)
    store(scan())
    rules.switch_off(rule.pk, SYSTEM)
    store(scan(1, at=later(hours=1), status_hint="closed"))
    assert suppressed() == {"规则 扫描"}
    store(scan(2, at=later(hours=2)))
    assert not suppressed()
    assert Alert.objects.get().status == AlertStatus.OPEN
    assert AlertMessage.objects.count() == 1


def test_an_expired_rule_suppresses_nothing(database):
    rules.save_suppression(SCANS | {"expires_at": timezone.now() + timedelta(days=1)}, SYSTEM)
    SuppressionRule.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    store(scan())
    assert not suppressed()


def test_what_people_have_in_hand_is_left_alone(database):
    store(scan(key="有人"), scan(key="有结论"), scan(key="没人"))
    ids = dict(Alert.objects.values_list("dedup_key", "pk"))
    lisi = person()
    triage.assign(ids["有人"], lisi, Actor.person(lisi, "dingtalk"))
    triage.close(ids["有结论"], "false_positive", Actor.person(lisi, "dingtalk"))
    rules.save_suppression(SCANS, SYSTEM)
    store(scan(1, "有人"), scan(1, "有结论"), scan(1, "没人"))
    assert not suppressed()  # what was in the list before stays there, too
    reopened = store(scan(key="新的"))
    assert reopened.created["alert"] == 1
    new = Alert.objects.get(dedup_key="新的")
    assert new.suppressed_by_id
    triage.reopen(new.pk, Actor.person(lisi, "dingtalk"))
    store(scan(1, "新的", at=later(hours=1)))
    assert Alert.objects.get(dedup_key="新的").status == AlertStatus.OPEN


def test_a_graver_repeat_is_shown_when_the_rule_does_not_cover_it(database):
    rules.save_suppression(SCANS | {"severities": ["low"]}, SYSTEM)
    store(scan())
    store(scan(1, severity="critical", at=later(hours=1)))
    assert not suppressed()
    assert Alert.objects.get().severity == "critical"


def test_what_a_list_names_is_never_suppressed(database):
    store(ListedRecord("甲", "ip", "203.0.113.9"))
    rules.save_suppression(SCANS, SYSTEM)
    store(
        scan(indicators=(Indicator("ip", "203.0.113.9"),)),
        scan(key="另一条", indicators=(Indicator("ip", "203.0.113.7"),)),
    )
    assert suppressed() == {"规则 另一条"}
    store(ListedRecord("甲", "ip", "203.0.113.7"))
    retrospect.compare()
    assert not suppressed()


def test_a_trial_names_what_it_would_hit_and_the_attacks(database):
    store(*(scan(0, f"扫描{number}") for number in range(3)), alert("别的"))
    lisi = person()
    triage.close(Alert.objects.get(dedup_key="扫描1").pk, "true_positive", Actor.person(lisi, "dingtalk"))
    Alert.objects.filter(dedup_key="扫描2").update(created_at=timezone.now() - timedelta(days=8))
    trial = try_out(rules.read_suppression(SCANS).conditions)
    assert (trial.alerts, trial.attacks) == (2, 1)
    assert {each.title for each in trial.examples} == {"规则 扫描0", "规则 扫描1"}
    with pytest.raises(EntryFaults, match="真实攻击") as refusal:
        rules.save_suppression(SCANS, SYSTEM)
    assert refusal.value.faults[0][0] == "acknowledge_attacks"
    rules.save_suppression(SCANS | {"acknowledge_attacks": True}, SYSTEM)
    assert SuppressionRule.objects.get().trial["attacks"] == 1
    assert AuditRecord.objects.filter(what__contains="例行扫描").exists()


def test_grave_levels_need_an_approver(database):
    analyst, approver = person(), person("wangwu", "王五", "approver")
    with pytest.raises(Forbidden, match="审批"):
        rules.save_suppression(SCANS, Actor.person(analyst, "dingtalk"))
    rules.save_suppression(SCANS | {"enabled": False}, Actor.person(analyst, "dingtalk"))
    rules.save_suppression(SCANS, Actor.person(approver, "dingtalk"))
    row = SuppressionRule.objects.get()
    assert (row.made_by, row.enabled_by, row.enabled) == ("李四", "王五", True)
    with pytest.raises(Forbidden):  # it may not be widened without one either
        rules.save_suppression(SCANS | {"asset_tags": []}, Actor.person(analyst, "dingtalk"))
    rules.save_suppression(SCANS | {"name": "小的", "severities": ["low"]}, Actor.person(analyst, "dingtalk"))


def test_what_an_import_says_of_an_asset_hides_nothing_grave(database):
    """Whoever holds a token that may import can tag the assets of others."""
    rules.save_suppression(SCANS, SYSTEM)
    store(scan(key="一", severity="critical", rule_name="规则 扫描"), scan(key="二"))
    assert suppressed() == {"规则 二"}
    assert try_out(rules.read_suppression(SCANS).conditions).alerts == 1
    lisi = person()
    row = Asset.objects.get()
    inventory.update(
        row.pk, Actor.person(lisi, "dingtalk"), tags=["测试"]
    )  # what is so already is confirmed by it
    store(scan(key="三", severity="critical"))
    assert suppressed() == {"规则 二", "规则 三"}


def test_assets_that_an_import_joins_hide_nothing_grave_either(database):
    rules.save_suppression(SCANS, SYSTEM)
    name, agent = Key("fqdn", "pay.corp.example"), Key("agent_id", "wazuh:007")
    store(AssetRecord("host", "pay", (name,), source="agent"))
    store(AssetRecord("host", "lab", (agent,), tags=("测试",), source="wazuh"))
    lisi, prod = person(), Asset.objects.get(name="pay")
    inventory.update(prod.pk, Actor.person(lisi, "dingtalk"), tags=["核心"])
    bridge = AssetRecord("host", "pay", (name, agent), source="agent")
    store(bridge)
    assert set(Asset.objects.get().tags) == {"核心", "测试"}
    store(scan(severity="critical", assets=(bridge,)))
    assert not suppressed()


@pytest.mark.parametrize(
    "given",
    [{}, {"name": "x", "reason": "y"}, SCANS | {"on": ["new"]}, SCANS | {True: ["new"]}, SCANS | {"owners": ["nobody"]},
     SCANS | {"reason": ""}, SCANS | {"severities": ["grave"]}, SCANS | {"expires_at": "2020-01-01 00:00"}],
)  # fmt: skip
def test_impossible_rules_are_refused(database, given):
    with pytest.raises(InvalidInput):
        rules.apply_suppression_entries([given])
    assert not SuppressionRule.objects.exists()


def test_a_rule_that_suppressed_something_is_not_deleted(database):
    rule = rules.save_suppression(SCANS, SYSTEM)
    store(scan())
    with pytest.raises(Conflict):
        rules.delete_suppression(rule, SYSTEM)
    Alert.objects.all().delete()
    rules.delete_suppression(rule, SYSTEM)


def test_the_name_of_an_asset_is_no_condition():
    with pytest.raises((EntryFaults, InvalidInput), match="assets"):
        rules.read_suppression(SCANS | {"assets": ["lab-01"]})


@pytest.mark.parametrize("beside", [{}, {"severities": ["low"]}])
def test_conditions_in_a_part_of_their_own_are_refused(beside):
    """``assets`` in it would else be a condition after all, or be dropped without a word."""
    plain = {name: SCANS[name] for name in ("name", "reason")}
    with pytest.raises(EntryFaults, match="直接写在规则里"):
        rules.read_suppression(plain | beside | {"conditions": {"assets": ["lab-01"]}})
