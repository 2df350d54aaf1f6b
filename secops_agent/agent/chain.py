"""The models of one turn: who answers now, who goes on when that one cannot, and what each took."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bifang.core.errors import BifangError
from secops_agent.agent.outcome import Bill
from secops_agent.llm.types import LLM, Completion, Message, Usage

_log = logging.getLogger(__name__)


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
