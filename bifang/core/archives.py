"""Zip archives from outside: opened within bounds, and what reading one may raise."""

import lzma
import struct
import zipfile
import zlib
from typing import IO, BinaryIO, Final, cast

from bifang.core.errors import InvalidInput

_MOST_DIRECTORY: Final = 4 << 20  # bytes; every entry of it becomes an object
UNFIT: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, KeyError, NotImplementedError, RuntimeError,
    OSError, ValueError,
)  # fmt: skip


class _Directory:
    """A zip; `zipfile` reads the whole directory before anybody can ask how long it is, so that it is asked here."""

    def __init__(self, raw: IO[bytes], name: str) -> None:
        self._raw, self._name = raw, name
        self.seek, self.tell, self.seekable = raw.seek, raw.tell, raw.seekable

    def read(self, size: int = -1) -> bytes:
        """Without a size, the end of the file that says where the directory is. Raises InvalidInput."""
        if size > _MOST_DIRECTORY:
            raise InvalidInput(f"{self._name} 里的文件太多了：请解压，一次导入一个。")
        return self._raw.read(size)


def open_zip(raw: IO[bytes], name: str) -> zipfile.ZipFile:
    """The archive, its directory read. Raises InvalidInput if that is too long, or one of `UNFIT`."""
    return zipfile.ZipFile(cast("BinaryIO", _Directory(raw, name)))
