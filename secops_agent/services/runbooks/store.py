"""Store of runbooks: list, read, write, every version of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from secops_agent.models import Runbook, RunbookFile, RunbookVersion
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.faults import Conflict, Forbidden, NotFound
from secops_agent.services.pages import Page, cut
from secops_agent.services.runbooks.search import index
from secops_agent.services.runbooks.skills import Skill, make_skill, read_skill, skill_of, write_skill
from secops_agent.services.runbooks.visibility import EVERYONE, Reader, reader_of, visible
from secops_agent.services.writing import assign

KEPT: Final = 100  # versions of one runbook
_SYSTEM: Final = "系统"


@dataclass(frozen=True, slots=True)
class RunbookView:
    """One runbook as a whole, Markdown."""

    id: int
    title: str
    when: str
    tags: tuple[str, ...]
    techniques: tuple[str, ...]
    tools: tuple[str, ...]
    role: str
    published: bool
    body: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RunbookLine:
    """One line of the list of all."""

    id: int
    title: str
    when: str
    tags: tuple[str, ...]
    techniques: tuple[str, ...]
    role: str
    published: bool
    updated_at: datetime


class Rest(TypedDict, total=False):
    """What a writer may leave out; it stays as it is then."""

    when: str
    tools: tuple[str, ...]
    role: str
    published: bool


def browse(
    *, tag: str = "", limit: int = 20, cursor: str = "", reader: Reader = EVERYONE
) -> Page[RunbookLine]:
    """All runbooks by title. Raises InvalidInput."""
    rows = visible(reader).defer("body")
    if tag:
        rows = rows.filter(tags__icontains=f'"{tag}"')
    return cut(rows, ("title", "id"), limit, cursor, lambda found: [_line(row) for row in found])


def _line(row: Runbook) -> RunbookLine:
    return RunbookLine(
        row.pk, row.title, row.when, tuple(row.tags), tuple(row.techniques), row.role, row.published, row.updated_at
    )  # fmt: skip


def get(runbook_id: int, reader: Reader = EVERYONE) -> RunbookView:
    """One runbook. Raises NotFound."""
    row = visible(reader).filter(pk=runbook_id).first()
    if row is None:
        raise _missing(runbook_id)
    return _view(row)


def _view(row: Runbook) -> RunbookView:
    return RunbookView(
        row.pk, row.title, row.when, tuple(row.tags), tuple(row.techniques), tuple(row.tools), row.role,
        row.published, row.body, row.updated_at,
    )  # fmt: skip


def _missing(runbook_id: int) -> NotFound:
    return NotFound(f"没有编号为 {runbook_id} 的手册。")


def save(
    title: str,
    body: str,
    tags: tuple[str, ...],
    techniques: tuple[str, ...],
    actor: Actor,
    runbook_id: int | None = None,
    **rest: Unpack[Rest],
) -> RunbookView:
    """Create or change one, with its search index and history. Raises InvalidInput, NotFound, Conflict."""
    with transaction.atomic():
        row = _row(runbook_id, actor)
        head: dict[str, Any] = {
            "name": title.strip(), "tags": tags, "techniques": techniques, "when": rest.get("when", row.when),
            "tools": rest.get("tools", tuple(row.tools)), "roles": (rest.get("role", row.role),),
            "published": rest.get("published", row.published),
        }  # fmt: skip
        return _view(_write(row, make_skill(head, body, row.extra), actor, ""))


def save_skill(skill: Skill, actor: Actor, runbook_id: int | None = None, note: str = "") -> RunbookView:
    """Create or change one as a whole, its files aside. Raises as `save`."""
    with transaction.atomic():
        return _view(_write(_row(runbook_id, actor), skill, actor, note))


def adopt_skill(skill: Skill, actor: Actor, runbook_id: int | None, note: str) -> None:
    """The same for an imported one: with its files, its digest pinned. Raises as `save`."""
    with transaction.atomic():
        row = _write(_row(runbook_id, actor), skill, actor, note, digest=skill.digest)
        row.files.all().delete()
        RunbookFile.objects.bulk_create(
            RunbookFile(runbook=row, path=each.path, size=each.size, digest=each.digest, text=each.text)
            for each in skill.files
        )


def _row(runbook_id: int | None, actor: Actor) -> Runbook:
    """The row to write, locked. What the writer may not read is not there for them."""
    if runbook_id is None:
        return Runbook()
    row = writable(actor).select_for_update().filter(pk=runbook_id).first()
    if row is None:
        raise _missing(runbook_id)
    return row


def _write(row: Runbook, skill: Skill, actor: Actor, note: str, **pinned: str) -> Runbook:
    values = skill.columns() | pinned
    mine = reader_of(actor, drafts=True)
    if skill.head.role not in mine.roles:
        raise Forbidden(
            f"「谁可以看」不能高于您自己的角色：您是「{mine.role.label}」，写的是「{skill.head.role.label}」。"
        )
    if Runbook.objects.filter(title=values["title"]).exclude(pk=row.pk or 0).exists():
        raise Conflict(f"已有叫「{values['title']}」的手册。")
    is_new, before = row.pk is None, None if row.pk is None else write_skill(skill_of(row))
    changes = assign(row, values)
    if not changes and not is_new:
        return row
    row.updated_at = now = timezone.now()
    if is_new:
        row.created_at = now
    elif not row.versions.exists():
        _keep(row, str(before), _SYSTEM, "改动以前")
    row.save()
    index(row)
    _keep(row, write_skill(skill), actor.name, note)
    told = {name: change for name, change in changes.items() if name not in ("body", "extra")}
    history.record("runbook", row.pk, actor, "create" if is_new else "update", told, note)
    return row


def writable(actor: Actor) -> "QuerySet[Runbook]":
    """What this writer may change."""
    return visible(reader_of(actor, drafts=True))


def delete(runbook_id: int, actor: Actor) -> None:
    """Remove one; the history keeps its title. Raises NotFound."""
    with transaction.atomic():
        row = _row(runbook_id, actor)
        history.record("runbook", runbook_id, actor, "delete", {"title": (row.title, None)})
        row.delete()


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version: the whole SKILL.md, and by whom."""

    number: int
    text: str
    author: str
    note: str
    at: datetime


def _keep(row: Runbook, text: str, author: str, note: str) -> None:
    number = (row.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    at = timezone.now()
    RunbookVersion.objects.create(
        runbook=row, number=number, text=text, role=row.role, author=author[:200], note=note[:200], at=at
    )
    row.versions.filter(number__lte=number - KEPT).delete()


def versions(runbook_id: int, reader: Reader) -> tuple[VersionView, ...]:
    """Newest first, without what the reader might not have read then."""
    rows = RunbookVersion.objects.filter(
        Q(runbook__in=visible(reader)), runbook_id=runbook_id, role__in=reader.roles
    )
    return tuple(VersionView(row.number, row.text, row.author, row.note, row.at) for row in rows)


def restore(runbook_id: int, number: int, actor: Actor) -> RunbookView:
    """Write an old version again, as a new one. Raises InvalidInput, NotFound, Conflict."""
    found = {each.number: each for each in versions(runbook_id, reader_of(actor, drafts=True))}
    if number not in found:
        raise NotFound(f"这份手册没有版本 {number}。")
    return save_skill(read_skill(found[number].text), actor, runbook_id, f"恢复版本 {number}")
