"""Overrides: somebody else is on call for a while, set by those who keep the rota."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import OnCallOverride, OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.faults import NotFound
from secops_agent.services.on_call.schedules import described, keep_change

LONGEST: Final = timedelta(days=31)
FARTHEST: Final = 366  # days from today


def override(
    schedule: OnCallSchedule, staff: Staff, start: datetime, end: datetime, reason: str, actor: Actor
) -> OnCallOverride:
    """[start, end) is theirs, whatever the layers say. Raises InvalidInput."""
    if abs((start.date() - timezone.localdate()).days) > FARTHEST:
        raise InvalidInput("开始的时间离今天超过一年。没有临时换人。")
    if not timedelta(0) < end - start <= LONGEST:
        raise InvalidInput(f"结束应晚于开始，最长 {LONGEST.days} 天。没有临时换人。")
    if end <= timezone.now():
        raise InvalidInput("这段时间已经过去。没有临时换人。")
    if not staff.active:
        raise InvalidInput(f"{staff.name}已离职，不能值班。没有临时换人。")
    with transaction.atomic():
        before = described(schedule)
        row = OnCallOverride.objects.create(
            schedule=schedule, staff=staff, starts_at=start, ends_at=end, reason=reason[:200]
        )
        keep_change(actor, schedule, before, verb="临时换人：")
    return row


def take_back(override_id: int, actor: Actor) -> OnCallOverride:
    """The layers say again who it is. Raises NotFound, InvalidInput."""
    with transaction.atomic():
        row = OnCallOverride.objects.select_related("schedule", "staff").filter(pk=override_id).first()
        if row is None:
            raise NotFound("没有这个临时换人，可能刚被别人取消。")
        if row.ends_at <= timezone.now():
            raise InvalidInput("这个临时换人已经结束，不能取消。")
        before = described(row.schedule)
        if not OnCallOverride.objects.filter(pk=override_id).delete()[0]:
            raise NotFound("没有这个临时换人，可能刚被别人取消。")
        keep_change(actor, row.schedule, before, verb="取消临时换人：")
    return row
