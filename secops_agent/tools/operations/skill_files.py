"""import_skills: import the skills of a zip that somebody sent. Proposed by code that has read the file, never by a model."""

import re
from pathlib import Path
from typing import Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.services.actors import Actor
from secops_agent.services.faults import NotFound
from secops_agent.services.intake import jobs
from secops_agent.services.people.staff import Person
from secops_agent.services.runbooks import importing, trees
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.operations.files import GONE

MOST: Final = 10  # skills at a time; the page takes more
_KEY: Final = re.compile(r"chat-[0-9]{1,19}")


class ImportedSkills(Arguments):
    """What is stored with the proposal. ``seal``: of everything that was shown."""

    key: str = argument("文件")
    name: str = argument("文件名")
    seal: str = argument("摘要", max_length=64)


def read(path: Path) -> list[trees.SkillText]:
    """The skills of the file. Raises InvalidInput."""
    with path.open("rb") as stream:
        found = trees.read_zip(stream)
    if len(found) > MOST:
        raise InvalidInput(
            f"里面有 {len(found)} 份手册，在会话里一次最多 {MOST} 个：请在网页「手册」里导入。"
        )
    return found


def _path(given: ImportedSkills) -> Path:
    path = jobs.directory() / given.key
    if not _KEY.fullmatch(given.key) or not path.is_file():
        raise NotFound(GONE)
    return path


def check(given: ImportedSkills, person: Person | None) -> ValidatedAction:
    """Raises NotFound for a file that is gone."""
    _path(given)
    return ValidatedAction(given.model_dump(), f"导入手册「{plain(given.name, 100)}」")


def carry_out(given: ImportedSkills, actor: Actor) -> str:
    """Done for a confirmed proposal: what was shown, or nothing."""
    path = _path(given)
    told = importing.carry_out_sealed(read(path), given.seal, actor)
    path.unlink(missing_ok=True)
    return f"已导入手册「{plain(given.name, 100)}」：{told}"


DEFINITION: Final[ToolDefinition] = action(
    "import_skills", "导入手册", "导入会话里收到的手册。", "write", ImportedSkills, check, carry_out
)
