"""Runbooks are found in Chinese by pairs of characters, and by the technique that they are for."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from bifang.core.errors import InvalidInput
from secops_agent.models import Runbook, RunbookTerm
from secops_agent.services.runbooks.visibility import EVERYONE, Reader, visible

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]|[a-z0-9]|[一-鿿]+")
_TITLE, _TAG, _WHEN, _BODY = 8.0, 6.0, 3.0, 1.0
_EXCERPT = 160
# What people say around the thing they look for: it separates words and is not looked for.
_FILLERS = """
怎么办 怎么处理 怎么处置 怎么做 怎么 如何 请问 麻烦 帮我 给我 借我 应该 该 一下 看看 查阅
遇到 发现 中了 被 用户反映 用户反馈 有没有 有吗 在哪里 在哪 哪里 什么 我们 公司 知识库 谢谢
应急 响应 处置 处理 操作 手册 预案 步骤 流程 规范 指南 方法 playbook runbook
了 的 吗 呢 啊 呀 ， 。 ？ ！ ? !
"""
_FILLER = re.compile("|".join(map(re.escape, sorted(_FILLERS.split(), key=len, reverse=True))), re.IGNORECASE)
_UNKNOWN = 0.2  # a term that no runbook has may be a slip or a filler; it counts little against the others


@dataclass(frozen=True, slots=True)
class RunbookHit:
    """One result; ``excerpt`` is the part of the body that fits best, ``score`` is 0..1."""

    id: int
    title: str
    when: str
    tags: tuple[str, ...]
    techniques: tuple[str, ...]
    score: float
    excerpt: str


def terms(text: str) -> list[str]:
    """Latin words and numbers whole, Chinese in pairs of neighbouring characters (a lone one by itself)."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if not "一" <= word[0] <= "鿿" or len(word) == 1:
            found.append(word[:60])
        else:
            found += [word[position : position + 2] for position in range(len(word) - 1)]
    return found


def topic(query: str) -> str:
    """The thing that is looked for; all of the query where it is nothing but what people say around one."""
    return " ".join(_FILLER.sub(" ", query).split()) or query.strip()


def search(query: str, limit: int = 5, reader: Reader = EVERYONE) -> tuple[RunbookHit, ...]:
    """Best first, of what the reader may read; those that share too little with the query are left out.

    Raises InvalidInput.
    """
    return _search(query, limit, visible(reader))


def _search(query: str, limit: int, mine: "QuerySet[Runbook]") -> tuple[RunbookHit, ...]:
    wanted = dict.fromkeys(terms(topic(query)))
    if not wanted:
        raise InvalidInput("请说明要找什么手册，例如「勒索病毒」。")
    found = RunbookTerm.objects.filter(term__in=list(wanted)[:200], runbook__in=mine)
    weights: dict[int, dict[str, float]] = {}
    for runbook_id, term, weight in found.values_list("runbook_id", "term", "weight"):
        weights.setdefault(runbook_id, {})[term] = weight
    scores = _scores(weights, list(wanted), mine.count())
    best = sorted(scores, key=lambda pk: (-scores[pk], pk))[:limit]
    rows = mine.in_bulk(best)
    return tuple(_hit(rows[pk], scores[pk], list(wanted)) for pk in best if pk in rows)


def search_for(
    techniques: Sequence[str], title: str, limit: int = 4, reader: Reader = EVERYONE
) -> tuple[RunbookHit, ...]:
    """Those that are written for one of the techniques first, then those that the title finds."""
    known = {each.split(".")[0] for each in techniques}
    mine = visible(reader)
    fitting = [
        row for row in (mine if known else ()) if known & {each.split(".")[0] for each in row.techniques}
    ]
    named = _search(title, limit, mine) if terms(title) else ()
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
    excerpt = _excerpt(row.body, wanted)
    return RunbookHit(row.pk, row.title, row.when, tuple(row.tags), tuple(row.techniques), score, excerpt)


def _excerpt(body: str, wanted: list[str]) -> str:
    """The paragraph with the most of what was asked, headings left out."""
    parts = [part.strip() for part in body.split("\n") if part.strip() and not part.lstrip().startswith("#")]
    best = max(parts, key=lambda part: sum(term in part.lower() for term in wanted), default="")
    return best if len(best) <= _EXCERPT else f"{best[:_EXCERPT]}…"


def index(row: Runbook) -> None:
    """Make the search index of one runbook anew, in the caller's transaction."""
    weights: Counter[str] = Counter()
    for text, weight in (
        (row.title, _TITLE),
        (row.when, _WHEN),
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
