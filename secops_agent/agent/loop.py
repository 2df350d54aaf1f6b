"""The agent loop: ask the model, run the tools it calls, until it answers or a limit makes it answer.

No Django, no database: the model, the tools and the two callbacks are given. Whatever goes wrong with a tool
goes back to the model; whatever goes wrong with the model ends in an answer that says so.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from bifang.core.backoff import Backoff
from bifang.core.errors import BifangError, RateLimited, RemoteError
from secops_agent.agent.budget import fit, offered
from secops_agent.agent.calls import Calls
from secops_agent.agent.chain import Chain, Spare
from secops_agent.agent.evidence import EVIDENCE_RULE, fence, new_nonce, with_quote, without_marks
from secops_agent.agent.limits import TurnLimits
from secops_agent.agent.listener import Listener, Tell
from secops_agent.agent.outcome import StoppedBy, TurnOutcome
from secops_agent.llm.types import LLM, Completion, Delta, Message, Offer, Request, ToolSpec
from secops_agent.llm.written_calls import read_calls
from secops_agent.tools.base import Toolbox

_BACKOFF_CAP_S: Final = 8.0
_FINAL_NOTE = "现在没有工具可用了：请只根据上面已有的结果直接回答；不足之处如实说明，不要编造。"
_NOTHING = "没有得到回答，请换个说法再试一次。"
_NUDGE = "你还没有查询就说到了本单位的数据（或没有作答）。请先调用合适的工具，再只根据结果回答；没有合适的工具就直说。"
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
    nearest: Sequence[str] = (),
    needs_query: Callable[[str], bool] | None = None,
) -> TurnOutcome:
    """Run one turn; ``messages`` end with the user's, which quotes ``quoted``. Cancelling the task cancels all.

    ``opening`` holds calls that are run before the model is asked; ``nearest`` names the tools that a model with little
    room is shown first; ``needs_query`` tells of an answer that no query backs: asked once to query, a model that
    does not is replaced.

    ``on_progress`` gets one short Chinese line when tools start, ``on_delta`` the whole answer so far; neither can
    fail the turn. When the model cannot, the ``second`` ones go on, each once, then ``fallback`` (the offline mode),
    reading what ``fallback_messages`` gives then (the dialogue as it wants it). Never raises BifangError.
    """
    spares = [Spare(each, lambda: messages) for each in second]
    if fallback is not None:
        spares.append(Spare(fallback, fallback_messages or (lambda: messages)))
    turn = _Turn(llm, messages, toolbox, limits, on_progress, on_delta, spares, quoted, nearest)
    return await turn.run(opening, needs_query or (lambda _: False))


class _Turn:
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
        self.nudged, self.wrong = False, 0
        self.progress, self.show = Listener(on_progress), Listener(on_delta)

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.clock()

    async def run(self, opening: Message | None, needs_query: Callable[[str], bool]) -> TurnOutcome:
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
            elif not self._again(completion, needs_query):
                return self._answer(completion)

    @property
    def llm(self) -> LLM:
        """Who answers now."""
        return self.chain.llm

    def _again(self, completion: Completion, needs_query: Callable[[str], bool]) -> bool:
        """Is the answer no answer? The model is asked once more, then replaced."""
        text = self._said(completion)
        backed = bool(self.calls.found())
        if self.llm.offline or backed or (text and not needs_query(text)):
            return False
        if self.nudged or self.stopped_by != "answer" or not self.llm.terms.calls:
            return self._fall_back(RemoteError(_UNGROUNDED, permanent=True))
        self.nudged = True
        self.added += [Message("assistant", text or "（没有内容）"), Message("user", _NUDGE)]
        return True

    def _said(self, completion: Completion) -> str:
        return without_marks(completion.message.content, self.nonce).strip()

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
        said = [self.quoted, *(one.content for one in self.given if one.role != "system")]
        checked = None if by_code or self.llm.offline else said
        self.added += await self.calls.run(message.tool_calls, self.progress.tell, checked)
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
        self.given, self.half, self.nudged, self.wrong = given, "", False, 0
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
        text = self._said(completion) or self.calls.found() or _NOTHING
        if completion.finish_reason == "length":
            text += _CUT
        return replace(self._outcome(text, completion.offer), unclear=completion.unclear)

    def _outcome(self, text: str, offer: Offer | None = None) -> TurnOutcome:
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
            offer=offer,
            offline=self.llm.offline,
            bills=self.chain.bills,
        )


def _wait(error: BifangError, backoff: Backoff) -> float:
    """Seconds before the next attempt: at least what the service asks for, spread so that turns do not meet."""
    asked = error.retry_after if isinstance(error, RateLimited) else 0.0
    return asked + backoff.next()
