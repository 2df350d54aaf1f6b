"""The agent loop: ask the model, run the tools it calls, until it answers or a limit makes it answer.

No Django, no database: the model, the tools and the two callbacks are given. Whatever goes wrong with a tool
goes back to the model; whatever goes wrong with the model ends in an answer that says so.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from bifang.core.errors import BifangError, RateLimited, RemoteError
from bifang.core.monitoring import tracing
from bifang.core.outbound.backoff import Backoff
from secops_agent.agent.llms.budget import fit, offered
from secops_agent.agent.turn.calls import Calls
from secops_agent.agent.turn.evidence import EVIDENCE_RULE, fence, new_nonce, with_quote, without_marks
from secops_agent.agent.turn.grounding import NOT_LOOKED, is_worthless
from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.outcome import Bill, StoppedBy, TurnOutcome
from secops_agent.counted import MODELS
from secops_agent.llm.types import LLM, Completion, Delta, Heard, Message, Request, ToolSpec, Usage
from secops_agent.llm.written_calls import announces, read_calls
from secops_agent.tools.base import Toolbox

_log = logging.getLogger(__name__)

# The models of one turn: who answers now, who goes on when that one cannot, and what each took.


class Spare(NamedTuple):
    """Who goes on when a model cannot, and the dialogue as it wants it."""

    llm: LLM
    messages: Callable[[], Sequence[Message]]


class Chain:
    """``notice`` says in Chinese who gave no answer, why, and who answers; "" while the first one does."""

    def __init__(self, llm: LLM, spares: Sequence[Spare]) -> None:
        self.llm, self.notice, self.model = llm, "", llm.name
        self._spares, self._failures = list(spares), list[str]()
        self._bills: dict[tuple[int | None, str], Usage] = {}

    @property
    def has_another_model(self) -> bool:
        """Does another model wait, that answers sooner than this one asked again?"""
        return bool(self._spares) and not self._spares[0].llm.offline

    def move_on(self, error: BifangError, *, half: bool) -> tuple[Message, ...] | None:
        """Let the next one go on, with the dialogue returned; None if there is none, or the question was refused.

        ``half``: some of an answer had come.
        """
        if not self._spares or getattr(error, "code", "") == "content_filter":
            return None
        _log.warning("model %s gave no answer, falling back: %s", self.llm.name, error.message)
        what = "答到一半断开，那半句不算" if half else "没有作答"
        self._failures.append(f"{self.llm.name}{what}：{error.message}")
        self.llm, messages = self._spares.pop(0)
        self.notice = f"（{''.join(self._failures)}以下由{self.llm.name}回答。）\n\n"
        return tuple(messages())

    def count(self, completion: Completion) -> None:
        """What was answered, and what it took."""
        self.model = completion.model or self.llm.name
        account = (self.llm.terms.config_id, self.model)
        self._bills[account] = self._bills.get(account, Usage()) + completion.usage

    @property
    def usage(self) -> Usage:
        """Of all models together."""
        return sum(self._bills.values(), Usage())

    @property
    def bills(self) -> tuple[Bill, ...]:
        """Of each model."""
        return tuple(Bill(*account, usage) for account, usage in self._bills.items())


# Whoever hears what a turn is doing.

Tell = Callable[[str], None]


class Listener:
    """A callback that cannot fail the turn: after its first error it is left alone."""

    def __init__(self, callback: Tell | None) -> None:
        self._callback: Tell | None = callback

    def tell(self, text: str) -> None:
        """Pass ``text`` on."""
        try:
            if self._callback is not None:
                self._callback(text)
        except Exception:
            self._callback = None
            _log.exception("a progress callback failed; this turn goes on without it")


_BACKOFF_CAP_S: Final = 8.0
_FINAL_NOTE = "现在没有工具可用了：请只根据上面已有的结果直接回答；不足之处如实说明，不要编造。"
NOTHING = "没有得到回答，请换个说法再试一次。"
_NUDGE = (
    "还没有查询就说到了本单位的数据（或没有作答）。请直接调用合适的工具，不要预告；没有合适的工具就直接回答。"
)
INSTRUCTIONS: Final = (_FINAL_NOTE, _NUDGE)
_UNGROUNDED = "没有查询数据就作答。"
_ALL_WRONG = "连续几次查询都没有成功。"
_WRONG_STEPS: Final = 3
_CUT = "\n\n（回答太长，已截断。可以缩小问题再问。）"
_HALF = "\n\n（回答在这里断开，以上不完整。）"
_STEPS_AT_LEAST: Final = 3  # for whoever goes on
_HOPELESS: Final = frozenset({"timeout", "queue"})  # was waited for already


async def run(
    llm: LLM,
    messages: Sequence[Message],
    toolbox: Toolbox,
    limits: TurnLimits,
    *,
    on_progress: Tell | None = None,
    on_delta: Tell | None = None,
    second: Sequence[LLM] = (),
    fallback: LLM | None = None,
    fallback_messages: Callable[[], Sequence[Message]] | None = None,
    quoted: str = "",
    opening: Message | None = None,
    spare: Message | None = None,
    nearest: Sequence[str] = (),
    needs_query: Callable[[str], bool] | None = None,
) -> TurnOutcome:
    """Run one turn; ``messages`` end with the user's, which quotes ``quoted``. Cancelling the task cancels all.

    ``opening`` holds calls that are run before the model is asked; ``nearest`` names the tools that a model with little
    room is shown first; ``needs_query`` tells of an answer that no query backs: the calls of ``spare`` are run for the model, or it is
    asked once more to look, then its answer says that nothing was looked up. A model that says nothing is replaced.

    ``on_progress`` gets one short Chinese line when tools start, ``on_delta`` the whole answer so far; neither can
    fail the turn. When the model cannot, the ``second`` ones go on, each once, then ``fallback`` (the offline mode),
    reading what ``fallback_messages`` gives then (the dialogue as it wants it). Never raises BifangError.
    """
    spares = [Spare(each, lambda: messages) for each in second]
    if fallback is not None:
        spares.append(Spare(fallback, fallback_messages or (lambda: messages)))
    steps = _Steps(llm, messages, toolbox, limits, on_progress, on_delta, spares, quoted, nearest)
    return await steps.run(opening, spare, needs_query or (lambda _: False))


class _Steps:
    """The loop while it runs."""

    def __init__(
        self,
        llm: LLM,
        messages: Sequence[Message],
        toolbox: Toolbox,
        limits: TurnLimits,
        on_progress: Tell | None,
        on_delta: Tell | None,
        spares: list[Spare],
        quoted: str,
        nearest: Sequence[str],
    ) -> None:
        self.chain, self.limits = Chain(llm, spares), limits
        self.given, self.added = tuple(messages), list[Message]()
        self.specs, self.nearest = toolbox.specs, nearest
        self.clock = asyncio.get_running_loop().time
        self.seconds = llm.terms.seconds or limits.seconds
        self.deadline = self.clock() + self.seconds
        self.calls = Calls(toolbox, limits, self.remaining)
        self.steps_left = limits.steps
        self.half = ""  # of an answer that came so far
        self.stopped_by: StoppedBy = "answer"
        self.nonce, self.quoted = new_nonce(), quoted
        self.nudged, self.unbacked, self.wrong = False, False, 0
        self.progress, self.show = Listener(on_progress), Listener(on_delta)

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.clock()

    async def run(
        self, opening: Message | None, spare: Message | None, needs_query: Callable[[str], bool]
    ) -> TurnOutcome:
        """Steps until there is an answer."""
        if opening is not None:
            await self._run_tools(opening, by_code=True)
        while True:
            self.stopped_by = withdrawn = self._limit_reached()
            try:
                completion = await self._complete(withdrawn != "answer" or not self.llm.terms.calls)
            except BifangError as error:
                if not self._fall_back(error):
                    return self._refuse(error)
                continue
            self.steps_left, self.half = self.steps_left - 1, ""
            self.chain.count(completion)
            if withdrawn == "answer" and completion.message.tool_calls and self.llm.terms.calls:
                await self._run_tools(completion.message)
                if self.wrong >= _WRONG_STEPS:
                    self._fall_back(RemoteError(_ALL_WRONG, permanent=True))
            elif not await self._again(completion, spare, needs_query):
                return self._answer(completion)

    @property
    def llm(self) -> LLM:
        """Who answers now."""
        return self.chain.llm

    async def _again(
        self, completion: Completion, spare: Message | None, needs_query: Callable[[str], bool]
    ) -> bool:
        """Is it no answer yet? The model gets what code would look up, or is asked once more to look; one that says nothing is
        replaced."""
        text = self._said(completion)
        backed = bool(self.calls.found()) or any(run.result.proposed for run in self.calls.runs)
        if self.llm.offline or backed or (text and not needs_query(text)):
            return False
        if self.nudged or self.stopped_by != "answer" or not self.llm.terms.calls:
            self.unbacked = bool(text)
            return (not text or is_worthless(text)) and self._fall_back(
                RemoteError(_UNGROUNDED, permanent=True)
            )
        self.nudged = True
        if spare is not None:
            await self._run_tools(spare, by_code=True)
            return True
        self.added += [Message("assistant", text or "（没有内容）"), Message("user", _NUDGE)]
        return True

    def _said(self, completion: Completion) -> str:
        """The answer; "" for what only says that something is going to be looked up."""
        text = without_marks(completion.message.content, self.nonce).strip()
        return "" if announces(text) else text

    def _limit_reached(self) -> StoppedBy:
        """Why the tools are withdrawn now; "answer" if they are not."""
        usage = self.chain.usage
        spent = usage.input_tokens + usage.output_tokens
        late = self.remaining() < self.seconds * self.limits.answer_share
        reasons: tuple[tuple[StoppedBy, bool], ...] = (
            ("steps", self.steps_left <= 1),
            ("calls", self.calls.left <= 0),
            ("repeats", self.calls.repeating),
            ("tokens", spent >= self.limits.tokens and not self.llm.offline),
            ("seconds", late and not self.llm.offline),
        )
        return next((reason for reason, holds in reasons if holds), "answer")

    async def _run_tools(self, message: Message, *, by_code: bool = False) -> None:
        self.added.append(message)
        before = len(self.calls.runs)
        self.added += await self.calls.run(message.tool_calls, self.progress.tell, by_code=by_code)
        useful = any(run.result.useful for run in self.calls.runs[before:])
        self.wrong = 0 if useful or self.llm.offline else self.wrong + 1

    # The model, with its passing errors

    async def _complete(self, withdrawn: bool) -> Completion:
        backoff = Backoff(self.limits.backoff_seconds, _BACKOFF_CAP_S)
        for tries_left in range(0 if self.chain.has_another_model else self.limits.retries, -1, -1):
            try:
                return await self._ask(withdrawn)
            except BifangError as error:
                wait = _wait(error, backoff)
                hopeless = error.permanent or getattr(error, "code", "") in _HOPELESS
                if hopeless or not tries_left or self.llm.offline or wait >= self.remaining():
                    raise
                self.progress.tell(f"{self.llm.name}暂时没有应答，{wait:.0f} 秒后重试")
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _ask(self, withdrawn: bool) -> Completion:
        seconds = self.remaining()
        if seconds <= 0:
            raise self._late()
        request = Request(
            self._fitting(withdrawn),
            self._offered(),
            tool_choice="none" if withdrawn else "auto",
            max_tokens=self.limits.answer_tokens,
            timeout=seconds,
        )
        with MODELS.timed(self.llm.name), tracing.span("model", model=self.llm.name):
            try:
                async with asyncio.timeout(seconds):
                    answer = await self.llm.complete(request, self._shower())
            except TimeoutError:
                raise self._late() from None
        return self._with_written_calls(answer) if self._offered() and not self.llm.offline else answer

    def _offered(self) -> tuple[ToolSpec, ...]:
        """What fits; none to a model that only words what was looked up."""
        terms = self.llm.terms
        return offered(self.specs, self.nearest, terms.room) if terms.calls else ()

    def _with_written_calls(self, completion: Completion) -> Completion:
        """Calls that the model wrote as text are calls."""
        message = completion.message
        if message.tool_calls or "{" not in message.content:
            return completion
        calls = read_calls(message.content, {spec.name for spec in self.specs})
        return replace(completion, message=Message("assistant", "", calls)) if calls else completion

    def _late(self) -> RemoteError:
        text = f"{self.llm.name}在 {self.seconds:g} 秒内没有答完。"
        return RemoteError(text, permanent=False, code="timeout")

    def _shower(self) -> Callable[[Delta], None]:
        """Shows the answer so far; each attempt starts afresh."""
        parts, self.half = list[str](), ""

        def show(delta: Delta) -> None:
            if delta.notice:
                self.progress.tell(delta.notice)
            if delta.content:
                parts.append(delta.content)
                self.half = "".join(parts)
                self.show.tell(f"{self.chain.notice}{self.half}")

        return show

    def _fitting(self, withdrawn: bool) -> tuple[Message, ...]:
        """What this model can read of the dialogue. RemoteError if that is too little."""
        sent, room = self._sent(withdrawn), self.llm.terms.room
        earlier = len(self.given) - 1 - (self.given[0].role == "system")
        return fit(sent, self._offered(), room, earlier) if room else sent

    def _sent(self, withdrawn: bool) -> tuple[Message, ...]:
        """The dialogue as this model gets it: the offline mode needs no marks, since it obeys no text."""
        if self.llm.offline:
            return (*self.given, *self.added)
        *before, question = self.given
        messages = (*before, with_quote(question, self.quoted, self.nonce), *self.added)
        has_system = bool(messages) and messages[0].role == "system"
        first = messages[0] if has_system else Message("system", "")
        system = Message("system", f"{first.content}\n\n{EVIDENCE_RULE}".lstrip())
        note = (Message("user", _FINAL_NOTE),) if withdrawn else ()
        return (system, *(fence(message, self.nonce) for message in messages[has_system:]), *note)

    # How it ends

    def _fall_back(self, error: BifangError) -> bool:
        """Let the next in the chain go on; False if there is none, or if the question itself was refused."""
        given = self.chain.move_on(error, half=bool(self.half))
        if given is None:
            return False
        self.given, self.half, self.nudged, self.unbacked, self.wrong = given, "", False, False, 0
        own = min(self.llm.terms.seconds or self.limits.second_seconds, self.limits.second_seconds)
        more = self.limits.grace_seconds if self.llm.offline else own
        self.deadline = max(self.deadline, self.clock() + more)
        self.steps_left = max(self.steps_left, _STEPS_AT_LEAST)
        self.added = self.calls.hand_over()
        return True

    def _refuse(self, error: BifangError) -> TurnOutcome:
        """The answer when no model gives one: the reason, and what the tools had found."""
        self.stopped_by = "content_filter" if getattr(error, "code", "") == "content_filter" else "error"
        found = self.calls.found()
        if self.half and self.stopped_by == "error":
            return self._outcome(f"{error.message}\n\n{self.half}{_HALF}")
        text = f"{error.message}\n\n已经查到的结果如下：\n\n{found}" if found else error.message
        return self._outcome(text)

    def _answer(self, completion: Completion) -> TurnOutcome:
        text = self._said(completion) or self.calls.found() or NOTHING
        if completion.finish_reason == "length":
            text += _CUT
        if self.unbacked and not self.llm.offline:
            text += f"\n\n{NOT_LOOKED}"
        return self._outcome(text, completion.heard)

    def _outcome(self, text: str, heard: Heard | None = None) -> TurnOutcome:
        text = self.chain.notice + text
        answer = Message("assistant", text)
        return TurnOutcome(
            text=text,
            messages=(*self.added, answer),
            tool_runs=tuple(self.calls.runs),
            usage=self.chain.usage,
            stopped_by=self.stopped_by,
            model=self.chain.model,
            used_fallback=bool(self.chain.notice),
            notice=self.chain.notice.strip(),
            heard=heard,
            offline=self.llm.offline,
            bills=self.chain.bills,
        )


def _wait(error: BifangError, backoff: Backoff) -> float:
    """Seconds before the next attempt: at least what the service asks for, spread so that turns do not meet."""
    asked = error.retry_after if isinstance(error, RateLimited) else 0.0
    return asked + backoff.next()
