"""What the quota leaves room for: below 严重 it is held back and told in a digest; nothing is lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from dingtalk_integration.models import ApiUsage
from secops_agent.models import Alert, AlertMessage, AlertMessageItem, Escalation, MessageState
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.delivery import digests, silence_lines
from tests.dingtalk.quota_aid import custom, use
from tests.secops.inventory_aid import ACTOR, alert, host, later, store

from . import stage
from .test_messages import age, hurry

pytestmark = pytest.mark.both_databases


@pytest.fixture(autouse=True)
def config(database, settings):
    settings.RATE_LIMITS = True
    row = stage.configure(**custom(100))
    stage.rule()
    return row


def announce():
    """All steps, the digests too."""
    stage.announce()
    digests.tell_digests()
    stage.announce()


def told_alerts():
    """Alerts that a message or a digest told of."""
    sent = AlertMessage.objects.filter(sent_at__isnull=False)
    pks = set(sent.values_list("pk", flat=True))
    counted = AlertMessage.objects.filter(summary__in=pks) | AlertMessage.objects.filter(
        summary__summary__in=pks
    )
    pks |= set(counted.values_list("pk", flat=True))
    return set(AlertMessageItem.objects.filter(message__in=pks).values_list("alert_id", flat=True))


@pytest.mark.slow
@pytest.mark.parametrize(("calls", "texts"), [(94, 2), (95, 1), (98, 1), (100, 1)])
def test_what_is_not_grave_waits_from_95_percent_on(database, calls, texts):
    use("ding1", calls)
    store(alert("high"), alert("grave", severity="critical"))
    announce()
    assert len(stage.told()) == texts
    assert any("严重" in text for text in stage.told())
    held = AlertMessage.objects.filter(state=MessageState.HELD)
    assert [row.reason.partition("：")[0] for row in held] == ["额度"] * (2 - texts)
    assert digests.waiting() == 2 - texts


def test_digest_comes_within_the_hour_with_its_count(database):
    use("ding1", 96)
    store(*(alert(f"k{number}") for number in range(3)))
    announce()
    assert stage.told() == []
    age(3601)
    store(alert("later"))
    announce()
    assert len(stage.told()) == 1
    assert "额度所限，没有逐条发送：4 条告警" in stage.told()[0]
    assert told_alerts() == set(Alert.objects.values_list("pk", flat=True))
    assert digests.waiting() == 0


@pytest.mark.parametrize("calls", [98, 100])
def test_digest_waits_for_the_reset_when_what_is_left_is_the_reserve(database, calls):
    use("ding1", calls)
    store(*(alert(f"k{number}") for number in range(3)))
    for _ in range(3):
        announce()
        age(3601)
    assert stage.told() == []
    assert "额度" in AlertMessage.objects.get(kind="digest").reason
    ApiUsage.objects.all().delete()
    announce()
    assert len(stage.told()) == 1
    assert "3 条告警" in stage.told()[0]
    store(alert("after"))
    announce()
    assert "规则 after" in stage.told()[-1]


def test_news_of_what_was_told_waits_too_and_no_news_is_no_digest(database):
    store(alert("a"), alert("b"))
    announce()
    use("ding1", 96)
    store(alert("a", number=1, at=later(minutes=1)))
    age(120)
    announce()
    assert digests.waiting() == 0, "once more is no news"
    triage.acknowledge(
        Alert.objects.order_by("pk")[0].pk, Actor.person(stage.staff("lisi", "李四"), "dingtalk")
    )
    age(20)
    announce()
    assert digests.waiting() == 1
    age(3601)
    announce()
    assert len(stage.told()) == 3
    assert "1 条告警" in stage.told()[-1]


def test_burst_that_began_before_ends_in_the_digest(database):
    few = 10
    store(*(alert(f"k{number}", rule_id="R1", assets=(host(f"h{number}"),)) for number in range(few + 5)))
    stage.announce()
    use("ding1", 97)
    store(*(alert(f"later{number}", rule_id="R1") for number in range(5)))
    announce()
    age(3601)
    announce()
    age(3601)
    announce()
    assert told_alerts() == set(Alert.objects.values_list("pk", flat=True))
    assert len(stage.told()) == 1
    assert f"{few + 10} 条告警" in stage.told()[0]


def test_what_dingtalk_refused_is_told_after_the_reset(database):
    store(alert("high"), alert("grave", severity="critical"))
    announce()
    use("ding1", 100)
    OutboxRow.objects.update(state="dead", last_error="额度已用完", last_error_at=timezone.now())
    stage.announce()
    grave = AlertMessage.objects.get(alerts__severity="critical")
    assert (grave.state, grave.reason) == ("undeliverable", "额度已用完")
    age(301)
    announce()
    assert digests.waiting() == 1
    ApiUsage.objects.all().delete()
    age(3601)
    announce()
    announce()
    assert told_alerts() == set(Alert.objects.values_list("pk", flat=True))
    assert AlertMessage.objects.filter(state="undeliverable").count() == 0


def test_escalation_of_what_is_grave_goes_through_and_the_rest_is_counted(database):
    stage.staff("lisi", "李四")
    person = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
    stage.rule(escalate={"after_minutes": 5, "to": [person]})
    store(alert("high"), alert("grave", severity="critical"))
    announce()
    use("ding1", 98)
    hurry()
    assert stage.told_privately() == {"lisi": 1}
    assert digests.waiting() == 1
    ApiUsage.objects.all().delete()
    age(3601)
    announce()
    assert stage.told_privately() == {"lisi": 2}
    assert digests.waiting() == 0


def test_end_of_a_silence_waits_for_room_too(database):
    store(alert("first"))
    made = silences.silence("source", "suricata", 60, ACTOR)
    announce()
    use("ding1", 96)
    silences.end(made.pk, ACTOR)
    silence_lines.tell_silences()
    assert stage.told() == []
    age(3601)
    announce()
    assert len(stage.told()) == 1
    assert "1 条告警" in stage.told()[0]
    assert told_alerts() == set(Alert.objects.values_list("pk", flat=True))


def test_unreachable_digest_is_shown_and_told_later(database, config):
    use("ding1", 96)
    store(alert("a"))
    announce()
    config.params["notifications_enabled"] = False
    config.save()
    age(3601)
    announce()
    assert AlertMessage.objects.get(kind="digest").state == MessageState.UNDELIVERABLE
    config.params["notifications_enabled"] = True
    config.save()
    age(timedelta(minutes=6).total_seconds())
    announce()
    assert len(stage.told()) == 1


def test_escalation_to_administrators_is_summed_up_for_them_not_for_the_group(database):
    stage.staff("boss", "boss", role="admin")
    stage.rule(escalate=[{"after_minutes": 5}])
    store(alert("high"))
    announce()
    use("ding1", 95)
    Escalation.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    announce()
    assert len(stage.told()) == 1
    AlertMessage.objects.filter(kind="digest").update(due_at=timezone.now() - timedelta(seconds=1))
    announce()
    assert stage.told_privately() == {"boss": 1}
    assert len(stage.told()) == 1
