"""Who may decide about what somebody else wants done. Four eyes belong to two persons, not to two accounts."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Q, QuerySet

from secops_agent.models import Role, Staff
from secops_agent.models.proposal import Risk
from secops_agent.models.staff import RANK

NEEDED: Final[dict[str, Role]] = {Risk.WRITE: Role.ANALYST, Risk.DANGEROUS: Role.RESPONDER}


def roles_from(needed: Role) -> list[str]:
    """Every role that includes `needed`."""
    return [role.value for role in Role if RANK[role] >= RANK[needed]]


def able(needed: Role) -> QuerySet[Staff]:
    """Active people whose role includes `needed`, as the database knows them now."""
    return Staff.objects.filter(active=True, role__in=roles_from(needed))


def listed(corp_id: str, staff_id: str) -> Staff | None:
    """The row of someone active; one without corporation stands for the only one known."""
    rows = Staff.objects.filter(staff_id=staff_id, active=True)
    if corp_id:
        rows = rows.filter(Q(corp_id=corp_id) | Q(corp_id="")).order_by("-corp_id")
    return rows.first()


def same_person(one: Staff, other: Staff) -> bool:
    """The same row, the same Django user, or the same id where one row's corporation is not known yet."""
    if one.pk == other.pk or (one.user_id is not None and one.user_id == other.user_id):
        return True
    return one.staff_id == other.staff_id and (
        one.corp_id == other.corp_id or "" in (one.corp_id, other.corp_id)
    )


def approvers_beside(asker: Staff) -> Sequence[Staff]:
    """The other people who may approve what `asker` asks for, in the same corporation."""
    rows = able(Role.APPROVER)
    if asker.corp_id:
        rows = rows.filter(Q(corp_id=asker.corp_id) | Q(corp_id=""))
    return [row for row in rows.order_by("pk") if not same_person(row, asker)]
