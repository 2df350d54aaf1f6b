"""Registry: what applications declare for a room that knows none of them, when they are ready or their pages load."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def _place_in_code(entry: Any) -> str:
    return f"{entry.__module__}.{entry.__qualname__}"


class Registry(Generic[T]):
    """Entries of one type, each under one name: declared a second time it replaces the first.

    ``name_of`` gives the name of an entry; of a function it is where it stands in the code. Iterated in the order of
    their places, those of one place in the order in which they were declared.
    """

    def __init__(self, name_of: Callable[[T], str] = _place_in_code) -> None:
        self._name_of = name_of
        self._entries: dict[str, tuple[int, T]] = {}

    def add(self, *entries: T, place: int = 0) -> None:
        """Declare entries."""
        self._entries |= {self._name_of(entry): (place, entry) for entry in entries}

    def get(self, name: str) -> T | None:
        """The entry of that name."""
        return self._entries[name][1] if name in self._entries else None

    def remove(self, entry: T) -> None:
        """Take an entry back."""
        del self._entries[self._name_of(entry)]

    def __iter__(self) -> Iterator[T]:
        return (entry for _, entry in sorted(self._entries.values(), key=lambda pair: pair[0]))
