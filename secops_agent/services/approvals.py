"""Deciding: one person, one verdict, one conditional UPDATE whose row count tells who won."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Exists

from bifang.core.db import database_now
from bifang.core.errors import BifangError
from secops_agent.models import Role, Staff
from secops_agent.models.audit import AuditKind
from secops_agent.models.proposal import Proposal, ProposalState, Risk
from secops_agent.services import actions, colleagues, notifying, undo
from secops_agent.services.actors import Actor
from secops_agent.services.audit import Place, append, entry
from secops_agent.services.proposals import digest_of
from secops_agent.services.staff import Person
from secops_agent.services.switches import READ_ONLY, READ_ONLY_TEXT, read_switches

log = logging.getLogger(__name__)
Verdict = Literal["confirm", "approve", "reject"]
Execute = Callable[[str, Mapping[str, Any], Actor], str]
Check = Callable[[str, Mapping[str, Any]], Any]
STATES: Final = {
    "confirm": ProposalState.CONFIRMED, "approve": ProposalState.APPROVED, "reject": ProposalState.REJECTED,
    "withdraw": ProposalState.CANCELLED,
}  # fmt: skip

WORDS: Final = {"confirm": "确认", "approve": "同意", "reject": "拒绝", "withdraw": "撤回"}


@dataclass(frozen=True, slots=True)
class Ballot:
    """A verdict as it arrives. ``through`` names the message or click: given again, it gets the same answer."""

    code: str
    verdict: Verdict
    person: Person
    config_id: int
    conversation_id: str
    is_group: bool
    through: str
    reason: str = ""
    via: str = "dingtalk"
    inbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a ballot came to. "decided": now, by it; "repeated": earlier, by the same person; else nothing changed."""

    status: Literal["decided", "repeated", "refused"]
    text: str
    code: str = ""
    state: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """The state in Chinese."""
        return str(ProposalState(self.state).label) if self.state else ""


@dataclass(frozen=True, slots=True)
class Doing:
    """How confirmed things are done: ``execute`` in our own data, ``check`` before an action outside is ordered."""

    execute: Execute
    check: Check


def decide(ballot: Ballot, doing: Doing) -> Decision:
    """Decide, and in the same transaction do (write) or order (dangerous) what was decided. Never raises BifangError."""
    with transaction.atomic():
        proposal = Proposal.objects.filter(code=ballot.code.upper(), config_id=ballot.config_id).first()
        if proposal is None:
            return _refuse(ballot, None, f"没有代码为 {ballot.code[:20]} 的操作，请核对代码。")
        decider = colleagues.listed(ballot.person.corp_id, ballot.person.staff_id)
        if decider is None:
            return _refuse(ballot, proposal, "您不在人员名单中，不能决定。")
        if proposal.state != ProposalState.PROPOSED:
            return _late(ballot, proposal, decider)
        now = database_now()
        refusal = _refusal(ballot, proposal, decider, now)
        if refusal:
            return _refuse(ballot, proposal, refusal)
        kind = "withdraw" if ballot.verdict == "reject" and _asked_by(proposal, decider) else ballot.verdict
        if not _win(ballot, proposal, decider, STATES[kind], now):
            proposal.refresh_from_db()
            return _late(ballot, proposal, decider)
        proposal.refresh_from_db()
        return _carry_out(ballot, proposal, decider, kind, doing)


def _asked_by(proposal: Proposal, decider: Staff) -> bool:
    """Whether it is the decider's own. Without the asker's row, ids decide."""
    if proposal.asked_by is not None:
        return colleagues.same_person(proposal.asked_by, decider)
    return proposal.asker_id == decider.staff_id


def _refusal(ballot: Ballot, proposal: Proposal, decider: Staff, now: datetime) -> str:
    """Why this person may not decide this, here, now; "" if they may."""
    if proposal.expires_at <= now:
        return f"{proposal.code} 已过期，没有执行。需要的话请重新提出。"
    if digest_of(proposal) != proposal.digest:
        return f"{proposal.code} 的内容与提出时不一致，已拒绝执行。请重新提出，并告诉管理员。"
    own = _asked_by(proposal, decider)
    place = _wrong_place(ballot, proposal, own)
    if place:
        return place
    if ballot.verdict == "reject":
        return "" if own else _not_an_approver(proposal, decider)
    if READ_ONLY in read_switches():
        return READ_ONLY_TEXT
    if ballot.verdict == "confirm":
        return _not_confirmable(proposal, own=own)
    return _not_approvable(proposal, decider, own=own)


def _wrong_place(ballot: Ballot, proposal: Proposal, own: bool) -> str:
    here = ballot.conversation_id == proposal.conversation_id
    if own and not here and ballot.via == "dingtalk":
        return f"请在提出 {proposal.code} 的会话里决定。"
    if not own and ballot.is_group and not here:
        return f"请在提出 {proposal.code} 的群里或与机器人的单聊里决定。"
    return ""


def _not_confirmable(proposal: Proposal, *, own: bool) -> str:
    if proposal.risk == Risk.DANGEROUS:
        return f"{proposal.code} 是危险操作，不能自己确认：需要另一位审批人回复「同意 {proposal.code}」。"
    return "" if own else f"{proposal.code} 只能由提出人 {proposal.asker_name} 本人确认。"


def _not_approvable(proposal: Proposal, decider: Staff, *, own: bool) -> str:
    if proposal.risk == Risk.WRITE:
        how = f"回复「确认 {proposal.code}」" if own else f"由提出人 {proposal.asker_name} 本人确认"
        return f"{proposal.code} 不需要审批，请{how}。"
    if own:
        return f"{proposal.code} 是您自己提出的，需要另一位审批人同意（四眼原则）。"
    return _not_an_approver(proposal, decider)


def _not_an_approver(proposal: Proposal, decider: Staff) -> str:
    if proposal.risk == Risk.WRITE:
        return f"{proposal.code} 只能由提出人 {proposal.asker_name} 本人决定。"
    allowed = colleagues.able(Role.APPROVER).filter(pk=decider.pk).exists()
    return "" if allowed else f"只有「{Role.APPROVER.label}」角色的人可以决定 {proposal.code}。"


def _win(ballot: Ballot, proposal: Proposal, decider: Staff, state: ProposalState, now: datetime) -> bool:
    """The one conditional UPDATE: still open, still the same, and both people still allowed to."""
    needed = Role.NONE if state == ProposalState.CANCELLED else _deciding_role(proposal)
    open_one = Proposal.objects.filter(
        Exists(colleagues.able(needed).filter(pk=decider.pk)),
        pk=proposal.pk, state=ProposalState.PROPOSED, expires_at__gt=now, digest=proposal.digest,
    )  # fmt: skip
    if state in (ProposalState.CONFIRMED, ProposalState.APPROVED):
        asker = colleagues.able(colleagues.NEEDED[proposal.risk]).filter(pk=proposal.asked_by_id or 0)
        open_one = open_one.filter(Exists(asker))
    return bool(
        open_one.update(
            state=state, decided_at=now, decider_id=_ident(decider), decider_name=decider.name,
            decided_through=ballot.through[:260], reason=ballot.reason[:500],
        )
    )  # fmt: skip


def _deciding_role(proposal: Proposal) -> Role:
    return Role.APPROVER if proposal.risk == Risk.DANGEROUS else colleagues.NEEDED[proposal.risk]


def _ident(staff: Staff) -> str:
    return f"{staff.corp_id}:{staff.staff_id}"


def _carry_out(ballot: Ballot, proposal: Proposal, decider: Staff, kind: str, doing: Doing) -> Decision:
    actor = Actor("person", _ident(decider), decider.name, ballot.via)
    act = {"confirm": _confirm, "approve": _order}.get(kind, _close)
    done, text = act(proposal, actor, doing)
    Proposal.objects.filter(pk=proposal.pk).update(result=text)
    _record(ballot, proposal, actor, kind, done=done, text=text)
    if ballot.conversation_id != proposal.conversation_id:
        why = f"（理由：{proposal.reason}）" if proposal.reason else ""
        news = f"**{decider.name}** {WORDS[kind]}了 {proposal.code}{why}。\n\n{text}"
        notifying.tell_origin(proposal, news, f"proposal:{proposal.pk}:decided")
    return Decision("decided", text, proposal.code, proposal.state, proposal.title)


def _confirm(proposal: Proposal, actor: Actor, doing: Doing) -> tuple[bool, str]:
    done, text = _attempt(lambda: doing.execute(proposal.tool, proposal.arguments, actor))
    return done, text if done else f"{proposal.code} 没有执行成功：{text}"


def _order(proposal: Proposal, actor: Actor, doing: Doing) -> tuple[bool, str]:
    done, fault = _attempt(lambda: _order_now(proposal, doing))
    if not done:
        return False, f"{proposal.code} 已同意，但现在不能执行：{fault}"
    return True, f"已同意 {proposal.code}：{proposal.summary}\n\n正在执行，结果会发到提出它的会话。"


def _order_now(proposal: Proposal, doing: Doing) -> str:
    if proposal.tool == undo.TOOL:
        undo.order(proposal)
    else:
        doing.check(proposal.tool, proposal.arguments)
        actions.order(proposal)
    return ""


def _close(proposal: Proposal, actor: Actor, doing: Doing) -> tuple[bool, str]:
    word = ProposalState(proposal.state).label
    return True, f"{proposal.code} {word}：{proposal.summary}\n\n没有执行任何操作。"


def _attempt(act: Callable[[], str]) -> tuple[bool, str]:
    """Do it in a savepoint: a failure undoes what was begun, and the decision stands."""
    try:
        with transaction.atomic():
            return True, act()
    except BifangError as error:
        return False, error.message
    except DatabaseError:
        raise
    except Exception:
        log.exception("执行已确认的操作出错")
        return False, "内部出错，已记入日志，请告诉管理员。"


def _late(ballot: Ballot, proposal: Proposal, decider: Staff) -> Decision:
    """It is decided already, or a condition fell away between the look and the UPDATE."""
    if proposal.state == ProposalState.PROPOSED:
        return _refuse(ballot, proposal, f"{proposal.code} 不能执行：提出人或决定人的权限刚刚变了。")
    label = ProposalState(proposal.state).label
    if proposal.decider_id == _ident(decider):
        text = proposal.result or f"{proposal.code} {label}。"
        said = (
            text
            if proposal.decided_through == ballot.through[:260]
            else f"{proposal.code} {label}，不会重复执行。\n\n{text}"
        )
        return Decision("repeated", said, proposal.code, proposal.state, proposal.title)
    who = f"由 {proposal.decider_name} " if proposal.decider_name else ""
    return _refuse(ballot, proposal, f"{proposal.code} {who}{label}，不能再决定。")


def _refuse(ballot: Ballot, proposal: Proposal | None, text: str) -> Decision:
    subject = f"proposal:{proposal.code if proposal else ballot.code[:20]}"
    place = Place(ballot.config_id, ballot.conversation_id, ballot.inbox_id)
    detail = {"verdict": ballot.verdict, "through": ballot.through}
    actor = Actor.person(ballot.person, ballot.via)
    append(
        [
            entry(
                AuditKind.APPROVAL,
                "决定未被接受",
                actor,
                place=place,
                subject=subject,
                text=text,
                detail=detail,
            )
        ]
    )
    if proposal is None:
        return Decision("refused", text)
    return Decision("refused", text, proposal.code, proposal.state, proposal.title)


def _record(ballot: Ballot, proposal: Proposal, actor: Actor, kind: str, *, done: bool, text: str) -> None:
    detail = {
        "tool": proposal.tool, "arguments": proposal.arguments, "digest": proposal.digest, "asker": proposal.asker_name,
        "through": ballot.through, "reason": ballot.reason, "done": done,
    }  # fmt: skip
    place = Place(ballot.config_id, ballot.conversation_id, ballot.inbox_id)
    subject = f"proposal:{proposal.code}"
    what = f"{WORDS[kind]}{proposal.title}"
    append([entry(AuditKind.APPROVAL, what, actor, place=place, subject=subject, text=text, detail=detail)])
