"""Staging: everything is read before anything is written, in memory while it is little, on disk when it is much."""

import pickle  # our own frozen records, in an unnamed file of this process
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Self

from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    ListedRecord,
    Rejected,
    ScanRecord,
    VexRecord,
    VulnerabilityRecord,
)

_PIECE = 500
_BUCKETS = 16
_KEEP = 4000  # records of a kind that stay in memory
STORED = (
    AssetRecord, VulnerabilityRecord, ComponentRecord, FindingRecord, VexRecord, AlertRecord, ScanRecord,
    ListedRecord,
)  # fmt: skip


class Shelf:
    """Records of one kind in the order of the file."""

    def __init__(self, files: ExitStack) -> None:
        self._files = files
        self._kept: list[Any] = []
        self._file: IO[bytes] | None = None
        self._pieces = 0
        self.count = 0

    def add(self, record: Any) -> None:
        """Keep one more."""
        self._kept.append(record)
        self.count += 1
        if len(self._kept) >= _KEEP:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_files`
            self._file = self._files.enter_context(file)
        for start in range(0, len(self._kept), _PIECE):
            pickle.dump(self._kept[start : start + _PIECE], self._file, pickle.HIGHEST_PROTOCOL)
            self._pieces += 1
        self._kept = []

    def __iter__(self) -> Iterator[Any]:
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._pieces):
                yield from pickle.load(self._file)  # noqa: S301 - written by `_spill` a moment ago
        yield from self._kept


class AlertShelf:
    """Alerts: few in the order of the file, many alert by alert, so that its occurrences are written together."""

    def __init__(self, files: ExitStack) -> None:
        self._few = Shelf(files)
        self._many = [Shelf(files) for _ in range(_BUCKETS)]
        self.count = 0

    def add(self, record: Any) -> None:
        """Keep one more."""
        self.count += 1
        if self.count <= _KEEP - 1:
            self._few.add(record)
        else:
            self._many[hash((record.source, record.dedup_key)) % _BUCKETS].add(record)

    def __iter__(self) -> Iterator[AlertRecord]:
        yield from self._few
        for bucket in self._many:
            alerts: dict[tuple[str, tuple[str, ...]], list[AlertRecord]] = {}
            for record in bucket:
                alerts.setdefault((record.source, record.dedup_key), []).append(record)
            for records in alerts.values():
                yield from records


class Staging:
    """The shelves of one import; a context manager that removes what went to disk."""

    def __init__(self) -> None:
        self._files = ExitStack()
        self._shelves: dict[type, Shelf | AlertShelf] = {kind: Shelf(self._files) for kind in STORED}
        self._shelves[AlertRecord] = AlertShelf(self._files)
        self.rejected: list[Rejected] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, item: Item) -> None:
        """Put one item on its shelf."""
        if isinstance(item, Rejected):
            self.rejected.append(item)
        else:
            self._shelves[type(item)].add(item)

    def fill(self, items: Iterable[Item]) -> None:
        """Put all items on their shelves."""
        for item in items:
            self.add(item)

    def shelf(self, kind: type) -> Iterable[Any]:
        """The records of a kind."""
        return self._shelves[kind]

    @property
    def holds_nothing(self) -> bool:
        """Nothing but ends of scans."""
        return not self.rejected and self.count == self._shelves[ScanRecord].count

    @property
    def count(self) -> int:
        """How many records are staged."""
        return sum(shelf.count for shelf in self._shelves.values())
