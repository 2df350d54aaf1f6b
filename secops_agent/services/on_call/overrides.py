"""Overrides: somebody else is on call for a while, set by those who keep the rota."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.text.markup import literal
from bifang.core.errors import InvalidInput
from secops_agent.models import OnCallOverride, OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.clock import clock
from secops_agent.services.faults import NotFound
from secops_agent.services.on_call.schedules import described, keep_change
from secops_agent.services.on_call.shifts import shifts
from secops_agent.services.people.messages import tell

LONGEST: Final = timedelta(days=31)
FARTHEST: Final = 366  # days from today


def override(
    schedule: OnCallSchedule, staff: Staff, start: datetime, end: datetime, reason: str, actor: Actor
) -> str:
    """[start, end) is theirs, whatever the layers say; they and whom they relieve are told. Who was, and who could not be.
    Raises InvalidInput."""
    if abs((start.date() - timezone.localdate()).days) > FARTHEST:
        raise InvalidInput("开始的时间离今天超过一年。没有临时换人。")
    if not timedelta(0) < end - start <= LONGEST:
        raise InvalidInput(f"结束应晚于开始，最长 {LONGEST.days} 天。没有临时换人。")
    if end <= timezone.now():
        raise InvalidInput("这段时间已经过去。没有临时换人。")
    if not staff.active:
        raise InvalidInput(f"{staff.name}已离职，不能值班。没有临时换人。")
    with transaction.atomic():
        before, had = described(schedule), _people(schedule, start, end)
        row = OnCallOverride.objects.create(
            schedule=schedule, staff=staff, starts_at=start, ends_at=end, reason=reason[:200]
        )
        keep_change(actor, schedule, before, verb="临时换人：")
        return _tell(row, had, [staff], actor, "made", f"原因：{row.reason}" if row.reason else "")


def take_back(override_id: int, actor: Actor) -> tuple[OnCallOverride, str]:
    """The layers say again who it is, and everybody whom it concerns is told, as by `override`. Raises NotFound, InvalidInput."""
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
        row.pk = override_id
        after = _people(row.schedule, row.starts_at, row.ends_at)
        return row, _tell(row, [row.staff], after, actor, "back", "")


def _people(schedule: OnCallSchedule, start: datetime, end: datetime) -> list[Staff]:
    """Who is on call in what is still to come of it, each once."""
    found = shifts(schedule, max(start, timezone.now()), end)
    return list({each.staff.pk: each.staff for each in found if each.staff}.values())


def _tell(
    row: OnCallOverride, had: Sequence[Staff], have: Sequence[Staff], actor: Actor, step: str, why: str
) -> str:
    """In private, those who have it now and those who had it. In words, who was told and who could not be."""
    spell = f"{clock(row.starts_at)} 至 {clock(row.ends_at)}"
    names, before = ("、".join(each.name for each in people) or "无人" for people in (have, had))
    did = {"made": "安排了临时换人", "back": "取消了临时换人"}[step]
    text = f"{actor.name} {did}（{row.schedule.name}）：{spell} 由{names}值班，原来是{before}。{why}"
    people = {each.pk: each for each in (*have, *had)}.values()
    key = f"override:{row.pk}:{step}"
    reached = {each.pk for each in people if tell(each, "临时换人", literal(text), key=f"{key}:{each.pk}")}
    told = "、".join(each.name for each in people if each.pk in reached)
    untold = "、".join(each.name for each in people if each.pk not in reached)
    return (f"已告知{told}。" if told else "") + (f"没能告知{untold}，请您转告。" if untold else "")
