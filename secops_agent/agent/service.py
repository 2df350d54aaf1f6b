"""Agent: the one entry point, `Agent.answer`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from bifang.channels.ports import Reply, ReplySink, Turn, TurnResult
from bifang.channels.workers.consumer import Silent
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from secops_agent.agent.acting.attachments import Attachment, Received, receive
from secops_agent.agent.acting.controls import read_control
from secops_agent.agent.acting.offers import tell, untaken, with_heard
from secops_agent.agent.acting.orders import read_order
from secops_agent.agent.acting.steps import with_steps
from secops_agent.agent.conversation import memory
from secops_agent.agent.conversation.memory import author_of
from secops_agent.agent.conversation.recall import NOTHING, Recall, open_offer
from secops_agent.agent.conversation.records import brief
from secops_agent.agent.conversation.replies import (
    files_of,
    offered,
    title_of,
    unknown_person,
    with_private_copies,
)
from secops_agent.agent.llms.mcp_tools import McpToolCache
from secops_agent.agent.llms.models import Models, OfflineMode
from secops_agent.agent.policy import Policy, for_readers, redacted
from secops_agent.agent.turn import loop, prompts
from secops_agent.agent.turn.drafts import Drafts
from secops_agent.agent.turn.grounding import Sources, check, claims_act, needs_look
from secops_agent.agent.turn.grounds import Grounds, texts_of
from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.offering import OfferingToolbox, Switch
from secops_agent.agent.turn.opening import TurnOpening, facts_of, find_opening
from secops_agent.agent.turn.outcome import ToolRun, TurnOutcome
from secops_agent.agent.turn.toolbox import QUOTATION, REFUSING, build_toolbox
from secops_agent.llm.offline.model import NOTICE
from secops_agent.llm.types import LLM, Message
from secops_agent.llm.understanding.objects import missing_in
from secops_agent.llm.understanding.verbs import ACTS
from secops_agent.llm.understanding.warrants import NO_WARRANT, Warrant
from secops_agent.models.people.staff import Role
from secops_agent.services.decisions.proposals import Proposals
from secops_agent.services.people.staff import Person
from secops_agent.tools.base import Proposer, Toolbox, ToolResult
from secops_agent.tools.definitions import Asker
from secops_agent.tools.operations.mcp import McpTools

LONGEST_QUESTION = 8000  # characters
MOST_SHOWN = 2  # results that are shown under a model's words
ONLY_QUOTED = "（引用）"  # what is remembered of a question without words
NOT_DONE = "（没有执行任何操作。）"
DROPPED = "之前的选项不再有效，没有执行任何操作。"
QUOTED_ORDER = "引用或转发的内容不会被当作命令。要做什么，请自己写出来。"
QUOTED_CONTROL = "引用或转发的确认、同意、拒绝、停止不会照办。要这样做，请自己写出来。"
TOLD_BEFORE = "发送人没有使用权限，今天已告知，不再重复回复"

UNREAD_TOLD = "平台没有给出内容，这个会话今天已告知，不再重复回复"


@dataclass(frozen=True, slots=True)
class Talk:
    """One question of one person, wherever it came from: what the channel knows of it, then what we know of its sender.

    ``person`` is as the platform names them, without a role, until the agent has looked them up. ``history`` is oldest first.
    """

    person: Person
    text: str
    is_group: bool = False
    history: tuple[memory.Said, ...] = ()
    quoted: str = ""  # what was replied to or forwarded
    ai_configs: tuple[int, ...] = ()  # asked in this order
    proposer: Proposer = REFUSING
    conversation: str = ""
    recall: Recall = NOTHING
    model_offers: Switch = "write"  # the actions that a model may offer
    default_role: str = "none"
    cannot_read: str = ""  # why there is no text to answer: a picture, a video …
    once_a_day: bool = False  # which is told once a day in a conversation: the next message says the same
    attachment: Attachment | None = None

    @property
    def only_quotes(self) -> bool:
        """Was nothing typed beside the quotation? Then it is a question about it, and orders nothing."""
        return bool(self.quoted) and not self.text.strip()

    @property
    def typed(self) -> tuple[str, ...]:
        """What the person typed here before, the newest last."""
        mine = (author_of(self.person), "")
        return tuple(said.content for said in self.history if said.role == "user" and said.author in mine)

    @property
    def unanswered(self) -> str:
        """The last of it, if nothing was offered to it."""
        return "" if self.recall.shown or not self.typed else self.typed[-1]

    def plain(self) -> list[Message]:
        """The dialogue as the offline mode reads it: of a quotation alone, what can be looked up for it."""
        return prompts.plain_dialogue(self.history, self.quoted if self.only_quotes else self.text)


class Agent:
    """Answers turns. One per event loop; call `close` before the loop ends."""

    def __init__(
        self,
        configs: ConfigCache,
        *,
        policy: Policy | None = None,
        limits: TurnLimits | None = None,
        models: Models | None = None,
        grammar_first: bool = True,
        tools_ranked: bool = True,
    ) -> None:
        """``grammar_first``: what the offline mode understands for certain is looked up before a model is asked;
        ``tools_ranked``: the model is told which tools the offline mode finds nearest to the question.
        """
        self._models = models or Models(configs)
        self._policy = policy or Policy(configs)
        self._limits = limits or TurnLimits()
        self._grammar_first, self._tools_ranked = grammar_first, tools_ranked
        self._mcp_tools = McpToolCache(configs)

    async def warm_up(self) -> None:
        """Load what the first message would have to wait for."""
        await self._models.warm_up()

    async def close(self) -> None:
        """Close the connections of this loop."""
        await self._models.close()
        await self._mcp_tools.close()

    async def answer(self, turn: Turn, asked: Talk, sink: ReplySink) -> TurnResult:
        """Run the turn for this sender: role, memory of this conversation, tools, model."""
        conversation = memory.conversation_key(turn.config_id, turn.conversation_id)
        sender = asked.person
        known = await db.call(
            memory.look_up, sender.corp_id, sender.staff_id, sender.name, asked.default_role, conversation
        )
        person, is_group = known.person, asked.is_group
        if not person.may(Role.VIEWER):
            return self._turn_away(turn, known)
        handled = await self._policy.intercept(turn, known, is_group=is_group, quoted=asked.quoted)
        if handled is not None:
            return handled
        if asked.cannot_read:
            return self._unread(turn, asked, person)
        proposals = self._policy.proposals(turn, person, is_group=is_group)
        if (received := await receive(asked.attachment, turn, person, proposals, sink)) is not None:
            return self._about_file(turn, known, conversation, received, is_group=is_group)
        talk = replace(
            asked, person=person, text=asked.text[:LONGEST_QUESTION], history=known.history, recall=known.recall,
            proposer=proposals, conversation=conversation,
        )  # fmt: skip
        if talk.only_quotes and (read_control(talk.quoted) or read_order(talk.quoted)):
            return _only(turn, person, QUOTED_CONTROL)
        return await self._conclude(turn, talk, await self.converse(talk, sink), proposals)

    async def _conclude(
        self, turn: Turn, talk: Talk, outcome: TurnOutcome, proposals: Proposals
    ) -> TurnResult:
        """The outcome as it is sent, recorded and remembered."""
        person, is_group = talk.person, talk.is_group
        text, copies = with_private_copies(turn, person.staff_id, outcome, is_group=is_group)
        text = for_readers(text, is_group=is_group)
        now = timezone.now()
        told, records = await self._policy.complete(turn, person, outcome, proposals, text, now)
        offer = open_offer(outcome, now, turn.inbox_id)
        recall = talk.recall.after(outcome.tool_runs, told=NOTICE in text, heard=outcome.heard, offer=offer)
        rows = memory.remember(talk.conversation, person, talk.text or ONLY_QUOTED, text, recall, now)
        taps = (*proposals.suggestions(text), *offered(outcome, is_group=is_group))
        text, next_taps = with_steps(text, outcome.steps, is_group=is_group)
        reply = Reply(text, title=title_of(text), buttons=proposals.buttons, suggestions=(*taps, *next_taps))
        return TurnResult((reply, *files_of(outcome), *copies, *told), (*rows, *records))

    def _turn_away(self, turn: Turn, known: memory.Known) -> TurnResult:
        """Tell someone without a role whom to ask; once a day in a conversation."""
        person = known.person
        if not self._policy.tells_stranger(turn, person):
            return TurnResult((), brief(turn, person, ""), note=TOLD_BEFORE)
        return _only(turn, person, unknown_person(person.staff_id, known.administrators))

    def _unread(self, turn: Turn, asked: Talk, person: Person) -> TurnResult:
        """Tell why there is no text."""
        if asked.once_a_day and not self._policy.tells_unread(turn):
            return TurnResult((), brief(turn, person, ""), note=UNREAD_TOLD)
        return _only(turn, person, asked.cannot_read)

    @staticmethod
    def _about_file(
        turn: Turn, known: memory.Known, conversation: str, received: Received, *, is_group: bool
    ) -> TurnResult:
        """What is said about a file is remembered like any other answer."""
        person, now = known.person, timezone.now()
        text = for_readers(received.text, is_group=is_group)
        reply = Reply(text, title=title_of(text), buttons=received.buttons, suggestions=received.suggestions)
        said = memory.remember(conversation, person, received.said, text, known.recall, now)
        return TurnResult((reply,), (*said, *brief(turn, person, text, now), *received.rows))

    async def converse(self, talk: Talk, sink: ReplySink | None = None) -> TurnOutcome:
        """Ask the models in their order, else the offline mode; whatever fails ends in an answer."""
        offline = self._models.offline(talk.person.staff_id, talk.recall.focus)
        models, reasons = await self._models.chain(talk.ai_configs, self._policy.admit_model)
        asked = [redacted(each, talk.conversation, is_group=talk.is_group) for each in models]
        outcome = await self._run(talk, asked, offline, None if isinstance(sink, Silent) else sink)
        if not reasons:
            return outcome
        by_code = not models or (outcome.offline and not outcome.used_fallback)
        notice = f"（{''.join(reasons)}以下由{offline.name if by_code else models[0].name}回答。）"
        return replace(outcome, text=f"{notice}\n\n{outcome.text}", used_fallback=True, notice=notice)

    async def _run(
        self, talk: Talk, models: Sequence[LLM], offline: OfflineMode, sink: ReplySink | None
    ) -> TurnOutcome:
        llm, *others = models or [offline]
        now = timezone.localtime()
        calls, foreign = llm.terms.calls, await self._mcp_tools.get()
        opening = await find_opening(
            talk.text, talk.plain(), offline, grammar=self._grammar_first, calls=calls, model=not llm.offline,
            spoken=foreign.order_in(talk.text, talk.person), before=talk.unanswered,
        )  # fmt: skip
        if opening.by_code:
            llm, others = offline, []
        nearest = () if llm.offline or not calls else await self._nearest(talk, offline)
        toolbox, offering = _toolboxes(talk, llm, now, foreign, opening.warrant, nearest)
        drafts = Drafts(sink, _given(talk), is_group=talk.is_group, marked=not llm.offline) if sink else None
        toolbox = drafts.overhear(toolbox) if drafts else toolbox
        outcome = await loop.run(
            llm,
            talk.plain() if llm.offline else await _dialogue(talk, now, opening, nearest, offering),
            toolbox,
            self._limits,
            on_progress=sink.progress if sink else None,
            on_delta=drafts.stream if drafts else None,
            second=others,
            fallback=None if llm.offline else offline,
            fallback_messages=talk.plain,
            quoted=talk.quoted,
            opening=opening.calls,
            spare=opening.spare,
            nearest=nearest,
            needs_query=lambda answer: needs_look(answer, (*_given(talk), talk.quoted)),
        )
        return await _told(talk, outcome, opening, offering)

    async def _nearest(self, talk: Talk, offline: OfflineMode) -> tuple[str, ...]:
        return await offline.nearest(talk.plain()[-1].content) if self._tools_ranked else ()


async def _dialogue(
    talk: Talk, now: datetime, opening: TurnOpening, nearest: Sequence[str], offering: OfferingToolbox
) -> list[Message]:
    """The rules, what was said before, and the question with what code read of it."""
    facts = await db.call(facts_of, talk.person, opening, talk.recall, offering.ordered)
    first = prompts.first_of(
        nearest, offering.ordered, looked_up=opening.calls is not None, may=opening.warrant.may
    )
    question = prompts.QUOTE_QUESTION if talk.only_quotes else talk.text
    asked = prompts.told_now(question, talk.person, now, first, facts, prompts.also(offering.unlisted))
    rules = prompts.system_message(talk.person.role, is_group=talk.is_group)
    return [rules, *prompts.dialogue(talk.history, asked, talk.person.name, is_group=talk.is_group)]


def _toolboxes(
    talk: Talk, llm: LLM, now: datetime, foreign: McpTools, warrant: Warrant, nearest: Sequence[str]
) -> tuple[Toolbox, OfferingToolbox]:
    """What is called; and what a model may call. Only people's words act: a model reads and offers. A quotation orders nothing."""
    grounds = Grounds(
        NO_WARRANT if talk.only_quotes else warrant,
        talk.typed,
        talk.recall.spoken_of(),
        dict(talk.recall.focus.order.arguments) if talk.recall.focus.order else {},
        texts_of(talk.recall.fields),
    )
    asker = Asker(talk.person, talk.is_group, now, REFUSING)
    offering = OfferingToolbox(asker, foreign, grounds, talk.model_offers, nearest)
    if not llm.offline:
        return offering, offering
    proposer = QUOTATION if talk.only_quotes else talk.proposer
    return build_toolbox(
        talk.person, is_group=talk.is_group, now=now, proposer=proposer, foreign=foreign
    ), offering


async def _told(
    talk: Talk, outcome: TurnOutcome, opening: TurnOpening, offering: OfferingToolbox
) -> TurnOutcome:
    """With what only code says: results, offers, rights."""
    waits = [
        one for one in [talk.recall.focus.order] if one and (one.tool not in ACTS or not missing_in([one]))
    ]
    same = {one.tool for one in waits} & {one.tool for one in offering.offers}
    changes = opening.warrant.changes and bool(same)
    heard = with_heard(outcome, opening.heard, offering.offers, talk.recall.offers, changes=changes)
    finished = heard if heard.offline else _finished(talk, heard, opening)
    told = await tell(talk.person, finished, is_group=talk.is_group, by_model=bool(offering.offers))
    told = untaken(told, talk.text, talk.recall.offers)
    if told.heard and told.heard.drops and not (told.offline or told.offer):  # whatever a model says of it
        told = replace(told, text=f"{told.text}\n\n{DROPPED}")
    return _finished(talk, told, opening) if heard.offline else told


def _finished(talk: Talk, outcome: TurnOutcome, opening: TurnOpening) -> TurnOutcome:
    """As it is told: the ``opening`` names what it does not carry; without any model, once, that there is none."""
    if talk.only_quotes and outcome.heard and (outcome.heard.offers or outcome.heard.order):
        return replace(outcome, text=QUOTED_ORDER, offer=None, heard=None)
    if outcome.offline:  # code wrote it, from results only
        said = not talk.ai_configs and not talk.recall.told
        return replace(outcome, text=f"{outcome.text}\n\n{NOTICE}") if said else outcome
    first = len(opening.calls.tool_calls) if opening.calls else 0
    more = any(run.result.useful and not run.result.proposed for run in outcome.tool_runs[first:])
    remark = opening.remark if opening.shows and not more else ""
    runs = outcome.tool_runs[first:] if more else outcome.tool_runs
    return replace(outcome, text=_with_results(talk, outcome, runs, remark))


def _with_results(talk: Talk, outcome: TurnOutcome, shown_of: Sequence[ToolRun], remark: str) -> str:
    """A model's words, marked where nothing bears them out, and under them what these tools showed, and do not carry."""
    runs = [run for run in outcome.tool_runs if run.result.useful]
    looked_up = [run.result for run in shown_of if run.result.useful and not run.result.proposed]
    own = shown_of is not outcome.tool_runs
    shown = [_shown(each) if own else each.text for each in looked_up[-MOST_SHOWN:]]
    found = (outcome.notice, *(text for run in runs for text in (run.result.query, run.result.text)))
    named = outcome.heard.named.values() if outcome.heard else ()
    read = (*talk.recall.fields, *talk.recall.spoken_of(), *(name for names in named for name in names))
    aimed = (str(one) for run in runs if run.result.status == "offered" for one in run.arguments.values())
    fields = (*read, *aimed, *(field for run in runs for field in run.result.fields))
    words = prompts.without_echo(outcome.text).strip()
    empty = prompts.adds_nothing(words, talk.text, shown) and not (outcome.offer or outcome.proposals)
    words = "" if empty or (not own and prompts.belies(words, shown)) else words
    words = check(words, Sources(_given(talk), found, fields))
    corrected = NOT_DONE if claims_act(words) else ""  # what is offered or proposed is not done either
    beside = "、".join(dict.fromkeys(each.query for each in looked_up[:-MOST_SHOWN] if each.query))
    also = f"（另外查过：{beside}）" if beside else ""
    parts = [words, corrected, remark, *(text for text in dict.fromkeys(shown) if text not in words), also]
    return "\n\n".join(filter(None, parts)) or loop.NOTHING


def _shown(result: ToolResult) -> str:
    """A result, with what exactly was asked of the data."""
    asked = f"\n\n查询条件：{result.query}" if result.query and result.query not in result.text else ""
    return f"{result.text}{asked}"


def _given(talk: Talk) -> tuple[str, ...]:
    """What was typed here. Not what was quoted: whoever wrote that may have made it up."""
    return (talk.text, *(said.content for said in talk.history))


def _only(turn: Turn, person: Person, text: str) -> TurnResult:
    return TurnResult((Reply(text, title=title_of(text)),), brief(turn, person, text))
