"""Eligibility to decide about what somebody else wants done. Four eyes belong to two persons, not to two accounts."""

import unicodedata
from collections.abc import Sequence
from typing import Final

from django.db.models import Q, QuerySet

from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from bifang.core.rights import first_role
from secops_agent.models import Proposal, Role, Staff
from secops_agent.models.automation.proposal import Risk
from secops_agent.models.people.staff import RANK
from secops_agent.services.actors import Actor
from secops_agent.services.people.staff import is_only_corporation, only_corporation

NEEDED: Final[dict[str, Role]] = {
    "read": Role.VIEWER,
    Risk.WRITE: Role.ANALYST,
    Risk.DANGEROUS: Role.RESPONDER,
}
# Tools that do what a page does for whoever has this right: they are for the same roles.
RIGHTS: Final = {"cover_shift": "secops_agent.add_oncalloverride"}
HOW_TO_TELL_APART: Final = (
    "请管理员在「人员」中区分：同一个人的几条记录，对应到同一个登录用户；不同的人，改成不同的姓名，"
    "或各自对应到不同的登录用户。"
)
HOW_TO_TIE: Final = "您在那个企业（或另一个聊天软件）里也有账号的话，请超级管理员在「人员」里把您的几条记录对应到同一个登录用户，再来决定。"

NOT_LISTED: Final = (
    "您的登录用户没有对应的「人员」，不能这样做：要知道是谁。请管理员在「人员」里把您和登录用户对应起来。"
)


def role_for(tool: str, risk: str) -> Role:
    """What one must be to ask for it."""
    return Role(first_role(RIGHTS[tool])) if tool in RIGHTS else NEEDED[risk]


def roles_from(needed: Role) -> list[str]:
    """Every role that includes `needed`."""
    return [role.value for role in Role if RANK[role] >= RANK[needed]]


def able(needed: Role) -> QuerySet[Staff]:
    """People whose role includes `needed` and counts, as the database knows them now."""
    return Staff.objects.acting().filter(role__in=roles_from(needed))


def instead(needed: Role, corp_id: str = "") -> str:
    """What somebody reads who lacks a role: whom to ask, by name, a few of the corporation; administrators where nobody has it."""
    rows = able(needed).filter(corp_id__in={corp_id, ""})
    named = sorted(rows.order_by("pk")[:50], key=lambda each: RANK[Role(each.role)])[:5]
    names = dict.fromkeys(each.name or each.staff_id for each in named)
    whom = f"可以请 {'、'.join(names)} 来做" if names else "现在没有人有，请管理员在「人员」里设置"
    return f"需要「{needed.label}」角色，您没有：{whom}。"


def corporation_of(config_id: int) -> str:
    """The corporation that a configuration serves; "" until it is known."""
    row = SystemConfig.objects.filter(pk=config_id).first()
    return row.corporation if row else ""


def home_of(proposal: Proposal) -> str:
    """The corporation that it concerns; "" until it is known."""
    return proposal.corp_id or corporation_of(proposal.config_id)


def stranger(proposal: Proposal, corp_id: str) -> str:
    """Why someone who comes from this corporation has no say in the proposal; "" if it is their own."""
    if corp_id == home_of(proposal):
        return ""
    if not corp_id:
        return f"不知道您属于哪个企业，不能决定 {proposal.code}。请管理员在「人员」里填写您的企业 ID。"
    return f"{proposal.code} 属于另一个企业，您不能决定。{HOW_TO_TIE}"


def account_elsewhere(corp_id: str, staff_id: str, home: str) -> Staff | None:
    """As whom somebody listed here acts in another corporation: the active account there that is tied to the same user."""
    here = listed(corp_id, staff_id) if corp_id and home else None
    there = account_of(here.user_id, home) if here else None
    return there if there and there.corp_id == home else None


def foreign(proposal: Proposal, actor: Actor) -> str:
    """As `stranger`, of whoever acts, who may be somebody in its corporation by another account; "" for the system and programs."""
    home, (corp_id, staff_id) = home_of(proposal), actor.named
    if not staff_id or not home or account_elsewhere(corp_id, staff_id, home):
        return ""
    here = listed(corp_id, staff_id)
    return stranger(proposal, (here.corp_id if here else corp_id) or only_corporation())


def listed(corp_id: str, staff_id: str) -> Staff | None:
    """The row of someone whose role counts; one without corporation stands for the only one known."""
    rows = Staff.objects.acting().filter(staff_id=staff_id, corp_id__in={corp_id, ""})
    row = rows.order_by("-corp_id").first()
    return row if row is None or row.corp_id == corp_id or is_only_corporation(corp_id) else None


def staff_of(actor: Actor) -> Staff | None:
    """The row of whoever acts, if it is somebody of the staff."""
    return listed(*actor.named) if actor.named[1] else None


def listed_name(config_id: int, staff_id: str) -> str:
    """What somebody active is called in the corporation of a configuration; "" if nobody is listed so."""
    row = listed(corporation_of(config_id), staff_id)
    return row.name if row else ""


def account_of(user_id: int | None, corp_id: str = "") -> Staff | None:
    """As which of their active rows a Django user acts: one of this corporation first, then by role."""
    rows = Staff.objects.acting().filter(user_id=user_id).order_by("pk") if user_id else ()
    return max(rows, key=lambda row: (row.corp_id == corp_id, RANK[Role(row.role)]), default=None)


def demand_account(user_id: int | None, corp_id: str = "") -> Staff:
    """As `account_of`. Raises InvalidInput, saying what to do, for a login that is nobody's."""
    account = account_of(user_id, corp_id)
    if account is None:
        raise InvalidInput(NOT_LISTED)
    return account


def same_person(one: Staff, other: Staff) -> bool:
    """The same row, or rows of the same Django user."""
    return one.pk == other.pk or (one.user_id is not None and one.user_id == other.user_id)


def may_be_same_person(one: Staff, other: Staff) -> bool:
    """Does nothing tell these two apart? Two Django users do; without them, same id or name is one person."""
    if same_person(one, other):
        return True
    if one.user_id is not None and other.user_id is not None:
        return False
    marks = {mark for row in _accounts(one) for mark in _marks(row)}
    return any(mark in marks for row in _accounts(other) for mark in _marks(row))


def _accounts(one: Staff) -> Sequence[Staff]:
    return list(Staff.objects.filter(user_id=one.user_id)) if one.user_id is not None else [one]


def _marks(row: Staff) -> tuple[tuple[str, str], ...]:
    name = "".join(unicodedata.normalize("NFKC", row.name).split()).casefold()
    return (("id", row.staff_id), ("name", name))


def approvers_beside(asker: Staff, corp_id: str) -> Sequence[Staff]:
    """The other people of the corporation who may approve what `asker` asks for, each once: a row without corporation
    stands for the one that has it, and rows of one Django user are one person."""
    rows = able(Role.APPROVER).filter(Q(corp_id=corp_id) | Q(corp_id=""))
    found: list[Staff] = []
    for row in rows.order_by("-corp_id", "pk"):
        asked = any(each.staff_id == row.staff_id or same_person(each, row) for each in found)
        if not asked and not may_be_same_person(row, asker):
            found.append(row)
    return sorted(found, key=lambda each: each.pk)
