"""The one entry point of the agent: `Agent.answer`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from bifang.channels.consumer import Silent
from bifang.channels.ports import Reply, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.core import db
from bifang.core.config_cache import ConfigCache
from secops_agent.agent import loop, memory, prompts
from secops_agent.agent.attachments import Attachment, Received, receive
from secops_agent.agent.controls import read_control
from secops_agent.agent.drafts import Drafts
from secops_agent.agent.grounding import mark_hearsay, mark_unbacked, names_data, without_claims
from secops_agent.agent.limits import TurnLimits
from secops_agent.agent.models import Models, OfflineMode
from secops_agent.agent.opening import find_opening
from secops_agent.agent.orders import read_order
from secops_agent.agent.outcome import TurnOutcome
from secops_agent.agent.policy import Policy, for_readers, redacted
from secops_agent.agent.recall import NOTHING, Recall
from secops_agent.agent.records import brief
from secops_agent.agent.replies import files_of, offered, title_of, unknown_person
from secops_agent.agent.shelf import McpShelf
from secops_agent.agent.steps import with_steps
from secops_agent.agent.toolbox import QUOTATION, REFUSING, build_reading_toolbox, build_toolbox
from secops_agent.agent.verification import mark_unknown
from secops_agent.llm.offline import NOTICE
from secops_agent.llm.types import LLM, Message
from secops_agent.models.staff import Role
from secops_agent.services.people.staff import Person
from secops_agent.services.privacy import mask_personal
from secops_agent.tools.base import Proposer, Toolbox
from secops_agent.tools.mcp import McpTools

LONGEST_QUESTION = 8000  # characters
MOST_SHOWN = 2  # results that are shown under a model's words
ONLY_QUOTED = "（引用）"  # what is remembered of a question without words
QUOTED_ORDER = "引用或转发的内容不会被当作命令。要做什么，请自己写出来。"
QUOTED_CONTROL = "引用或转发的确认、同意、拒绝、停止不会照办。要这样做，请自己写出来。"
TOLD_BEFORE = "发送人没有使用权限，今天已告知，不再重复回复"


@dataclass(frozen=True, slots=True)
class Asking:
    """A turn, with what the channel knows about the sender and the configuration wants for them."""

    turn: Turn
    corp_id: str
    staff_id: str
    nick: str
    is_group: bool
    default_role: str = "none"
    ai_configs: tuple[int, ...] = ()  # asked in this order
    quoted: str = ""  # what was replied to or forwarded
    cannot_read: str = ""  # why there is no text to answer: a picture, a video …
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """One question of one person, wherever it came from; ``history`` is oldest first."""

    person: Person
    text: str
    is_group: bool = False
    history: tuple[memory.Said, ...] = ()
    quoted: str = ""
    ai_configs: tuple[int, ...] = ()  # asked in this order
    proposer: Proposer = REFUSING
    conversation: str = ""
    recall: Recall = NOTHING

    @property
    def only_quotes(self) -> bool:
        """Was nothing typed beside the quotation? Then it is a question about it, and orders nothing."""
        return bool(self.quoted) and not self.text.strip()

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
        self._shelf = McpShelf(configs)

    async def warm_up(self) -> None:
        """Load what the first message would have to wait for."""
        await self._models.warm_up()

    async def close(self) -> None:
        """Close the connections of this loop."""
        await self._models.close()
        await self._shelf.close()

    async def answer(self, asking: Asking, sink: ReplySink) -> TurnResult:
        """Run the turn for this sender: role, memory of this conversation, tools, model."""
        conversation = memory.conversation_key(asking.turn.config_id, asking.turn.conversation_id)
        known = await db.call(
            memory.look_up, asking.corp_id, asking.staff_id, asking.nick, asking.default_role, conversation
        )
        turn, person = asking.turn, known.person
        if not person.may(Role.VIEWER):
            return self._turn_away(asking, known)
        handled = await self._policy.intercept(turn, person, is_group=asking.is_group)
        if handled is not None:
            return handled
        if asking.cannot_read:
            return _only(asking, person, asking.cannot_read)
        proposals = self._policy.proposals(turn, person, is_group=asking.is_group)
        if (received := await receive(asking.attachment, turn, person, proposals, sink)) is not None:
            return self._about_file(asking, known, conversation, received)
        talk = self._talk(asking, known, conversation, proposals)
        if talk.only_quotes and (read_control(talk.quoted) or read_order(talk.quoted)):
            return _only(asking, person, QUOTED_CONTROL)
        outcome = await self.converse(talk, sink)
        text, copies = _with_private_copies(asking, outcome)
        text = for_readers(text, is_group=asking.is_group)
        now = timezone.now()
        told, records = await self._policy.complete(turn, person, outcome, proposals, text, now)
        recall = talk.recall.after(outcome.tool_runs, told=NOTICE in text)
        rows = memory.remember(conversation, person, talk.text or ONLY_QUOTED, text, recall, now)
        taps = (*proposals.suggestions(text), *offered(outcome, is_group=asking.is_group))
        text, next_taps = with_steps(text, outcome.steps, is_group=asking.is_group)
        reply = Reply(text, title=title_of(text), buttons=proposals.buttons, suggestions=(*taps, *next_taps))
        return TurnResult((reply, *files_of(outcome), *copies, *told), (*rows, *records))

    def _turn_away(self, asking: Asking, known: memory.Known) -> TurnResult:
        """Tell someone without a role whom to ask; once a day in a conversation."""
        turn, person = asking.turn, known.person
        if not self._policy.tells_stranger(turn, person):
            return TurnResult((), brief(turn, person, ""), note=TOLD_BEFORE)
        return _only(asking, person, unknown_person(asking.staff_id, known.administrators))

    @staticmethod
    def _about_file(asking: Asking, known: memory.Known, conversation: str, received: Received) -> TurnResult:
        """What is said about a file is remembered like any other answer."""
        person, turn, now = known.person, asking.turn, timezone.now()
        text = for_readers(
            mask_personal(received.text) if asking.is_group else received.text, is_group=asking.is_group
        )
        reply = Reply(text, title=title_of(text), buttons=received.buttons, suggestions=received.suggestions)
        said = memory.remember(conversation, person, received.said, text, known.recall, now)
        return TurnResult((reply,), (*said, *brief(turn, person, text, now), *received.rows))

    @staticmethod
    def _talk(asking: Asking, known: memory.Known, conversation: str, proposer: Proposer) -> Talk:
        return Talk(
            person=known.person,
            text=asking.turn.text[:LONGEST_QUESTION],
            is_group=asking.is_group,
            history=known.history,
            quoted=asking.quoted,
            ai_configs=asking.ai_configs,
            proposer=proposer,
            conversation=conversation,
            recall=known.recall,
        )

    async def converse(self, talk: Talk, sink: ReplySink | None = None) -> TurnOutcome:
        """Ask the models in their order, else the offline mode; whatever fails ends in an answer."""
        offline = self._models.offline(talk.person.staff_id, talk.recall.last)
        models, reasons = await self._models.chain(talk.ai_configs, self._policy.admit_model)
        asked = [redacted(each, talk.conversation, is_group=talk.is_group) for each in models]
        outcome = await self._run(talk, asked, offline, sink)
        if not reasons:
            return outcome
        by_code = not models or (outcome.offline and not outcome.used_fallback)
        notice = f"（{''.join(reasons)}以下由{offline.name if by_code else models[0].name}回答。）"
        return replace(outcome, text=f"{notice}\n\n{outcome.text}", used_fallback=True, notice=notice)

    async def _run(
        self, talk: Talk, models: Sequence[LLM], offline: OfflineMode, sink: ReplySink | None
    ) -> TurnOutcome:
        llm, *others = models or [offline]
        now = datetime.now(timezone.get_default_timezone())
        sink = None if isinstance(sink, Silent) else sink
        grammar = self._grammar_first and not llm.offline
        by_code, opening = await find_opening(
            talk.text, talk.plain(), offline, grammar=grammar, calls=llm.terms.calls
        )
        if by_code:
            llm, others = offline, []
        nearest = () if llm.offline else await self._nearest(talk, offline)
        first = prompts.LOOKED if opening else prompts.to_look_up(nearest) if llm.terms.calls else ""
        toolbox = _toolbox(talk, llm, now, await self._shelf.get())
        drafts = Drafts(sink, _given(talk), is_group=talk.is_group, marked=not llm.offline) if sink else None
        toolbox = drafts.overhear(toolbox) if drafts else toolbox
        outcome = await loop.run(
            llm,
            talk.plain() if llm.offline else self._messages(talk, now, first),
            toolbox,
            self._limits,
            on_progress=sink.progress if sink else None,
            on_delta=drafts.stream if drafts else None,
            second=others,
            fallback=None if llm.offline else offline,
            fallback_messages=talk.plain,
            quoted=talk.quoted,
            opening=opening.message if opening else None,
            nearest=nearest,
            needs_query=lambda answer: names_data(answer, (*_given(talk), talk.quoted)),
        )
        return _finished(talk, outcome, opening.remark if opening else "")

    async def _nearest(self, talk: Talk, offline: OfflineMode) -> tuple[str, ...]:
        return await offline.nearest(talk.plain()[-1].content) if self._tools_ranked else ()

    @staticmethod
    def _messages(talk: Talk, now: datetime, first: str) -> list[Message]:
        question = prompts.QUOTE_QUESTION if talk.only_quotes else talk.text
        asked = prompts.told_now(question, talk.person, now, first)
        rules = prompts.system_message(talk.person.role, is_group=talk.is_group)
        return [rules, *prompts.dialogue(talk.history, asked, talk.person.name, is_group=talk.is_group)]


def _toolbox(talk: Talk, llm: LLM, now: datetime, foreign: McpTools) -> Toolbox:
    """Only people's words act: a model reads. A quotation orders nothing."""
    build = build_toolbox if llm.offline else build_reading_toolbox
    proposer = QUOTATION if talk.only_quotes else talk.proposer
    return build(talk.person, is_group=talk.is_group, now=now, proposer=proposer, foreign=foreign)


def _finished(talk: Talk, outcome: TurnOutcome, remark: str) -> TurnOutcome:
    """As it is told: ``remark`` names what the opening does not carry; without any model, once, that there is none."""
    if talk.only_quotes and outcome.offer:
        return replace(outcome, text=QUOTED_ORDER, offer=None)
    if outcome.offline:  # code wrote it, from results only
        said = not talk.ai_configs and not talk.recall.told
        return replace(outcome, text=f"{outcome.text}\n\n{NOTICE}") if said else outcome
    return replace(outcome, text="\n\n".join(filter(None, [remark, _with_results(talk, outcome)])))


def _with_results(talk: Talk, outcome: TurnOutcome) -> str:
    """A model's words without what nothing bears out, and under them what the tools showed."""
    runs = [run for run in outcome.tool_runs if run.result.useful]
    words = without_claims(outcome.text, (run.result.text for run in runs))
    sources = list(_sources(talk, outcome))
    words = mark_unbacked(mark_unknown(words, sources), sources)
    words = mark_hearsay(words, _given(talk), (field for run in runs for field in run.result.fields))
    shown = dict.fromkeys(run.result.text for run in runs[-MOST_SHOWN:] if not run.result.proposed)
    return "\n\n".join([words, *(text for text in shown if text and text not in words)])


def _given(talk: Talk) -> tuple[str, ...]:
    """What was typed here. Not what was quoted: whoever wrote that may have made it up."""
    return (talk.text, *(said.content for said in talk.history))


def _sources(talk: Talk, outcome: TurnOutcome) -> Iterable[str]:
    """Where what the answer names may come from."""
    yield from _given(talk)
    yield outcome.notice
    for run in outcome.tool_runs:
        yield run.result.query
        yield run.result.text


def _with_private_copies(asking: Asking, outcome: TurnOutcome) -> tuple[str, tuple[Reply, ...]]:
    """In a group: what it may not show goes to the asker's own chat, and the group is told so."""
    target = asking.turn.target
    hidden = [run.result.private_text for run in outcome.tool_runs if run.result.private_text]
    if not hidden or target is None or not asking.is_group:
        return outcome.text, ()
    own = ReplyTarget("", is_group=False, staff_id=asking.staff_id, robot_code=target.robot_code)
    copies = tuple(
        Reply(text, title=title_of(text), at_sender=False, target=own) for text in dict.fromkeys(hidden)
    )
    return f"{outcome.text}\n\n已私聊发送：含个人信息的完整内容。", copies


def _only(asking: Asking, person: Person, text: str) -> TurnResult:
    return TurnResult((Reply(text, title=title_of(text)),), brief(asking.turn, person, text))
