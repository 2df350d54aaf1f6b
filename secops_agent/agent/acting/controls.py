"""Control messages (确认, 同意, 拒绝, 取消, 停止, 新对话), by text or by a card's button, handled before any model is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bifang.channels.models import OutboxRow
from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.channels.queues.targets import target_key
from bifang.channels.workers import consumer
from bifang.core.database import db
from bifang.core.errors import BifangError
from secops_agent import says
from secops_agent.agent.conversation import memory
from secops_agent.agent.conversation.records import brief, door_of, place_of
from secops_agent.agent.turn import toolbox
from secops_agent.llm.offline.controls import find_control
from secops_agent.llm.offline.expressions.normalization import normalize
from secops_agent.llm.offline.intents import Control
from secops_agent.models import Proposal
from secops_agent.models.automation.proposal import Risk
from secops_agent.models.people.audit import AuditKind
from secops_agent.models.people.staff import Role
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import entry
from secops_agent.services.decisions import approvals, pending, refusals
from secops_agent.services.decisions.proposals import IMPORT, asks_for, buttons_of
from secops_agent.services.decisions.requests import Decision, DecisionRequest, Executors, Verdict
from secops_agent.services.on_call import swaps
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person

_NEWEST: Final = (
    200  # messages that are looked through; more of them in ten minutes are too many to say 好 to
)
LONGEST: Final = 700  # characters; a longer message is never a control
STOPPED: Final = "已停止。"
UNTOLD: Final = "已处理；同一人短时间内的控制消息太多，没有逐条回复"
NOTHING_RUNS: Final = "现在没有正在处理的问题。"
FORGOTTEN: Final = "好的，这个会话之前的内容已经忘记，可以从头问起。"
OTHERWHERE: Final = f"等待您决定的操作不在这个群里：请在与我的单聊里发送「{says.PENDING}」查看。"
VERDICTS: Final[Mapping[str, Verdict]] = {
    "confirm": "confirm", "approve": "approve", "reject": "reject", "withdraw": "withdraw",
}  # fmt: skip
EXECUTORS: Final = Executors(toolbox.execute, toolbox.plan)


def read_control(text: str) -> Control | None:
    """The control that the whole message is; None for anything else."""
    return find_control(normalize(text)) if len(text) <= LONGEST else None


async def handle_control(
    turn: Turn,
    person: Person,
    *,
    is_group: bool,
    may_tell: Callable[[], bool] = lambda: True,
    quoted: str = "",
) -> TurnResult | None:
    """The result of a control; None if the message is none.

    It is always carried out. Unless it decided something, its reply costs others theirs: ``may_tell`` says if it may.
    """
    control = read_control(turn.text)
    if control is None:
        return None
    if control.action == "stop":
        decided, text = False, await _stop(turn)
    elif control.action == "forget":
        return await _forget(turn, person)
    elif control.action in ("accept", "decline"):
        decided, text = await db.call(_answer_swap, control, person, door_of(turn))
    elif control.action == "withdraw_files":
        return await db.call(_withdraw_files, turn, control, person, is_group=is_group)
    elif not control.code:
        return await _decide_only_one(turn, control, person, is_group=is_group, quoted=quoted)
    else:
        decision = await db.call(approvals.decide, _request(turn, control, person, is_group), EXECUTORS)
        decided, text = decision.status == "decided", decision.text
    if not decided and not may_tell():
        return TurnResult((), brief(turn, person, ""), note=UNTOLD)
    return TurnResult((Reply(text, title=text[:40]),), brief(turn, person, text))


async def _stop(turn: Turn) -> str:
    count = await consumer.cancel(turn.config_id, turn.sender_id, turn.conversation_id, beside=turn.inbox_id)
    return STOPPED if count else NOTHING_RUNS


async def _forget(turn: Turn, person: Person) -> TurnResult:
    conversation = memory.conversation_key(turn.config_id, turn.conversation_id)
    count = await db.call(memory.forget, conversation)
    noted = entry(
        AuditKind.DECISION, "清空会话记忆", Actor.person(person, door_of(turn)), place=place_of(turn), detail={"messages": count}
    )  # fmt: skip
    return TurnResult((Reply(FORGOTTEN, title=FORGOTTEN),), (*brief(turn, person, FORGOTTEN), noted))


async def _decide_only_one(
    turn: Turn, control: Control, person: Person, *, is_group: bool, quoted: str
) -> TurnResult | None:
    """确认 or 取消 without a code: of the sender's only open proposal, if it was made here and stands in what is ``quoted``, if
    anything is, and nothing else was shown since. 同意 only shows what waits; in private the only one with the card's buttons.

    None if nothing waits: then it is a sentence like any other.
    """
    waiting = await db.call(pending.waiting_for, person, turn.config_id)
    if not waiting:
        return None
    mine = pending.own(person, waiting)
    here = len(mine) == 1 and mine[0].conversation_id == turn.conversation_id
    here = here and (
        mine[0].code in quoted.upper()
        if quoted
        else not await db.call(was_answered_since, turn, mine[0].created_at, mine[0].inbox_id)
    )
    if here and control.action != "approve" and (control.action == "reject" or mine[0].risk == Risk.WRITE):
        named = replace(control, code=mine[0].code)
        decision = await db.call(approvals.decide, _request(turn, named, person, is_group), EXECUTORS)
        return TurnResult(
            (Reply(decision.text, title=decision.text[:40]),), brief(turn, person, decision.text)
        )
    shown = [each for each in waiting if not is_group or each.conversation_id == turn.conversation_id]
    text = f"请写上代码。{await db.call(pending.tell, person, shown)}" if shown else OTHERWHERE
    buttons = buttons_of(shown[0]) if len(shown) == 1 and not is_group and not mine else ()
    return TurnResult((Reply(text, title="等待您决定", buttons=buttons),), brief(turn, person, text))


def was_answered_since(turn: Turn, at: datetime, inbox_id: int | None) -> bool:
    """Was anything else sent to this conversation since, so that 好 or 确认 may be about that? An answer to whatever message but
    that one, or unasked."""
    if turn.target is None:
        return False
    targets = (turn.target, *([] if turn.target.is_group else [replace(turn.target, conversation_id="")]))
    places = {target_key(turn.config_id, each) for each in targets}
    newest = OutboxRow.objects.order_by("-pk").values_list("order_key", "created_at", "inbox_id")[:_NEWEST]
    later = [(key, inbox) for key, made, inbox in newest if made > at]
    return len(later) == _NEWEST or any(key in places and inbox != inbox_id for key, inbox in later)


def _withdraw_files(turn: Turn, control: Control, person: Person, *, is_group: bool) -> TurnResult | None:
    """全部取消: the sender's own imports that wait here, and nothing else. None if nothing waits at all."""
    waiting = pending.waiting_for(person, turn.config_id)
    if not waiting:
        return None
    files = pending.own_of(IMPORT, person, turn.config_id)
    here = [each for each in files if each.conversation_id == turn.conversation_id]
    withdraw = replace(control, action="withdraw")
    done = [
        approvals.decide(_request(turn, replace(withdraw, code=each.code), person, is_group), EXECUTORS)
        for each in here
    ]
    told = "\n".join(f"- {one.text.splitlines()[0]}" for one in done)
    lines = [f"已取消等待导入的文件，没有导入：\n\n{told}" if done else "这里没有您等待导入的文件。"]
    lines += ["还有文件在别的会话里等待导入，请到那里取消。"] * (len(files) > len(here))
    lines += [
        f"「{says.WITHDRAW_FILES}」只取消等待导入的文件，其他操作没有动：发送「{says.PENDING}」查看。"
    ] * any(each.tool != IMPORT for each in waiting)
    text = "\n\n".join(lines)
    return TurnResult((Reply(text, title="全部取消"),), brief(turn, person, text))


def _answer_swap(control: Control, person: Person, via: str) -> tuple[bool, str]:
    try:
        accepted = control.action == "accept"
        return True, swaps.answer(control.code, person.corp_id, person.staff_id, accepted=accepted, via=via)
    except BifangError as error:
        return False, error.message


def _request(turn: Turn, control: Control, person: Person, is_group: bool) -> DecisionRequest:
    return DecisionRequest(
        code=control.code,
        verdict=VERDICTS[control.action],
        person=person,
        config_id=turn.config_id,
        conversation_id=turn.conversation_id,
        is_group=is_group,
        through=f"chat:{turn.external_id}",
        reason=control.reason,
        via=door_of(turn),
        inbox_id=turn.inbox_id,
    )


@dataclass(frozen=True, slots=True)
class Click:
    """A press of a card's button. ``params`` come from the card: ``code`` and ``verdict``."""

    config_id: int
    external_id: str
    corp_id: str
    staff_id: str
    params: Mapping[str, Any]


OTHER_CARD: Final = "没有执行：这张卡片不是毕方就 {code} 发到这里、发给您的，点它不算数。请到网页「审批」里决定，或回复卡片上写的那句话。"


def decide_click(click: Click, told_by: str) -> Decision | None:
    """Decide by a button; None if the card asks for no decision. On a database thread; safe to repeat.

    ``told_by``: the key of the message that the card shows where it was clicked. It must have asked for this verdict: a
    click that names no such card is not believed, whoever signed it.
    """
    verdict = VERDICTS.get(str(click.params.get("verdict") or click.params.get("action") or ""))
    code = str(click.params.get("code") or "")
    if verdict is None or not code:
        return None
    request = DecisionRequest(
        code=code[:20],
        verdict=verdict,
        person=Person(click.corp_id, click.staff_id, click.staff_id, Role.NONE),
        config_id=click.config_id,
        conversation_id="",
        is_group=False,
        through=f"card:{click.external_id}",
        reason=str(click.params.get("reason") or ""),
        via="card",
    )
    if not asks_for(told_by, code, verdict):
        return approvals.refuse(request, OTHER_CARD.format(code=request.code))
    return approvals.decide(request, EXECUTORS)


@dataclass(frozen=True, slots=True)
class DirectDecision:
    """A verdict from a page or from the API. ``token`` is on record where one speaks for the user."""

    user_id: int | None
    verdict: Verdict
    through: str
    via: str
    reason: str = ""
    token: Actor | None = None


def decide_as_user(proposal: Proposal, given: DirectDecision, executors: Executors = EXECUTORS) -> Decision:
    """Decide as the person behind a Django user, by every rule of the chat."""
    request = _request_of_user(proposal, given)
    if request is None:
        return Decision("refused", eligibility.NOT_LISTED, proposal.code, proposal.state, proposal.title)
    return approvals.decide(request, executors)


def object_to_user(proposal: Proposal, given: DirectDecision) -> str:
    """Why `decide_as_user` would refuse; "" if it would not."""
    request = _request_of_user(proposal, given)
    return eligibility.NOT_LISTED if request is None else refusals.objection(request, proposal)


def _request_of_user(proposal: Proposal, given: DirectDecision) -> DecisionRequest | None:
    home = proposal.corp_id or eligibility.corporation_of(proposal.config_id)
    account = eligibility.account_of(given.user_id, home)
    if account is None:
        return None
    return DecisionRequest(
        code=proposal.code,
        verdict=given.verdict,
        person=Person(account.corp_id, account.staff_id, account.name, Role(account.role)),
        config_id=proposal.config_id,
        conversation_id="",
        is_group=False,
        through=given.through,
        reason=given.reason,
        via=given.via,
        token=given.token,
    )
