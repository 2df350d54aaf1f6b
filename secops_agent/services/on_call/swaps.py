"""Swapping shifts: one person asks, the other agrees, and exceptions come of it."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.channels import outbox
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import InvalidInput
from secops_agent.models import OnCallOverride, OnCallSchedule, ShiftSwap, Staff, SwapState
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.on_call.shifts import ZONE, shifts

PATIENCE: Final = timedelta(hours=24)
MOST_DAYS: Final = 7
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def ask(
    config_id: int, schedule: OnCallSchedule, asker: Staff, other: Staff, days: Sequence[date]
) -> ShiftSwap:
    """Ask somebody for a swap and tell them. Raises InvalidInput if neither is on call on one of the days."""
    wanted = sorted(set(days))
    if asker == other:
        raise InvalidInput("不能和自己换班。")
    if not 1 <= len(wanted) <= MOST_DAYS:
        raise InvalidInput(f"一次可以换 1 到 {MOST_DAYS} 天。")
    for day in wanted:
        if not _pieces(schedule, day, {asker.pk, other.pk}):
            raise InvalidInput(f"{day} 的「{schedule.name}」不是{asker.name}或{other.name}值班，不用换。")
    now = timezone.now()
    with transaction.atomic():
        swap = ShiftSwap.objects.create(
            code="".join(secrets.choice(_LETTERS) for _ in range(6)), schedule=schedule, asker=asker, other=other,
            days=[day.isoformat() for day in wanted], expires_at=now + PATIENCE,
        )  # fmt: skip
        keep(
            Actor.person(asker),
            f"提出换班「{schedule.name}」",
            f"swap:{swap.pk}",
            {"with": other.name, "days": swap.days},
        )
        text = f"**{asker.name}** 想和您换班（{schedule.name}）：{'、'.join(swap.days)}。\n\n同意请回复「接受换班 {swap.code}」，不同意请回复「谢绝换班 {swap.code}」。"
        _tell(config_id, other, text, f"swap:{swap.pk}:asked")
    return swap


def answer(config_id: int, code: str, person: Staff, *, agreed: bool, now: datetime | None = None) -> str:
    """What the other one said; only they decide, and only once. The text is for them. Raises InvalidInput."""
    now = now or timezone.now()
    with transaction.atomic():
        swap = (
            ShiftSwap.objects.select_related("schedule", "asker", "other").filter(code=code.upper()).first()
        )
        if swap is None or swap.other_id != person.pk:
            raise InvalidInput(f"没有等您决定的换班 {code[:10]}。")
        state = SwapState.AGREED if agreed else SwapState.REFUSED
        open_one = ShiftSwap.objects.filter(pk=swap.pk, state=SwapState.ASKED, expires_at__gt=now)
        if not open_one.update(state=state, decided_at=now):
            raise InvalidInput(
                f"换班 {swap.code} 已经{'过期' if swap.expires_at <= now else swap.get_state_display()}，不能再决定。"
            )
        done = _exchange(swap) if agreed else []
        verb = "同意" if agreed else "谢绝"
        keep(
            Actor.person(person),
            f"{verb}换班「{swap.schedule.name}」",
            f"swap:{swap.pk}",
            {"days": swap.days, "shifts": done},
        )
        listed = "\n".join(f"- {line}" for line in done)
        _tell(
            config_id,
            swap.asker,
            f"**{person.name}** {verb}了换班 {swap.code}。\n\n{listed}",
            f"swap:{swap.pk}:answered",
        )
    return f"已换班：\n\n{listed}" if agreed else f"已谢绝换班 {swap.code}，班次不变。"


def _exchange(swap: ShiftSwap) -> list[str]:
    told = []
    for text in swap.days:
        for start, end, holder in _pieces(
            swap.schedule, date.fromisoformat(text), {swap.asker_id, swap.other_id}
        ):
            staff = swap.other if holder == swap.asker_id else swap.asker
            OnCallOverride.objects.create(
                schedule=swap.schedule, staff=staff, starts_at=start, ends_at=end, reason=f"换班 {swap.code}"
            )
            told.append(f"{start:%m-%d %H:%M} 至 {end:%m-%d %H:%M}：{staff.name}")
    return told


def _pieces(schedule: OnCallSchedule, day: date, people: set[int]) -> list[tuple[datetime, datetime, int]]:
    """The duty of these people that begins on a day: whole shifts of at most a day, else the day's part."""
    start = datetime.combine(day, time(0), ZONE)
    layer = schedule.layers.order_by("position").first()
    if layer is not None:
        start = datetime.combine(day, layer.handover, ZONE)
    end = start + timedelta(days=1)
    found = shifts(schedule, start, end)
    return [(each.start, each.end, each.staff.pk) for each in found if each.staff and each.staff.pk in people]


def _tell(config_id: int, person: Staff, text: str, key: str) -> None:
    target = ReplyTarget("", is_group=False, staff_id=person.staff_id)
    outbox.notify(config_id, target, text, key=key, title="换班")
