"""Swaps: one person asks to exchange shifts, the other agrees, and exceptions for both come of it."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.ports import Suggestion
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import OnCallOverride, OnCallSchedule, ShiftSwap, Staff, SwapState
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.chats import platforms
from secops_agent.services.on_call.schedules import enabled_schedules, find_schedule
from secops_agent.services.on_call.shifts import ZONE, moment, of_days, shifts
from secops_agent.services.people.eligibility import listed, may_be_same_person, same_person
from secops_agent.services.people.messages import tell
from secops_agent.services.switches import refuse_when_read_only

PATIENCE: Final = timedelta(hours=24)
MOST_DAYS: Final = 14
AHEAD: Final = timedelta(days=31)  # the own shifts that are named
MOST_OPEN: Final = 5
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the rota that changes hands: [start, end) goes from ``holder``, None if nobody had it, to ``to``."""

    start: datetime
    end: datetime
    holder: Staff | None
    to: Staff

    @property
    def change(self) -> str:
        """由王五改为李四."""
        return f"{f'由{self.holder.name}改' if self.holder else '无人值班，改'}为{self.to.name}"

    @property
    def stored(self) -> dict[str, object]:
        """As it stands in the row."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat(), "to": self.to.pk}


def plan(name: str, asker: Staff, other: Staff, days: Sequence[date]) -> tuple[OnCallSchedule, list[Piece]]:
    """What would change hands, and where; ``name`` "" is the one schedule that both are on. Raises InvalidInput."""
    wanted = sorted(set(days))
    if may_be_same_person(asker, other):
        raise InvalidInput("不能和自己换班：请写另一位同事的姓名或员工 ID。")
    if "" not in (asker.corp_id, other.corp_id) and asker.corp_id != other.corp_id:
        raise InvalidInput("只能和本企业的同事换班。")
    if not 1 <= len(wanted) <= MOST_DAYS:
        raise InvalidInput(f"一次可以换 1 到 {MOST_DAYS} 天。")
    schedules = [find_schedule(name)] if name else enabled_schedules()
    found = [(one, _pieces(one, wanted, asker, other)) for one in schedules]
    found = [(one, pieces) for one, pieces in found if pieces]
    if len(found) > 1:
        raise InvalidInput(f"请说明是哪张值班表：{'、'.join(one.name for one, _ in found)}。")
    if not found:
        days_told = "、".join(day.isoformat() for day in wanted)
        raise InvalidInput(f"{days_told} 还没有过去的班次里，没有{asker.name}或{other.name}的，不用换。")
    return found[0]


def _pieces(schedule: OnCallSchedule, days: Iterable[date], asker: Staff, other: Staff) -> list[Piece]:
    """The duty of both that is still to come: whoever has it gives it to the other."""
    opposite = {asker.pk: other, other.pk: asker}
    return [
        Piece(each.start, each.end, each.staff, opposite[each.staff.pk])
        for each in of_days(schedule, days)
        if each.staff and each.staff.pk in opposite
    ]


def ask(name: str, asker: Staff, other: Staff, days: Sequence[date], via: str) -> ShiftSwap:
    """Ask somebody for a swap and tell them; ``via``: the door it was asked by. Raises ReadOnly, InvalidInput, also if they cannot be told."""
    refuse_when_read_only()
    schedule, pieces = plan(name, asker, other, days)
    now = timezone.now()
    with transaction.atomic():
        waiting = ShiftSwap.objects.filter(asker=asker, state=SwapState.ASKED, expires_at__gt=now)
        if waiting.count() >= MOST_OPEN:
            raise InvalidInput(
                f"您已有 {MOST_OPEN} 个换班在等答复，请先等它们，或回复「{says.decline_swap(says.CODE)}」撤回。"
            )
        swap = ShiftSwap.objects.create(
            code=_new_code(), schedule=schedule, asker=asker, other=other, pieces=[each.stored for each in pieces],
            expires_at=min(now + PATIENCE, pieces[0].end),
        )  # fmt: skip
        keep(
            Actor.person(asker, via),
            f"提出换班「{schedule.name}」",
            f"swap:{swap.code}",
            _detail(swap, pieces),
        )
        if not tell(other, f"{asker.name} 想换班", _request(swap, pieces), key=f"swap:{swap.pk}:asked", suggestions=_taps(swap)):  # fmt: skip
            raise InvalidInput(
                f"现在不能给{other.name}发消息：没有启用通知的{platforms()}配置。没有提出换班。"
            )
    return swap


def _new_code() -> str:
    """X and five letters: no alert's number, no code of a proposal is meant by the words it stands with."""
    while True:
        code = "X" + "".join(secrets.choice(_LETTERS) for _ in range(5))
        if not ShiftSwap.objects.filter(code=code).exists():
            return code


def _taps(swap: ShiftSwap) -> tuple[Suggestion, ...]:
    return says.accept_swap(swap.code), says.decline_swap(swap.code)


def _request(swap: ShiftSwap, pieces: Sequence[Piece]) -> str:
    until = timezone.localtime(swap.expires_at)
    return (
        f"**{swap.asker.name}** 想和您换班（{swap.schedule.name}），换班以后：\n\n{told(pieces)}\n\n"
        f"{until:%m-%d %H:%M} 前回复「{says.accept_swap(swap.code)}」或「{says.decline_swap(swap.code)}」；不回复就不换。"
    )


def told(pieces: Iterable[Piece]) -> str:
    """The pieces for people, one a line: who has it, who will have it."""
    return "\n".join(f"- {moment(each.start)} 至 {moment(each.end)}：{each.change}" for each in pieces)


def one_sided(schedule: OnCallSchedule, asker: Staff, pieces: Sequence[Piece]) -> str:
    """What it means, and what else may be meant, where the asker has no shift to give in these pieces; else ""."""
    if any(each.holder == asker for each in pieces):
        return ""
    now, name = timezone.now(), pieces[0].holder.name if pieces[0].holder else ""
    own = next((each for each in shifts(schedule, now, now + AHEAD) if each.staff == asker), None)
    nearest = f"最近的是 {moment(own.start)} 至 {moment(own.end)}" if own else f"{AHEAD.days} 天内没有您的班"
    return (
        f"这些时间没有您的班，是{name}的：照这样是您替{name}值班，他不还班。"
        f"要换自己的班，请改写您值班的那一天（{nearest}）。"
    )


def _detail(swap: ShiftSwap, pieces: Sequence[Piece]) -> dict[str, object]:
    return {"asker": swap.asker.name, "other": swap.other.name, "shifts": told(pieces).splitlines()}


def answer(code: str, corp_id: str, staff_id: str, *, accepted: bool, via: str) -> str:
    """What a person says to a swap; who asked may take it back. The text is for them. Raises InvalidInput, ReadOnly."""
    refuse_when_read_only()
    person, now = listed(corp_id, staff_id), timezone.now()
    with transaction.atomic():
        rows = ShiftSwap.objects.select_related("schedule", "asker", "other").filter(code=code)
        swap = rows.select_for_update(of=("self",)).first()
        mine = swap is not None and person is not None and same_person(person, swap.other)
        withdrawn = (
            swap is not None and person is not None and not accepted and same_person(person, swap.asker)
        )
        if swap is None or not (mine or withdrawn):
            raise InvalidInput(f"没有等您答复的换班 {code}：只有被邀请的本人可以接受。")
        state = SwapState.AGREED if accepted else SwapState.DECLINED if mine else SwapState.WITHDRAWN
        waiting = ShiftSwap.objects.filter(pk=swap.pk, state=SwapState.ASKED, expires_at__gt=now)
        if not waiting.update(state=state, decided_at=now):
            late = swap.state == SwapState.ASKED
            raise InvalidInput(
                f"换班 {code} {'已过期' if late else swap.get_state_display()}，班次没有改变。"
            )
        pieces = _exchange(swap) if accepted else []
        actor = Actor.person(swap.other if mine else swap.asker, via)
        keep(actor, f"{state.label}「{swap.schedule.name}」", f"swap:{swap.code}", _detail(swap, pieces))
        return _tell_answer(swap, state, pieces)


def _tell_answer(swap: ShiftSwap, state: SwapState, pieces: Sequence[Piece]) -> str:
    """The other one is told in private; returns what is said to who answered."""
    words = {
        SwapState.AGREED: f"已换班（{swap.schedule.name}）：\n\n{told(pieces)}",
        SwapState.DECLINED: f"没有换班 {swap.code}，班次不变。",
        SwapState.WITHDRAWN: f"换班 {swap.code} 已撤回，班次不变。",
    }
    to, by = (swap.other, swap.asker) if state == SwapState.WITHDRAWN else (swap.asker, swap.other)
    tell(to, f"换班 {swap.code}", f"**{by.name}**：{words[state]}", key=f"swap:{swap.pk}:{state}")
    return words[state]


def _exchange(swap: ShiftSwap) -> list[Piece]:
    """Exactly what both were shown, if it is still theirs to give. Raises InvalidInput."""
    days = sorted({datetime.fromisoformat(each["start"]).astimezone(ZONE).date() for each in swap.pieces})
    days = [days[0] - timedelta(days=1), *days]  # a night's piece may begin after midnight
    present = {
        (each.start, each.end, each.to.pk) for each in _pieces(swap.schedule, days, swap.asker, swap.other)
    }
    wanted = pieces_of(swap)
    if not swap.asker.active or any((each.start, each.end, each.to.pk) not in present for each in wanted):
        raise InvalidInput(f"提出换班 {swap.code} 以后值班表变了，没有换班：请重新提出。")
    OnCallOverride.objects.bulk_create(
        OnCallOverride(
            schedule=swap.schedule, staff=each.to, starts_at=each.start, ends_at=each.end, reason=f"换班 {swap.code}"
        )
        for each in wanted
    )  # fmt: skip
    return wanted


def pieces_of(swap: ShiftSwap) -> list[Piece]:
    """What both were shown."""
    pairs = {swap.asker_id: (swap.other, swap.asker), swap.other_id: (swap.asker, swap.other)}
    return [
        Piece(datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"]), *pairs[each["to"]])
        for each in swap.pieces
    ]


def expire() -> int:
    """Tell who asked that nobody answered in time; returns how many."""
    now, count = timezone.now(), 0
    late = ShiftSwap.objects.filter(state=SwapState.ASKED, expires_at__lte=now)
    for swap in late.select_related("asker", "other")[:20]:
        with transaction.atomic():
            if ShiftSwap.objects.filter(pk=swap.pk, state=SwapState.ASKED).update(state=SwapState.EXPIRED):
                text = f"{swap.other.name}没有答复换班 {swap.code}，已过期，班次不变。"
                tell(swap.asker, f"换班 {swap.code}", text, key=f"swap:{swap.pk}:expired")
                count += 1
    return count
