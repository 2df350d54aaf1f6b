"""Pending proposals: a person's own, and those of others that they may approve."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from bifang.core.configuration.kinds import get_kind
from secops_agent import says
from secops_agent.models.automation.proposal import Proposal, ProposalState, Risk, undecided
from secops_agent.models.people.staff import Role, Staff, allows
from secops_agent.services.decisions.wording import approving, how_elsewhere
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person, only_corporation

_MOST = 5
_MOST_LISTED = 20
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class ProposalFilter:
    """Empty values do not filter. ``since`` (inclusive) and ``until`` (exclusive): of the proposing; ``target``: what its words name;
    ``asker_id``: the staff id of who asked; ``tool``: what is to be done."""

    since: datetime | None = None
    until: datetime | None = None
    target: str = ""
    asker_id: str = ""
    tool: str = ""

    def takes(self, row: Proposal) -> bool:
        """Is it one of those?"""
        inside = (not self.since or row.created_at >= self.since) and (
            not self.until or row.created_at < self.until
        )
        return (
            inside
            and self.target in row.summary
            and self.asker_id in ("", row.asker_id)
            and self.tool in ("", row.tool)
        )


def waiting_for(person: Person, config_id: int | None = None) -> Sequence[Proposal]:
    """Undecided and not expired, newest first: the corporation's own, then what they may approve by an account tied to
    theirs in another one. Only of ``config_id``, if given. On a database thread."""
    staff = eligibility.listed(person.corp_id, person.staff_id)
    if staff is None:
        return ()
    mine = Q(asked_by=staff)
    approves = eligibility.able(Role.APPROVER).filter(pk=staff.pk).exists()
    others = Q(risk=Risk.DANGEROUS, corp_id__in=(staff.corp_id, "")) if approves else Q(pk__in=())
    rows = Proposal.objects.filter(mine | others, undecided())
    if config_id is not None:
        return list(rows.filter(config_id=config_id).order_by("-pk")[:_MOST_LISTED])
    return [*rows.select_related("config").order_by("-pk")[:_MOST_LISTED], *_elsewhere(staff)]


def of_others(person: Person, known: Sequence[Proposal]) -> Sequence[Proposal]:
    """What waits for somebody else's approval in the corporation, beside ``known``; nothing for those who may not see it."""
    staff = eligibility.listed(person.corp_id, person.staff_id)
    if staff is None or not allows(staff.role, Role.ANALYST):
        return ()
    rows = Proposal.objects.filter(undecided())
    rows = rows.filter(risk=Risk.DANGEROUS, corp_id__in=(staff.corp_id, ""))
    return list(rows.exclude(pk__in=[each.pk for each in known]).order_by("-pk")[:_MOST])


def decided(person: Person, wanted: ProposalFilter) -> Sequence[Proposal]:
    """What was decided or ran out, the newest first: the person's own and dangerous ones of the corporation."""
    rows = Proposal.objects.exclude(state=ProposalState.PROPOSED)
    rows = rows.filter(Q(asker_id=person.staff_id) | Q(risk=Risk.DANGEROUS), corp_id__in=(person.corp_id, ""))
    conditions = {
        "created_at__gte": wanted.since, "created_at__lt": wanted.until, "summary__icontains": wanted.target,
        "asker_id": wanted.asker_id, "tool": wanted.tool,
    }  # fmt: skip
    rows = rows.filter(**{name: value for name, value in conditions.items() if value})
    return list(rows.order_by("-pk")[:_MOST_LISTED])


def about(tool: str, argument: str, word: str, homes: Collection[str] | None) -> list[Proposal]:
    """What of one tool waits and names this (F12) in a list of names, the newest first, for people of these corporations."""
    rows = Proposal.objects.filter(undecided(), tool=tool).order_by("-pk")
    mine = rows if homes is None else rows.filter(corp_id__in=("", *homes))
    return [
        row for row in mine[:_MOST_SHOWN] if word in re.split(r"[,\s]+", str(row.arguments.get(argument, "")))
    ]


def _elsewhere(staff: Staff) -> Sequence[Proposal]:
    """What they may approve as somebody else: in another corporation, so through another configuration."""
    tied = eligibility.able(Role.APPROVER).exclude(corp_id__in=("", staff.corp_id))
    others = {each.corp_id: each for each in tied.filter(user_id=staff.user_id)} if staff.user_id else {}
    if not others:
        return ()
    rows = Proposal.objects.filter(undecided())
    rows = rows.filter(risk=Risk.DANGEROUS, corp_id__in=others).select_related("asked_by", "config")
    return [row for row in rows.order_by("-pk")[:_MOST_LISTED] if _may_decide(row, others[row.corp_id])]


def everything(accounts: Sequence[Staff]) -> list[tuple[Proposal, bool]]:
    """All of their corporations that is undecided and not expired, with whether one of these accounts, of one person, may decide it: theirs
    to confirm, or another's to approve. Theirs first, then what expires first; one query, and two for names that
    nothing tells apart."""
    rows = Proposal.objects.filter(undecided())
    homes = {each.corp_id or only_corporation() for each in accounts}
    rows = rows.filter(corp_id__in={"", *homes}) if homes else rows
    ordered = rows.select_related("asked_by").order_by("expires_at", "pk")[:_MOST_SHOWN]
    found = [(row, any(_may_decide(row, each) for each in accounts)) for row in ordered]
    return sorted(found, key=lambda pair: not pair[1])


def _may_decide(row: Proposal, account: Staff) -> bool:
    if row.corp_id and account.corp_id not in (row.corp_id, ""):
        return False
    asker = row.asked_by
    if row.risk == Risk.WRITE:
        return asker is not None and eligibility.same_person(asker, account)
    able = allows(account.role, Role.APPROVER)
    return able and asker is not None and not eligibility.may_be_same_person(asker, account)


def own(person: Person, waiting: Sequence[Proposal]) -> Sequence[Proposal]:
    """Those that the person asked for."""
    return [each for each in waiting if each.asker_id == person.staff_id]


def own_of(tool: str, person: Person, config_id: int) -> Sequence[Proposal]:
    """All of one tool that the person asked for here, newest first. On a database thread."""
    staff = eligibility.listed(person.corp_id, person.staff_id)
    rows = Proposal.objects.filter(asked_by=staff, tool=tool, config_id=config_id)
    waiting = rows.filter(undecided())
    return list(waiting.order_by("-pk")) if staff else ()


def tell(person: Person, waiting: Sequence[Proposal]) -> str:
    """Each with the full command that decides it; a first line with their number. On a database thread."""
    if not waiting:
        return "现在没有等待您确认或审批的操作。"
    elsewhere = {config: how_elsewhere(config) for config in {each.config_id for each in waiting[:_MOST]}}
    lines = [
        f"- {each.summary}\n  {_how(person, each, elsewhere[each.config_id])}" for each in waiting[:_MOST]
    ]
    rest = [f"- 另有 {len(waiting) - _MOST} 个更早的"] if len(waiting) > _MOST else []
    return "\n".join([f"**等待您决定：{len(waiting)} 个**", "", *lines, *rest])


def _how(person: Person, proposal: Proposal, elsewhere: str) -> str:
    code = proposal.code
    if proposal.risk == Risk.WRITE:
        return f"回复「{says.confirm(code)}」执行，或「{says.reject(code)}」撤回"
    if proposal.asker_id == person.staff_id:
        return f"等另一位审批人{approving(proposal, elsewhere)}；要撤回请回复「{says.reject(code)}」"
    away = proposal.corp_id not in (person.corp_id, "")
    where = f"在{get_kind(proposal.config.kind).label}「{proposal.config.name}」" if away else ""
    return f"{proposal.asker_name} {where}提出；{approving(proposal, elsewhere)}执行，或回复「{says.reject(code, '理由')}」"
