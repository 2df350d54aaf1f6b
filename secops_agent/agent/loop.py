"""The agent loop: ask the model, run the tools it calls, until it answers or a limit makes it answer.

No Django, no database: the model, the tools and the two callbacks are given. Whatever goes wrong with a tool
goes back to the model; whatever goes wrong with the model ends in an answer that says so.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from bifang.core.backoff import Backoff
from bifang.core.errors import BifangError, RateLimited, RemoteError
from secops_agent.agent.budget import fit
from secops_agent.agent.calls import Calls
from secops_agent.agent.evidence import evidence_rule, fence, new_nonce, with_quote, without_marks
from secops_agent.agent.limits import TurnLimits
from secops_agent.agent.outcome import Bill, StoppedBy, TurnOutcome
from secops_agent.llm.types import LLM, Completion, Delta, Message, Offer, Request, Usage
from secops_agent.tools.base import Toolbox

Tell = Callable[[str], None]
_log = logging.getLogger(__name__)
_BACKOFF_CAP_S: Final = 8.0
_FINAL_NOTE = "现在没有工具可用了：请只根据上面已有的结果直接回答；不足之处如实说明，不要编造。"
_NOTHING = "没有得到回答，请换个说法再试一次。"
_CUT = "\n\n（回答太长，已截断。可以缩小问题再问。）"
_HALF = "\n\n（回答在这里断开，以上不完整。）"
_STEPS_AT_LEAST: Final = 3  # for whoever goes on
_BAD_STEPS: Final = 2
_HOPELESS: Final = frozenset({"timeout", "queue"})  # was waited for already
_EMPTY = RemoteError("没有给出回答。", permanent=False, code="empty")
_MALFORMED = RemoteError("连续两次写不出能用的工具调用。", permanent=False, code="malformed")


class Spare(NamedTuple):
    """Who goes on when a model cannot, and the dialogue as it wants it."""

    llm: LLM
    messages: Callable[[], Sequence[Message]]


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
) -> TurnOutcome:
    """Run one turn; ``messages`` end with the user's, which quotes ``quoted``. Cancelling the task cancels all.

    ``on_progress`` gets one short Chinese line when tools start, ``on_delta`` the whole answer so far; neither can
    fail the turn. When the model cannot, the ``second`` ones go on, each once, then ``fallback`` (the offline mode),
    reading what ``fallback_messages`` gives then (the dialogue as it wants it). Never raises BifangError.
    """
    spares = [Spare(each, lambda: messages) for each in second]
    if fallback is not None:
        spares.append(Spare(fallback, fallback_messages or (lambda: messages)))
    return await _Turn(llm, messages, toolbox, limits, on_progress, on_delta, spares, quoted).run()


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
    ) -> None:
        self.llm, self.limits = llm, limits
        self.spares, self.failures = spares, list[str]()
        self.given, self.added = tuple(messages), list[Message]()
        self.specs = toolbox.specs
        self.clock = asyncio.get_running_loop().time
        self.seconds = llm.terms.seconds or limits.seconds
        self.deadline = self.clock() + self.seconds
        self.calls = Calls(toolbox, limits, self.remaining)
        self.steps_left = limits.steps
        self.bills, self.notice, self.model = dict[tuple[int | None, str], Usage](), "", llm.name
        self.half = ""  # of an answer that came so far
        self.stopped_by: StoppedBy = "answer"
        self.nonce, self.quoted = new_nonce(), quoted
        self.progress, self.show = _Sink(on_progress), _Sink(on_delta)

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.clock()

    async def run(self) -> TurnOutcome:
        """Steps until there is an answer."""
        while True:
            self.stopped_by = withdrawn = self._limit_reached()
            try:
                completion = await self._complete(withdrawn != "answer")
            except BifangError as error:
                if not self._fall_back(error):
                    return self._refuse(error)
                continue
            self._count(completion)
            message = completion.message
            if withdrawn == "answer" and message.tool_calls:
                await self._run_tools(message)
            elif message.content.strip() or self.calls.found() or not self._fall_back(_EMPTY):
                return self._answer(completion)

    @property
    def usage(self) -> Usage:
        """Of all models together."""
        return sum(self.bills.values(), Usage())

    def _count(self, completion: Completion) -> None:
        self.steps_left -= 1
        self.half = ""
        self.model = completion.model or self.llm.name
        account = (self.llm.terms.config_id, self.model)
        self.bills[account] = self.bills.get(account, Usage()) + completion.usage

    def _limit_reached(self) -> StoppedBy:
        """Why the tools are withdrawn now; "answer" if they are not."""
        spent = self.usage.input_tokens + self.usage.output_tokens
        late = self.remaining() < self.seconds * self.limits.answer_share
        reasons: tuple[tuple[StoppedBy, bool], ...] = (
            ("steps", self.steps_left <= 1),
            ("calls", self.calls.left <= 0),
            ("repeats", self.calls.repeating),
            ("tokens", spent >= self.limits.tokens and not self.llm.offline),
            ("seconds", late and not self.llm.offline),
        )
        return next((reason for reason, holds in reasons if holds), "answer")

    async def _run_tools(self, message: Message) -> None:
        self.added.append(message)
        self.added += await self.calls.run(message.tool_calls, self.progress.tell)
        if self.calls.failing >= _BAD_STEPS:
            self._fall_back(_MALFORMED)

    # The model, with its passing errors

    async def _complete(self, withdrawn: bool) -> Completion:
        backoff = Backoff(self.limits.backoff_seconds, _BACKOFF_CAP_S)
        for tries_left in range(self._retries(), -1, -1):
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

    def _retries(self) -> int:
        """None where another model waits: it answers sooner."""
        return 0 if self.spares and not self.spares[0].llm.offline else self.limits.retries

    async def _ask(self, withdrawn: bool) -> Completion:
        seconds = self.remaining()
        if seconds <= 0:
            raise self._late()
        specs = () if withdrawn else self.specs
        sent = self._sent(withdrawn)
        sent = fit(sent, specs, self.llm.terms.room) if self.llm.terms.room else sent
        request = Request(sent, specs, max_tokens=self.limits.answer_tokens, timeout=seconds)
        try:
            async with asyncio.timeout(seconds):
                return await self.llm.complete(request, self._shower())
        except TimeoutError:
            raise self._late() from None

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
                self.show.tell(f"{self.notice}{self.half}")

        return show

    def _sent(self, withdrawn: bool) -> tuple[Message, ...]:
        """The dialogue as this model gets it: the offline mode needs no marks, since it obeys no text."""
        if self.llm.offline:
            return (*self.given, *self.added)
        *before, question = self.given
        messages = (*before, with_quote(question, self.quoted, self.nonce), *self.added)
        rules = "\n\n".join((evidence_rule(self.nonce), *((_FINAL_NOTE,) if withdrawn else ())))
        has_system = bool(messages) and messages[0].role == "system"
        first = messages[0] if has_system else Message("system", "")
        system = Message("system", f"{first.content}\n\n{rules}".lstrip())
        said = [
            fence(message, self.nonce) if message.role == "tool" else message
            for message in messages[has_system:]
        ]
        return (system, *said)

    # How it ends

    def _fall_back(self, error: BifangError) -> bool:
        """Let the next in the chain go on; False if there is none, or if the question itself was refused."""
        if not self.spares or getattr(error, "code", "") == "content_filter":
            return False
        _log.warning("model %s gave no answer, falling back: %s", self.llm.name, error.message)
        what = "答到一半断开，那半句不算" if self.half else "没有作答"
        self.failures.append(f"{self.llm.name}{what}：{error.message}")
        (self.llm, messages), self.half = self.spares.pop(0), ""
        self.given = tuple(messages())
        self.notice = f"（{''.join(self.failures)}以下由{self.llm.name}回答。）\n\n"
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
        text = completion.message.content.strip() or self.calls.found() or _NOTHING
        if completion.finish_reason == "length":
            text += _CUT
        return self._outcome(text, completion.offer)

    def _outcome(self, text: str, offer: Offer | None = None) -> TurnOutcome:
        text = without_marks(self.notice + text, self.nonce)
        answer = Message("assistant", text)
        return TurnOutcome(
            text=text,
            messages=(*self.added, answer),
            tool_runs=tuple(self.calls.runs),
            usage=self.usage,
            stopped_by=self.stopped_by,
            model=self.model,
            used_fallback=bool(self.notice),
            notice=self.notice.strip(),
            offer=offer,
            offline=self.llm.offline,
            bills=tuple(Bill(*account, usage) for account, usage in self.bills.items()),
        )


def _wait(error: BifangError, backoff: Backoff) -> float:
    """Seconds before the next attempt: at least what the service asks for, spread so that turns do not meet."""
    asked = error.retry_after if isinstance(error, RateLimited) else 0.0
    return asked + backoff.next()


class _Sink:
    """A callback that cannot fail the turn: after its first error it is left alone."""

    def __init__(self, callback: Tell | None) -> None:
        self._callback: Tell | None = callback

    @property
    def heard(self) -> bool:
        """Does anybody listen?"""
        return self._callback is not None

    def tell(self, text: str) -> None:
        """Pass ``text`` on."""
        try:
            if self._callback is not None:
                self._callback(text)
        except Exception:
            self._callback = None
            _log.exception("a progress callback failed; this turn goes on without it")
