"""Policy around the model: who may go on, what it may read, what may be proposed, what is recorded."""

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from django.conf import settings

from bifang.channels.known_groups import with_outsiders
from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.database.rows import NewRow
from bifang.core.errors import BifangError
from secops_agent.agent.acting.controls import handle_control
from secops_agent.agent.acting.corrections import handle_correction
from secops_agent.agent.acting.investigation_feedback import handle_opinion
from secops_agent.agent.acting.offers import handle_offer
from secops_agent.agent.acting.orders import handle_order
from secops_agent.agent.acting.undoing import handle_undo
from secops_agent.agent.conversation.memory import Known
from secops_agent.agent.conversation.records import brief, costs, door_of, whole
from secops_agent.agent.llms.placeholders import Vault, mask
from secops_agent.agent.llms.redacting import RedactingModel
from secops_agent.agent.turn.outcome import TurnOutcome
from secops_agent.llm.types import LLM, ModelSettings
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.proposals import Proposals
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.operations.usage import Accounts, Budget
from secops_agent.services.people.limits import PERIOD_S, Allowance, PersonLimiter
from secops_agent.services.people.staff import Person
from secops_agent.services.privacy import mask_personal
from secops_agent.services.switches import NO_MODEL, NO_MODEL_TEXT, SwitchBoard

CONTROL_REPLIES: Final = 3  # to one person in a minute; a control beyond is carried out without a word
DAY_S: Final = 86_400.0


class ModelWithheld(BifangError):
    """The model is not to be asked now; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class Policy:
    """One per event loop, beside the agent."""

    def __init__(
        self,
        configs: ConfigCache,
        *,
        limiter: PersonLimiter | None = None,
        control_replies: Allowance | None = None,
        strangers_told: Allowance | None = None,
    ) -> None:
        self._configs = configs
        self._switches = SwitchBoard()
        self._accounts = Accounts()
        on = settings.RATE_LIMITS
        self._limiter = limiter or PersonLimiter(on=on)
        self._control_replies = control_replies or Allowance(CONTROL_REPLIES, PERIOD_S, on=on)
        self._strangers_told = strangers_told or Allowance(1, DAY_S, on=on)
        self._unread_told = Allowance(1, DAY_S)

    def tells_stranger(self, turn: Turn, person: Person) -> bool:
        """Is someone without a role to be told so? Again tomorrow, or elsewhere."""
        place = (turn.config_id, turn.conversation_id)
        return self._strangers_told.take((*place, person.corp_id, person.staff_id))

    def tells_unread(self, turn: Turn) -> bool:
        """Is a conversation to be told why nothing can be read in it? Again tomorrow."""
        return self._unread_told.take((turn.config_id, turn.conversation_id))

    async def intercept(
        self, turn: Turn, known: Known, *, is_group: bool, quoted: str = ""
    ) -> TurnResult | None:
        """The result of taking an offer, of a control, of an order, of asking too fast or beside outsiders; None: go on.

        ``quoted``: what the message replies to: a bare 好 or 确认 takes only what stands there by its code."""
        person = known.person
        who = (person.corp_id, person.staff_id)
        if is_group and (kept := await self._beside_outsiders(turn, person)):
            return kept
        taken = await handle_offer(
            turn,
            known,
            lambda: self.proposals(turn, person, is_group=is_group),
            is_group=is_group,
            quoted=quoted,
            may_tell=lambda: self._control_replies.take(who),
        )
        if taken is not None:
            return taken
        for handle in (
            handle_undo,
            partial(handle_control, quoted=quoted),
            handle_order,
            handle_opinion,
            handle_correction,
        ):
            handled = await handle(
                turn, person, is_group=is_group, may_tell=lambda: self._control_replies.take(who)
            )
            if handled is not None:
                return _told_to(handled, is_group=is_group)
        return self._too_fast(turn, person)

    def _too_fast(self, turn: Turn, person: Person) -> TurnResult | None:
        """Told once; None while they may ask."""
        refusal = self._limiter.enter((person.corp_id, person.staff_id))
        if refusal is None:
            return None
        text = refusal.text if refusal.first else ""
        replies = (Reply(text, title="提问太快"),) if text else ()
        return TurnResult(replies, brief(turn, person, text))

    async def _beside_outsiders(self, turn: Turn, person: Person) -> TurnResult | None:
        """The reason alone, in a group in which nothing of the company is said; a few times a minute."""
        if not (why := await db.call(with_outsiders, turn.config_id, turn.conversation_id)):
            return None
        said = f"{why}。要问什么、办什么，请与我单聊。"
        told = self._control_replies.take((person.corp_id, person.staff_id))
        replies = (Reply(said, title="群里有外部人员"),) if told else ()
        return TurnResult(replies, brief(turn, person, said))

    async def admit_model(self, ai_config_id: int) -> None:
        """Raises ModelWithheld while the model is switched off or its budget is spent."""
        if NO_MODEL in await self._switches.on():
            raise ModelWithheld(NO_MODEL_TEXT)
        wanted: ModelSettings = await self._configs.get(ai_config_id)
        refusal = await self._accounts.refusal(
            ai_config_id, Budget(wanted.daily_budget_yuan, wanted.daily_tokens)
        )
        if refusal:
            raise ModelWithheld(refusal)

    def proposals(self, turn: Turn, person: Person, *, is_group: bool) -> Proposals:
        """The proposer of one turn."""
        origin = Origin(turn.config_id, turn.conversation_id, is_group, turn.inbox_id, turn.target)
        return Proposals(person, origin, Actor.person(person, door_of(turn)))

    async def complete(
        self,
        turn: Turn,
        person: Person,
        outcome: TurnOutcome,
        proposals: Proposals,
        reply: str,
        at: datetime,
    ) -> tuple[tuple[Reply, ...], tuple[NewRow, ...]]:
        """What is said beside the reply, and the rows that belong to the turn."""
        prices = await self._accounts.prices() if outcome.usage.output_tokens else {}
        rows = (
            *whole(turn, person, outcome, reply, at),
            *proposals.rows,
            *costs(turn, person, outcome, prices, at),
        )
        return proposals.replies(reply), rows


def redacted(llm: LLM, conversation: str, *, is_group: bool) -> LLM:
    """The model as it may be asked in this conversation; the offline mode is ours and reads everything."""
    if llm.offline:
        return llm
    return RedactingModel(llm, Vault(_placeholder_key(conversation)), open_=not is_group)


def _placeholder_key(conversation: str) -> bytes:
    text = f"placeholders\n{conversation}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).digest()


def _told_to(result: TurnResult, *, is_group: bool) -> TurnResult:
    """With the replies to the conversation as it may read them."""
    replies = (
        replace(one, text=for_readers(one.text, is_group=is_group)) if one.target is None else one
        for one in result.replies
    )
    return replace(result, replies=tuple(replies))


def for_readers(text: str, *, is_group: bool) -> str:
    """A reply as this conversation may read it: in a group no secret and nobody's address stands, whoever wrote it."""
    return mask(mask_personal(text)) if is_group else text
