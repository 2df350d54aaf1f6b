"""Staff: who someone is, and what they may do."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Q

from bifang.core.database.db import run
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models.people.staff import Role, Staff, allows
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep

KEYS = ("staff_id", "name", "role", "corp_id", "active")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who asks. ``role`` none: known or not, they may do nothing."""

    corp_id: str
    staff_id: str
    name: str
    role: Role

    def may(self, needed: Role) -> bool:
        """Does the role include `needed`?"""
        return allows(self.role, needed)


def identify(corp_id: str, staff_id: str, nick: str, default: str) -> Person:
    """Who somebody is: as listed, else with the role ``default``, which is not for people who left or whose login is
    switched off.

    A row without corporation stands for the only one known, until that is learned.
    """
    listed = run(_listed(), [staff_id, corp_id])
    for corporation, name, role, acts in listed:
        if acts and (corporation == corp_id or is_only_corporation(corp_id)):
            return Person(corp_id, staff_id, name, Role(role))
    return Person(corp_id, staff_id, nick, Role.NONE if listed else Role(default))


@cache
def _listed() -> str:
    """Asked by every turn; the last column is `Staff.acts`."""
    people, users = (connection.ops.quote_name(model._meta.db_table) for model in (Staff, get_user_model()))
    return (
        f"SELECT s.corp_id, s.name, s.role, s.active AND COALESCE(u.is_active, s.active) FROM {people} AS s "  # noqa: S608 - names of our own
        f"LEFT JOIN {users} AS u ON u.id = s.user_id WHERE s.staff_id = %s AND s.corp_id IN (%s, '') ORDER BY s.corp_id DESC"
    )


def find_person(corp_id: str, staff_id: str) -> Person | None:
    """A listed person whose role counts; None otherwise. An empty `corp_id` matches the only one of that id."""
    rows = Staff.objects.acting().filter(staff_id=staff_id)
    if corp_id:
        rows = rows.filter(Q(corp_id=corp_id) | Q(corp_id="")).order_by("-corp_id")
    row = rows.first()
    return person_of(row, corp_id) if row else None


def person_of(staff: Staff, corp_id: str) -> Person:
    """Whom a row names, as somebody who asks in that corporation."""
    return Person(staff.corp_id or corp_id, staff.staff_id, staff.name, Role(staff.role))


def administrators(corp_id: str | None) -> list[str]:
    """Names of the people who can give someone a role, in this corporation or (None) in any; who is in two of them, once."""
    rows = Staff.objects.acting().filter(role=Role.ADMIN)
    if corp_id is not None:
        rows = rows.filter(Q(corp_id=corp_id) | Q(corp_id=""))
    return list(dict.fromkeys(rows.order_by("pk").values_list("name", flat=True)[:20]))[:5]


def learn_corporation(corp_id: str, via: str) -> int:
    """People listed without a corporation belong to this one, if it is the only one known. Returns how many.

    ``via``: what told of it.
    """
    if not corp_id or not is_only_corporation(corp_id) or _is_one_of_several(corp_id):
        return 0
    taken = Staff.objects.filter(corp_id=corp_id).values_list("staff_id", flat=True)
    with transaction.atomic():
        count = Staff.objects.filter(corp_id="").exclude(staff_id__in=list(taken)).update(corp_id=corp_id)
        if count:
            detail = {"corp_id": corp_id, "people": count}
            keep(Actor.system(via), "得知企业标识，登记到人员", "staff", detail)
    return count


def _is_one_of_several(corp_id: str) -> bool:
    """Of two platforms each has an organisation of its own, known or not."""
    chats = list(SystemConfig.objects.chats())
    return len({row.kind for row in chats}) > 1 and any(row.corporation != corp_id for row in chats)


def leave_organisation(corp_id: str, staff_ids: Sequence[str], via: str) -> int:
    """Revoke at once what people who left the organisation could do. ``via``: what told of it. Returns how many."""
    mine = Staff.objects.filter(corp_id__in=written_as(corp_id), staff_id__in=staff_ids, active=True)
    return sum(_deactivate(row, via) for row in mine)


def _deactivate(row: Staff, via: str) -> int:
    with transaction.atomic():
        done = Staff.objects.filter(pk=row.pk, active=True).update(active=False)
        if done:
            detail = {"name": row.name, "changes": {"active": [True, False]}}
            keep(Actor.system(via), "离开企业，停用人员", f"staff:{row.pk}", detail)
    return done


TOLD: Final = ("staff_id", "name", "corp_id", "role", "active", "user_id")


def keep_change(actor: Actor, before: Staff | None, after: Staff | None) -> None:
    """Record what became of someone, in the caller's transaction; nothing if nothing did."""
    row = after or before
    changes = {
        name: [getattr(before, name, None), getattr(after, name, None)]
        for name in TOLD
        if getattr(before, name, None) != getattr(after, name, None)
    }
    if row is not None and changes:
        verb = "修改" if before and after else "新增" if after else "删除"
        keep(actor, f"{verb}人员「{row.name}」", f"staff:{row.pk}", {"name": row.name, "changes": changes})


def apply_staff_entries(entries: list[Mapping[str, Any]]) -> list[str]:
    """The ``staff`` section of apply_configs. Prints nothing; raises InvalidInput naming entry and key."""
    for number, entry in enumerate(entries, 1):
        _apply(f"staff 第 {number} 项（{entry.get('staff_id') or '缺少 staff_id'}）", entry)
    return []


def _apply(place: str, entry: Mapping[str, Any]) -> None:
    for key in entry:
        if key not in KEYS:
            raise InvalidInput(f"{place}：不认识的键「{key}」；可用的键：{'、'.join(KEYS)}。")
    values = {key: str(entry.get(key) or "").strip() for key in ("staff_id", "name", "corp_id")}
    for key in ("staff_id", "name"):
        if not values[key]:
            raise InvalidInput(f"{place} 缺少 {key}。")
    role, active = str(entry.get("role", Role.VIEWER)), entry.get("active", True)
    if role not in Role.values:
        raise InvalidInput(f"{place} 的 role：「{role}」不是角色；可用的有：{'、'.join(Role.values)}。")
    if not isinstance(active, bool):
        raise InvalidInput(f"{place} 的 active：应为 true 或 false。")
    corp_id = values["corp_id"] or only_corporation()
    row = Staff.objects.filter(corp_id__in={corp_id, values["corp_id"]}, staff_id=values["staff_id"]).first()
    before = copy(row)
    row = row or Staff(staff_id=values["staff_id"])
    row.corp_id, row.name, row.role, row.active = corp_id, values["name"], role, active
    row.save()
    keep_change(Actor.system("apply_configs"), before, row)


def is_only_corporation(corp_id: str) -> bool:
    """Do people listed without a corporation belong to this one? Not where people name another, or a configuration of the
    same platform, on which somebody else may have the same id."""
    chats = list(SystemConfig.objects.chats())
    platforms = {row.kind for row in chats if row.corporation == corp_id}
    return _named(row for row in chats if row.kind in platforms) <= {corp_id}


def written_as(corp_id: str) -> tuple[str, ...]:
    """What stands in the rows of this corporation's people and configurations: its id, and nothing where it is the only one."""
    return (corp_id, "") if is_only_corporation(corp_id) else (corp_id,)


def only_corporation() -> str:
    """The one that people and configurations name; "" if there are none or several."""
    named = named_corporations()
    return named.pop() if len(named) == 1 else ""


def is_named_corporation(corp_id: str) -> bool:
    """Does any of the people or of the configurations name it?"""
    named = corp_id and any(row.corporation == corp_id for row in SystemConfig.objects.chats())
    return bool(named or (corp_id and Staff.objects.filter(corp_id=corp_id).exists()))


def named_corporations() -> set[str]:
    """Those that people and configurations name, two of many people's."""
    return _named(SystemConfig.objects.chats())


def _named(chats: Iterable[SystemConfig]) -> set[str]:
    # Without the model's own order, which would make every person distinct.
    named = set(Staff.objects.exclude(corp_id="").order_by().values_list("corp_id", flat=True).distinct()[:2])
    return named | {row.corporation for row in chats if row.corporation}
