"""Zip packages: an Excel workbook, read as CSV, or an archive of one file, read as that file.

Nothing is unpacked to the disk. What the directory of the zip says of a part's size is what is read at most.
"""

import zipfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, Protocol

from bifang.core.archives import UNFIT, open_zip
from bifang.core.errors import InvalidInput

from .workbook import BOOK, read_workbook

ZIP_MAGIC: Final = b"PK\x03\x04"
_OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0"
_MIB: Final = 1 << 20
# Bytes that a part may unpack to: a workbook's sheet shrinks to a tenth, seldom to a twentieth.
_LEAST_PLAIN, _MOST_TIMES, _MOST_PLAIN = 8 * _MIB, 20, 1024 * _MIB
_MOST_PARTS: Final = 10_000
_SHOWN: Final = 5


class Readable(Protocol):
    """What is read piece by piece."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, b"" at the end."""
        ...


class _Pieces:
    """An iterator of byte strings, read like a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def read(self, _: int, /) -> bytes:
        return next(self._pieces, b"")


def unpacked(raw: BinaryIO, name: str, left: list[str]) -> Readable:
    """The file itself, or what the zip holds; ``left`` takes what of it is not read. Raises InvalidInput."""
    head = raw.read(4)
    raw.seek(0)
    if head == _OLE_MAGIC:
        raise InvalidInput(f"{name} 是旧版（xls）或加了密码的 Office 文件：请去掉密码，另存为 xlsx 或 CSV。")
    if head != ZIP_MAGIC:
        return raw
    try:
        archive = open_zip(raw, name)
        _require_modest(archive, name, _size(raw))
        if BOOK in archive.NameToInfo:
            return _Pieces(_guarded(read_workbook(archive, name, left), name))
        return _Pieces(_guarded(_pieces(archive, _only_file(archive, name)), name))
    except UNFIT as error:
        raise _broken(name) from error


def plain_size(raw: BinaryIO) -> int:
    """Bytes that a zip unpacks to, as it says itself; of one that is broken, what it has."""
    try:
        return sum(part.file_size for part in open_zip(raw, "").infolist())
    except (InvalidInput, *UNFIT):
        return _size(raw)


def _size(raw: BinaryIO) -> int:
    return raw.seek(0, 2)


def _broken(name: str) -> InvalidInput:
    return InvalidInput(f"{name} 的压缩内容损坏、不完整或不支持：请重新导出或重新发送。")


def _require_modest(archive: zipfile.ZipFile, name: str, size: int) -> None:
    parts = archive.infolist()
    if len(parts) > _MOST_PARTS:
        raise InvalidInput(f"{name} 里有 {len(parts)} 个文件，太多了：请解压，一次导入一个。")
    if any(part.flag_bits & 1 for part in parts):
        raise InvalidInput(f"{name} 加了密码：请解密、解压以后再导入里面的文件。")
    most = min(_MOST_PLAIN, _LEAST_PLAIN + _MOST_TIMES * size)
    if any(part.file_size > most for part in parts):
        raise InvalidInput(
            f"{name} 里有一部分解压后超过 {most // _MIB} MiB（压缩包的 {_MOST_TIMES} 倍以上），像是压缩炸弹，没有读取。"
            "确实是真实的报告时，请解压或拆分后导入。"
        )


def _only_file(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Raises InvalidInput for an archive of many, an Office document that is no workbook, or an empty one."""
    if "[Content_Types].xml" in archive.NameToInfo:
        raise InvalidInput(
            f"{name} 是 Word 等 Office 文件：请发送工具导出的 JSON、XML、CSV 或 Excel（xlsx）。"
        )
    files = [part for part in archive.infolist() if not part.is_dir() and not _is_litter(part.filename)]
    if len(files) == 1:
        return files[0]
    if not files:
        raise InvalidInput(f"{name} 是空的压缩包：里面没有文件。")
    names = "、".join(part.filename.rpartition("/")[2][:60] for part in files[:_SHOWN])
    raise InvalidInput(
        f"{name} 里有 {len(files)} 个文件（{names}{'……' if len(files) > _SHOWN else ''}）：请解压，一次导入一个。"
    )


def _is_litter(name: str) -> bool:
    """What macOS puts beside every file."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2] == ".DS_Store"


def _pieces(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(part) as file:
        while piece := file.read(256 * 1024):
            yield piece


def _guarded(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    try:
        yield from pieces
    except UNFIT as error:
        raise _broken(name) from error
