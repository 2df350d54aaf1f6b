"""Keyword search among alerts: rare words by the index, common ones in the newest alerts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from secops_agent.models import Alert
from secops_agent.services.alerts.queries import words
from secops_agent.services.alerts.queries.words import Keyword, about
from secops_agent.services.pages import Total, behind, counts_of

WINDOW = 400  # alerts that are read where the index names too many
COMMON = 5000  # candidates above which reading along is quicker than any index
FEW = 500  # candidates that are looked up one by one; among more, the list's own index is walked


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
    return KeywordHits(_many(rows, keyword), Total(len(first), capped=True))


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


def narrowed(rows: "QuerySet[Alert]", keyword: Keyword) -> "QuerySet[Alert]":
    """Those of `rows` that have the keyword, for a list that reads them in its own order."""
    found = rare(rows, keyword)
    return rows.filter(about(keyword)) if found is None else found


def rare(rows: "QuerySet[Alert]", keyword: Keyword) -> "QuerySet[Alert] | None":
    """`narrowed`; None where more than `COMMON` alerts may have the keyword."""
    ids = _first_candidates(keyword, COMMON + 1)
    if len(ids) <= FEW:
        return rows.filter(about(keyword), pk__in=ids)
    return _many(rows, keyword) if len(ids) <= COMMON else None


def _few(keyword: Keyword) -> list[int] | None:
    """All candidates, if they are few."""
    ids = _first_candidates(keyword, FEW + 1)
    return ids if len(ids) <= FEW else None


def _first_candidates(keyword: Keyword, most: int) -> list[int]:
    sql, parameters = words.candidates(keyword.text)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}) AS candidates LIMIT {most}", parameters)  # noqa: S608 - our own
        return list({pk for (pk,) in cursor.fetchall()})


def _many(rows: "QuerySet[Alert]", keyword: Keyword) -> "QuerySet[Alert]":
    """On SQLite "id + 0": not by key, one by one, but along the order that the list has.

    PostgreSQL plans that badly, and takes thousands of keys in its stride.
    """
    if connection.vendor == "postgresql":
        ids = _first_candidates(keyword, COMMON + 1)
        return rows.filter(about(keyword), pk__in=ids) if len(ids) <= COMMON else rows.filter(about(keyword))
    sql, parameters = words.candidates(keyword.text)
    among = RawSQL(sql, parameters)  # noqa: S611 - our own statement
    return rows.alias(key=F("pk") + 0).filter(about(keyword), key__in=among)
