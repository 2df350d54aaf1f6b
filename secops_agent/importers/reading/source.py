"""A file to import, seen as one UTF-8 byte stream whose reading is bounded by `limits`; `decoding` makes it UTF-8."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bifang.core.errors import InvalidInput

from .decoding import CHUNK, HEAD_BYTES, BrokenFile, decoded
from .limits import ImportLimits, ReadingBudget
from .packages import unpacked

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Source:
    """A file or a request body that can be opened several times."""

    def __init__(self, name: str, *, path: Path | None = None, data: bytes = b"") -> None:
        self.name, self._path, self._data = name, path, data
        self._head: bytes | None = None
        self.budget = ReadingBudget()
        self.unread: list[str] = []  # sheets of a workbook

    @classmethod
    def from_path(cls, path: str | Path) -> "Source":
        return cls(Path(path).name, path=Path(path))

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "上传的内容") -> "Source":
        return cls(name, data=data)

    def head(self, limits: ImportLimits | None = None) -> bytes:
        """The first 64 KiB as UTF-8 (perhaps cut in a character). Raises InvalidInput for an empty file."""
        if self.is_blank(limits):
            raise InvalidInput(f"{self.name} 是空的：请确认导出已经完成，再重新导入。")
        return self._beginning(limits)

    def is_blank(self, limits: ImportLimits | None = None) -> bool:
        """Whether nothing stands in it."""
        return not self._beginning(limits).strip()

    def _beginning(self, limits: ImportLimits | None) -> bytes:
        if self._head is None:
            with self.open(limits or ImportLimits()) as stream:
                self._head = _beginning(stream)
        return self._head

    def begin(self) -> None:
        """From here on, the processor time of this thread is counted."""
        self.budget = ReadingBudget()

    def size(self) -> int:
        """In bytes, as it came. Raises InvalidInput if it cannot be read."""
        if self._path is None:
            return len(self._data)
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise InvalidInput(_unreadable(self.name, error)) from error

    @contextmanager
    def open(self, limits: ImportLimits, *, whole: bool = False) -> Iterator["Stream"]:
        """A buffered UTF-8 stream without byte order mark. Reading it may raise InvalidInput or BrokenFile."""
        with self._raw() as raw:
            most = limits.max_bytes if whole else limits.max_stream_bytes
            yield Stream(
                decoded(unpacked(raw, self.name, self.unread), self.name, limits, most), self, limits
            )

    def _raw(self) -> BinaryIO:
        if self._path is None:
            return io.BytesIO(self._data)
        try:
            return self._path.open("rb")
        except OSError as error:
            raise InvalidInput(_unreadable(self.name, error)) from error


def _unreadable(name: str, error: OSError) -> str:
    return f"读不了 {name}：{error.strerror}。请检查路径和权限。"


class Stream(io.BufferedReader):
    """A buffered stream whose reader says where a record begins: none may be longer than ``longest``."""

    def __init__(self, chunks: Iterator[bytes], source: Source, limits: ImportLimits) -> None:
        self.longest = limits.longest_record(source.size())
        self._source = _ChunkStream(chunks, source, limits, self.longest)
        super().__init__(self._source, CHUNK)

    def begin_record(self) -> None:
        """From here on, what is read is kept in memory."""
        self._source.begun = self._source.given

    def end_record(self) -> None:
        """What follows is read and dropped."""
        self._source.begun = None


class _ChunkStream(io.RawIOBase):
    """A raw stream over an iterator of byte strings."""

    def __init__(self, chunks: Iterator[bytes], source: Source, limits: ImportLimits, longest: int) -> None:
        self._chunks = chunks
        self._source = source
        self._limits = limits
        self._rest = memoryview(b"")
        self._longest = longest
        self.given = 0
        self.begun: int | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._source.budget.check(self._source.name, self._source.size(), self._limits)
        target = memoryview(buffer).cast("B")
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        self.given += size
        self._source.budget.given += size
        if self.begun is not None and self.given - self.begun > self._longest:
            raise InvalidInput(f"有一条记录超过 {self._longest} 字节，已停止导入。")
        return size


def _beginning(stream: io.BufferedReader) -> bytes:
    """The head, or what stands before a break in it."""
    head = b""
    try:
        while len(head) < HEAD_BYTES and (piece := stream.read1(HEAD_BYTES - len(head))):
            head += piece
    except BrokenFile:
        if not head:
            raise
    return head
