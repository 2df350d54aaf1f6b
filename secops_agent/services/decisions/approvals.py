"""Approvals: one person, one verdict, one conditional UPDATE whose row count tells who won."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Exists, Q

from bifang.channels.text.visible import visible
from bifang.core.database.db import database_now
from bifang.core.errors import BifangError
from secops_agent.counted import DECISIONS
from secops_agent.models import Action, Role, Staff
from secops_agent.models.automation.proposal import Proposal, ProposalState, Risk, undecided
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import Place, append, entry
from secops_agent.services.clock import left_told
from secops_agent.services.decisions import actions, direct_requests, notices, undo
from secops_agent.services.decisions.carriers import AUTHORISATION, BATCH, DRY, OURS, UNDOES
from secops_agent.services.decisions.ledger import batches
from secops_agent.services.decisions.proposals import buttons_of, prospect_of, role_of_asker
from secops_agent.services.decisions.refusals import asked_for, decider_of, is_own, refusal_of, unknown
from secops_agent.services.decisions.requests import Decision, DecisionRequest, Executors, Origin
from secops_agent.services.decisions.wording import describe_for_approver, how_elsewhere
from secops_agent.services.mcp.orders import CALL
from secops_agent.services.people import eligibility
from secops_agent.services.switches import NO_SPEECH, read_switches

log = logging.getLogger(__name__)
STATES: Final = {
    "confirm": ProposalState.CONFIRMED, "approve": ProposalState.APPROVED, "reject": ProposalState.REJECTED,
    "withdraw": ProposalState.CANCELLED,
}  # fmt: skip

WORDS: Final = {"confirm": "确认", "approve": "同意", "reject": "拒绝", "withdraw": "撤回"}


def decide(request: DecisionRequest, executors: Executors) -> Decision:
    """Decide, and in the same transaction do (write) or order (dangerous) what was decided. Never raises BifangError."""
    decision = _decide(request, executors)
    DECISIONS.add(request.verdict, decision.status)
    return decision


def _decide(request: DecisionRequest, executors: Executors) -> Decision:
    with transaction.atomic():
        proposal = asked_for(request)
        if proposal is None:
            return _refuse(request, None, unknown(request))
        decider, refusal = decider_of(request, proposal)
        if decider is None:
            return _refuse(request, proposal, refusal)
        if proposal.state != ProposalState.PROPOSED:
            return _late(request, proposal, decider)
        now = database_now()
        refusal = refusal_of(request, proposal, decider, now)
        if refusal:
            return _refuse(request, proposal, refusal)
        kind = (
            "withdraw"
            if request.verdict in ("reject", "withdraw") and is_own(proposal, decider)
            else request.verdict
        )
        if not _win(request, proposal, decider, STATES[kind], now):
            proposal.refresh_from_db()
            return _late(request, proposal, decider)
        proposal.refresh_from_db()
        return _carry_out(request, proposal, decider, kind, executors)


def _win(
    request: DecisionRequest, proposal: Proposal, decider: Staff, state: ProposalState, now: datetime
) -> bool:
    """The one conditional UPDATE: still open, still the same, and both people still allowed to."""
    needed = Role.NONE if state == ProposalState.CANCELLED else _deciding_role(proposal)
    open_one = Proposal.objects.filter(
        Exists(eligibility.able(needed).filter(pk=decider.pk)),
        pk=proposal.pk, state=ProposalState.PROPOSED, expires_at__gt=now, digest=proposal.digest,
    )  # fmt: skip
    if state in (ProposalState.CONFIRMED, ProposalState.APPROVED):
        asker = eligibility.able(role_of_asker(proposal)).filter(pk=proposal.asked_by_id or 0)
        open_one = open_one.filter(Exists(asker))
    return bool(
        open_one.update(
            state=state, decided_at=now, decider_id=_ident(decider), decider_name=decider.name,
            decided_through=request.through[:260], reason=visible(request.reason)[:500],
        )
    )  # fmt: skip


def _deciding_role(proposal: Proposal) -> Role:
    return Role.APPROVER if proposal.risk == Risk.DANGEROUS else role_of_asker(proposal)


def _ident(staff: Staff) -> str:
    return f"{staff.corp_id}:{staff.staff_id}"


def _carry_out(
    request: DecisionRequest, proposal: Proposal, decider: Staff, kind: str, executors: Executors
) -> Decision:
    actor = request.actor(decider)
    confirm = {CALL: _order, AUTHORISATION: _pass_on}.get(proposal.tool, _confirm)
    order = _confirm if proposal.tool in OURS else _order
    act = {"confirm": confirm, "approve": order}.get(kind, _close)
    done, text = act(proposal, actor, executors)
    Proposal.objects.filter(pk=proposal.pk).update(result=text)
    _record(request, proposal, actor, kind, done=done, text=text)
    _tell(request, proposal, kind, text, heard=_is_heard(request, proposal, decider))
    return Decision("decided", text, proposal.code, proposal.state, proposal.title)


def _is_heard(request: DecisionRequest, proposal: Proposal, decider: Staff) -> bool:
    """Is the answer to the verdict read where it was asked for? What a program proposed, its owner reads."""
    if not proposal.conversation_id:
        return is_own(proposal, decider)
    return request.conversation_id == proposal.conversation_id


def _tell(request: DecisionRequest, proposal: Proposal, kind: str, text: str, *, heard: bool) -> None:
    """Where it was asked for, unless it was decided there; what was approved and cannot be done, the asker too."""
    why = f"（理由：{proposal.reason}）" if proposal.reason else ""
    news = f"**{proposal.decider_name}** {WORDS[kind]}了 {proposal.code}{why}。\n\n{text}"
    key = f"proposal:{proposal.pk}:decided"
    if not heard:
        notices.tell_origin(proposal, news, key)
    ordered = Action.objects.filter(Q(proposal=proposal) | Q(batch=proposal)).exists()
    if kind == "approve" and not ordered and proposal.is_group:
        notices.tell_privately(proposal, proposal.asker_id, news, f"{key}:asker")


def _confirm(proposal: Proposal, actor: Actor, executors: Executors) -> tuple[bool, str]:
    asker = proposal.asker_name if proposal.risk == Risk.DANGEROUS else ""
    place = (proposal.config_id, proposal.conversation_id, proposal.is_group, proposal.inbox_id)
    origin = Origin(*place, asked_by=asker)
    done, text = _attempt(lambda: executors.execute(proposal.tool, proposal.arguments, actor, origin))
    return done, text if done else f"{proposal.code} 没有执行成功：{text}"


def _pass_on(proposal: Proposal, actor: Actor, executors: Executors) -> tuple[bool, str]:
    done, text = _attempt(lambda: direct_requests.pass_on(proposal, actor, executors.check))
    told = f"已交给审批人。\n\n{text}" if done else f"但没有交给审批人：{text}"
    return done, f"已确认 {proposal.code}，{told}"


def _order(proposal: Proposal, actor: Actor, executors: Executors) -> tuple[bool, str]:
    word = "已确认" if proposal.risk == Risk.WRITE else "已同意"
    done, fault = _attempt(lambda: _order_now(proposal, executors))
    if not done:
        return False, f"{proposal.code} {word}，但现在不能执行：{fault}"
    begun = "现在开始演练（未配置处置连接器），不会真的执行" if prospect_of(proposal) == DRY else "正在执行"
    told = "结果会发到提出它的会话，并私聊告诉提出人和批准人"
    return True, f"{word} {proposal.code}：{proposal.summary}\n\n{begun}，{told}。"


def _order_now(proposal: Proposal, executors: Executors) -> str:
    if proposal.tool in UNDOES:
        undo.order(proposal)
    elif proposal.tool == BATCH:
        batches.order(proposal)
    else:
        executors.check(proposal.tool, proposal.arguments)
        actions.order(proposal)
    return ""


def _close(proposal: Proposal, actor: Actor, executors: Executors) -> tuple[bool, str]:
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


def _late(request: DecisionRequest, proposal: Proposal, decider: Staff) -> Decision:
    """It is decided already, or a condition fell away between the look and the UPDATE."""
    if proposal.state == ProposalState.PROPOSED:
        return _refuse(request, proposal, f"{proposal.code} 不能执行：提出人或决定人的权限刚刚变了。")
    label = ProposalState(proposal.state).label
    if proposal.decider_id == _ident(decider):
        text = proposal.result or f"{proposal.code} {label}。"
        said = (
            text
            if proposal.decided_through == request.through[:260]
            else f"{proposal.code} {label}，不会重复执行。\n\n{text}"
        )
        return Decision("repeated", said, proposal.code, proposal.state, proposal.title)
    who = f"由 {proposal.decider_name} " if proposal.decider_name else ""
    return _refuse(request, proposal, f"{proposal.code} {who}{label}，不能再决定。")


def refuse(request: DecisionRequest, text: str) -> Decision:
    """Before anything is looked at, on record."""
    return _refuse(request, None, text)


def _refuse(request: DecisionRequest, proposal: Proposal | None, text: str) -> Decision:
    subject = f"proposal:{proposal.code if proposal else request.code[:20]}"
    place = Place(request.config_id, request.conversation_id, request.inbox_id)
    detail = {"verdict": request.verdict, "through": request.through}
    actor = request.actor(request.person)
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


def _record(
    request: DecisionRequest, proposal: Proposal, actor: Actor, kind: str, *, done: bool, text: str
) -> None:
    detail = {
        "tool": proposal.tool, "arguments": proposal.arguments, "digest": proposal.digest, "asker": proposal.asker_name,
        "through": request.through, "reason": request.reason, "done": done, "person": proposal.decider_id,
    }  # fmt: skip
    place = Place(request.config_id, request.conversation_id, request.inbox_id)
    subject = f"proposal:{proposal.code}"
    what = f"{WORDS[kind]}{proposal.title}"
    append([entry(AuditKind.APPROVAL, what, actor, place=place, subject=subject, text=text, detail=detail)])


# Proposals that nobody decided: after a third of the time the approvers are asked again, after all of it that is told.


def remind_approvers() -> int:
    """Ask again, once, for what another person is to decide. Returns for how many."""
    now, count = database_now(), 0
    waiting = Proposal.objects.filter(
        undecided(), risk=Risk.DANGEROUS, reminded_at=None, asked_by__isnull=False
    )
    if not waiting.exists() or NO_SPEECH in read_switches():
        return 0
    for proposal in waiting.select_related("asked_by", "config").order_by("pk")[:100]:
        if proposal.asked_by is None or proposal.remind_at > now:
            continue
        with transaction.atomic():
            if not waiting.filter(pk=proposal.pk).update(reminded_at=now):
                continue  # decided meanwhile, or another worker's
            count += 1
            left = f"⏰ 还没有人决定，{left_told(proposal.expires_at, now)}，过期就不执行。"
            request = describe_for_approver(
                proposal, prospect_of(proposal), how_elsewhere(proposal.config_id)
            )
            for staff in eligibility.approvers_beside(proposal.asked_by, proposal.corp_id):
                key = f"proposal:{proposal.pk}:remind:{staff.pk}"
                notices.tell_privately(
                    proposal, staff.staff_id, f"{left}\n\n{request}", key, buttons_of(proposal)
                )
    return count


def expire_overdue() -> int:
    """Close what nobody decided in time, and say so where a second person was asked for. Returns how many."""
    now, count = database_now(), 0
    overdue = Proposal.objects.filter(state=ProposalState.PROPOSED, expires_at__lte=now)
    for proposal in overdue.order_by("pk")[:100]:
        with transaction.atomic():
            text = f"{proposal.code} 没有人在规定时间内决定，已过期，没有执行：{proposal.summary}"
            if not overdue.filter(pk=proposal.pk).update(
                state=ProposalState.EXPIRED, decided_at=now, result=text
            ):
                continue
            count += 1
            place = Place(proposal.config_id, proposal.conversation_id, proposal.inbox_id)
            actor, subject = Actor.system("expiry"), f"proposal:{proposal.code}"
            append(
                [
                    entry(
                        AuditKind.APPROVAL,
                        f"{proposal.title}过期",
                        actor,
                        place=place,
                        subject=subject,
                        text=text,
                    )
                ]
            )
            if proposal.risk == Risk.DANGEROUS:
                notices.tell_origin(proposal, text, f"proposal:{proposal.pk}:expired")
    return count
