"""Reader of runbooks: one of them, or a reference beside it, a page at a time."""

from dataclasses import dataclass
from typing import Final

from secops_agent.models import Runbook, RunbookFile
from secops_agent.services.faults import NotFound
from secops_agent.services.runbooks.skills import SkillFile
from secops_agent.services.runbooks.visibility import EVERYONE, Reader, visible

PAGE: Final = 3_000  # characters
_MOST_LISTED: Final = 12


@dataclass(frozen=True, slots=True)
class PageView:
    """A page of a runbook's text, then ``path`` is empty, or of a reference. ``number`` of ``pages``, from 1."""

    runbook: int
    title: str
    path: str
    text: str
    number: int
    pages: int


def page_of(row: Runbook, path: str, text: str, number: int) -> PageView:
    """A page; the last one for a number that is too high."""
    pages = max(1, -(-len(text) // PAGE))
    number = min(max(1, number), pages)
    return PageView(row.pk, row.title, path, text[(number - 1) * PAGE : number * PAGE], number, pages)


def read_body(runbook_id: int, number: int, reader: Reader = EVERYONE) -> PageView:
    """A page of what is written. Raises NotFound."""
    row = _runbook(runbook_id, reader)
    return page_of(row, "", row.body.strip(), number)


def read_file(runbook_id: int, file: int | str, number: int, reader: Reader = EVERYONE) -> PageView:
    """A page of a reference, by its number or its path. Raises NotFound; for a script, too, which is only listed."""
    row = _runbook(runbook_id, reader)
    known = row.files.filter(pk=file) if isinstance(file, int) else row.files.filter(path=file)
    found = known.first()
    if found is None or not _is_reference(found):
        listed = "、".join(references(row.pk)[:_MOST_LISTED])
        raise NotFound(f"「{row.title}」没有这份能读的参考资料{f'；有：{listed}' if listed else ''}。")
    return page_of(row, found.path, found.text, number)


def references(runbook_id: int) -> list[str]:
    """Paths of what may be read beside it."""
    rows = RunbookFile.objects.filter(runbook_id=runbook_id).defer("text")
    return [row.path for row in rows if _is_reference(row)]


def _is_reference(row: RunbookFile) -> bool:
    return SkillFile(row.path, row.size, row.digest).is_reference


def _runbook(runbook_id: int, reader: Reader) -> Runbook:
    row = visible(reader).filter(pk=runbook_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {runbook_id} 的手册。")
    return row
