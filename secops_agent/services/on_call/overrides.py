"""Overrides: somebody else is on call for a while, set by those who keep the rota."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.text.markup import literal
from bifang.core.errors import InvalidInput
from secops_agent.models import OnCallOverride, OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.clock import clock
from secops_agent.services.faults import NotFound
from secops_agent.services.on_call.schedules import (
    described,
    enabled_schedules,
    find_schedule,
    keep_change,
)
from secops_agent.services.on_call.shifts import ZONE, Shift, joined, moment, of_days, shifts
from secops_agent.services.on_call.spans import Span
from secops_agent.services.on_call.swaps import MOST_DAYS, Piece
from secops_agent.services.people.eligibility import may_be_same_person
from secops_agent.services.people.messages import tell

LONGEST: Final = timedelta(days=31)
FARTHEST: Final = 366  # days from today
_MOST_TOLD: Final = 5  # shifts


def override(schedule: OnCallSchedule, staff: Staff, spans: Sequence[Span], reason: str, actor: Actor) -> str:
    """Every [start, end) is theirs, whatever the layers say; they and whom they relieve are told. Who was, and who could not be.
    Raises InvalidInput."""
    for start, end in spans:
        if abs((start.date() - timezone.localdate()).days) > FARTHEST:
            raise InvalidInput("开始的时间离今天超过一年。没有临时换人。")
        if not timedelta(0) < end - start <= LONGEST:
            raise InvalidInput(f"结束应晚于开始，最长 {LONGEST.days} 天。没有临时换人。")
        if end <= timezone.now():
            raise InvalidInput("这段时间已经过去。没有临时换人。")
    if not staff.active:
        raise InvalidInput(f"{staff.name}已离职，不能值班。没有临时换人。")
    with transaction.atomic():
        before, had = described(schedule), _people(schedule, spans)
        rows = [
            OnCallOverride.objects.create(
                schedule=schedule, staff=staff, starts_at=start, ends_at=end, reason=reason[:200]
            )
            for start, end in spans
        ]
        keep_change(actor, schedule, before, verb="临时换人：")
        return _tell(rows, had, [staff], actor, "made", f"原因：{rows[0].reason}" if reason else "")


def plan(
    name: str, staff: Staff, days: Sequence[date], relieved: Staff | None = None, part: str = ""
) -> tuple[OnCallSchedule, list[Piece]]:
    """Whose shifts of these days somebody would take over, and in which rota: all that are not theirs, or those of who is
    ``relieved``; of each day only the one at noon (``part`` "day") or before midnight ("night"). Raises InvalidInput, NotFound."""
    wanted = sorted(set(days))
    if relieved and may_be_same_person(staff, relieved):
        raise InvalidInput("换上的和换下的是同一个人。没有临时换人。")
    if not 1 <= len(wanted) <= MOST_DAYS:
        raise InvalidInput(f"一次可以换 1 到 {MOST_DAYS} 天。没有临时换人。")
    rotas = [find_schedule(name)] if name else enabled_schedules() or [find_schedule("")]
    every = [(rota, joined(_parts(rota, wanted, part))) for rota in rotas]
    mine = [
        (
            rota,
            [
                Piece(each.start, each.end, each.staff, staff)
                for each in known
                if _is_of(each, staff, relieved)
            ],
        )
        for rota, known in every
    ]
    found = [(rota, pieces) for rota, pieces in mine if pieces]
    if len(found) > 1:
        raise InvalidInput(f"请说明是哪张值班表：{'、'.join(rota.name for rota, _ in found)}。没有临时换人。")
    if found:
        return found[0]
    known = [each for _, found_there in every for each in found_there][:_MOST_TOLD]
    have = "；".join(f"{moment(each.start)} 至 {moment(each.end)} {each.who}" for each in known)
    whose = f"没有{relieved.name}的班" if relieved else f"没有可以换成{staff.name}的班"
    told_days = "、".join(day.isoformat() for day in wanted)
    raise InvalidInput(f"{told_days} {whose}。没有临时换人。{have and f'那时是：{have}。'}")


def _is_of(shift: Shift, staff: Staff, relieved: Staff | None) -> bool:
    return shift.staff == relieved if relieved else shift.staff != staff


def _parts(schedule: OnCallSchedule, days: Sequence[date], part: str) -> list[Shift]:
    """Of hours without a rota nothing."""
    found = [each for each in of_days(schedule, days) if each.origin != "off"]
    moments = [datetime.combine(day, time(23, 59) if part == "night" else time(12), ZONE) for day in days]
    return [each for each in found if not part or any(each.start <= at < each.end for at in moments)]


def told(pieces: Sequence[Piece]) -> str:
    """What `cover` would do, a shift a line; of what runs already, what is left."""
    now = timezone.now()
    return "\n".join(
        f"- {'现在' if each.start <= now else moment(each.start)} 至 {moment(each.end)}：{each.change}"
        for each in pieces
    )


def cover(schedule: OnCallSchedule, pieces: Sequence[Piece], actor: Actor) -> str:
    """As `override`, of pieces as they were planned. Raises InvalidInput."""
    now = timezone.now()
    people = {each.to.pk: each.to for each in pieces}.values()
    with transaction.atomic():
        return "".join(
            override(
                schedule,
                one,
                [(max(each.start, now), each.end) for each in pieces if each.to == one],
                "",
                actor,
            )
            for one in people
        )


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
        keep_change(actor, row.schedule, before, verb=f"取消{row.what}：")
        row.pk = override_id
        after = _people(row.schedule, [(row.starts_at, row.ends_at)])
        return row, _tell([row], [row.staff], after, actor, "back", "")


def _people(schedule: OnCallSchedule, spans: Sequence[Span]) -> list[Staff]:
    """Who is on call in what is still to come of them, each once."""
    now = timezone.now()
    found = [each for start, end in spans for each in shifts(schedule, max(start, now), end)]
    return list({each.staff.pk: each.staff for each in found if each.staff}.values())


def _tell(
    rows: Sequence[OnCallOverride],
    had: Sequence[Staff],
    have: Sequence[Staff],
    actor: Actor,
    step: str,
    why: str,
) -> str:
    """In private, those who have it now and those who had it. In words, who was told and who could not be."""
    row, spell = rows[0], "、".join(f"{clock(each.starts_at)} 至 {clock(each.ends_at)}" for each in rows)
    names, before = ("、".join(each.name for each in people) or "无人" for people in (have, had))
    did = {"made": "安排了", "back": "取消了"}[step] + row.what
    text = f"{actor.name} {did}（{row.schedule.name}）：{spell} 由{names}值班，原来是{before}。{why}"
    people = {each.pk: each for each in (*have, *had)}.values()
    key = f"override:{row.pk}:{step}"
    reached = {each.pk for each in people if tell(each, row.what, literal(text), key=f"{key}:{each.pk}")}
    told = "、".join(each.name for each in people if each.pk in reached)
    untold = "、".join(each.name for each in people if each.pk not in reached)
    return (f"已告知{told}。" if told else "") + (f"没能告知{untold}，请您转告。" if untold else "")
