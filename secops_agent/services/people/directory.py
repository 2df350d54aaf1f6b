"""Directory: colleagues as owners and assignees are named."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from bifang.core.models import SystemConfig
from secops_agent.models import Staff
from secops_agent.services.actors import Actor
from secops_agent.services.chats import label_of
from secops_agent.services.faults import NotFound

_MOST: Final = 500  # people of a list to choose from


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who can be chosen; ``name`` tells them from everybody else of the list."""

    pk: int
    name: str


def selectable(people: "QuerySet[Staff] | None" = None) -> list[Colleague]:
    """Those of ``people`` (all who are active) by their names; who shares one, with the platform, and where that does not tell
    them apart with the staffId."""
    rows = Staff.objects.filter(active=True) if people is None else people
    found = list(rows.order_by("name", "pk")[:_MOST])
    many = Counter(row.name for row in found)
    if len(many) == len(found):
        return [Colleague(row.pk, row.name) for row in found]
    places = {config.corporation: label_of(config) for config in SystemConfig.objects.chats()}
    beside = {row.pk: places.get(row.corp_id) or row.staff_id for row in found}
    alike = Counter((row.name, beside[row.pk]) for row in found)
    told = {row.pk: beside[row.pk] if alike[row.name, beside[row.pk]] == 1 else row.staff_id for row in found}
    return [
        Colleague(row.pk, f"{row.name}（{told[row.pk]}）" if many[row.name] > 1 else row.name)
        for row in found
    ]


def names_of(people: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """(configuration, staff id) → what the person is called who is listed in its corporation, active or not; two queries."""
    configs = SystemConfig.objects.filter(pk__in={config_id for config_id, _ in people})
    homes = {row.pk: row.corporation for row in configs}
    rows = Staff.objects.filter(staff_id__in={staff_id for _, staff_id in people}) if people else ()
    names = {(row.corp_id, row.staff_id): row.name for row in rows}
    found = {one: names.get((homes.get(one[0], ""), one[1])) or names.get(("", one[1])) for one in people}
    return {one: name for one, name in found.items() if name}


def named_by(actor: Actor, wanted: Staff | str) -> Staff:
    """Whom somebody hands something to: a row, or a name or staffId of their own corporation. Raises NotFound."""
    return find_staff(wanted, actor.named[0]) if isinstance(wanted, str) else wanted


def find_staff(text: str, corp_id: str = "") -> Staff:
    """An active person by staffId or name, of this corporation ("": of any). Raises NotFound, also for a name that several have."""
    wanted = text.strip()
    people = Staff.objects.filter(Q(staff_id=wanted) | Q(name=wanted), active=True)
    if corp_id:
        people = people.filter(corp_id__in=("", corp_id))
    rows = list(people.order_by("-corp_id", "pk")[:3])
    exact = [row for row in rows if row.staff_id == wanted][: 1 if corp_id else 3] or rows
    if len(exact) == 1:
        return exact[0]
    if exact:
        ids = "、".join(row.staff_id for row in exact)
        raise NotFound(f"有多位人员叫「{wanted}」，请用员工 ID：{ids}。")
    raise NotFound(f"人员里没有「{wanted[:50]}」：请写姓名或员工 ID，或请管理员添加。")
