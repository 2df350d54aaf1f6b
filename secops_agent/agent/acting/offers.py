"""Offers: what a sentence may have ordered, checked and shown with its exact effect; done when its asker takes it.

An offer belongs to one asker in one conversation and is kept in its focus. 提交 CODE takes it within ten minutes; 好 and 确认 take
the one that the last answer in this conversation showed. A write is then done at once, since the asker has seen the exact
effect and said yes; a dangerous action is only proposed, for another person to approve, and in a group never by 好.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.channels.text.markup import plain
from bifang.core.database import db
from bifang.core.errors import BifangError
from secops_agent import says
from secops_agent.agent.acting.controls import EXECUTORS, UNTOLD, was_answered_since
from secops_agent.agent.conversation import memory, rights
from secops_agent.agent.conversation.recall import OpenOffer, Recall, items_of
from secops_agent.agent.conversation.records import brief, door_of
from secops_agent.agent.llms.placeholders import mask
from secops_agent.agent.turn.outcome import OfferShown, TurnOutcome
from secops_agent.agent.turn.toolbox import refusal
from secops_agent.llm.offline.expressions.normalization import normalize
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.types import Heard, Offer
from secops_agent.llm.understanding.objects import missing_in, target
from secops_agent.llm.understanding.offers import MOST, MOST_ALERTS
from secops_agent.llm.understanding.verbs import ACTS
from secops_agent.models import Proposal
from secops_agent.models.automation.proposal import Risk
from secops_agent.services.alerts import triage
from secops_agent.services.decisions import approvals, pending
from secops_agent.services.decisions.carriers import BATCH, carrier_effect
from secops_agent.services.decisions.ledger import batches
from secops_agent.services.decisions.proposals import Proposals, new_code
from secops_agent.services.decisions.requests import DecisionRequest, Verdict
from secops_agent.services.people import eligibility
from secops_agent.services.people.staff import Person, administrators
from secops_agent.services.privacy import mask_personal
from secops_agent.tools.arguments import parse
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction
from secops_agent.tools.registry import BY_NAME

_MOST_TOLD: Final = 2
_MOST_NAMED: Final = 3  # approvers
LONGEST: Final = 40  # characters; a longer message takes no offer
_TAKE: Final = re.compile(r"提交\s*[:：]?\s*「?(?P<code>[A-Z][A-Z0-9]{5})」?[.。!！\s]*", re.IGNORECASE)
_YES: Final = re.compile(
    r"(?:好|好的|好吧|好嘞|行|行吧|可以|对|对的|是|是的|嗯+|要|确认(?:执行)?|就这样|就这么办|没错|确定|(?:对|嗯)[,，\s]*就(?:是|它|这)[它这那]?个?|[嗯对][,，\s]*就这样|(?:好|行|可以)[,，\s]*(?:就这样|批了|办吧|做吧|执行)|搞吧|弄吧|办吧|ok|okay|yes|执行|提交)[吧啊呀的了.。!！~\s]*",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_WHAT_THEN: Final = "没有执行任何操作，还缺一样：点下面的一句，或者写出来。"
_NOT_DONE: Final = "没有执行"
REPLACED: Final = "按新的说法改了，之前的选项不再有效。"
GONE: Final = (
    "没有代码为 {code} 的待提交操作：它已经提交、过期（10 分钟），或不是您在这个会话里的。没有执行任何操作。"
)
CHOSEN: Final = "（{}，请核对）"
QUOTED: Final = "「好」只提交所引用的那一项，引用里没有最后显示的选项。没有执行任何操作。要这样做：{effects}，请写「{line}」。"
UNTAKEN: Final = "什么也没有提交，没有执行任何操作。还开着的选项：{effects}。要这样做请写「{line}」。"
BY_CODE: Final = "危险操作在群里不能用「{said}」提交，请写「{line}」。没有执行任何操作。"


@dataclass(frozen=True, slots=True)
class OfferTold:
    """What is told of an offer; None instead of the offer if nothing of it can be done."""

    text: str
    offer: OfferShown | None = None


def show(
    person: Person,
    offers: Sequence[Offer],
    left: Sequence[str] = (),
    *,
    is_group: bool,
    changes: bool = False,
) -> OfferTold:
    """Check what is offered and tell what it would do; ``changes``: it replaces what waited. On a database thread."""
    planned: list[tuple[ToolDefinition, ValidatedAction]] = []
    chosen = dict[str, str]()
    kept: list[Offer] = []
    faults: list[str] = []
    for given in offers:
        try:
            offer = _allowed(given, person)
            definition = BY_NAME[offer.tool]
            planned.append((definition, _plan(definition, offer, person)))
            kept.append(offer)
            chosen |= {planned[-1][1].summary: CHOSEN.format(offer.chosen)} if offer.chosen else {}
        except BifangError as fault:
            faults.append(fault.message)
    if left:
        many = "更多的到「封禁台账」的「封禁地址…」，最多 500 个。" if offers[0].tool == "block_ip" else ""
        faults.append(f"没有列入：{'、'.join(left)}。{many}")
    before = _waiting(person, {offer.tool for offer in offers})
    replaces = before[0] if changes and len(before) == 1 else None
    if replaces:
        faults.append(f"提交后同时撤回之前提出的申请 {replaces.code}（{replaces.summary}）。")
    else:
        faults += map(_still, before)
    said = "\n\n".join(dict.fromkeys(faults))
    if not planned:
        return OfferTold(said)
    code = new_code()
    told = "\n\n".join(filter(None, (*_lines(code, planned, chosen, person, is_group=is_group), said)))
    told = f"{REPLACED}\n\n{told}" if changes and not replaces else told
    effects = tuple(plan.summary for _, plan in planned)
    return OfferTold(told, OfferShown(code, tuple(kept), effects, replaces=replaces.code if replaces else ""))


def _lines(
    code: str,
    planned: Sequence[tuple[ToolDefinition, ValidatedAction]],
    chosen: Mapping[str, str],
    person: Person,
    *,
    is_group: bool,
) -> Iterator[str]:
    """The effect of each action, what an approval would set going, and how to take the offer."""
    yield "**要这样做吗？**（尚未执行）"
    several = len(planned) > 1
    summaries = [f"{plan.summary}{chosen.get(plan.summary, '')}" for _, plan in planned]
    yield "\n".join(f"{i}. {told}" if several else told for i, told in enumerate(summaries, 1))
    dangerous = [(each.name, plan.arguments) for each, plan in planned if each.risk_of(plan) == "dangerous"]
    yield from dict.fromkeys(f"**{carrier_effect(*one)}**" for one in dangerous)
    yield _how(code, dangerous=bool(dangerous), is_group=is_group) + (_approvers(person) if dangerous else "")


def _waiting(person: Person, tools: Container[str]) -> list[Proposal]:
    """What the asker proposed before with these tools and is not decided, the newest first."""
    rows = pending.own(person, pending.waiting_for(person))
    return [each for each in rows if each.tool in tools][:_MOST_TOLD]


def _still(row: Proposal) -> str:
    return (
        f"之前提出的申请 {row.code}（{row.summary}）还在等待决定；要撤回请发送「{says.withdraw(row.code)}」。"
    )


def _allowed(offer: Offer, person: Person) -> Offer:
    """What does the same and they may, where they may not. Raises BifangError."""
    definition = BY_NAME[offer.tool]
    if definition.instead is None or person.may(definition.role):
        return offer
    instead = definition.instead(parse(definition.arguments, offer.arguments), person)
    return replace(offer, tool=instead[0], arguments=instead[1]) if instead else offer


def _plan(definition: ToolDefinition, offer: Offer, person: Person) -> ValidatedAction:
    """Raises BifangError."""
    if not person.may(definition.role):
        able = (
            f"可以请：{'、'.join(administrators(person.corp_id))}。"
            if definition.name in eligibility.RIGHTS
            else ""
        )
        raise BifangError(refusal(definition, person) + able, permanent=True)
    assert definition.check is not None
    return definition.check(parse(definition.arguments, offer.arguments), person)


def _how(code: str, *, dangerous: bool, is_group: bool) -> str:
    yes = f"「{says.submit(code)}」" if dangerous and is_group else f"「好」或「{says.submit(code)}」"
    then = "另一位审批人同意后才会执行" if dangerous else "才会执行"
    return f"回复{yes}后{then}；10 分钟内有效。"


def _approvers(person: Person) -> str:
    """Who of the corporation may approve it; "" where nobody is listed beside the asker: that is said when it is proposed."""
    staff = eligibility.listed(person.corp_id, person.staff_id)
    found = eligibility.approvers_beside(staff, staff.corp_id or person.corp_id) if staff else []
    names = [plain(one.name, 20) for one in found[:_MOST_NAMED]]
    return f"能审批的：{'、'.join(names)}{' 等' if len(found) > len(names) else ''}。" if names else ""


def with_heard(
    outcome: TurnOutcome,
    heard: Heard | None,
    offers: Sequence[Offer],
    open_ones: Sequence[OpenOffer],
    *,
    changes: bool,
) -> TurnOutcome:
    """With what code heard before a model was asked, for the focus, and what is offered: what the model called for, else what
    code read, if the model looked nothing up and it is not one of the ``open_ones``. ``changes``: the offers before are replaced."""
    if outcome.offline:
        return outcome
    heard = replace(heard or Heard(), taps=())
    if offers:
        return replace(
            outcome, heard=replace(heard, offers=tuple(offers), order=offers[0], left=(), drops=changes)
        )
    before = {str(one) for each in open_ones for one in each.actions}
    own = () if outcome.tool_runs or before & set(map(str, heard.offers)) else heard.offers
    return replace(outcome, heard=replace(heard, offers=own))


async def tell(
    person: Person, outcome: TurnOutcome, *, is_group: bool, by_model: bool = False
) -> TurnOutcome:
    """With what only code says: an offer's exact effect, beneath a model's words, and who may do what."""
    heard = outcome.heard
    if heard and heard.each and heard.order and (outcome.offline or heard.each == "all"):
        order, act = heard.order, ACTS[heard.order.tool]
        heard = replace(heard, **_each(order, outcome, heard.each))
        outcome = replace(outcome, heard=heard)
        if heard.taps and heard.each == "all" and not heard.offers:
            return replace(outcome, text=f"{outcome.text}\n\n{_WHAT_THEN}")
        if not heard.offers and (heard.each != "all" or act.kinds != ("alert",)):
            number = f"您说的是 {heard.each} 条，和列出的不一样。" if heard.each.isdecimal() else ""
            asked = f"{number}没有执行任何操作。要{act.verb}{'给谁' if act.argument in order.arguments else act.which}？"
            return replace(outcome, text=f"{outcome.text}\n\n{asked}", heard=heard)
    if heard and heard.offers:
        told = await db.call(
            partial(show, person, _merged(heard.offers), heard.left, is_group=is_group, changes=heard.drops)
        )
        offer = replace(told.offer, by_model=by_model) if told.offer else None
        words = outcome.text if outcome.tool_runs or not outcome.offline else ""
        return replace(outcome, text="\n\n".join(filter(None, (words, told.text))), offer=offer, heard=heard)
    if outcome.offline and heard and heard.asks and heard.order and not outcome.tool_runs:
        absent = await db.call(_absent, heard.order)
        return replace(outcome, text=absent, heard=replace(heard, taps=(), order=None)) if absent else outcome
    if outcome.offline and heard and heard.drops and not (heard.order or outcome.tool_runs):
        rows = await db.call(_waiting, person, ACTS)
        still = "\n\n".join(map(_still, rows))
        return replace(outcome, text=f"没有撤回已经提出的申请。\n\n{still}") if rows else outcome
    if outcome.offline and heard and heard.rights is not None:
        return replace(outcome, text=await db.call(rights.tell, person, heard.rights))
    return outcome


def untaken(outcome: TurnOutcome, text: str, offers: Sequence[OpenOffer]) -> TurnOutcome:
    """That 好 took nothing, while one of these ``offers`` is open."""
    last = next((one for one in reversed(offers) if one.is_open(timezone.now())), None)
    if last is None or outcome.offer or outcome.tool_runs or read_taking(text) != "":
        return outcome
    told = UNTAKEN.format(effects="；".join(last.effects), line=says.submit(last.code))
    return replace(outcome, text=told if outcome.offline else f"{outcome.text}\n\n{told}")


def _absent(order: Offer) -> str:
    """That there is no such alert, before anything else is asked; "" if there is."""
    number = order.arguments.get("alert_id")
    there = number is None or triage.several([int(number)])[int(number)] is not None
    return "" if there else f"没有编号为 {number} 的告警，没有执行任何操作。请核对编号。"


def _each(order: Offer, outcome: TurnOutcome, which: str) -> dict[str, Any]:
    """The order for what was just shown: each alert of the list, or the only one (web-03 那条端口扫描); what the one alert is about
    (A300 那个 IP 封了); whom it names as on call (A298 给值班的)."""
    run = outcome.tool_runs[-1] if outcome.tool_runs else None
    act, found, people = ACTS[order.tool], list[tuple[str, str]](), list[dict[str, Any]]()
    if run and run.executed and run.call.name == "get_alert":
        about = run.result.data.get("subject", {}) if isinstance(run.result.data, Mapping) else {}
        found = [(kind, str(about[kind])) for kind in act.kinds if kind in about][:1]
        if not found and "ip" in act.kinds:  # several: which one is asked
            named = [one for one in run.result.fields if _ADDRESS.fullmatch(one)][:3]
            return {"taps": tuple(says.order(order.tool, {**order.arguments, "ip": one}) for one in named)}
    elif run and run.executed and run.call.name == "who_is_on_call":
        people = [{act.beside: name} for name in run.result.fields]
    elif run and run.executed:
        found = [("alert", one) for one in items_of(run)]
    more = {"left": (f"前 {MOST_ALERTS} 条以外的",)} if len(found) >= MOST_ALERTS else {}
    fills = people or [target(act, *one) for one in found]
    orders = [Offer(order.tool, {**order.arguments, **one}) for one in fills]
    lacks = missing_in([Intent(one.tool, one.arguments) for one in orders])
    if len(orders) > 1 and which not in ("all", str(len(orders))):
        lined = not lacks and order.tool in says.ORDERED
        return {"taps": tuple(says.order(one.tool, one.arguments) for one in orders[:3] if lined)}
    if lacks == "verdict":
        taps = tuple(says.close_all([int(one) for _, one in found], verdict) for verdict in says.VERDICTS)
        return {"taps": taps[:3]}
    return {"offers": tuple(orders), "order": orders[0], **more} if orders and not lacks else {}


def _merged(offers: Sequence[Offer]) -> Sequence[Offer]:
    """Many alerts to which the same is done are one action."""
    together: dict[str, list[Offer]] = {}
    for offer in offers:
        number, rest = _number_of(offer)
        together.setdefault(f"{offer.tool} {rest}" if number else str(offer), []).append(offer)
    return offers if len(offers) <= MOST else [_one(same) for same in together.values()]


def _number_of(offer: Offer) -> tuple[str, dict[str, Any]]:
    """The alert that it is about, and its other arguments."""
    name = ACTS[offer.tool].argument if offer.tool in ACTS else ""
    number = str(offer.arguments.get(name, "")).removeprefix("A")
    rest = {key: value for key, value in offer.arguments.items() if key != name}
    return number if number.isdecimal() and name in ("alert_id", "scope") else "", rest


def _one(same: Sequence[Offer]) -> Offer:
    first, ids = same[0], ",".join(_number_of(each)[0] for each in same)
    return first if len(same) == 1 else replace(first, arguments={"alert_ids": ids, **_number_of(first)[1]})


def read_taking(text: str) -> str | None:
    """The code that the whole message takes, "" for the offer that was shown last; None if it takes none."""
    said = normalize(text) if len(text) <= LONGEST else ""
    if match := _TAKE.fullmatch(said):
        return match["code"].upper()
    return "" if _YES.fullmatch(said) else None


async def handle_offer(
    turn: Turn,
    known: memory.Known,
    proposals: Callable[[], Proposals],
    *,
    is_group: bool,
    quoted: str,
    may_tell: Callable[[], bool],
) -> TurnResult | None:
    """The result of taking an offer; None if the message takes none. 好 to a quotation takes only an offer that it shows."""
    code = read_taking(turn.text)
    if code is None:
        return None
    now = timezone.now()
    offer = known.recall.find(code, now)
    if offer is None or (not code and await db.call(was_answered_since, turn, offer.at, offer.inbox_id)):
        if not code:
            return None
        if not may_tell():
            return TurnResult((), brief(turn, known.person, ""), note=UNTOLD)
        return _only(turn, known.person, GONE.format(code=code))
    if not code and quoted and known.recall.quoted_in(quoted, now) is not offer:
        return _only(turn, known.person, _by_its_code(known.recall.quoted_in(quoted, now) or offer, is_group))
    dangerous = any(BY_NAME[each.tool].risk == "dangerous" for each in offer.actions)
    if not code and is_group and dangerous:
        return _only(
            turn, known.person, BY_CODE.format(said=turn.text.strip()[:10], line=says.submit(offer.code))
        )
    taken = proposals()
    text = await db.call(_take, turn, known.person, offer, taken, is_group=is_group)
    told = mask(mask_personal(text)) if is_group else text
    return _with_memory(turn, known, known.recall.without(offer.code, filed=dangerous), told, taken)


def _by_its_code(offer: OpenOffer, is_group: bool) -> str:
    text = QUOTED.format(effects="；".join(offer.effects), line=says.submit(offer.code))
    return mask(text) if is_group else text


def _take(turn: Turn, person: Person, offer: OpenOffer, proposals: Proposals, *, is_group: bool) -> str:
    """Do what the asker may do alone, propose what another must approve; each told by itself."""
    pairs = zip(offer.actions, offer.effects, strict=True)
    told = _take_together(person, offer, proposals) or [
        _take_one(turn, person, each, effect, proposals, is_group=is_group) for each, effect in pairs
    ]
    if offer.replaces and not all(one.startswith(_NOT_DONE) for one in told):
        told.append(
            approvals.decide(
                _request(turn, person, offer.replaces, "withdraw", is_group=is_group), EXECUTORS
            ).text
        )
    return "\n\n".join(told)


def _take_together(person: Person, offer: OpenOffer, proposals: Proposals) -> list[str]:
    """Several blocks, or several releases, are one proposal; nothing where something changed, which each tells by itself."""
    tool = offer.actions[0].tool
    if len({each.tool for each in offer.actions}) > 1 or BY_NAME[tool].risk != "dangerous":
        return []
    try:
        plans = [_plan(BY_NAME[tool], each, person) for each in offer.actions]
        batch = batches.plan_together(tool, [each.arguments for each in plans], person.corp_id)
        if batch is None or batch.refused or [each.summary for each in plans] != list(offer.effects):
            return []
        code = proposals.propose(BATCH, batch.title, Risk.DANGEROUS, batch.arguments, batch.summary)
    except BifangError:
        return []
    return [
        f"**{batch.title}**（尚未执行）\n\n{batch.summary}\n\n**{carrier_effect(BATCH, batch.arguments)}**\n\n需要另一位审批人同意 {code}，一次决定全部；怎么批准，已经私聊告诉审批人。"
    ]


def _take_one(
    turn: Turn, person: Person, action: Offer, effect: str, proposals: Proposals, *, is_group: bool
) -> str:
    """Nothing but what was shown: if it would do something else by now, it does nothing."""
    definition = BY_NAME[action.tool]
    try:
        plan = _plan(definition, action, person)
        if plan.summary != effect:
            return f"{_NOT_DONE}：情况变了，现在会是「{plan.summary}」。需要的话请再说一次。"
        if definition.risk_of(plan) == "dangerous":
            code = proposals.propose(
                definition.name, definition.title, Risk.DANGEROUS, plan.arguments, plan.summary
            )
            return f"**{definition.title}**（尚未执行）\n\n{plan.summary}\n\n**{carrier_effect(definition.name, plan.arguments)}**\n\n需要另一位审批人同意 {code}，批准后才会执行；怎么批准，已经私聊告诉审批人。"
        return _confirm(turn, person, definition, plan, proposals, is_group=is_group)
    except BifangError as fault:
        return f"{_NOT_DONE}：{fault.message}"


def _confirm(
    turn: Turn,
    person: Person,
    definition: ToolDefinition,
    plan: ValidatedAction,
    proposals: Proposals,
    *,
    is_group: bool,
) -> str:
    """Store the proposal and confirm it in the asker's name; a turn that is run again finds it decided."""
    stored = Proposal.objects.filter(
        inbox_id=turn.inbox_id, tool=definition.name, summary=plan.summary, risk=Risk.WRITE
    )
    code = stored.values_list("code", flat=True).first()
    if code is None:
        with transaction.atomic():
            code = proposals.store_now(definition.name, definition.title, plan.arguments, plan.summary)
    return approvals.decide(_request(turn, person, code, "confirm", is_group=is_group), EXECUTORS).text


def _request(turn: Turn, person: Person, code: str, verdict: Verdict, *, is_group: bool) -> DecisionRequest:
    return DecisionRequest(
        code, verdict, person, turn.config_id, turn.conversation_id, is_group, f"chat:{turn.external_id}", door_of(turn),
        inbox_id=turn.inbox_id,
    )  # fmt: skip


def _only(turn: Turn, person: Person, text: str) -> TurnResult:
    return TurnResult((Reply(text, title=text[:40]),), brief(turn, person, text))


def _with_memory(
    turn: Turn, known: memory.Known, recall: Recall, text: str, proposals: Proposals
) -> TurnResult:
    now = timezone.now()
    key = memory.conversation_key(turn.config_id, turn.conversation_id)
    rows = (
        *memory.remember(key, known.person, turn.text, text, recall, now),
        *brief(turn, known.person, text, now),
        *proposals.rows,
    )
    return TurnResult(
        (Reply(text, title="已提交", buttons=proposals.buttons), *proposals.replies(text)), rows
    )
