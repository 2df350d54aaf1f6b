"""Sources of alerts: one name is one source, however its case is written."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final

from django.db import connection

from secops_agent.models import Alert
from secops_agent.services.actors import Actor
from secops_agent.services.records import AlertRecord, Item

MOST: Final = 500  # names that are looked through
_KEPT: Final = 2000
_stored: set[str] = set()  # names that this process saw in the table


def names() -> list[str]:
    """Every name that alerts are stored under: one statement, which leaps along the index from name to name."""
    table = connection.ops.quote_name(Alert._meta.db_table)
    leap = f"SELECT MIN(source) FROM {table} WHERE source > found.name"  # noqa: S608 - names of our own
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(name) AS (SELECT MIN(source) FROM {table} UNION ALL "  # noqa: S608
            f"SELECT ({leap}) FROM found WHERE found.name IS NOT NULL) "
            "SELECT name FROM found WHERE name IS NOT NULL LIMIT %s",
            [MOST],
        )
        return [str(name) for (name,) in cursor.fetchall()]


def spelled(wanted: Collection[str]) -> tuple[str, ...]:
    """As they are stored: waf is WAF, and both where both were stored before."""
    folded = {name.casefold() for name in wanted}
    found = [name for name in names() if name.casefold() in folded] if wanted else []
    return tuple(dict.fromkeys((*wanted, *found)))


def joined(counts: "Counter[str]") -> "Counter[str]":
    """Counts by source, of one name under its most frequent spelling."""
    found: Counter[str] = Counter()
    chosen: dict[str, str] = {}
    for name, number in counts.most_common():
        found[chosen.setdefault(name.casefold(), name)] += number
    return found


def as_stored(actor: Actor, items: Iterable[Item]) -> Iterator[Item]:
    """Records from outside: an alert of a known source in another spelling is of that source. Whoever may speak only for
    some sources is none of the others."""
    known: dict[str, str] = {}
    for item in items:
        if isinstance(item, AlertRecord) and not actor.sources:
            stored = item.source[:60]
            known[stored] = known.get(stored) or _known(stored, known)
            yield item if known[stored] == stored else _renamed(item, known[stored])
        else:
            yield item


def _known(name: str, batch: dict[str, str]) -> str:
    if name in _stored:
        return name
    if Alert.objects.filter(source=name).exists():
        if len(_stored) < _KEPT:
            _stored.add(name)
        return name
    folded = name.casefold()
    return next((each for each in (*batch.values(), *names()) if each.casefold() == folded), name)


def _renamed(item: AlertRecord, name: str) -> AlertRecord:
    assets = tuple(replace(each, source=name) if each.source == item.source else each for each in item.assets)
    return replace(item, source=name, assets=assets)
