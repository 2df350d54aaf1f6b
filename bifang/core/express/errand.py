"""What is asked of the database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

R = TypeVar("R")
S = TypeVar("S")
Row = tuple[Any, ...]
Found = Sequence[list[Row]]  # the rows of each step


@dataclass(frozen=True, slots=True)
class Step:
    """A statement with ``%(name)s`` and its values: text, numbers, truth, times as text, None.

    If a ``decisive`` one gives no row, SQLite leaves out what comes behind it; on PostgreSQL the texts see to that.
    """

    text: str
    given: Mapping[str, Any]
    decisive: bool = False


@dataclass(frozen=True, slots=True)
class Errand(Generic[R]):
    """Steps that are one small transaction, and what to make of their rows: in the line's loop."""

    steps: Sequence[Step]
    read: Callable[[Found], R]

    def then(self, go_on: "Callable[[R], S]") -> "Errand[S]":
        """The same, and one thing more to make of it."""
        return Errand(self.steps, lambda found: go_on(self.read(found)))


Then = Callable[[Found | None], None]
