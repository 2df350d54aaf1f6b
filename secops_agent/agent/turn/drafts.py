"""Drafts: a growing answer as people may read it, through the filters of the final text.

What could still become something else (half an address, the beginning of a password) waits for its end.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from bifang.channels.ports import ReplySink
from secops_agent.agent.llms.placeholders import find
from secops_agent.agent.turn.evidence import without_marks
from secops_agent.agent.turn.grounding import known_values, mark_beyond
from secops_agent.agent.turn.prompts import without_echo
from secops_agent.llm.types import ToolCall, ToolSpec
from secops_agent.llm.written_calls import looks_written
from secops_agent.tools.base import Prepared, Tool, Toolbox, ToolResult

_MORE: Final = "x" * 16  # as if the text went on: what begins like a secret shows itself
_WORD: Final = re.compile(r"[!-~！-～]")
_NUMBER: Final = re.compile(r"(?:[0-9０-９]{1,6}[ \-　]){1,6}\Z")


def settled(text: str) -> str:
    """The text without the word at its end, which may not be complete; digits in groups count as one word."""
    end = len(text)
    while end and _WORD.match(text[end - 1]):
        end -= 1
    number = _NUMBER.search(text, max(0, end - 48), end)
    return text[: number.start() if number else end]


def masked(text: str) -> str:
    """For a group: without secrets, and only up to where one may have begun."""
    parts, at = [], 0
    # Not through the cache: no draft is ever read twice.
    for start, end, label in find.__wrapped__(text + _MORE):
        parts.append(text[at:start])
        if end > len(text):
            return "".join(parts)
        parts.append(f"（{label}已隐藏）")
        at = end
    return "".join([*parts, text[at:]])


class Drafts:
    """Between a turn and its sink. ``given``: what was said before; ``marked``: a model writes, not our own code."""

    def __init__(self, sink: ReplySink, given: Iterable[str], *, is_group: bool, marked: bool) -> None:
        self._sink, self._is_group, self._marked = sink, is_group, marked
        self._texts = list(given)
        self._known: set[str] | None = None
        self._draft = ""

    def overhear(self, toolbox: Toolbox) -> Toolbox:
        """The toolbox; what its tools find is known from then on."""
        return _Overheard(toolbox, self._hear)

    def _hear(self, result: ToolResult) -> None:
        self._texts += [result.query, result.text]
        self._known = None

    def stream(self, text: str) -> None:
        """The whole answer so far; filtered only when the sink asks for it, which is not at every word."""
        self._draft = text
        self._sink.stream(self.readable)

    def readable(self) -> str:
        """What may be read of the answer so far."""
        draft = self._draft
        if self._marked:
            draft = "" if looks_written(draft) else without_echo(without_marks(draft, unfinished=True))
        kept = settled(draft)
        kept = masked(kept) if self._is_group else kept
        return mark_beyond(kept, self._known_values) if self._marked else kept

    def _known_values(self) -> set[str]:
        if self._known is None:
            self._known = known_values(self._texts)
        return self._known


class _Overheard(Toolbox):
    def __init__(self, inner: Toolbox, hear: Callable[[ToolResult], None]) -> None:
        super().__init__({})
        self._inner, self._hear = inner, hear

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """As the inner one."""
        return self._inner.specs

    def get(self, name: str) -> Tool | None:
        """As the inner one."""
        return self._inner.get(name)

    def prepare(self, call: ToolCall) -> Prepared | ToolResult:
        """As the inner one."""
        return self._inner.prepare(call)

    async def execute(self, prepared: Prepared) -> ToolResult:
        """As the inner one, and heard."""
        result = await self._inner.execute(prepared)
        self._hear(result)
        return result
