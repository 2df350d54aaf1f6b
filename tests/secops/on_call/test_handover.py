"""The handover message: told once to both and to the group, however many workers look, held back by the quota."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from secops_agent.models import Alert, OnCallOverride, OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications import silences
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.on_call.shifts import on_call_at
from secops_agent.services.operations import handover
from tests.dingtalk.quota_aid import custom, use
from tests.secops.inventory_aid import alert, store
from tests.secops.notifications import stage
from tests.secops.on_call.rota_aid import at

pytestmark = pytest.mark.both_databases
ENTRY = {"name": "安全值班", "rotation": "weekly", "start": "2020-01-06", "staff": ["lisi"]}
GROUP = {"config": "钉钉", "conversation_id": "cidGroup"}


@pytest.fixture
def people(database) -> dict[str, Staff]:
    stage.configure(**custom(100))
    found = {name: stage.staff(name, name) for name in ("lisi", "wangwu")}
    apply_on_call_entries([{**ENTRY, "handover_group": GROUP}])
    assert handover.step() == 0  # what it finds first is no handover
    return found


def replace(staff: Staff) -> None:
    """Somebody else from now on."""
    now = timezone.now()
    schedule = OnCallSchedule.objects.get()
    OnCallOverride.objects.create(
        schedule=schedule, staff=staff, starts_at=now, ends_at=now + timedelta(hours=1)
    )


def texts(**target: object) -> list[str]:
    rows = OutboxRow.objects.filter(**{f"target__{name}": value for name, value in target.items()})
    return list(rows.values_list("text", flat=True))


def test_handover_is_told_once_to_both_and_the_group(people):
    now = timezone.now()
    store(alert("a", severity="critical", at=now), alert("b", at=now), alert("c", at=now), alert("earlier"))
    Alert.objects.filter(title="规则 earlier").update(
        status="closed"
    )  # came late, and was not new in this shift
    triage.close(Alert.objects.order_by("-pk")[1].pk, "benign", Actor.system("test"))
    silences.silence("all", "", 60, Actor.system("test"))
    replace(people["wangwu"])
    assert handover.step() == 1
    assert handover.step() == 0
    for target in ({"staff_id": "lisi"}, {"staff_id": "wangwu"}, {"conversation_id": "cidGroup"}):
        (text,) = texts(**target)
        assert "lisi → **wangwu**" in text
        assert "严重 1、🟠 高危 1" in text
        assert "生效中的静默：1" in text
        assert "新增 3，关闭 1，升级 0" in text


def test_worker_that_looked_earlier_tells_nothing(people):
    replace(people["wangwu"])
    stale = OnCallSchedule.objects.select_related("holder", "handover_config").get()
    assert handover.step() == 1
    assert not handover._look(stale, timezone.now())
    assert len(texts(staff_id="wangwu")) == 1


def test_same_person_and_switched_off_say_nothing(people):
    handover.step()
    assert not texts(is_group=False)
    apply_on_call_entries([{**ENTRY, "staff": ["wangwu"], "handover_message": False}])
    handover.step()
    assert not texts(is_group=False)


def test_gap_is_told_to_who_leaves(people):
    apply_on_call_entries([{**ENTRY, "start": "2100-01-04"}])
    handover.step()
    (text,) = texts(staff_id="lisi")
    assert "lisi → **无人值班**" in text


def test_quota_holds_it_back_counted_and_the_next_says_so(people, settings):
    settings.RATE_LIMITS = True
    use("ding1", 96)
    replace(people["wangwu"])
    handover.step()
    assert not texts(is_group=False)
    assert OnCallSchedule.objects.get().handovers_held == 3
    use("ding1", 1)
    OnCallOverride.objects.all().delete()
    handover.step()
    (text,) = texts(staff_id="lisi")
    assert "有 3 条交接消息没有发送" in text
    assert OnCallSchedule.objects.get().handovers_held == 0


def test_hours_without_a_shift_are_not_called_unmanned(people):
    apply_on_call_entries([{**ENTRY, "name": "夜班", "rotation": "daily", "hours": "22:00-06:00"}])
    night = OnCallSchedule.objects.get(name="夜班")
    morning, evening = at("2026-11-23 06:00"), at("2026-11-23 22:00")
    assert "不排班 → **lisi**" in handover.handover_text(night, on_call_at(night, evening), morning, evening)
    night.holder = people["lisi"]
    assert "lisi → **不排班**" in handover.handover_text(night, on_call_at(night, morning), evening, morning)
