"""Undo of executed actions: as dangerous as the action, asked by one person, approved by another."""

from django.db import transaction

from secops_agent.models import BlockRecord, BlockState, Staff
from secops_agent.models.automation.action import NOTHING_DONE, Action, ActionState
from secops_agent.models.automation.proposal import Proposal, Risk, undecided
from secops_agent.services.actors import Actor
from secops_agent.services.decisions import actions, direct_requests, notices
from secops_agent.services.decisions.carriers import UNDO, UNDOES
from secops_agent.services.decisions.ledger import entries
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.faults import Conflict


def request(action_id: int, asker: Staff, via: str) -> Proposal:
    """Propose it where the action came from, and ask every other approver. Raises NotFound, Conflict, InvalidInput."""
    with transaction.atomic():
        action = demand_undoable(action_id)
        first = action.ordered_by
        assert first is not None  # `_undoable` saw to it
        origin = Origin(
            action.config_id,
            first.conversation_id,
            first.is_group,
            first.inbox_id,
            notices.origin_target(first),
        )
        summary, wanted = f"撤销 {action.code}：{action.summary}", {"action_id": action.pk}
        return direct_requests.propose_at(
            origin,
            asker,
            Actor.person(asker, via),
            UNDO,
            f"撤销{action.title}",
            Risk.DANGEROUS,
            wanted,
            summary,
        )


def demand_undoable(action_id: int) -> Action:
    """It was done, and nobody takes it back or asks for that already. Raises NotFound, Conflict."""
    action = _undoable(action_id)
    asked = Proposal.objects.filter(undecided(), tool__in=UNDOES, arguments__action_id=action_id).first()
    if asked is not None:
        raise Conflict(f"{action.code} 的撤销已由 {asked.asker_name} 提出（{asked.code}），正在等待审批。")
    return action


def _undoable(action_id: int) -> Action:
    action = actions.get(action_id)
    if action.state != ActionState.DONE:
        raise Conflict(f"{action.code} 没有执行成功，不能撤销。")
    if action.ordered_by is None or action.undo_url is None:
        raise Conflict(f"毕方不能撤销 {action}（{action.summary}）：设备没有给出撤销的办法。请到设备上解除。")
    undo = Action.objects.filter(undo_of=action).exclude(state__in=NOTHING_DONE).first()
    if undo is not None:
        raise Conflict(f"{action.code} 已经在撤销或撤销过（{undo.code}）。")
    return action


def order(proposal: Proposal) -> Action:
    """Order what was approved, in the transaction of the approval. Raises NotFound, Conflict."""
    action = _undoable(int(proposal.arguments["action_id"]))
    undone = entries.end(action, proposal.decider_name, "撤销")
    own = {
        "proposal": proposal,
        "title": proposal.title,
        "summary": proposal.summary,
        "asker": proposal.asker_name,
    }
    Action.objects.filter(pk=undone.pk).update(**own)
    BlockRecord.objects.filter(action=action).update(state=BlockState.LIFTING, due_at=None)
    return Action.objects.get(pk=undone.pk)
