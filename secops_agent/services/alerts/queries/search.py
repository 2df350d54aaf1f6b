"""Keyword search among alerts by the index: all that have a rare word, the newest that have a common one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet

from secops_agent.models import Alert
from secops_agent.services.alerts.queries import words
from secops_agent.services.alerts.queries.words import Keyword, about
from secops_agent.services.pages import COUNT_CAP, Total, behind, counts_of

WINDOW = 400  # alerts that are read where the index names too many
COMMON = 5000  # matches above which only the newest ones are taken
FEW = 500  # candidates, or alerts of a list, that are looked up at once
_NEWEST = 20_000  # ids of the newest alerts among which the index is asked first; then of four times as many


@dataclass(frozen=True, slots=True)
class KeywordHits:
    """``rows`` hold every match of this page, in any order; ``total`` counts those of all pages."""

    rows: "QuerySet[Alert]"
    total: Total


def find(
    rows: "QuerySet[Alert]", order: Sequence[str], limit: int, cursor: str, keyword: Keyword
) -> KeywordHits:
    """Alerts of `rows` with the keyword. Costs about the same at any number of alerts. Raises InvalidInput.

    A rare keyword is counted; one that many alerts have, among the newest only: the total says "at least".
    """
    after, ids = behind(rows, order, cursor), _few(keyword)
    if ids is not None:
        every = _keys(rows, ids, order, keyword)
        here = _keys(after, every, order, keyword) if cursor else every
        return KeywordHits(_of(here[: limit + 1]), Total(len(every), capped=False))
    first, exhausted = _among_newest(rows, order, keyword)
    here = _among_newest(after, order, keyword)[0] if cursor else first
    if exhausted or len(here) > limit:
        return KeywordHits(_of(here[: limit + 1]), Total(len(first), capped=not exhausted))
    every = newest(after, keyword, COMMON + 1)
    # So many have it that its own order soon meets enough of them.
    chosen = rows.filter(about(keyword)) if len(every) > COMMON else _of(every)
    return KeywordHits(chosen, Total(max(len(first), min(len(every), COUNT_CAP)), capped=True))


def count_matches(every: Iterable["QuerySet[Alert]"], order: Sequence[str], keyword: Keyword) -> list[Total]:
    """How many of each have the keyword, counted as `find` counts; without one, all of each. Raises InvalidInput."""
    lists = list(every)
    if not keyword.text:
        return counts_of(lists)
    ids = _few(keyword)
    if ids is not None:
        counts = {f"of_{place}": Count("pk", filter=_in(rows)) for place, rows in enumerate(lists)}
        found = _of(ids).filter(about(keyword)).aggregate(**counts)
        return [Total(found[name], capped=False) for name in counts]
    newest = [_among_newest(rows, order, keyword) for rows in lists]
    return [Total(len(found), capped=not exhausted) for found, exhausted in newest]


def _of(ids: Sequence[int]) -> "QuerySet[Alert]":
    return Alert.objects.filter(pk__in=ids)


def _keys(rows: "QuerySet[Alert]", ids: Sequence[int], order: Sequence[str], keyword: Keyword) -> list[int]:
    return list(_of(ids).filter(_in(rows), about(keyword)).order_by(*order).values_list("pk", flat=True))


def _in(rows: "QuerySet[Alert]") -> Exists:
    """Is an alert among these? Asked by its key: SQLite would walk all closed ones before it looks at a few keys."""
    return Exists(rows.filter(pk=OuterRef("pk")))


def _among_newest(rows: "QuerySet[Alert]", order: Sequence[str], keyword: Keyword) -> tuple[list[int], bool]:
    """The matches among the first rows, in order, and whether those are all rows there are."""
    # Told of each, not filtered by: PostgreSQL would filter every alert before it looks which are the first.
    first = Alert.objects.filter(pk__in=rows.order_by(*order).values("pk")[: WINDOW + 1])
    found = list(first.annotate(has_it=about(keyword)).order_by(*order).values_list("pk", "has_it"))
    return [pk for pk, has_it in found[:WINDOW] if has_it], len(found) <= WINDOW


def newest(rows: "QuerySet[Alert]", keyword: Keyword, most: int) -> list[int]:
    """The ids of those of `rows` that have the keyword, the newest first, no more than so many."""
    found: list[int] = []
    few = _few(keyword)
    for ids in _in_turn(keyword) if few is None else [few]:
        for start in range(0, len(ids), COMMON):
            held = _of(ids[start : start + COMMON]).filter(_in(rows), about(keyword))
            found += sorted(held.order_by().values_list("pk", flat=True), reverse=True)
            if len(found) >= most:
                return found[:most]
    return found


def narrowed(rows: "QuerySet[Alert]", keyword: Keyword) -> "tuple[QuerySet[Alert], bool]":
    """Those of `rows` that have the keyword, and whether these are only the newest, because more than `COMMON` have it."""
    ids = newest(rows, keyword, COMMON + 1)
    return rows.filter(pk__in=ids[:COMMON]), len(ids) > COMMON


def _few(keyword: Keyword) -> list[int] | None:
    """All candidates, if they are few."""
    ids = _candidates(keyword, f"LIMIT {FEW + 1}")
    return ids if len(ids) <= FEW else None


def _in_turn(keyword: Keyword) -> Iterator[list[int]]:
    """All candidates, the newest first: so of many, only some are asked of the index."""
    last = Alert.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    width = _NEWEST
    while last > 0:
        yield _candidates(keyword, f"WHERE id > {last - width} AND id <= {last}")
        last, width = last - width, width * 4


def _candidates(keyword: Keyword, which: str) -> list[int]:
    sql, parameters = words.candidates(keyword.text)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}) AS candidates {which}", parameters)  # noqa: S608 - our own
        return sorted({pk for (pk,) in cursor.fetchall()}, reverse=True)
