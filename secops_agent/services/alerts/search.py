"""A keyword among alerts: read the newest, and ask the index only for what is rare among them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL

from secops_agent.models import Alert
from secops_agent.services.alerts import words
from secops_agent.services.alerts.words import about
from secops_agent.services.pages import Total, behind

WINDOW = 800  # alerts that are read before the index is asked
COMMON = 5000  # candidates above which reading along is quicker than any index
FEW = 500  # candidates that are looked up one by one; among more, the list's own index is walked


@dataclass(frozen=True, slots=True)
class KeywordHits:
    """``rows`` hold every match of this page, in any order; ``total`` counts those of all pages."""

    rows: "QuerySet[Alert]"
    total: Total


def find(rows: "QuerySet[Alert]", order: Sequence[str], limit: int, cursor: str, keyword: str) -> KeywordHits:
    """Alerts of `rows` with the keyword. Costs about the same at any number of alerts. Raises InvalidInput.

    A keyword that many of the newest alerts have is counted among those only: the total says "at least".
    """
    first, exhausted = _among_newest(rows, order, keyword)
    after = behind(rows, order, cursor)
    here = _among_newest(after, order, keyword)[0] if cursor else first
    if exhausted or len(here) > limit:
        return KeywordHits(rows.filter(pk__in=here[: limit + 1]), Total(len(first), capped=not exhausted))
    ids = _few(keyword)
    if ids is None:
        return KeywordHits(_many(rows, keyword), Total(len(first), capped=True))
    every = _keys(rows.filter(pk__in=ids), order, keyword)
    here = _keys(after.filter(pk__in=every), order, keyword) if cursor else every
    return KeywordHits(rows.filter(pk__in=here[: limit + 1]), Total(len(every), capped=False))


def _keys(rows: "QuerySet[Alert]", order: Sequence[str], keyword: str) -> list[int]:
    return list(rows.filter(about(keyword)).order_by(*order).values_list("pk", flat=True))


def _among_newest(rows: "QuerySet[Alert]", order: Sequence[str], keyword: str) -> tuple[list[int], bool]:
    """The matches among the first rows, in order, and whether those are all rows there are."""
    # By keys, in two statements: in one, PostgreSQL may search every alert before it looks which are the first.
    first = list(rows.order_by(*order).values_list("pk", flat=True)[: WINDOW + 1])
    return _keys(Alert.objects.filter(pk__in=first[:WINDOW]), order, keyword), len(first) <= WINDOW


def narrowed(rows: "QuerySet[Alert]", keyword: str) -> "QuerySet[Alert]":
    """Those of `rows` that have the keyword, for a list that reads them in its own order."""
    ids = _first_candidates(keyword, COMMON + 1)
    if len(ids) <= FEW:
        return rows.filter(about(keyword), pk__in=ids)
    return _many(rows, keyword) if len(ids) <= COMMON else rows.filter(about(keyword))


def _few(keyword: str) -> list[int] | None:
    """All candidates, if they are few."""
    ids = _first_candidates(keyword, FEW + 1)
    return ids if len(ids) <= FEW else None


def _first_candidates(keyword: str, most: int) -> list[int]:
    sql, parameters = words.candidates(keyword)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}) AS candidates LIMIT {most}", parameters)  # noqa: S608 - our own
        return list({pk for (pk,) in cursor.fetchall()})


def _many(rows: "QuerySet[Alert]", keyword: str) -> "QuerySet[Alert]":
    """On SQLite "id + 0": not by key, one by one, but along the order that the list has.

    PostgreSQL plans that badly, and takes thousands of keys in its stride.
    """
    if connection.vendor == "postgresql":
        ids = _first_candidates(keyword, COMMON + 1)
        return rows.filter(about(keyword), pk__in=ids) if len(ids) <= COMMON else rows.filter(about(keyword))
    sql, parameters = words.candidates(keyword)
    among = RawSQL(sql, parameters)  # noqa: S611 - our own statement
    return rows.alias(key=F("pk") + 0).filter(about(keyword), key__in=among)
