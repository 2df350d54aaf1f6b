"""`ImporterCases`: a format reads its sample whole, twice alike, and stands whatever is sent to it."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.services.records import Item, Rejected

_ODD: Final[tuple[Any, ...]] = (
    None,
    "",
    "x" * 5000,
    -1,
    1e300,
    True,
    [],
    {},
    [None],
    {"a": {"b": []}},
    "\ud800",
    "\0",
)
DAMAGES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "cut in half": lambda data: data[: len(data) // 2],
    "last byte lost": lambda data: data[:-1],
    "said twice": lambda data: data + b"\n" + data,
    "zeros in it": lambda data: data[: len(data) // 2] + b"\0" + data[len(data) // 2 :],
    "no UTF-8": lambda data: data + b"\xff\xfe\xff",
    "nested": lambda data: data.rstrip() + b"\n" + b"[" * 5000,
    "one long line": lambda data: data.replace(b"\n", b" ") + b" " * 100_000 + b"x",
}


class ImporterCases:
    """``name`` of the format, a whole ``sample`` of it, and the ``counts`` of records by class that it gives.

    ``options`` of the import. ``doubtful``: the format is only taken when somebody names it.
    """

    name: ClassVar[str]
    sample: ClassVar[bytes]
    counts: ClassVar[Mapping[str, int]] = {}
    options: ClassVar[Options] = Options()
    doubtful: ClassVar[bool] = False

    def read(self, data: bytes) -> list[Item]:
        """Every record and rejection."""
        return list(registry.parse(self.name, Source.from_bytes(data, "sample"), self.options))

    def test_sample_is_recognised(self) -> None:
        source = Source.from_bytes(self.sample, "sample")
        assert self.name in registry.candidates(source)
        assert registry.detect(source) == ("" if self.doubtful else self.name)

    def test_sample_is_read_whole(self) -> None:
        items = self.read(self.sample)
        assert [item for item in items if isinstance(item, Rejected)] == []
        found = Counter(type(item).__name__ for item in items)
        assert found
        assert not self.counts or found == self.counts

    @pytest.mark.django_db(transaction=True)
    def test_same_file_twice_changes_nothing(self) -> None:
        from secops_agent.services.actors import Actor
        from secops_agent.services.intake import ingest

        first, second = (
            ingest.store(iter(self.read(self.sample)), Actor.system("tests"), digest="0" * 64)
            for _ in range(2)
        )
        assert sum(first.created.values())
        assert (sum(second.created.values()), sum(second.updated.values())) == (0, 0)

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_damaged_file_is_an_error_or_a_rejection(
        self, damage: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self._stands(DAMAGES[damage](self.sample), caplog)

    def test_every_field_may_be_anything(self, caplog: pytest.LogCaptureFixture) -> None:
        for written in spoilt(self.sample):
            self._stands(written, caplog)

    def _stands(self, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
        """Refused, or rejected one by one; what else is raised is a fault, and the log has it."""
        with suppress(InvalidInput):
            self.read(data)
        assert [row for row in caplog.records if row.levelno >= logging.ERROR] == [], data[:300]


def spoilt(sample: bytes, most: int = 400) -> Iterator[bytes]:
    """A JSON sample, or the first of its lines, with each of its values in turn replaced by what nobody expects."""
    try:
        value = json.loads(sample)
    except ValueError:
        try:
            value = json.loads(sample.splitlines()[0])
        except (ValueError, IndexError):
            return
    places = list(_places(value))
    step = max(1, len(places) * len(_ODD) // most)
    for number, (place, odd) in enumerate((place, odd) for place in places for odd in _ODD):
        if number % step == 0:
            yield json.dumps(_with(value, place, odd)).encode()


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*place, key)
        yield from _places(inner, (*place, key))


def _with(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _with(value[place[0]], place[1:], new)
    return copy
