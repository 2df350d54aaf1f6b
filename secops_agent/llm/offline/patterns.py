"""Regular expressions that are compiled when they are first used.

The grammar has hundreds, and compiling them takes as long as everything else at the start of a process that may never
read a sentence: a worker with a model, a migration, a health check.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub")


class Pattern:
    """As `re.compile` gives it; from its first use on its methods are the compiled one's own."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.pattern = pattern
        self.flags = flags

    @cached_property
    def _compiled(self) -> "re.Pattern[str]":
        compiled = re.compile(self.pattern, self.flags)
        self.__dict__.update({name: getattr(compiled, name) for name in _METHODS})
        return compiled

    def search(self, text: str, start: int = 0) -> "re.Match[str] | None":
        """The first match anywhere from ``start``."""
        return self._compiled.search(text, start)

    def match(self, text: str, start: int = 0) -> "re.Match[str] | None":
        """A match at ``start``."""
        return self._compiled.match(text, start)

    def fullmatch(self, text: str) -> "re.Match[str] | None":
        """A match of the whole text."""
        return self._compiled.fullmatch(text)

    def finditer(self, text: str) -> "Iterator[re.Match[str]]":
        """Every match."""
        return self._compiled.finditer(text)

    def findall(self, text: str) -> list[str]:
        """The text of every match, or of its only group."""
        return self._compiled.findall(text)

    def split(self, text: str) -> list[str]:
        """What is between the matches."""
        return self._compiled.split(text)

    def sub(self, by: "str | Callable[[re.Match[str]], str]", text: str) -> str:
        """The text with every match replaced."""
        return self._compiled.sub(by, text)
