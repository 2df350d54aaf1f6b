"""Runbooks: written by people, found in Chinese by pairs of characters."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Runbook, RunbookTerm
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.pages import Page, cut
from secops_agent.services.writing import assign

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]|[a-z0-9]|[一-鿿]+")
_TITLE, _TAG, _BODY = 8.0, 6.0, 1.0
_EXCERPT = 160
# What people say around the thing they look for: it separates words and is not looked for.
_FILLER = re.compile(
    "怎么办|怎么处理|怎么处置|怎么做|怎么|如何|请问|应该|应急|响应|处置|处理|手册|预案|步骤|流程|一下|遇到|发现|中了|被|了|的|吗|呢|啊|该"
)
_UNKNOWN = 0.2  # a term that no runbook has may be a slip or a filler; it counts little against the others


@dataclass(frozen=True, slots=True)
class RunbookHit:
    """One result; ``excerpt`` is the part of the body that fits best, ``score`` is 0..1."""

    id: int
    title: str
    tags: tuple[str, ...]
    techniques: tuple[str, ...]
    score: float
    excerpt: str


@dataclass(frozen=True, slots=True)
class RunbookView:
    """One runbook as a whole, Markdown."""

    id: int
    title: str
    tags: tuple[str, ...]
    techniques: tuple[str, ...]
    body: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RunbookLine:
    """One line of the list of all."""

    id: int
    title: str
    tags: tuple[str, ...]
    techniques: tuple[str, ...]
    updated_at: datetime


def browse(*, tag: str = "", limit: int = 20, cursor: str = "") -> Page[RunbookLine]:
    """All runbooks by title. Raises InvalidInput."""
    rows = Runbook.objects.all()
    if tag:
        rows = rows.filter(tags__icontains=f'"{tag}"')
    return cut(rows, ("title", "id"), limit, cursor, lambda found: [_line(row) for row in found])


def _line(row: Runbook) -> RunbookLine:
    return RunbookLine(row.pk, row.title, tuple(row.tags), tuple(row.techniques), row.updated_at)


def terms(text: str) -> list[str]:
    """Latin words and numbers whole, Chinese in pairs of neighbouring characters (a lone one by itself)."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if not "一" <= word[0] <= "鿿" or len(word) == 1:
            found.append(word[:60])
        else:
            found += [word[position : position + 2] for position in range(len(word) - 1)]
    return found


def search(query: str, limit: int = 5) -> tuple[RunbookHit, ...]:
    """Best first; those that share too little with the query are left out. Raises InvalidInput."""
    wanted = dict.fromkeys(terms(_FILLER.sub(" ", query)) or terms(query))
    if not wanted:
        raise InvalidInput("请说明要找什么手册，例如「勒索病毒」。")
    found = RunbookTerm.objects.filter(term__in=list(wanted)[:200])
    weights: dict[int, dict[str, float]] = {}
    for runbook_id, term, weight in found.values_list("runbook_id", "term", "weight"):
        weights.setdefault(runbook_id, {})[term] = weight
    scores = _scores(weights, list(wanted), Runbook.objects.count())
    best = sorted(scores, key=lambda pk: (-scores[pk], pk))[:limit]
    rows = Runbook.objects.in_bulk(best)
    return tuple(_hit(rows[pk], scores[pk], list(wanted)) for pk in best if pk in rows)


def search_for(techniques: Sequence[str], title: str, limit: int = 4) -> tuple[RunbookHit, ...]:
    """Those that are written for one of the techniques first, then those that the title finds."""
    known = {each.split(".")[0] for each in techniques}
    fitting = [
        row for row in Runbook.objects.all() if known & {each.split(".")[0] for each in row.techniques}
    ]
    named = search(title, limit)
    best = sorted(fitting, key=lambda row: -next((hit.score for hit in named if hit.id == row.pk), 0.0))
    first = tuple(_hit(row, 1.0, terms(title)) for row in best[:limit])
    chosen = {hit.id for hit in first}
    return (*first, *(hit for hit in named if hit.id not in chosen))[:limit]


def _scores(weights: dict[int, dict[str, float]], wanted: list[str], total: int) -> dict[int, float]:
    """Share of what the query's rare terms could give; a term that many runbooks have counts little."""
    frequency = Counter(term for mine in weights.values() for term in mine)
    value = {
        term: math.log(1 + total / (1 + frequency[term])) * (1.0 if frequency[term] else _UNKNOWN)
        for term in wanted
    }
    possible = sum(value.values()) or 1.0
    scores = {}
    for pk, mine in weights.items():
        reached = sum(value[term] * min(1.0, 0.4 + weight / _TITLE) for term, weight in mine.items())
        if reached / possible >= 0.2:
            scores[pk] = round(min(1.0, reached / possible), 3)
    return scores


def _hit(row: Runbook, score: float, wanted: list[str]) -> RunbookHit:
    return RunbookHit(
        row.pk, row.title, tuple(row.tags), tuple(row.techniques), score, _excerpt(row.body, wanted)
    )


def _excerpt(body: str, wanted: list[str]) -> str:
    """The paragraph with the most of what was asked, headings left out."""
    parts = [part.strip() for part in body.split("\n") if part.strip() and not part.lstrip().startswith("#")]
    best = max(parts, key=lambda part: sum(term in part.lower() for term in wanted), default="")
    return best if len(best) <= _EXCERPT else f"{best[:_EXCERPT]}…"


def get(runbook_id: int) -> RunbookView:
    """One runbook. Raises NotFound."""
    row = Runbook.objects.filter(pk=runbook_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {runbook_id} 的处置手册。")
    return RunbookView(row.pk, row.title, tuple(row.tags), tuple(row.techniques), row.body, row.updated_at)


def save(
    title: str,
    body: str,
    tags: tuple[str, ...],
    techniques: tuple[str, ...],
    actor: Actor,
    runbook_id: int | None = None,
) -> RunbookView:
    """Create or change one, with its search index and history. Raises InvalidInput, NotFound, Conflict."""
    if not title.strip() or not body.strip():
        raise InvalidInput("处置手册需要标题和正文。")
    values = {"title": title.strip()[:200], "body": body, "tags": list(tags), "techniques": list(techniques)}
    now = timezone.now()
    with transaction.atomic():
        if Runbook.objects.filter(title=values["title"]).exclude(pk=runbook_id or 0).exists():
            raise Conflict(f"已有叫「{values['title']}」的处置手册。")
        row = _row(runbook_id, now)
        changes = assign(row, values)
        if changes:
            row.updated_at = now
            row.save()
            index(row)
            told = {name: change for name, change in changes.items() if name != "body"}
            history.record("runbook", row.pk, actor, "update" if runbook_id else "create", told)
    return get(row.pk)


def _row(runbook_id: int | None, now: datetime) -> Runbook:
    if runbook_id is None:
        return Runbook(created_at=now, updated_at=now)
    row = Runbook.objects.select_for_update().filter(pk=runbook_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {runbook_id} 的处置手册。")
    return row


def index(row: Runbook) -> None:
    """Make the search index of one runbook anew, in the caller's transaction."""
    weights: Counter[str] = Counter()
    for text, weight in (
        (row.title, _TITLE),
        *((tag, _TAG) for tag in row.tags),
        *((name, _TAG) for name in row.techniques),
    ):
        for term in set(terms(text)):
            weights[term] += weight  # type: ignore[assignment]
    for term, count in Counter(terms(row.body)).items():
        weights[term] += _BODY * min(3.0, 1 + math.log(count))  # type: ignore[assignment]
    RunbookTerm.objects.filter(runbook=row).delete()
    RunbookTerm.objects.bulk_create(
        [RunbookTerm(runbook=row, term=term, weight=weight) for term, weight in weights.items()]
    )


def delete(runbook_id: int, actor: Actor) -> None:
    """Remove one; the history keeps its title. Raises NotFound."""
    with transaction.atomic():
        row = Runbook.objects.select_for_update().filter(pk=runbook_id).first()
        if row is None:
            raise NotFound(f"没有编号为 {runbook_id} 的处置手册。")
        history.record("runbook", runbook_id, actor, "delete", {"title": (row.title, None)})
        row.delete()
