"""A file to import, seen as one UTF-8 byte stream: gzip, byte order marks, GBK and size limits are dealt with here."""

import codecs
import io
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bifang.core.errors import InvalidInput

from .encodings import detect_encoding

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MIB = 1 << 20
HEAD_BYTES = 64 * 1024
LEAST_RECORD, RECORD_TIMES = 2 * MIB, 2
_CHUNK = 256 * 1024
# Seconds of processor time: reading a real record takes a fifth of the first, a MiB of long ones half of the second.
_EARNED, _EARNED_MIB = 0.0005, 0.2
_GZIP_MAGIC = b"\x1f\x8b"
_OTHER_PACKED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class BrokenFile(InvalidInput):
    """The file breaks at ``position``; what was read before it is good."""

    def __init__(self, message: str, position: str = "文件末尾") -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """What one file may cost. Sizes in bytes after decompression; ``max_ratio`` applies above 32 MiB.

    ``max_bytes``: formats that have to be held as a whole; ``max_stream_bytes``: those that are streamed.
    ``max_text``: one line or one string. ``max_record``: one value that is built in memory, which is some thirty times
    as large there; of a small file, packed ones too, no more than `LEAST_RECORD` and `RECORD_TIMES` its size.
    ``max_depth``: nesting of JSON or XML. ``seconds`` of processor time to begin with; each MiB of the file as it
    came allows one more, each record that was taken `_EARNED`, and what was read up to it `_EARNED_MIB` a MiB.
    """

    max_bytes: int = 200 * MIB
    max_stream_bytes: int = 8192 * MIB
    max_ratio: int = 200
    ratio_from: int = 32 * MIB
    max_text: int = 16 * MIB
    max_record: int = 32 * MIB
    max_depth: int = 100
    seconds: float = 3.0


class Source:
    """A file or a request body that can be opened several times."""

    def __init__(self, name: str, *, path: Path | None = None, data: bytes = b"") -> None:
        self.name = name
        self._path = path
        self._data = data
        self._head: bytes | None = None
        self._began = time.thread_time()
        self.taken = self._worth = self.given = 0

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
        self._began = time.thread_time()
        self.taken = self._worth = self.given = 0

    def take(self) -> None:
        """A record was taken from it, so that reading it is worth more time."""
        self.taken += 1
        self._worth = min(self.given, self._worth + LEAST_RECORD)

    def check(self, limits: ImportLimits) -> None:
        """Raises InvalidInput when reading has cost more than what came of it is worth."""
        earned = self.taken * _EARNED + self._worth / MIB * _EARNED_MIB
        allowed = limits.seconds + self.size() / MIB + earned
        if time.thread_time() - self._began > allowed:
            raise InvalidInput(
                f"{self.name} 读了 {allowed:.0f} 秒，只得到 {self.taken} 条记录，像是恶意构造的文件，已停止导入。"
                "确实是真实的报告时，请解压或拆分后导入。"
            )

    def size(self) -> int:
        """In bytes, as it came. Raises InvalidInput if it cannot be read."""
        if self._path is None:
            return len(self._data)
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise InvalidInput(_unreadable(self.name, error)) from error

    def longest(self, limits: ImportLimits) -> int:
        """Bytes of one record: little that unpacks to much may not be built in memory."""
        return min(limits.max_record, LEAST_RECORD + RECORD_TIMES * self.size())

    @contextmanager
    def open(self, limits: ImportLimits, *, whole: bool = False) -> Iterator["Stream"]:
        """A buffered UTF-8 stream without byte order mark. Reading it may raise InvalidInput or BrokenFile."""
        with self._raw() as raw:
            chunks = _inflate(_read(raw), self.name, limits)
            bounded = _bound(chunks, limits.max_bytes if whole else limits.max_stream_bytes, self.name)
            yield Stream(_transcode(bounded, self.name), self, limits)

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
        self.longest = source.longest(limits)
        self._source = _ChunkStream(chunks, source, limits)
        super().__init__(self._source, _CHUNK)

    def begin_record(self) -> None:
        """From here on, what is read is kept in memory."""
        self._source.begun = self._source.given

    def end_record(self) -> None:
        """What follows is read and dropped."""
        self._source.begun = None


class _ChunkStream(io.RawIOBase):
    """A raw stream over an iterator of byte strings."""

    def __init__(self, chunks: Iterator[bytes], source: Source, limits: ImportLimits) -> None:
        self._chunks = chunks
        self._source = source
        self._limits = limits
        self._rest = memoryview(b"")
        self._longest = source.longest(limits)
        self.given = 0
        self.begun: int | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._source.check(self._limits)
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
        self._source.given += size
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


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _inflate(chunks: Iterator[bytes], name: str, limits: ImportLimits) -> Iterator[bytes]:
    """Gunzip what is gzip (several members too); pass on what is not."""
    first = next(chunks, b"")
    for magic, kind in _OTHER_PACKED.items():
        if first.startswith(magic):
            raise InvalidInput(f"{name} 是 {kind} 压缩包：请解压后导入，或改用 gzip（.gz）。")
    if not first.startswith(_GZIP_MAGIC):
        yield first
        yield from chunks
        return
    yield from _gunzip(first, chunks, name, limits)


def _gunzip(first: bytes, chunks: Iterator[bytes], name: str, limits: ImportLimits) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    taken, given, fed = 0, 0, first
    while fed:
        taken += len(fed)
        while fed:
            plain = _decompress(member, fed, name)
            given += len(plain)
            if given > limits.ratio_from and given > taken * limits.max_ratio:
                raise InvalidInput(f"{name} 解压后膨胀超过 {limits.max_ratio} 倍，像是压缩炸弹，已停止导入。")
            yield plain
            fed = member.unconsumed_tail or member.unused_data.lstrip(b"\0")
            if member.eof and fed:
                member = zlib.decompressobj(wbits=31)
        fed = next(chunks, b"")
        if member.eof and fed.lstrip(b"\0"):
            member = zlib.decompressobj(wbits=31)
    if not member.eof:
        raise BrokenFile(f"{name} 的 gzip 数据不完整：文件在传输或写入时被截断，请重新导出。")


def _decompress(member: "zlib._Decompress", data: bytes, name: str) -> bytes:
    try:
        return member.decompress(data, 4 * _CHUNK)
    except zlib.error as error:
        raise BrokenFile(f"{name} 的 gzip 数据损坏：请重新导出或重新上传。") from error


def _bound(chunks: Iterator[bytes], limit: int, name: str) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit} 字节"
            raise InvalidInput(f"{name} 超过 {size} 的上限：请拆分后分批导入。")
        yield chunk


def _transcode(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Turn UTF-16, UTF-32 and GBK into UTF-8, and drop a byte order mark."""
    sample, broken = _sample(chunks)
    if broken and not sample:
        raise broken
    encoding = detect_encoding(sample, name)
    if encoding == "utf-8":
        yield sample
        yield from chunks
    else:
        yield from _recode(sample, chunks, encoding, name)
    if broken:
        raise broken


def _sample(chunks: Iterator[bytes]) -> tuple[bytes, BrokenFile | None]:
    """Enough to tell the encoding by, and the break that came before enough."""
    sample = b""
    try:
        while len(sample) < HEAD_BYTES and (chunk := next(chunks, b"")):
            sample += chunk
    except BrokenFile as error:
        return sample, error
    return sample, None


def _recode(sample: bytes, chunks: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(sample).encode()
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise BrokenFile(f"{name} 按 {encoding} 编码读不下去：请另存为 UTF-8 后重新导入。") from error
