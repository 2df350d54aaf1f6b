"""Groups of findings: by vulnerability, by the component whose update mends them, by asset, by whoever is responsible.

A group is told by conditions of the list (`FindingFilter`), so that it opens to exactly its findings.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, Count, F, Max, Min, Model, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from bifang.core.database.rows import Among
from secops_agent.models import Asset, Finding, Staff, Vulnerability
from secops_agent.services.records import SEVERITIES
from secops_agent.services.vulnerabilities.comparison.versions import highest
from secops_agent.services.vulnerabilities.priority import priority

KEV: Final = priority("info", kev=True)
RANK: Final = priority("low")
NOBODY: Final = 0
NO_UPDATE: Final = "none"  # as ``fixed``: nothing that could be updated, or no version that mends it …
ANY_UPDATE: Final = "any"  # … and all else
RESPONSIBLE: Final = Coalesce("assignee", "asset__owner", Value(NOBODY))
RULE: Final = Case(  # what a finding of no known vulnerability is about
    When(vulnerability__isnull=False, then=Value("")), default=Coalesce(NullIf("rule_id", Value("")), "title")
)
MENDED: Final = Q(component__isnull=False) & ~Q(fixed_version="")
_UPDATED: Final = Case(When(MENDED, then=F("component__name")), default=Value(""))
_LAST: Final = Case(When(updated="", then=Value(1)), default=Value(0))
_MOST_VERSIONS: Final = 4
_COMPARED: Final = 50  # of one component and line: scanners that name more are not understood


@dataclass(frozen=True, slots=True)
class GroupWay:
    """One way to group: what it is called, and its columns."""

    label: str
    columns: Mapping[str, Any]
    order: tuple[Any, ...] = ("-peak", "-findings")


WAYS: Final[Mapping[str, GroupWay]] = {
    "flaw": GroupWay("按漏洞", {"flaw": F("vulnerability"), "rule": RULE}),
    "fix": GroupWay("按修复", {"updated": _UPDATED}, (_LAST, "-kev", "-findings")),
    "asset": GroupWay("按资产", {"place": F("asset")}),
    "owner": GroupWay("按负责人", {"responsible": RESPONSIBLE}),
}


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One line. ``within``: the conditions of the list that leave its findings; ``kev``: how many of them are of a
    vulnerability in KEV; ``due_at``: of what still needs someone and is due first; ``until``: when the first risk that was
    accepted ends."""

    within: Mapping[str, str]
    title: str
    about: str
    findings: int
    assets: int
    kev: int
    severity: str
    due_at: datetime | None
    until: datetime | None = None


def of(people: Collection[int]) -> Q:
    """What these are responsible for (`RESPONSIBLE`), NOBODY among them for what has no one; asset by asset, which indexes
    answer. One query now."""
    ownerless = Q(owner=None) if NOBODY in people else Q(pk__in=())
    owned = Asset.objects.filter(ownerless | Q(owner__in=people)).values_list("pk", flat=True)
    return Q(assignee__in=people) | Q(Among(owned, "asset_id"), assignee=None)


def grouped(rows: "QuerySet[Finding]", way: str) -> "QuerySet[Finding, dict[str, Any]]":
    """A row a group, in no order: its columns, and what it may be ordered by: ``findings``, ``kev``, ``peak``, ``due``,
    ``until``, ``newest``."""
    columns = WAYS[way].columns
    found: QuerySet[Finding, dict[str, Any]] = (
        rows.order_by()
        .annotate(**columns)
        .values(*columns)
        .annotate(
            findings=Count("pk"), kev=Count("pk", filter=Q(priority__gte=KEV)), peak=Max("priority"),
            due=Min("due_at", filter=Q(active=True)), until=Min("until", filter=Q(active=False)), newest=Max("last_seen"),
        )
    )  # fmt: skip
    return found


def _shown(
    way: str, cells: Sequence[Mapping[str, Any]], rows: "QuerySet[Finding]"
) -> Iterator[Mapping[str, Any]]:
    """The cells with what is only shown, which is dear to count for all groups: ``assets``, ``worst``, ``sample``."""
    columns, within = WAYS[way].columns, Q()
    for name in columns:
        values = {cell[name] for cell in cells}
        within &= Q(**{f"{name}__in": values - {None}}) | Q(
            **{f"{name}__isnull": True} if None in values else {}
        )
    found = rows.order_by().annotate(**columns).filter(within).values(*columns)
    more = {
        tuple(row[name] for name in columns): row
        for row in found.annotate(
            assets=Count("asset", distinct=True), worst=Max(F("priority") % KEV), sample=Min("title")
        )
    }
    for cell in cells:
        if row := more.get(tuple(cell[name] for name in columns)):  # else all of it went meanwhile
            yield {**cell, **row}


def views(way: str, cells: Sequence[Mapping[str, Any]], rows: "QuerySet[Finding]") -> Iterator[FindingGroup]:
    """Of rows of `grouped`, which were made of these findings; at most two queries more."""
    cells = list(_shown(way, cells, rows)) if cells else []
    known = _updates(cells, rows) if way == "fix" else _named(way, cells)
    for cell in cells:
        within, title, about = _told(way, cell, known)
        severity = SEVERITIES[-1 - cell["worst"] // RANK]
        yield FindingGroup(
            within,
            title,
            about,
            cell["findings"],
            cell["assets"],
            cell["kev"],
            severity,
            cell["due"],
            cell["until"],
        )


_MODELS: Final[Mapping[str, tuple[type[Model], str]]] = {
    "flaw": (Vulnerability, "flaw"), "asset": (Asset, "place"), "owner": (Staff, "responsible"),
}  # fmt: skip


def _updates(cells: Sequence[Mapping[str, Any]], rows: "QuerySet[Finding]") -> Mapping[str, str]:
    """By component, the versions that mend all of its findings: the last of each system and line of versions."""
    names = [cell["updated"] for cell in cells if cell["updated"]]
    found = rows.order_by().filter(MENDED, component__name__in=names)
    said = ("component__name", "component__ecosystem", "component__distro", "fixed_version")
    lines: dict[tuple[str, ...], list[str]] = {}
    for *where, version in found.values_list(*said).distinct():
        lines.setdefault((*where, version.partition(".")[0]), []).append(version)
    targets: dict[str, dict[str, None]] = {name: {} for name in names}
    for (name, scheme, *_), versions in sorted(lines.items()):
        last = highest(scheme, versions) if len(versions) <= _COMPARED else ""
        targets[name] |= dict.fromkeys([last] if last else sorted(versions))
    return {name: _listed(list(each)) for name, each in targets.items()}


def _listed(versions: Sequence[str]) -> str:
    more = len(versions) - _MOST_VERSIONS
    return "、".join(versions[:_MOST_VERSIONS]) + (f" 等 {len(versions)} 个版本" if more > 0 else "")


def _named(way: str, cells: Sequence[Mapping[str, Any]]) -> Mapping[int, Any]:
    model, column = _MODELS[way]
    return model._default_manager.in_bulk({cell[column] for cell in cells if cell[column]})


def _told(way: str, cell: Mapping[str, Any], known: Mapping[Any, Any]) -> tuple[dict[str, str], str, str]:
    if way == "fix":
        if not (name := cell["updated"]):
            return {"fixed": NO_UPDATE}, "还没有能更新到的版本", "没有修复版本，或者不知道是哪个组件"
        return {"component": name, "fixed": ANY_UPDATE}, f"{name} → {known[name]}", ""
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
