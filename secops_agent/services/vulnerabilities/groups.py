"""Groups of findings: by vulnerability, by the update that mends them, by asset, by whoever is responsible.

A group is told by conditions of the list (`FindingFilter`), so that it opens to exactly its findings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, Count, F, Max, Min, Model, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from secops_agent.models import Asset, Finding, Staff, Vulnerability
from secops_agent.services.records import SEVERITIES
from secops_agent.services.vulnerabilities.priority import priority

KEV: Final = priority("info", kev=True)
RANK: Final = priority("low")
NOBODY: Final = 0
NO_UPDATE: Final = "none"  # as ``fixed``: nothing that could be updated, or no version that mends it
RESPONSIBLE: Final = Coalesce("assignee", "asset__owner", Value(NOBODY))
RULE: Final = Case(  # what a finding of no known vulnerability is about
    When(vulnerability__isnull=False, then=Value("")), default=Coalesce(NullIf("rule_id", Value("")), "title")
)
MENDED: Final = Q(component__isnull=False) & ~Q(fixed_version="")
_UPDATED: Final = Case(When(MENDED, then=F("component__name")), default=Value(""))
_FIXED: Final = Case(When(MENDED, then=F("fixed_version")), default=Value(NO_UPDATE))

_LAST: Final = Case(When(fixed=NO_UPDATE, then=Value(1)), default=Value(0))


@dataclass(frozen=True, slots=True)
class GroupWay:
    """One way to group: what it is called, and its columns."""

    label: str
    columns: Mapping[str, Any]
    order: tuple[Any, ...] = ("-peak", "-findings")


WAYS: Final[Mapping[str, GroupWay]] = {
    "flaw": GroupWay("按漏洞", {"flaw": F("vulnerability"), "rule": RULE}),
    "fix": GroupWay("按修复", {"updated": _UPDATED, "fixed": _FIXED}, (_LAST, "-kev", "-findings")),
    "asset": GroupWay("按资产", {"place": F("asset")}),
    "owner": GroupWay("按负责人", {"responsible": RESPONSIBLE}),
}


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One line. ``within``: the conditions of the list that leave its findings; ``kev``: how many of them are of a
    vulnerability in KEV; ``due_at``: of what still needs someone and is due first."""

    within: Mapping[str, str]
    title: str
    about: str
    findings: int
    assets: int
    kev: int
    severity: str
    due_at: datetime | None


def grouped(rows: "QuerySet[Finding]", way: str) -> "QuerySet[Finding, dict[str, Any]]":
    """A row a group, in no order: its columns, ``findings``, ``assets``, ``kev``, ``peak``, ``worst``, ``due``, ``newest``."""
    columns = WAYS[way].columns
    found: QuerySet[Finding, dict[str, Any]] = (
        rows.order_by()
        .annotate(**columns)
        .values(*columns)
        .annotate(
            findings=Count("pk"), assets=Count("asset", distinct=True), kev=Count("pk", filter=Q(priority__gte=KEV)),
            peak=Max("priority"), worst=Max(F("priority") % KEV), due=Min("due_at", filter=Q(active=True)),
            newest=Max("last_seen"), sample=Min("title"),
        )
    )  # fmt: skip
    return found


def views(way: str, cells: Sequence[Mapping[str, Any]]) -> Iterator[FindingGroup]:
    """Of rows of `grouped`; at most one query more."""
    known = _named(way, cells)
    for cell in cells:
        within, title, about = _told(way, cell, known)
        severity = SEVERITIES[-1 - cell["worst"] // RANK]
        yield FindingGroup(
            within, title, about, cell["findings"], cell["assets"], cell["kev"], severity, cell["due"]
        )


_MODELS: Final[Mapping[str, tuple[type[Model], str]]] = {
    "flaw": (Vulnerability, "flaw"), "asset": (Asset, "place"), "owner": (Staff, "responsible"),
}  # fmt: skip


def _named(way: str, cells: Sequence[Mapping[str, Any]]) -> Mapping[int, Any]:
    if way not in _MODELS:
        return {}
    model, column = _MODELS[way]
    return model._default_manager.in_bulk({cell[column] for cell in cells if cell[column]})


def _told(way: str, cell: Mapping[str, Any], known: Mapping[int, Any]) -> tuple[dict[str, str], str, str]:
    if way == "fix":
        if cell["fixed"] == NO_UPDATE:
            return {"fixed": NO_UPDATE}, "还没有能更新到的版本", "没有修复版本，或者不知道是哪个组件"
        within = {"component": cell["updated"], "fixed": cell["fixed"]}
        return within, f"{cell['updated']} → {cell['fixed']}", ""
    if way == "flaw":
        if (flaw := known.get(cell["flaw"])) is None:
            return (
                {"rule": cell["rule"]},
                cell["sample"],
                cell["rule"] if cell["rule"] != cell["sample"] else "",
            )
        return {"cve": flaw.vuln_id}, flaw.vuln_id, flaw.title or cell["sample"]
    if way == "asset":
        row = known[cell["place"]]
        return {"asset": str(row.pk)}, row.name, str(row.get_importance_display() if row.importance else "")
    person = known.get(cell["responsible"])
    return {"owner": str(cell["responsible"])}, person.name if person else "没有负责人", ""
