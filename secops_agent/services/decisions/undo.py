"""Taking back an executed action is as dangerous as the action: asked by one person, approved by another."""

import secrets
from typing import Final

from django.db import transaction

from bifang.core.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent.models import Role, Staff
from secops_agent.models.action import Action, ActionState
from secops_agent.models.audit import AuditKind
from secops_agent.models.proposal import Proposal, ProposalState, Risk
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import Place, append, entry
from secops_agent.services.decisions import actions, notices
from secops_agent.services.decisions.carriers import UNDO
from secops_agent.services.decisions.proposals import (
    VALID_FOR,
    buttons_of,
    demand_approvers,
    digest_of,
    new_code,
    prospect_of,
)
from secops_agent.services.decisions.wording import describe, describe_for_approver, how_elsewhere
from secops_agent.services.faults import Conflict
from secops_agent.services.people import eligibility
from secops_agent.services.switches import refuse_when_read_only

TOOL: Final = UNDO


def request(action_id: int, asker: Staff, via: str) -> Proposal:
    """Propose it where the action came from, and ask every other approver. Raises NotFound, Conflict, InvalidInput."""
    refuse_when_read_only()
    with transaction.atomic():
        action = _undoable(action_id)
        if not eligibility.able(Role.RESPONDER).filter(pk=asker.pk).exists():
            raise InvalidInput(f"申请撤销需要「{Role.RESPONDER.label}」角色，您没有，所以没有提交。")
        proposal = _propose(action, asker)
        foreign = eligibility.stranger(proposal, asker.corp_id)
        if foreign:
            raise InvalidInput(foreign)
        approvers = demand_approvers(asker, proposal.corp_id, "撤销无法提交", proposal.config_id)
        proposal.save(force_insert=True)
        _record(proposal, Actor.person(asker, via))
        prospect, key = prospect_of(proposal), f"proposal:{proposal.pk}:asked"
        how = how_elsewhere(proposal.config_id)
        notices.tell_origin(proposal, describe(proposal, prospect, how), key, buttons_of(proposal))
        for staff in approvers:
            text = describe_for_approver(proposal, prospect, how)
            notices.tell_privately(proposal, staff.staff_id, text, f"{key}:{staff.pk}", buttons_of(proposal))
    return proposal


def _undoable(action_id: int) -> Action:
    action = actions.get(action_id)
    if action.proposal is None or action.state != ActionState.DONE or action.undo_url is None:
        raise Conflict(f"动作 #{action_id} 没有执行，或对方没有给出撤销地址，不能撤销。")
    undo = Action.objects.filter(undo_of=action).first()
    if undo is not None:
        raise Conflict(f"动作 #{action_id} 已经在撤销或撤销过（#{undo.pk}）。")
    asked = Proposal.objects.filter(
        tool=TOOL, arguments__action_id=action_id, state=ProposalState.PROPOSED, expires_at__gt=database_now()
    ).first()
    if asked is not None:
        raise Conflict(
            f"动作 #{action_id} 的撤销已由 {asked.asker_name} 提出（{asked.code}），正在等待审批。"
        )
    return action


def _propose(action: Action, asker: Staff) -> Proposal:
    first, now = action.proposal, database_now()
    assert first is not None  # _undoable saw to it
    proposal = Proposal(
        code=_free_code(), config_id=action.config_id, conversation_id=first.conversation_id, is_group=first.is_group,
        inbox_id=first.inbox_id, target=first.target, tool=TOOL, title=f"撤销{action.title}"[:100], risk=Risk.DANGEROUS,
        arguments={"action_id": action.pk}, summary=f"撤销动作 #{action.pk}：{action.summary}", asked_by=asker,
        corp_id=first.corp_id or eligibility.corporation_of(action.config_id), asker_id=asker.staff_id, asker_name=asker.name, created_at=now,
        expires_at=now + VALID_FOR[Risk.DANGEROUS],
    )  # fmt: skip
    proposal.digest = digest_of(proposal)
    return proposal


def _free_code() -> str:
    code = new_code()
    while Proposal.objects.filter(code=code).exists():
        code = new_code()
    return code


def _record(proposal: Proposal, actor: Actor) -> None:
    place = Place(proposal.config_id, proposal.conversation_id, proposal.inbox_id)
    detail = {"tool": TOOL, "arguments": proposal.arguments, "digest": proposal.digest, "risk": proposal.risk}
    what, subject = f"提议{proposal.title}"[:60], f"proposal:{proposal.code}"
    append(
        [
            entry(
                AuditKind.PROPOSAL,
                what,
                actor,
                place=place,
                subject=subject,
                text=proposal.summary,
                detail=detail,
            )
        ]
    )


def order(proposal: Proposal) -> Action:
    """Order what was approved, in the transaction of the approval. Raises NotFound, Conflict."""
    action = _undoable(int(proposal.arguments["action_id"]))
    return Action.objects.create(
        undo_of=action, proposal=proposal, config_id=action.config_id, key=secrets.token_hex(16), tool=action.tool,
        title=proposal.title, arguments=action.arguments, summary=proposal.summary, asker=proposal.asker_name,
        approver=proposal.decider_name, created_at=database_now(),
    )  # fmt: skip
