"""Redacting model: never reads secrets; placeholders go in, values come out for those who may see them."""

from dataclasses import replace

from secops_agent.agent.llms.placeholders import Vault, find
from secops_agent.llm.types import LLM, Completion, Delta, Message, OnDelta, Request


class RedactingModel:
    """The LLM port around another model. ``open_``: the reader may see the values (never in a group).

    Tools always get the values: they belong to the sender.
    """

    def __init__(self, inner: LLM, vault: Vault, *, open_: bool) -> None:
        self.name, self.offline, self.terms = inner.name, inner.offline, inner.terms
        self._inner, self._vault, self._open = inner, vault, open_

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """As the inner model's."""
        hidden = tuple([self._hide(one) if _holds_secrets(one) else one for one in request.messages])
        if hidden != request.messages:
            request = replace(request, messages=hidden)
        show = _Shower(self, on_delta).show if on_delta else None
        completion = await self._inner.complete(request, show)
        restored = self._restore(completion.message)
        return completion if restored is completion.message else replace(completion, message=restored)

    def _hide(self, message: Message) -> Message:
        calls = tuple(replace(one, arguments=self._vault.hide(one.arguments)) for one in message.tool_calls)
        return message._replace(content=self._vault.hide(message.content), tool_calls=calls)

    def _restore(self, message: Message) -> Message:
        if not message.tool_calls and self.shown(message.content) == message.content:
            return message
        calls = tuple(
            replace(one, arguments=self._vault.reveal_json(one.arguments)) for one in message.tool_calls
        )
        return message._replace(content=self.shown(message.content), tool_calls=calls)

    def shown(self, text: str, *, unfinished: bool = False) -> str:
        """The text as the reader may see it."""
        put = self._vault.reveal if self._open else self._vault.withhold
        return put(text, unfinished=unfinished)


def _holds_secrets(message: Message) -> bool:
    """Not our own words: the name in them was masked when they were written."""
    return message.role != "system" and bool(message.tool_calls or find(message.content))


class _Shower:
    """Passes fragments on; a placeholder that is not complete yet waits for its end."""

    def __init__(self, model: RedactingModel, on_delta: OnDelta) -> None:
        self._model, self._on_delta = model, on_delta
        self._read = self._told = ""

    def show(self, delta: Delta) -> None:
        """Called by the inner model."""
        self._read += delta.content
        shown = self._model.shown(self._read, unfinished=True)
        # What was shown cannot be taken back: a secret that only its end gives away shows in the final text.
        if shown.startswith(self._told):
            fresh, self._told = shown[len(self._told) :], shown
        else:
            fresh = ""
        if fresh or delta.reasoning or delta.notice:
            self._on_delta(replace(delta, content=fresh))
