"""Recipients: whom a message or a scheduled task is for, as people write it: 李四、王五, 值班, 下一班, 群, 负责人:db-02.

Only people who are listed in the asker's own corporation, its rotas, and groups in which its robot is; nobody outside, never
everybody.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone

from bifang.channels.known_groups import withheld
from bifang.channels.models import KnownGroup
from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import Asset, OnCallSchedule, Role, Staff
from secops_agent.services.assets import inventory
from secops_agent.services.chats import speaks
from secops_agent.services.faults import NotFound
from secops_agent.services.on_call.schedules import enabled_schedules
from secops_agent.services.on_call.shifts import next_on_call, on_call_at
from secops_agent.services.people.staff import Person, written_as
from secops_agent.services.people.words import UNREADABLE

MOST: Final = 5
GROUP: Final = "群"
SHAPE: Final = (
    "同事的姓名或员工 ID（几位用逗号分开），「值班」「下一班」或值班表的名称，「群」或群名，「db-02的负责人」"
)
_DUTY: Final = re.compile(
    r"(?:现在的?|当前的?|今天的?)?(?:值班(?:的?人|员|的)?|on-?call)(?:[:：](?P<rota>.+))?", re.IGNORECASE
)
_NEXT: Final = re.compile(r"下一?(?:个|位)?(?:班|值班)(?:的?人|员|的)?(?:[:：](?P<rota>.+))?")
_GROUP: Final = re.compile(r"(?P<before>\S{0,20}?)群(?:里|聊)?(?:[:：]\s*(?P<name>.+))?")
_OWNER: Final = re.compile(r"(?P<asset>.+?)的?负责人")
_BETWEEN: Final = re.compile(r"[,，、;；]+")
_EVERYBODY: Final = re.compile(r"@?(?:所有人?|全员|全体|大家|每个人|all)", re.IGNORECASE)
_SELF: Final = ("我", "我自己", "本人")
_ONLY: Final = "只能发给登记的同事、值班人，或有机器人的群，不能发给企业外的人"
_LIKE: Final = 0.5  # of a name's characters, at least


@dataclass(frozen=True, slots=True)
class Recipient:
    """``staff`` (who is on call now, of a rota), or a ``group``; ``key``: what is stored and read again; ``rota`` and ``after``: they are meant
    as whoever is on call then, or comes next."""

    key: str
    named: str
    staff: Staff | None = None
    rota: OnCallSchedule | None = None
    after: bool = False
    group: KnownGroup | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """The target as files write it, without its configuration."""
        if self.group:
            return {"kind": "group", "conversation_id": self.group.conversation_id}
        if self.rota:
            return {"kind": "next" if self.after else "on_call", "schedule": self.rota.name}
        return {"kind": "person", "staff_id": self.staff.staff_id if self.staff else ""}


def read_recipients(wanted: str, person: Person, undone: str = "") -> list[Recipient]:
    """Each once, at most `MOST`. ``undone`` ends what a refusal says. Raises NotFound, InvalidInput."""
    names = [one.strip() for one in _BETWEEN.split(wanted) if one.strip()]
    if not names:
        raise InvalidInput(f"请写明发给谁：{SHAPE}。{undone}")
    try:
        found = {each.key: each for each in (_read(name, person) for name in names)}
    except (NotFound, InvalidInput) as fault:
        raise type(fault)(f"{fault.message}{undone}") from None
    if len(found) > MOST:
        raise InvalidInput(f"一次最多发给 {MOST} 位：请分几次，或发到群里。{undone}")
    return list(found.values())


def demand_readers(found: Sequence[Recipient], undone: str = "") -> None:
    """Whoever is sent what was looked up may read it. Raises InvalidInput."""
    for one in found:
        if one.staff and one.staff.role == Role.NONE:
            raise InvalidInput(f"{UNREADABLE.format(plain(one.staff.name, 40))}{undone}")


def _read(wanted: str, person: Person) -> Recipient:
    if duty := _DUTY.fullmatch(wanted):
        return _of_rota(_rota(duty["rota"] or ""), person, after=False)
    if after := _NEXT.fullmatch(wanted):
        return _of_rota(_rota(after["rota"] or ""), person, after=True)
    if rota := next((each for each in enabled_schedules() if each.name == wanted), None):
        return _of_rota(rota, person, after=False)
    if (
        (group := _GROUP.fullmatch(wanted))
        and not _EVERYBODY.fullmatch(wanted)
        and not _named(wanted, person)
    ):
        return _group(group["name"] or group["before"], person, group["name"] or wanted)
    if owner := _OWNER.fullmatch(wanted):
        return _of_owner(owner["asset"], person)
    if _EVERYBODY.fullmatch(wanted):
        raise InvalidInput(f"不能逐个发给所有人：请写出姓名（最多 {MOST} 位），或写「{GROUP}」。")
    return _person(wanted, person)


def _rota(name: str) -> OnCallSchedule:
    rotas = [each for each in enabled_schedules() if name in ("", each.name)]
    if len(rotas) == 1:
        return rotas[0]
    names = "、".join(plain(each.name, 40) for each in rotas[:MOST])
    if rotas:
        raise InvalidInput(f"有几张值班表：{names}，请写明哪一张。")
    raise NotFound(f"没有名为「{plain(name, 40)}」的值班表。" if name else "没有启用的值班表。")


def _of_rota(rota: OnCallSchedule, person: Person, *, after: bool) -> Recipient:
    now, name = timezone.now(), plain(rota.name, 40)
    staff = next_on_call(rota, now) if after else on_call_at(rota, now).staff
    if staff is None or not staff.acts:
        raise NotFound(f"「{name}」{'一个月内没有下一位' if after else '现在无人值班'}。")
    if staff.corp_id not in written_as(person.corp_id):
        raise InvalidInput(f"「{name}」的值班人属于另一个企业，不能由您发送。")
    told = f"{plain(staff.name, 40)}（{name}{'下一位值班' if after else '现在值班'}，{plain(staff.staff_id, 60)}）"
    return Recipient(f"{'下一班' if after else '值班'}:{rota.name}", told, staff, rota, after)


def _group(name: str, person: Person, wanted: str) -> Recipient:
    """One in which the robot still speaks; without a name the only one; ``wanted``: the whole of what was written, which may be its name.
    Raises NotFound, InvalidInput."""
    chats = [
        row.pk
        for row in SystemConfig.objects.chats()
        if speaks(row) and row.corporation in written_as(person.corp_id)
    ]
    known = KnownGroup.objects.filter(config__in=chats, corp_id__in=written_as(person.corp_id))
    groups = list(known.select_related("config"))
    rows = [row for row in groups if wanted in (str(row), row.conversation_id)]
    rows = rows or [row for row in groups if name in str(row)]
    meant, rows = rows, [row for row in rows if not withheld(row)]
    if meant and not rows:
        raise InvalidInput(f"{plain(withheld(meant[0]), 200)}。")
    if not rows:
        told = f"没有名为「{plain(name, 40)}」的群" if name else "还没有能发的群"
        raise NotFound(f"{told}：请在群里 @ 一次机器人，它就会记住这个群。")
    if len(rows) > 1:
        names = "、".join(f"「{plain(str(row), 40)}」" for row in rows[:MOST])
        raise InvalidInput(f"有几个群，请写明是哪一个：{names}。")
    return Recipient(f"{GROUP}:{rows[0].conversation_id}", f"群「{plain(str(rows[0]), 40)}」", group=rows[0])


def _of_owner(name: str, person: Person) -> Recipient:
    found = inventory.find(name).asset
    asset = Asset.objects.select_related("owner").filter(pk=found.id).first() if found else None
    if asset is None:
        raise NotFound(f"没有资产「{plain(name, 60)}」，不知道它的负责人是谁。")
    if asset.owner is None:
        raise NotFound(f"资产「{plain(asset.name, 60)}」没有登记负责人：请写明发给谁。")
    return _person(asset.owner.staff_id, person, f"{plain(asset.name, 60)} 的负责人，")


def _person(wanted: str, person: Person, why: str = "") -> Recipient:
    rows = _named(person.staff_id if wanted in _SELF else wanted, person)
    if len(rows) == 1:
        told = f"{plain(rows[0].name, 40)}（{why}{plain(rows[0].staff_id, 60)}）"
        return Recipient(rows[0].staff_id, told, rows[0])
    if rows:
        raise NotFound(f"有多位人员叫「{plain(wanted, 40)}」，请用员工 ID。")
    near = _near(wanted, list(_ours(person).values_list("name", flat=True)[:1000]))
    hint = f"是否指：{'、'.join(near)}？" if near else f"{_ONLY}。"
    raise NotFound(f"本企业的人员里没有「{plain(wanted, 40)}」。{hint}")


def _named(wanted: str, person: Person) -> list[Staff]:
    """Those of the staff who are called exactly so, by id first; two at most of one id, three of one name."""
    return list(_ours(person).filter(staff_id=wanted)[:2]) or list(_ours(person).filter(name=wanted)[:3])


def _ours(person: Person) -> QuerySet[Staff]:
    return Staff.objects.acting().filter(corp_id__in=written_as(person.corp_id))


def _near(wanted: str, names: Sequence[str]) -> list[str]:
    return [plain(one, 40) for one in get_close_matches(wanted, names, 3, _LIKE)]
