"""A file on its way to the disk: whole under its own name, or not there."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bifang.core.errors import InvalidInput
from secops_agent.services.intake import jobs
from secops_agent.uploads.body import LARGEST


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """A file that is whole, and safe on the disk. ``key`` is its name in `jobs.directory`."""

    key: str
    size: int
    digest: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return jobs.directory() / self.key


class Arrival:
    """What is received under a key that the message determines: a turn that is run again finds what is there.

    Nothing is removed here: what nobody imports is erased after a day (`jobs.sweep`).
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._part = jobs.directory() / f"{key}.{secrets.token_hex(4)}.part"
        self._file: IO[bytes] | None = None
        self._hash, self._size = hashlib.sha256(), 0

    def earlier(self) -> ArrivedFile | None:
        """What came the first time, if it came whole."""
        path = jobs.directory() / self._key
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return ArrivedFile(
                self._key, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
            )

    def take(self, piece: bytes) -> None:
        """The next bytes. Raises InvalidInput over the limit of every upload."""
        self._size += len(piece)
        if self._size > LARGEST:
            raise InvalidInput(f"文件超过 {LARGEST >> 20} MiB 的上限。")
        if self._file is None:
            self._file = os.fdopen(os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        self._hash.update(piece)
        self._file.write(piece)

    def keep(self) -> ArrivedFile:
        """All came: on the disk for good. Raises InvalidInput if there was nothing."""
        if self._file is None:
            raise InvalidInput("文件是空的：请确认导出已经完成，再重新发送。")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(jobs.directory() / self._key)
        return ArrivedFile(self._key, self._size, self._hash.hexdigest())

    def abandon(self) -> None:
        """Not all came: nothing stays."""
        if self._file is not None:
            self._file.close()
        self._part.unlink(missing_ok=True)
