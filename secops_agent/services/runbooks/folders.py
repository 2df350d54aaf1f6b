"""Skills as folders: ``DIR/<name>/SKILL.md``, the same in a zip. Whatever comes from outside is read within bounds.

Nothing is followed and nothing is unpacked: a symbolic link, a device or a name with ``..`` is refused, and of an entry
of a zip no more is read than a file may have.
"""

import errno
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Runbook
from secops_agent.services.actors import Actor
from secops_agent.services.runbooks import store
from secops_agent.services.runbooks.skills import LONGEST_BODY, Skill, read_skill, skill_of, write_skill

FILE: Final = "SKILL.md"
MOST: Final = 1000  # skills in one folder
LARGEST: Final = LONGEST_BODY * 4  # bytes of one file
TOTAL: Final = 20 * 2**20  # bytes of all
_TOLD: Final = 20  # faults
_NAME: Final = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class SkillText:
    """One file: where it stood, and what it holds."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class SkillsOutcome:
    """What an import came to: titles."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]


def told(outcome: SkillsOutcome) -> str:
    """In numbers."""
    return f"新增 {len(outcome.created)}，更新 {len(outcome.updated)}，未变 {len(outcome.unchanged)}。"


def folder_name(row: Runbook) -> str:
    """A name that every file system takes, and that stays: the number tells two apart."""
    word = _NAME.sub("-", row.title).strip("-.")[:40]
    return f"{row.pk}-{word}" if word else str(row.pk)


def texts(rows: Sequence[Runbook]) -> Iterator[SkillText]:
    """These runbooks as files."""
    for row in rows:
        yield SkillText(f"{folder_name(row)}/{FILE}", write_skill(skill_of(row)))


def export_folder(target: Path, rows: Sequence[Runbook]) -> int:
    """Write them below an existing or new directory; returns how many. Raises InvalidInput."""
    try:
        target.mkdir(exist_ok=True)
        with _opened(target) as top:
            for each in texts(rows):
                name = each.place.partition("/")[0]
                _make(name, top)
                with _opened(name, top) as inner:
                    _write(inner, each.text)
    except OSError as error:
        raise InvalidInput(f"写不了 {target}：{_reason(error)}。") from None
    return len(rows)


def _make(name: str, top: int) -> None:
    try:
        os.mkdir(name, dir_fd=top)
    except FileExistsError:
        return


def _write(folder: int, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(FILE, flags, 0o644, dir_fd=folder), "w", encoding="utf-8") as stream:
        stream.write(text)


@contextmanager
def _opened(name: Path | str, top: int | None = None) -> Iterator[int]:
    """A directory that is no symbolic link, as a descriptor: nobody exchanges it meanwhile."""
    found = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        yield found
    finally:
        os.close(found)


def _reason(error: OSError) -> str:
    link = (
        "它是符号链接，或不是文件夹" if error.errno in (errno.ELOOP, errno.ENOTDIR) else str(error.strerror)
    )
    return f"{error.filename}：{link}" if error.filename else link


def read_folder(source: Path) -> list[SkillText]:
    """Every SKILL.md one level below. Raises InvalidInput with the place; nothing is half read."""
    try:
        with _opened(source) as top, os.scandir(top) as entries:
            names = _names(entry.name for entry in entries if not entry.name.startswith("."))
            return _bounded(_read_file(name, top) for name in names)
    except OSError as error:
        raise InvalidInput(f"读不了 {source}：{_reason(error)}。") from None


def _names(found: Iterator[str]) -> list[str]:
    names = []
    for name in found:
        names.append(name)
        if len(names) > MOST:
            raise InvalidInput(f"文件夹里的技能太多，最多 {MOST} 个。")
    return sorted(names)


def _read_file(name: str, top: int) -> SkillText:
    place = f"{name}/{FILE}"
    try:
        with _opened(name, top) as folder:
            file = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        raise InvalidInput(f"{place}：没有这个文件。每个技能一个文件夹，里面是 {FILE}。") from None
    except OSError as error:
        raise InvalidInput(f"{place}：{_reason(error)}。") from None
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise InvalidInput(f"{place}：不是普通文件。")
        return _decoded(place, stream)


def read_zip(stream: IO[bytes]) -> list[SkillText]:
    """Every SKILL.md in an archive. Raises InvalidInput with the place."""
    try:
        with zipfile.ZipFile(stream) as archive:
            if len(archive.infolist()) > MOST * 2:
                raise InvalidInput(f"压缩包里的技能太多，最多 {MOST} 个。")
            files = [each for each in archive.infolist() if not each.is_dir()]
            return _bounded(_read_entry(archive, each) for each in files)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise InvalidInput("这不是能读的 zip 文件（也不支持加密的）。") from None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> SkillText:
    place = entry.filename[:200]
    parts = place.split("/")
    if len(parts) != 2 or parts[1] != FILE or parts[0] in ("", ".", "..") or "\\" in place:
        raise InvalidInput(f"{place}：压缩包里只能是「名称/{FILE}」。")
    with archive.open(entry) as stream:
        return _decoded(place, stream)


def _decoded(place: str, stream: IO[bytes]) -> SkillText:
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise InvalidInput(f"{place}：文件太大，最多 {LARGEST // 1000} KB。")
    try:
        return SkillText(place, data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidInput(f"{place}：不是 UTF-8 编码，请另存为 UTF-8。") from None


def _bounded(found: Iterator[SkillText]) -> list[SkillText]:
    kept, total = [], 0
    for each in found:
        total += len(each.text)
        if total > TOTAL:
            raise InvalidInput("全部文件加起来太大，最多 20 MB。")
        kept.append(each)
    if not kept:
        raise InvalidInput(f"没有找到技能：每个技能一个文件夹，里面是 {FILE}。")
    return kept


def import_texts(found: Sequence[SkillText], actor: Actor) -> SkillsOutcome:
    """Write them, matched by name; if one is wrong, none. Raises InvalidInput that names each with its place."""
    skills = _parsed(found)
    names = [skill.head.name for _, skill in skills]
    known = dict(Runbook.objects.filter(title__in=names).values_list("title", "pk"))
    mine = set(store.writable(actor).filter(pk__in=known.values()).values_list("pk", flat=True))
    outcome: dict[str, list[str]] = {"created": [], "updated": [], "unchanged": []}
    faults = []
    for place, skill in skills:
        name, pk = skill.head.name, known.get(skill.head.name)
        try:
            if pk is not None and pk not in mine:
                raise InvalidInput(f"已有叫「{name}」的处置手册，您不能修改。")
            outcome[_import(skill, pk, actor)].append(name)
        except BifangError as error:
            faults.append(f"{place}：{error.message}")
    if faults:
        raise InvalidInput(f"其余的已写入。{_joined(faults)}")
    return SkillsOutcome(*(tuple(titles) for titles in outcome.values()))


def _import(skill: Skill, pk: int | None, actor: Actor) -> str:
    if pk is None:
        store.save_skill(skill, actor, note="导入")
        return "created"
    before = Runbook.objects.get(pk=pk)
    if skill_of(before).columns() == skill.columns():
        return "unchanged"
    store.save_skill(skill, actor, pk, note="导入")
    return "updated"


def _parsed(found: Sequence[SkillText]) -> list[tuple[str, Skill]]:
    skills: dict[str, tuple[str, Skill]] = {}
    faults = []
    for each in found:
        try:
            skill = read_skill(each.text)
        except BifangError as error:
            faults.append(f"{each.place}：{error.message}")
            continue
        if twin := skills.get(skill.head.name):
            faults.append(f"{each.place}：名称「{skill.head.name}」和 {twin[0]} 的一样。")
        skills.setdefault(skill.head.name, (each.place, skill))
    if faults:
        raise InvalidInput(f"没有写入任何内容。{_joined(faults)}")
    return list(skills.values())


def _joined(faults: Sequence[str]) -> str:
    more = [f"……还有 {len(faults) - _TOLD} 个文件有问题。"] if len(faults) > _TOLD else []
    return "\n".join([*faults[:_TOLD], *more])
