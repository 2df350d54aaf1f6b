"""How many findings there are of each kind, to narrow a list."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from django.db.models import BooleanField, Case, Count, Q, QuerySet, Value, When

from secops_agent.models import Finding
from secops_agent.services.vulnerabilities.priority import priority

# facet → the column; exploited ones are told by their priority, which needs no look at the vulnerability.
COLUMNS: Final[Mapping[str, str]] = {
    "severity": "severity", "kind": "kind", "state": "state", "decision": "decision", "source": "source", "kev": "exploited",
}  # fmt: skip
_KEV: Final = priority("info", kev=True)
Chosen = Mapping[str, Collection[str]]


def narrowed(rows: "QuerySet[Finding]", chosen: Chosen) -> "QuerySet[Finding]":
    """The rows that have one of the chosen values of every facet; ``kev``: "1" or "0"."""
    for name, values in chosen.items():
        if name == "kev" and values:
            yes, no = "1" in values, "0" in values
            rows = (
                rows
                if yes and no
                else rows.filter(priority__gte=_KEV)
                if yes
                else rows.filter(priority__lt=_KEV)
            )
        elif values:
            rows = rows.filter(**{f"{COLUMNS[name]}__in": values})
    return rows  # fmt: skip


def tally(rows: "QuerySet[Finding]", chosen: Chosen) -> dict[str, Counter[str]]:
    """facet → value → how many there are, with what is chosen of the other facets. One query."""
    exploited = Case(
        When(Q(priority__gte=_KEV), then=Value(True)), default=Value(False), output_field=BooleanField()
    )
    cells = rows.order_by().annotate(exploited=exploited).values_list(*COLUMNS.values())
    found: dict[str, Counter[str]] = {name: Counter() for name in COLUMNS}
    for *cell, number in cells.annotate(number=Count("pk")):
        values = [str(int(each)) if isinstance(each, bool) else each for each in cell]
        for name in _counting(values, chosen):
            found[name][values[list(COLUMNS).index(name)]] += number
    return found


def _counting(values: Sequence[str], chosen: Chosen) -> Sequence[str]:
    """The facets in which a cell counts: all, or the only one that it does not satisfy."""
    missed = [
        name
        for name, value in zip(COLUMNS, values, strict=True)
        if chosen.get(name) and value not in chosen[name]
    ]
    return list(COLUMNS) if not missed else missed if len(missed) == 1 else ()
