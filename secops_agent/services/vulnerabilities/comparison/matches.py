"""Findings of our own matching, as they are stored."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from django.utils import timezone

from bifang.core.database.rows import update_rows
from secops_agent.models import Component, Finding, History, Vulnerability
from secops_agent.models.choices import FindingKind, FindingState
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.reading import rows_by
from secops_agent.services.records.identity import digest
from secops_agent.services.sla import SlaLimits
from secops_agent.services.vulnerabilities.openvex import statements
from secops_agent.services.vulnerabilities.priority import priority
from secops_agent.services.vulnerabilities.states import is_active
from secops_agent.services.writing import Pace, import_transaction

SOURCE = "bifang"
_PIECE = 400


class Matched(Protocol):
    """What `services.matching` answers."""

    @property
    def vulnerability_id(self) -> int: ...
    @property
    def component_id(self) -> int: ...
    @property
    def asset_id(self) -> int: ...
    @property
    def answer(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def fixed_version(self) -> str: ...


def write(actor: Actor, found: Iterable[Matched], scope: Mapping[str, Collection[int]] | None) -> int:
    """New, back and gone findings for the matches of a scope (field → ids; None: all). Returns the new ones."""
    affected = {
        (each.vulnerability_id, each.component_id): each for each in found if each.answer == "affected"
    }
    known = {(row.vulnerability_id, row.component_id): row for row in _own(scope)}
    fresh = [each for pair, each in affected.items() if pair not in known]
    back = [row for pair, row in known.items() if pair in affected and row.state == FindingState.GONE]
    gone = [row for pair, row in known.items() if pair not in affected and row.state != FindingState.GONE]
    now, limits = timezone.now(), SlaLimits()
    added = 0
    for piece in Pace().chunks(fresh):
        with import_transaction():
            added += _create(piece, now, limits)
    statements.apply(actor, {vulnerability_id for vulnerability_id, _ in affected})
    for rows, state in ((back, FindingState.BACK), (gone, FindingState.GONE)):
        for part in Pace().chunks(rows):
            with import_transaction():
                _turn(part, state, actor, now)
    return added


def _own(scope: Mapping[str, Collection[int]] | None) -> Iterator[Finding]:
    """Our own findings of the scope; by asset or vulnerability index."""
    rows = Finding.objects.filter(source=SOURCE)
    if scope is None:
        yield from rows.iterator(2000)
        return
    for name, ids in scope.items():
        ordered = sorted(ids)
        for start in range(0, len(ordered), _PIECE):
            yield from rows.filter(**{f"{name}__in": ordered[start : start + _PIECE]})


def _create(piece: list[Matched], now: datetime, limits: SlaLimits) -> int:
    vulnerabilities = Vulnerability.objects.in_bulk({each.vulnerability_id for each in piece})
    components = Component.objects.in_bulk({each.component_id for each in piece})
    known = set(
        Finding.objects.filter(
            source=SOURCE, vulnerability_id__in=list(vulnerabilities), component_id__in=list(components)
        ).values_list("vulnerability_id", "component_id")
    )
    taken = set(
        Finding.objects.filter(vulnerability_id__in=list(vulnerabilities), active=True)
        .exclude(source=SOURCE)
        .values_list("vulnerability_id", "asset_id", "component__package")
    )
    rows = []
    for each in piece:
        flaw, component = vulnerabilities.get(each.vulnerability_id), components.get(each.component_id)
        if flaw is None or component is None or (flaw.pk, component.pk) in known:
            continue  # merged into another one, or found by another comparison, since it was read
        if (flaw.pk, component.asset_id, component.package) not in taken:
            rows.append(_begin(each, flaw, component, now, limits))
    Finding.objects.bulk_create(rows)
    return len(rows)


def _begin(
    each: Matched, flaw: Vulnerability, component: Component, now: datetime, limits: SlaLimits
) -> Finding:
    return Finding(
        identity=digest(SOURCE, flaw.pk, component.pk),
        kind=FindingKind.VULNERABILITY,
        source=SOURCE,
        asset_id=component.asset_id,
        component=component,
        vulnerability=flaw,
        rule_id=flaw.vuln_id,
        title=f"{flaw.vuln_id}：{component.name} {component.version}"[:500],
        description=flaw.title,
        severity=flaw.severity,
        fixed_version=each.fixed_version[:500],
        evidence=each.reason,
        priority=priority(flaw.severity, kev=flaw.kev, epss=flaw.epss),
        first_seen=now,
        last_seen=now,
        due_at=limits.finding_due(flaw.severity, now),
    )


def _turn(found: list[Finding], state: FindingState, actor: Actor, now: datetime) -> None:
    """Those that are not so already: others compare as well."""
    current = rows_by(Finding, "id", [row.pk for row in found], lock=True)
    rows = [row for row in current if (row.state == FindingState.GONE) != (state == FindingState.GONE)]
    told = [history.entry("finding", row.pk, actor, "match", {"state": (row.state, state)}) for row in rows]
    for row in rows:
        row.state, row.gone_at = state, now if state == FindingState.GONE else None
        row.active = is_active(row)
        row.last_seen = row.last_seen if state == FindingState.GONE else now
    update_rows(Finding, ["state", "gone_at", "active", "last_seen"], rows)
    History.objects.bulk_create(told)
