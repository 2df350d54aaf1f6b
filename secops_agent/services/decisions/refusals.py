"""Refusals of decisions: the one set of rules about who may decide what, where and when."""

from datetime import datetime
from typing import Final

from bifang.core.database.db import database_now
from secops_agent import says
from secops_agent.models import Role, Staff
from secops_agent.models.automation.proposal import Proposal, ProposalState, Risk
from secops_agent.models.people.staff import allows
from secops_agent.services.decisions.proposals import digest_of
from secops_agent.services.decisions.requests import DecisionRequest
from secops_agent.services.mcp.orders import CALL
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import named_corporations
from secops_agent.services.switches import stops

UNSIGNED: Final = (
    "dingtalk_http"  # an HTTP callback: whoever saw one signature could write other words under it
)
UNSIGNED_TEXT: Final = (
    "{code} 是危险操作：本企业的机器人用 HTTP 回调接收消息，文字不能证明是谁说的，不能用来批准。"
    "请点卡片上的按钮，或在网页「审批」里决定。"
)


def objection(request: DecisionRequest, proposal: Proposal) -> str:
    """Why `decide` would refuse, nothing done and nothing recorded; "" if it would not. For pages, which have read the
    proposal with its asker."""
    if proposal.state != ProposalState.PROPOSED:
        return f"{request.code} 已经决定。"
    decider, refusal = decider_of(request, proposal)
    return refusal if decider is None else refusal_of(request, proposal, decider, database_now())


def asked_for(request: DecisionRequest) -> Proposal | None:
    """The proposal, with its asker. What was proposed through another configuration is there for those who may have a
    say in it only, and in words: a card stands where it was made."""
    found = Proposal.objects.select_related("asked_by").filter(code=request.code.upper()).first()
    if found is None or found.config_id == request.config_id:
        return found
    known = request.via != "card" and eligibility.home_of(found) and decider_of(request, found)[0]
    return found if known else None


def unknown(request: DecisionRequest) -> str:
    """What is said of a code for which `asked_for` finds nothing, whether there is such a proposal elsewhere or not."""
    hint = f"如果它是在别处提出的：{eligibility.HOW_TO_TIE}" if len(named_corporations()) > 1 else ""
    return f"没有代码为 {request.code[:20]} 的操作，请核对代码。{hint}"


def decider_of(request: DecisionRequest, proposal: Proposal) -> tuple[Staff | None, str]:
    """As whom they decide; None and why, for somebody of another corporation or of none that we know, by whatever door.

    Who speaks in another corporation's configuration, on another chat platform, is somebody here by an account that is
    tied to the same user: that account decides, with its role and as its person.
    """
    comes_from, staff_id = request.person.corp_id, request.person.staff_id
    foreign = eligibility.stranger(proposal, comes_from)
    if foreign and request.config_id != proposal.config_id:
        decider = eligibility.account_elsewhere(comes_from, staff_id, eligibility.home_of(proposal))
        return decider, "" if decider else foreign
    decider = None if foreign else eligibility.listed(comes_from, staff_id)
    return decider, foreign or ("" if decider else "您不在人员名单中，或已经停用，不能决定。")


def is_own(proposal: Proposal, decider: Staff) -> bool:
    """Whether it is the decider's own. Without the asker's row, ids decide."""
    if proposal.asked_by is not None:
        return eligibility.same_person(proposal.asked_by, decider)
    return (proposal.corp_id, proposal.asker_id) == (decider.corp_id, decider.staff_id)


def refusal_of(request: DecisionRequest, proposal: Proposal, decider: Staff, now: datetime) -> str:
    """Why this person may not decide this, here, now; "" if they may."""
    if proposal.expires_at <= now:
        return f"{proposal.code} 已过期，没有执行。需要的话请重新提出。"
    if digest_of(proposal) != proposal.digest:
        return f"{proposal.code} 的内容与提出时不一致，已拒绝执行。请重新提出，并告诉管理员。"
    own = is_own(proposal, decider)
    place = _wrong_place(request, proposal, own)
    if place:
        return place
    if request.verdict == "withdraw":
        return "" if own else _not_ones_own(proposal)
    if request.verdict == "reject":
        return "" if own else _not_an_approver(proposal, decider)
    if request.token is not None and not proposal.conversation_id:
        return f"{proposal.code} 不是在会话里提出的，只能由人在聊天里或管理后台决定，API 令牌不能决定。"
    if request.via == UNSIGNED and request.verdict == "approve" and proposal.risk == Risk.DANGEROUS:
        return UNSIGNED_TEXT.format(code=proposal.code)
    if stopped := stops(Risk.DANGEROUS if proposal.tool == CALL else proposal.risk):
        return stopped
    if request.verdict == "confirm":
        return _not_confirmable(proposal, own=own)
    return _not_approvable(proposal, decider, own=own)


def _wrong_place(request: DecisionRequest, proposal: Proposal, own: bool) -> str:
    here = request.conversation_id == proposal.conversation_id
    if not proposal.conversation_id:  # a program proposed it: told in private, and decided there
        return f"请在与机器人的单聊里决定 {proposal.code}。" if request.is_group else ""
    typed = request.via in ("dingtalk", "feishu", UNSIGNED, "web")
    if own and not here and typed and request.verdict != "approve":  # which nobody may of what is their own
        return f"请在提出 {proposal.code} 的会话里决定。"
    if not own and request.is_group and not here:
        return f"请在提出 {proposal.code} 的群里或与机器人的单聊里决定。"
    return ""


def _not_ones_own(proposal: Proposal) -> str:
    how = (
        f"审批人可以回复「{says.reject(proposal.code, '理由')}」"
        if proposal.risk == Risk.DANGEROUS
        else "由本人决定"
    )
    return (
        f"「{says.withdraw()}」只用于自己提出的操作。{proposal.code} 是 {proposal.asker_name} 提出的，{how}。"
    )


def _not_confirmable(proposal: Proposal, *, own: bool) -> str:
    if proposal.risk == Risk.DANGEROUS:
        return f"{proposal.code} 是危险操作，不能自己确认：需要另一位审批人同意。"
    return "" if own else f"{proposal.code} 只能由提出人 {proposal.asker_name} 本人确认。"


def _not_approvable(proposal: Proposal, decider: Staff, *, own: bool) -> str:
    if proposal.risk == Risk.WRITE:
        how = f"回复「{says.confirm(proposal.code)}」" if own else f"由提出人 {proposal.asker_name} 本人确认"
        return f"{proposal.code} 不需要审批，请{how}。"
    if own:
        return f"{proposal.code} 是您自己提出的，需要另一位审批人同意（四眼原则）。"
    asker = proposal.asked_by
    if asker is not None and eligibility.may_be_same_person(asker, decider):
        return (
            f"{proposal.code} 需要另一个人同意（四眼原则）。提出人「{asker.name}」（{asker.staff_id}）和您"
            f"「{decider.name}」（{decider.staff_id}）在「人员」里没有区分开。{eligibility.HOW_TO_TELL_APART}"
        )
    return _not_an_approver(proposal, decider)


def _not_an_approver(proposal: Proposal, decider: Staff) -> str:
    if proposal.risk == Risk.WRITE:
        return f"{proposal.code} 只能由提出人 {proposal.asker_name} 本人决定。"
    return (
        ""
        if allows(decider.role, Role.APPROVER)
        else f"只有「{Role.APPROVER.label}」角色的人可以决定 {proposal.code}。"
    )
