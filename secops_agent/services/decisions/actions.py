"""Actions: approved operations, ordered with the approval, carried out at most once, their results told.

pending → claimed (a runner prepares) → calling (the call may have begun) → done, dry, failed, or unknown. A runner
that dies while preparing leaves nothing behind; one that dies while calling leaves "结果未知", which only a person
resolves: nothing is ever called twice by itself.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db import transaction
from django.db.models import Q, QuerySet

from bifang.channels.queues import claims
from bifang.core.database.db import database_now
from bifang.core.errors import BifangError
from bifang.core.secrets.sealed import Sealed, place_of
from secops_agent.models.automation.action import Action, ActionState
from secops_agent.models.automation.proposal import Proposal, Risk
from secops_agent.models.people.audit import AuditKind
from secops_agent.models.people.staff import Role
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import Place, append, entry
from secops_agent.services.decisions import notices, targets
from secops_agent.services.decisions.ledger import entries
from secops_agent.services.faults import Conflict, Forbidden, NotFound
from secops_agent.services.people import eligibility
from secops_agent.services.switches import NO_ACTIONS, read_switches, stops

HOLD: Final = timedelta(seconds=90)  # longer than any connector may take
LOST: Final = "执行进程在调用途中中断，不知道对方是否已经执行。请到目标系统核实，再由管理员在它的审批页登记结果；系统不会自动重试。"
STALE: Final = timedelta(days=1)  # what was approved before that and has not begun is not done any more
HELD: Final = "「停止动作」打开着，先不执行。恢复以后自动执行；批准一天以后还没有开始的不再执行，会告诉提出人和批准人。不要了在它的审批页撤回。"
Result = Literal["done", "dry", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Order:
    """An action in a runner's hands. ``token`` fences what the runner writes; ``key`` is the idempotency key."""

    action_id: int
    token: str
    key: str
    tool: str
    title: str
    arguments: Mapping[str, Any]
    summary: str
    asker: str
    approver: str
    approved_at: datetime
    undo_url: str = ""
    connector_config_id: int | None = None


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What came back. ``text`` is Chinese; ``response`` what the other side answered; ``undo_url`` may be a secret; ``stands``:
    whether the target is blocked now, as the other side says when it is asked afterwards (None: it was not)."""

    result: Result
    text: str
    response: Mapping[str, Any] = field(default_factory=dict)
    undo_url: str = field(default="", repr=False)
    stands: bool | None = None


def order(proposal: Proposal) -> Action:
    """Order what was approved, in the transaction of the approval."""
    action = Action.objects.create(
        proposal=proposal, config_id=proposal.config_id, key=secrets.token_hex(16), tool=proposal.tool,
        title=proposal.title, arguments=proposal.arguments, summary=proposal.summary, asker=proposal.asker_name,
        approver=proposal.decider_name, created_at=database_now(),
    )  # fmt: skip
    entries.open_rows([action])
    return action


def claim(owner: str, limit: int = 5) -> list[Order]:
    """Claim waiting actions, oldest first; while 停止动作 is on they wait, and whom they concern is told so."""
    if not _waiting().exists():  # asked every second: without SQLite's one write lock
        return []
    if NO_ACTIONS in read_switches():
        _hold()
        return []
    return [_order(action) for action in claims.claim(Action, owner, limit, hold=HOLD)]


def _waiting() -> "QuerySet[Action]":
    return Action.objects.filter(state=ActionState.PENDING)


def _hold() -> None:
    """Say of what waits that it does, once: where it was ordered, and that it is done later or not at all."""
    untold = _waiting().filter(result="")
    for action in untold.select_related("proposal", "batch"):
        with transaction.atomic():
            if not untold.filter(pk=action.pk).update(result=HELD):
                continue
            action.result = HELD
            _record(action, Actor.system("switch"), f"{action.title}：停止动作期间等待")
            if first := action.ordered_by:
                notices.tell_concerned(
                    first, f"**{action.title}**：{HELD}\n\n{first.summary}", f"proposal:{first.pk}:held"
                )


def _order(action: Action) -> Order:
    origin = action.undo_of
    return Order(
        action.pk, action.token, action.key, action.tool, action.title, action.arguments, action.summary, action.asker,
        action.approver, action.created_at, _undo_url(origin),
        origin.connector_config_id if origin else None,
    )  # fmt: skip


def _undo_url(origin: Action | None) -> str:
    if origin is None or origin.undo_url is None:
        return ""
    return str(origin.undo_url.open(place_of(Action, "undo_url", origin)))


def begin(order: Order, connector: str, connector_config_id: int | None) -> bool:
    """Mark that the call begins now. False: it is not ours any more, waits again, or must not be made (it is closed then)."""
    now = database_now()
    mine = claims.held(Action, (order.action_id, order.token)).filter(state=ActionState.CLAIMED)
    if NO_ACTIONS in read_switches():  # since it was claimed
        claims.release(mine)
        return False
    fault = _fault(order, now)
    if fault:
        finish(order, ActionResult("failed", f"没有执行：{fault}"), ActionState.CLAIMED)
        return False
    return bool(
        mine.filter(claimed_until__gt=now).update(
            state=ActionState.CALLING, started_at=now, claimed_until=now + HOLD, connector=connector[:100],
            connector_config_id=connector_config_id,
        )
    )  # fmt: skip


def _fault(order: Order, now: datetime) -> str:
    """Why it must not be done any more; what takes something back goes to what was done then."""
    if stopped := stops(Risk.DANGEROUS):
        return stopped
    if not order.undo_url:
        if now - order.approved_at > STALE:
            return "批准以后等了一天还没有开始，情况可能变了。需要的话请重新提出。"
        try:
            targets.require_same(order.arguments)
            targets.require_allowed(order.tool, order.arguments)
        except BifangError as error:
            return error.message
    return ""


def finish(order: Order, outcome: ActionResult, state: ActionState = ActionState.CALLING) -> bool:
    """Store and tell the result. False: the claim no longer holds, and nothing was changed."""
    with transaction.atomic():
        ours = claims.held(Action, (order.action_id, order.token)).filter(state=state)
        won = _close(ours, outcome, order.key)
        if won:
            _tell(
                Action.objects.select_related("proposal").get(pk=order.action_id), Actor.system("connector")
            )
    return won


def _close(rows: Any, outcome: ActionResult, key: str = "") -> bool:
    values = {
        "state": ActionState(outcome.result), "finished_at": database_now(), "result": outcome.text,
        "response": dict(outcome.response), "token": "", "claimed_until": None,
    }  # fmt: skip
    if outcome.stands is not None:
        values["response"] = {**outcome.response, "stands": outcome.stands}
    if outcome.undo_url:
        values["undo_url"] = Sealed.of(outcome.undo_url, place_of(Action, "undo_url", {"key": key}))
    return bool(rows.update(**values))


def sweep() -> int:
    """Claims that ended: what was only prepared is free again, what may have been called is unknown. Returns how many."""
    now = database_now()
    late = Action.objects.filter(claimed_until__lt=now)
    count = claims.release_expired(Action)
    for action in late.filter(state=ActionState.CALLING).select_related("proposal"):
        with transaction.atomic():
            mine = late.filter(pk=action.pk, state=ActionState.CALLING, token=action.token)
            if _close(mine, ActionResult("unknown", LOST)):
                action.refresh_from_db()
                _tell(action, Actor.system("sweep"))
                count += 1
    return count


def settle(action_id: int, actor: Actor, *, executed: bool, note: str = "") -> Action:
    """A person looked at the other side: an unknown result becomes a known one. Raises NotFound, Conflict, Forbidden for somebody
    of another corporation."""
    with transaction.atomic():
        action = get(action_id)
        if action.ordered_by and (foreign := eligibility.foreign(action.ordered_by, actor)):
            raise Forbidden(foreign)
        word = "已经执行" if executed else "没有执行"
        text = f"经 {actor.name} 核实：{word}。{note}".strip()
        rows = Action.objects.filter(pk=action_id, state=ActionState.UNKNOWN)
        said = {
            name: value for name, value in action.response.items() if name != "stands"
        }  # and did not yet know
        if not _close(rows, ActionResult("done" if executed else "failed", text, said)):
            raise Conflict(f"{action.code} 的结果不是未知的，不需要核实。")
        Action.objects.filter(pk=action_id).update(settled_by=actor.name)
        action.refresh_from_db()
        _tell(action, actor)
    return action


def call_off(first: Proposal, actor: Actor) -> int:
    """What was ordered by it and has not begun (as while 停止动作 is on) is not done any more; returns how many. Raises
    Conflict for none, Forbidden for whoever neither asked for it nor approves."""
    staff = eligibility.staff_of(actor)
    if foreign := eligibility.foreign(first, actor):
        raise Forbidden(foreign)
    own = staff and first.asked_by and eligibility.same_person(first.asked_by, staff)
    if not (own or (staff and eligibility.able(Role.APPROVER).filter(pk=staff.pk).exists())):
        raise Forbidden("只有提出人和审批人可以撤回还没有开始的动作。")
    mine, done = _waiting().filter(Q(proposal=first) | Q(batch=first)), 0
    for action in mine.select_related("proposal", "batch"):
        with transaction.atomic():
            if _close(mine.filter(pk=action.pk), ActionResult("failed", f"{actor.name} 撤回了，没有执行。")):
                action.refresh_from_db()
                _tell(action, actor)
                done += 1
    if not done:
        raise Conflict("已经开始执行，或已有结果，不能撤回。")
    return done


def get(action_id: int) -> Action:
    """One action. Raises NotFound."""
    action = Action.objects.select_related("proposal", "batch").filter(pk=action_id).first()
    if action is None:
        raise NotFound(f"没有编号为 {action_id} 的动作。")
    return action


def report(action: Action) -> str:
    """Who asked, who approved, what ran, what came back: for people."""
    really = action.connector and action.state != ActionState.DRY
    via = f"\n- 连接器：{action.connector}" if really else ""
    return (
        f"**{action.title}**：{ActionState(action.state).label}（{action.code}）\n\n{action.summary}\n\n"
        f"- 提出：{action.asker}\n- 批准：{action.approver}{via}\n- 结果：{action.result}"
    )


def _tell(action: Action, actor: Actor) -> None:
    """Record a result, and tell it to everyone whom the action concerns."""
    _record(action, actor, f"{action.title}：{ActionState(action.state).label}")
    entries.note_result(action)
    first = action.proposal
    if first is None:
        return
    key = f"action:{action.pk}:{action.state}:{'settled' if action.settled_by else 'result'}"
    notices.tell_concerned(first, report(action), key)


def _record(action: Action, actor: Actor, what: str) -> None:
    first = action.ordered_by
    place = Place(action.config_id, first.conversation_id if first else "", first.inbox_id if first else None)
    detail = {
        "action": action.pk, "state": action.state, "tool": action.tool, "arguments": action.arguments, "key": action.key,
        "asker": action.asker, "approver": action.approver, "connector": action.connector, "response": action.response,
        "proposal": first.code if first else "",
    }  # fmt: skip
    append(
        [
            entry(
                AuditKind.ACTION,
                what,
                actor,
                place=place,
                subject=f"action:{action.pk}",
                text=action.result,
                detail=detail,
            )
        ]
    )
