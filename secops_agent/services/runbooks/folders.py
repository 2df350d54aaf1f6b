"""Skills as folders that we write: ``DIR/<name>/SKILL.md`` and the text files beside it, the same in a zip."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from secops_agent.models import Runbook
from secops_agent.services.runbooks.skills import whole_skill_of, write_skill
from secops_agent.services.runbooks.trees import FILE, SkillText, opened, telling

_NAME: Final = re.compile(r"[^\w.-]+")
_STANDARD: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST: Final = 64


def folder_name(row: Runbook) -> str:
    """The skill's name where the standard takes it; else one that every file system takes, which no such name is."""
    if len(row.title) <= _LONGEST and _STANDARD.fullmatch(row.title):
        return row.title
    word = _NAME.sub("-", row.title).strip("-.")[:40]
    return f"{row.pk}_{word}" if word else f"{row.pk}_"


def texts(rows: Sequence[Runbook]) -> Iterator[SkillText]:
    """These runbooks as skills."""
    for row in rows:
        skill = whole_skill_of(row)
        yield SkillText(f"{folder_name(row)}/{FILE}", write_skill(skill), skill.files)


def written(found: SkillText) -> Iterator[tuple[str, str]]:
    """Path and text of each file of it; what was only listed is not there to write."""
    folder = found.place.removesuffix(FILE)
    yield found.place, found.text
    for each in found.files:
        if each.text or not each.size:
            yield f"{folder}{each.path}", each.text


def export_folder(target: Path, rows: Sequence[Runbook]) -> int:
    """Write them below an existing or new directory; returns how many. Raises InvalidInput."""
    with telling(f"写不了 {target}"):
        target.mkdir(exist_ok=True)
        with opened(target) as top:
            for each in texts(rows):
                for path, text in written(each):
                    _write(path.split("/"), text, top)
    return len(rows)


def _write(parts: Sequence[str], text: str, folder: int) -> None:
    """Below a folder that is held open: no link leads elsewhere, and nothing is executable."""
    first, *rest = parts
    if rest:
        if first not in os.listdir(folder):
            os.mkdir(first, dir_fd=folder)
        with opened(first, folder) as inner:
            return _write(rest, text, inner)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(first, flags, 0o644, dir_fd=folder), "w", encoding="utf-8") as stream:
        stream.write(text)
    return None
