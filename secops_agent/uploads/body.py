"""What is received, in memory or on the disk."""

import hashlib
import io
import os
import secrets
import zlib
from collections.abc import Iterable
from types import TracebackType
from typing import IO, Self

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import Source
from secops_agent.importers.reading.packages import ZIP_MAGIC, plain_size
from secops_agent.services.intake import jobs

SMALL = 1 << 20  # bytes, as they come in, of what is imported at once
_SMALL_PLAIN = 2 << 20  # the same after decompression
LARGEST = 200 << 20
_CHUNK = 1 << 18


class Upload:
    """What is received: in memory while it is small, then in a file that only this user may read.

    A context manager: what was not handed to a job is removed at the end.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.size = 0
        self._hash = hashlib.sha256()
        self._small = bytearray()
        self._file: IO[bytes] | None = None
        self._file_name = ""
        self._kept = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            if not self._kept:
                (jobs.directory() / self._file_name).unlink(missing_ok=True)

    @property
    def digest(self) -> str:
        """SHA-256 of what was received."""
        return self._hash.hexdigest()

    @property
    def is_small(self) -> bool:
        """May it be imported at once? Looks at what a packed one grows to."""
        return self._file is None and _plain_size(bytes(self._small), _SMALL_PLAIN) <= _SMALL_PLAIN

    def receive(self, chunks: Iterable[bytes]) -> None:
        """Take everything. Raises TooLarge, NoContent."""
        for chunk in chunks:
            self.size += len(chunk)
            if self.size > LARGEST:
                raise TooLarge(
                    f"文件超过 {LARGEST >> 20} MiB 的上限：请拆分，或在服务器上用 import_data 导入。"
                )
            self._hash.update(chunk)
            self._write(chunk)
        if not self.size:
            raise NoContent("请求里没有内容：请把文件作为请求体，或作为 multipart 表单的一个文件上传。")

    def _write(self, chunk: bytes) -> None:
        if self._file is None and len(self._small) + len(chunk) > SMALL:
            self._spill()
        if self._file is None:
            self._small += chunk
        else:
            self._file.write(chunk)

    def _spill(self) -> None:
        self._file_name = secrets.token_hex(16)
        path = jobs.directory() / self._file_name
        self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        self._file.write(self._small)
        self._small.clear()

    def source(self) -> Source:
        """For an importer."""
        name = self.name or "上传的内容"
        if self._file is not None:
            self._file.flush()
            return Source(name, path=jobs.directory() / self._file_name)
        return Source.from_bytes(bytes(self._small), name)

    def keep(self) -> str:
        """On the disk for good, for a job; its name there."""
        if self._file is None:
            self._spill()
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._kept = True
        return self._file_name


class TooLarge(InvalidInput):
    """More than a door takes (HTTP 413)."""


class NoContent(InvalidInput):
    """An empty body."""


class UnknownPacking(InvalidInput):
    """A Content-Encoding that nobody here unpacks (HTTP 415)."""


def _plain_size(data: bytes, enough: int) -> int:
    """The size unpacked, counted no further than a little over `enough`; a broken one counts as it is."""
    if data.startswith(ZIP_MAGIC):
        return plain_size(io.BytesIO(data))
    if not data.startswith(b"\x1f\x8b"):
        return len(data)
    size, member = 0, zlib.decompressobj(wbits=31)
    try:
        while data and size <= enough:
            size += len(member.decompress(data, _CHUNK))
            data = member.unconsumed_tail or member.unused_data
            if member.eof:
                member = zlib.decompressobj(wbits=31)
    except zlib.error:
        return len(data)
    return size
