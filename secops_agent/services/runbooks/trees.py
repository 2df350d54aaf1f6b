"""Skills from outside, read within bounds: a folder or a zip, in each skill's folder a SKILL.md and the files beside it.

Nothing is followed, nothing is unpacked and nothing is run: a symbolic link, a device or a name with ``..`` is refused, and
of an entry of a zip no more is read than a file may have.
"""

import errno
import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bifang.channels.text.visible import visible
from bifang.core.archives import UNFIT, open_zip
from bifang.core.errors import InvalidInput
from secops_agent.services.runbooks.skills import LONGEST_BODY, SkillFile

FILE: Final = "SKILL.md"
MOST: Final = 1000  # skills at a time
MOST_FILES: Final = 200  # beside one SKILL.md
MOST_ENTRIES: Final = 20_000  # of a zip
DEPTH: Final = 8  # folders in each other
LARGEST: Final = LONGEST_BODY * 4  # bytes of a SKILL.md
LARGEST_BESIDE: Final = 4 << 20  # bytes of a file beside it
TOTAL: Final = 64 << 20  # bytes of all
_LONGEST_PATH: Final = 200
_NOISE: Final = frozenset({".git", "__MACOSX", ".DS_Store"})


@dataclass(frozen=True, slots=True)
class SkillText:
    """One skill as it came: where its SKILL.md stood, what that holds, and the files beside it."""

    place: str
    text: str
    files: tuple[SkillFile, ...] = ()


class _Allowance:
    """How many bytes may still be read."""

    def __init__(self) -> None:
        self._left = TOTAL

    def read(self, place: str, stream: IO[bytes], most: int) -> bytes:
        """All of a file. Raises InvalidInput for one that is too large, and where all are."""
        data = stream.read(min(most, self._left) + 1)
        if len(data) > most:
            raise InvalidInput(f"{place}：文件太大，最多 {most // 1000} KB。")
        self._left -= len(data)
        if self._left < 0:
            raise InvalidInput(f"全部文件加起来太大，最多 {TOTAL >> 20} MB。")
        return data


def _decoded(place: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(f"{place}：不是 UTF-8 编码，请另存为 UTF-8。") from None


def _file(path: str, data: bytes) -> SkillFile:
    """Text as a reader sees it; of what is no text, or too much of it, only size and digest."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = visible(data.decode("utf-8-sig")) if b"\0" not in data else ""
    except UnicodeDecodeError:
        text = ""
    return SkillFile(path, len(data), digest, text if len(text) <= LONGEST_BODY else "")


def _checked(place: str, path: str) -> str:
    """A path within its skill. Raises InvalidInput."""
    parts = path.split("/")
    odd = "\\" in path or visible(path) != path or not path.isprintable()
    if (
        odd
        or len(path) > _LONGEST_PATH
        or len(parts) > DEPTH
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise InvalidInput(
            f"{place[:200]}：不能这样命名，应为手册文件夹里的相对路径，最长 {_LONGEST_PATH} 个字。"
        )
    return path


def _reason(error: OSError) -> str:
    is_link = error.errno in (errno.ELOOP, errno.ENOTDIR)
    link = "它是符号链接，或不是文件夹" if is_link else str(error.strerror)
    return f"{error.filename}：{link}" if error.filename else link


@contextmanager
def opened(name: Path | str, top: int | None = None) -> Iterator[int]:
    """A directory that is no symbolic link, as a descriptor: nobody exchanges it meanwhile."""
    found = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        yield found
    finally:
        os.close(found)


@contextmanager
def telling(what: str) -> Iterator[None]:
    """An error of the file system as one that people read."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{what}：{_reason(error)}。") from None


def read_folder(source: Path) -> list[SkillText]:
    """Every skill one level below, or the one that stands here. Raises InvalidInput with the place; nothing is half read."""
    allowance = _Allowance()
    with telling(f"读不了 {source}"), opened(source) as top:
        if FILE in os.listdir(top):
            return [_read_skill(source.name, top, allowance)]
        names = sorted(
            entry.name for entry in _entries(top, MOST) if not entry.is_file(follow_symlinks=False)
        )
        return _some([_read_below(name, top, allowance) for name in names])


def _entries(folder: int, most: int) -> list["os.DirEntry[str]"]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in _NOISE:
                found.append(entry)
            if len(found) > most:
                raise InvalidInput(f"文件夹里的东西太多，最多 {most} 个。")
    return found


def _read_below(name: str, top: int, allowance: _Allowance) -> SkillText:
    with telling(f"{name}/{FILE}"), opened(name, top) as folder:
        return _read_skill(name, folder, allowance)


def _read_skill(name: str, folder: int, allowance: _Allowance) -> SkillText:
    place = f"{name}/{FILE}"
    if FILE not in os.listdir(folder):
        raise InvalidInput(f"{place}：没有这个文件。每份手册一个文件夹，里面是 {FILE}。")
    text = _decoded(place, _read_file(place, FILE, folder, allowance, LARGEST))
    files = [_file(path, data) for path, data in _walk(name, "", folder, allowance, DEPTH) if path != FILE]
    return SkillText(place, text, _few(place, files))


def _few(place: str, files: Sequence[SkillFile]) -> tuple[SkillFile, ...]:
    if len(files) > MOST_FILES:
        raise InvalidInput(f"{place}：旁边的文件太多，最多 {MOST_FILES} 个。")
    return tuple(files)


def _walk(
    skill: str, above: str, folder: int, allowance: _Allowance, depth: int
) -> Iterator[tuple[str, bytes]]:
    """Every file of a skill with its content, by path."""
    for entry in sorted(_entries(folder, MOST_FILES + 1), key=lambda each: each.name):
        path = _checked(f"{skill}/{above}{entry.name}", f"{above}{entry.name}")
        if path == FILE:
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield path, _read_file(f"{skill}/{path}", entry.name, folder, allowance, LARGEST_BESIDE)
        elif depth:
            with opened(entry.name, folder) as inner:
                yield from _walk(skill, f"{path}/", inner, allowance, depth - 1)


def _read_file(place: str, name: str, folder: int, allowance: _Allowance, most: int) -> bytes:
    with telling(place):
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise InvalidInput(f"{place}：不是普通文件。")
        return allowance.read(place, stream, most)


def holds_skills(stream: IO[bytes]) -> bool:
    """Is it a zip with a SKILL.md in it?"""
    try:
        with open_zip(stream, "压缩包") as archive:
            return any(name.rpartition("/")[2] == FILE for name in archive.namelist())
    except (*UNFIT, InvalidInput):
        return False


def read_zip(stream: IO[bytes]) -> list[SkillText]:
    """Every skill in an archive, wherever its folder stands; what belongs to none is left. Raises InvalidInput with the place."""
    try:
        with open_zip(stream, "压缩包") as archive:
            return _some(_read_archive(archive))
    except UNFIT:
        raise InvalidInput("这不是能读的 zip 文件（也不支持加密的）。") from None


def _read_archive(archive: zipfile.ZipFile) -> list[SkillText]:
    entries = _fit(archive.infolist())
    roots = sorted((name[: -len(FILE)] for name in entries if name.rpartition("/")[2] == FILE), key=len)
    if len(roots) > MOST:
        raise InvalidInput(f"压缩包里的手册太多，最多 {MOST} 个。")
    members: dict[str, list[str]] = {root: [] for root in roots}
    known = frozenset(roots)
    for name in entries:
        if (root := _root_of(name, known)) is not None and name != root + FILE:
            members[root].append(name)
    allowance = _Allowance()
    return [_read_member(archive, entries, root, members[root], allowance) for root in sorted(roots)]


def _root_of(name: str, roots: frozenset[str]) -> str | None:
    """The innermost skill's folder around an entry, with its slash; "" is the top."""
    while name:
        name = name.rpartition("/")[0]
        folder = f"{name}/" if name else ""
        if folder in roots:
            return folder
    return None


def _fit(infos: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files by name. Raises InvalidInput."""
    if len(infos) > MOST_ENTRIES:
        raise InvalidInput(f"压缩包里的文件太多，最多 {MOST_ENTRIES} 个。")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        place = info.filename[:200]
        if info.is_dir() or _NOISE.intersection(info.filename.split("/")):
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise InvalidInput(f"{place}：是符号链接，不导入。")
        if "\\" in info.filename or {"", ".", ".."}.intersection(info.filename.split("/")):
            raise InvalidInput(f"{place}：不是压缩包里的相对路径。")
        if info.filename in found:
            raise InvalidInput(f"{place}：压缩包里有两个同名的文件。")
        found[info.filename] = info
    return found


def _read_member(
    archive: zipfile.ZipFile,
    entries: dict[str, zipfile.ZipInfo],
    root: str,
    names: Sequence[str],
    allowance: _Allowance,
) -> SkillText:
    place = root + FILE

    def read(name: str, most: int) -> bytes:
        with archive.open(entries[name]) as stream:
            return allowance.read(name[:200], stream, most)

    text = _decoded(place, read(place, LARGEST))
    paths = [(name, _checked(name, name[len(root) :])) for name in sorted(names[: MOST_FILES + 1])]
    return SkillText(
        place, text, _few(place, [_file(path, read(name, LARGEST_BESIDE)) for name, path in paths])
    )


def _some(found: list[SkillText]) -> list[SkillText]:
    if not found:
        raise InvalidInput(f"没有找到手册：每份手册一个文件夹，里面是 {FILE}。")
    return found
