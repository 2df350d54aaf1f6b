"""Keyword search among alerts by the index: all that have a rare word, the newest that have a common one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from bifang.core.database.rows import Among
from secops_agent.models import Alert
from secops_agent.services.alerts.queries import words
from secops_agent.services.alerts.queries.words import Keyword, about
from secops_agent.services.pages import COUNT_CAP, Total, behind, counts_of

WINDOW = 400  # alerts that are read where the index names too many
COMMON = 5000  # matches above which only the newest ones are taken
FEW = 500  # candidates, or alerts of a list, that are looked up at once
READ = 10_000  # candidates that are read; where there are more, first so many of the list
ENOUGH = COUNT_CAP + 1  # matches that a list is cut to, where very many have the keyword
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
    after, ids = behind(rows, order, cursor), _few(keyword, FEW)
    if ids is not None:
        every = _keys(rows, ids, order, keyword)
        here = _keys(after, every, order, keyword) if cursor else every
        return KeywordHits(_of(here[: limit + 1]), Total(len(every), capped=False))
    first, exhausted = _among_newest(rows, order, keyword, WINDOW)
    here = _among_newest(after, order, keyword, WINDOW)[0] if cursor else first
    if exhausted or len(here) > limit:
        return KeywordHits(_of(here[: limit + 1]), Total(len(first), capped=not exhausted))
    every, whole = newest(after, keyword, COMMON)
    # So many have it that its own order soon meets enough of them.
    chosen = _of(every) if whole else rows.filter(about(keyword))
    return KeywordHits(chosen, Total(len(first), capped=True))


def count_matches(every: Iterable["QuerySet[Alert]"], order: Sequence[str], keyword: Keyword) -> list[Total]:
    """How many of each have the keyword, counted as `find` counts; without one, all of each. Raises InvalidInput."""
    lists = list(every)
    if not keyword.text:
        return counts_of(lists)
    ids = _few(keyword, FEW)
    if ids is not None:
        counts = {f"of_{place}": Count("pk", filter=_in(rows)) for place, rows in enumerate(lists)}
        found = _of(ids).filter(about(keyword)).aggregate(**counts)
        return [Total(found[name], capped=False) for name in counts]
    newest = [_among_newest(rows, order, keyword, WINDOW) for rows in lists]
    return [Total(len(found), capped=not exhausted) for found, exhausted in newest]


def _of(ids: Sequence[int]) -> "QuerySet[Alert]":
    return Alert.objects.filter(Among(ids)) if ids else Alert.objects.none()


def _keys(rows: "QuerySet[Alert]", ids: Sequence[int], order: Sequence[str], keyword: Keyword) -> list[int]:
    return list(_of(ids).filter(_in(rows), about(keyword)).order_by(*order).values_list("pk", flat=True))


def _in(rows: "QuerySet[Alert]") -> Exists:
    """Is an alert among these? Asked by its key: SQLite would walk all closed ones before it looks at a few keys."""
    return Exists(rows.filter(pk=OuterRef("pk")))


def _among_newest(
    rows: "QuerySet[Alert]", order: Sequence[str], keyword: Keyword, window: int
) -> tuple[list[int], bool]:
    """The matches among the first rows, in order, and whether those are all rows there are."""
    first = Alert.objects.filter(pk__in=rows.order_by(*order).values("pk")[: window + 1])
    told = _told(first.order_by(*order), keyword)
    return [pk for pk, has_it in told[:window] if has_it], len(told) <= window


def _told(rows: "QuerySet[Alert]", keyword: Keyword) -> list[tuple[int, bool]]:
    """Of each, whether it matches. Told, not filtered by: PostgreSQL would read every alert's text before it looks which
    are asked for."""
    return list(rows.annotate(has_it=about(keyword)).values_list("pk", "has_it"))


def newest(rows: "QuerySet[Alert]", keyword: Keyword, enough: int) -> tuple[list[int], bool]:
    """The ids of those of `rows` that have the keyword, the newest first, and whether these are all.

    All, if the index names no more than `READ`; else at least ``enough``, if so many have it.
    """
    few = _few(keyword, READ)
    if few is not None:
        return _keys(rows, few, ("-pk",), keyword), True
    first, exhausted = _among_newest(rows, ("-last_seen", "-id"), keyword, READ)
    if exhausted or len(first) >= enough:
        return first, exhausted
    found: list[int] = []
    for sql, parameters in _in_turn(keyword):
        if len(found) >= enough:
            return found, False
        among = rows.filter(pk__in=RawSQL(sql, parameters)).order_by("-pk")  # noqa: S611 - our own statement
        found += [pk for pk, has_it in _told(among, keyword) if has_it]
    return found, True


def narrowed(rows: "QuerySet[Alert]", keyword: Keyword) -> "tuple[QuerySet[Alert], bool]":
    """Those of `rows` that have the keyword, and whether these are only the newest, because more than `COMMON` have it."""
    ids, whole = newest(rows, keyword, ENOUGH)
    return rows.filter(Among(ids[:COMMON])), not whole or len(ids) > COMMON


def _few(keyword: Keyword, most: int) -> list[int] | None:
    """All candidates, if they are few."""
    sql, parameters = words.candidates(keyword.text)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}) AS candidates LIMIT {most + 1}", parameters)  # noqa: S608 - our own
        ids = list({pk for (pk,) in cursor.fetchall()})
    return ids if len(ids) <= most else None


def _in_turn(keyword: Keyword) -> Iterator[tuple[str, list[Any]]]:
    """Statements for all candidates, the newest first: what many alerts have is found among the newest."""
    last = Alert.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    width = _NEWEST
    while last > 0:
        yield words.candidates_between(keyword.text, max(0, last - width), last)
        last, width = last - width, width * 4
