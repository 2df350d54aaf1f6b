"""How people want to be told, and the few reminders of what stays with them."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertMessage, AuditRecord, NotificationPreference
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications.preferences import apply_preference_entries
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.operations import reminders
from tests.secops.inventory_aid import alert, store
from tests.secops.on_call.rota_aid import rota

from . import stage

pytestmark = pytest.mark.both_databases
PERSON = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=ZONE)


@pytest.fixture(autouse=True)
def lisi(database):
    stage.configure()
    return stage.staff("lisi", "李四")


def wish(**changes):
    apply_preference_entries([{"staff_id": "lisi", **changes}])


@pytest.mark.slow
def test_only_the_group_is_enough_for_who_wants_that(lisi):
    wish(usual="group")
    stage.rule(targets=[stage.GROUP, PERSON])
    store(alert("a"), alert("b", severity="critical"))
    stage.announce()
    assert len(stage.told()) == 2
    assert stage.told_privately() == {"lisi": 1}  # 严重
    assert AlertMessage.objects.get(state="held").reason == "本人选择只在群里接收"


def test_without_a_group_it_comes_in_private_all_the_same(lisi):
    wish(usual="group", urgent="group")
    stage.rule(targets=[PERSON])
    store(alert())
    stage.announce()
    assert stage.told_privately() == {"lisi": 1}


def test_quiet_hours_wait_but_not_for_critical_or_escalation(lisi):
    now = timezone.now().astimezone(ZONE)
    wish(
        quiet_from=(now - timedelta(hours=1)).strftime("%H:%M"),
        quiet_until=(now + timedelta(hours=1)).strftime("%H:%M"),
    )
    stage.rule(targets=[PERSON])
    store(alert("a"), alert("b", severity="critical"))
    stage.announce()
    assert stage.told_privately() == {"lisi": 1}
    waiting = AlertMessage.objects.get(sent_at=None)
    assert waiting.due_at > timezone.now() + timedelta(minutes=50)
    AlertMessage.objects.filter(pk=waiting.pk).update(kind="escalation", due_at=timezone.now())
    stage.announce()
    assert stage.told_privately() == {"lisi": 2}


def test_who_is_on_call_has_no_quiet_hours(lisi):
    rota(staff=["lisi"], start="2026-01-05")
    now = timezone.now().astimezone(ZONE)
    quiet = [(now + timedelta(hours=hours)).strftime("%H:%M") for hours in (-1, 1)]
    wish(quiet_from=quiet[0], quiet_until=quiet[1])
    stage.rule(targets=[{"kind": "on_call", "config": "钉钉", "schedule": "安全值班"}])
    store(alert())
    stage.announce()
    assert stage.told_privately() == {"lisi": 1}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"staff_id": "nobody"}, "不在人员名单中"),
        ({"staff_id": "lisi", "quiet_from": "22:00"}, "要一起写"),
        ({"staff_id": "lisi", "reminders": 99}, "reminders"),
    ],
)
def test_wrong_wishes_are_refused_with_the_place(entry, said):
    with pytest.raises(InvalidInput, match="notification_preferences 第 1 项") as caught:
        apply_preference_entries([entry])
    assert said in caught.value.message


def test_wishes_are_audited_once():
    wish(reminders=1)
    wish(reminders=1)
    assert AuditRecord.objects.filter(what__contains="通知偏好").count() == 1


def owned(monkeypatch, now=MONDAY, count=1):
    """Open alerts of 李四 that are an hour old at that moment, which is the present one."""
    store(*(alert(f"k{number}") for number in range(count)))
    for each in Alert.objects.all():
        triage.assign(each.pk, "lisi", Actor.system("test"))
    Alert.objects.update(created_at=now - timedelta(hours=1))
    move(monkeypatch, now)


def move(monkeypatch, now):
    monkeypatch.setattr(reminders, "database_now", lambda: now)


def reminded() -> list[str]:
    rows = OutboxRow.objects.filter(key__startswith="note:reminder:").order_by("pk")
    return list(rows.values_list("text", flat=True))


def test_owner_is_reminded_a_few_times_a_day_and_no_more(monkeypatch):
    owned(monkeypatch, count=7)
    for hour in range(9):
        move(monkeypatch, MONDAY + timedelta(hours=hour * 0.75))
        reminders.step()
    assert len(reminded()) == 3
    assert "还有 7 条" in reminded()[0]
    assert "- 还有 2 条" in reminded()[0]
    move(monkeypatch, MONDAY + timedelta(days=1))
    reminders.step()
    assert len(reminded()) == 4


@pytest.mark.parametrize("change", ["night", "weekend", "none", "closed", "quiet"])
def test_nobody_is_reminded_out_of_hours_or_without_reason(monkeypatch, change):
    now = {"night": MONDAY.replace(hour=23), "weekend": MONDAY - timedelta(days=1)}.get(change, MONDAY)
    owned(monkeypatch, now)
    if change == "none":
        wish(reminders=0)
    if change == "closed":
        triage.close(Alert.objects.get().pk, "benign", Actor.system("test"))
    if change == "quiet":
        NotificationPreference.objects.create(
            staff=Alert.objects.get().assignee, quiet_from=time(9), quiet_until=time(12)
        )
    assert reminders.step() == 0
    assert reminded() == []


def test_who_is_on_call_is_reminded_at_night(monkeypatch):
    rota(staff=["lisi"], start="2026-01-05")
    owned(monkeypatch, MONDAY.replace(hour=23))
    assert reminders.step() == 1
