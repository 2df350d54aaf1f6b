"""What happens after its host was isolated or its address blocked: weighed higher, open again, told as a new matter."""

from datetime import timedelta

import pytest

from secops_agent.models import Alert, AlertMessage, Asset, BlockRecord, Escalation, Role
from secops_agent.models.automation.block import BlockState
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries.urgency import most_urgent, reasons
from secops_agent.services.records import Indicator
from tests.admin_pages import unknown_action
from tests.secops.inventory_aid import ACTOR, NOW, alert, host, later, store

from . import stage
from .test_messages import age, hurry

pytestmark = pytest.mark.both_databases
IP = "203.0.113.9"


@pytest.fixture(autouse=True)
def config(database):
    row = stage.configure()
    stage.staff("lisi", "李四", Role.ANALYST)
    person = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
    stage.rule(severities=[], escalate=[{"after_minutes": 5, "to": [person]}])
    return row


def seen(number=0, at=NOW, **more):
    given = {"assets": (host("web-01"),), "indicators": (Indicator("ip", IP),)} | more
    store(alert("a", number, at=at, **given), at=at)
    return Alert.objects.get(rule_name="规则 a")


def contain(kind, state=BlockState.ACTIVE, minutes=1):
    asset = Asset.objects.get(name="web-01")
    aim = {"target": IP} if kind == "block_ip" else {"target": "web-01", "asset_id": asset.pk}
    return BlockRecord.objects.create(
        action=unknown_action(), kind=kind, state=state, since=NOW + timedelta(minutes=minutes), **aim
    )


def settled():
    """Told, with the seconds for which a message waits for more of its rule."""
    stage.announce()
    age(10)
    stage.announce()


@pytest.mark.parametrize("kind", ["block_ip", "isolate_host"])
@pytest.mark.parametrize("before", ["open", "taken", "closed"])
def test_it_is_open_again_weighed_higher_and_told_by_itself(database, kind, before):
    row = seen()
    stage.announce()
    boss = Actor.person(stage.staff("boss", "王五", Role.APPROVER), "dingtalk")
    if before == "taken":
        triage.acknowledge(row.pk, boss)
    if before == "closed":
        triage.close(row.pk, "true_positive", boss)
    contain(kind)
    age(120)
    stage.announce()
    told = len(stage.told())
    row = seen(1, later(minutes=2))
    assert row.status == "open"
    settled()
    (text,) = stage.told()[told:]
    word = "封禁 203.0.113.9" if kind == "block_ip" else "隔离 web-01"
    assert f"注意：{word}（" in text
    assert "以后又发生，设备可能没有执行" in text
    assert "处置以后又发生 10" in reasons([row.pk])[row.pk]
    assert list(most_urgent(Alert.objects.all())) == [row]
    assert Escalation.objects.filter(message=AlertMessage.objects.latest("pk")).exists()
    hurry()
    assert stage.told_privately()["lisi"] >= 1
    seen(2, later(minutes=3))
    settled()
    assert len([each for each in stage.told() if "以后又发生" in each]) == 1, "once, not at each repeat"


@pytest.mark.parametrize(
    ("state", "again"),
    [
        (BlockState.LIFTED, {}),
        (BlockState.FAILED, {}),
        (BlockState.ACTIVE, {"action": "blocked"}),
        (BlockState.ACTIVE, {"status_hint": "closed"}),
        (BlockState.ACTIVE, {"assets": (host("web-02"),), "indicators": ()}),
    ],
)
def test_what_is_over_was_stopped_or_ended_is_nothing_new(database, state, again):
    web = host("web-01")
    store(web)
    if "assets" not in again:
        row = seen(**({"action": "blocked"} if "action" in again else {}))
    contain("isolate_host", state)
    row = seen(1, later(minutes=2), **again)
    settled()
    assert not any("以后又发生" in each for each in stage.told())
    assert "以后又发生" not in reasons([row.pk])[row.pk]


def test_what_was_judged_harmless_stays_closed(database):
    row = seen()
    triage.close(row.pk, "false_positive", ACTOR)
    contain("isolate_host")
    assert seen(1, later(minutes=2)).status == "closed"


def test_a_new_alert_of_an_isolated_host_is_told_apart_from_what_was_told_before(database):
    seen()
    stage.announce()
    contain("isolate_host")
    store(alert("b", rule_name="规则 a", at=later(minutes=2), assets=(host("web-01"),)), at=later(minutes=2))
    settled()
    assert ["以后又发生" in each for each in stage.told()] == [False, True]
    assert AlertMessage.objects.filter(kind="group").count() == 2
