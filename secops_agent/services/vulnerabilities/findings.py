"""Findings: lists, one finding, and what people decide about them."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Finding, VulnerabilityAlias
from secops_agent.models.choices import FindingDecision
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.assets.inventory import AssetFilter
from secops_agent.services.audit import history
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page, cut, order_of
from secops_agent.services.privacy import public
from secops_agent.services.sla import findings_overdue
from secops_agent.services.vulnerabilities import groups
from secops_agent.services.vulnerabilities.openvex import statements
from secops_agent.services.vulnerabilities.resolutions import USUAL, Resolution, end_of, settle
from secops_agent.services.vulnerabilities.views import FindingDetail, FindingSummary, finding_summaries

__all__ = [
    "FindingDetail",
    "FindingFilter",
    "FindingSummary",
    "comment",
    "decide",
    "get",
    "matching",
    "search",
]
# Both directions of the one index.
ORDERS = {"-priority": ("-priority", "-id"), "priority": ("priority", "id")}
_WITH = ("asset__owner", "component", "vulnerability", "assignee")
VULNERABILITY_ID: Final = re.compile(r"(?:CVE|CNVD|CNNVD|GHSA)-[0-9A-Za-z-]{6,30}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Empty values do not filter, except that without ``states`` and ``decision`` only open ones are shown.

    ``owner_id``: of who works on it, else of who looks after its asset; 0: nobody. ``rule``, ``component`` with ``fixed``:
    as `groups` tells a group. ``keyword``: the number of a known vulnerability finds its findings whatever they are called.
    ``score``: of CVSS, no less; ``found_before``: first seen by then. ``sources``: any of these, in any case; ``ids`` and ``decided``: these, and what somebody decided, whether open or not.
    """

    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    asset: str = ""
    asset_id: int | None = None
    owner_id: int | None = None
    vulnerability: str = ""
    rule: str = ""
    component: str = ""
    fixed: str = ""
    kev_only: bool = False
    fix_available: bool | None = None
    decision: str | None = None
    source: str = ""
    keyword: str = ""
    overdue: bool = False
    ids: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    due_before: datetime | None = None
    found_before: datetime | None = None
    score: float | None = None
    on: AssetFilter | None = None
    decided: bool = False
    order: str = "-priority"
    limit: int = 20
    cursor: str = ""


def search(wanted: FindingFilter) -> Page[FindingSummary]:
    """Exploited ones first, then by severity and EPSS. Raises InvalidInput, NotFound for an unknown asset."""
    rows = matching(wanted)
    shown = rows.select_related(*_WITH)
    return cut(
        shown, order_of(wanted.order, ORDERS), wanted.limit, wanted.cursor, finding_summaries, count=rows
    )


def matching(wanted: FindingFilter) -> QuerySet[Finding]:
    """Every one, in no order. Raises NotFound for an unknown asset."""
    conditions: dict[str, Any] = {
        "kind__in": wanted.kinds,
        "severity__in": wanted.severities,
        "state__in": wanted.states,
        "source": wanted.source,
        "component__name": wanted.component,
        "vulnerability__kev": wanted.kev_only,
        "pk__in": wanted.ids,
        "vulnerability__score__gte": wanted.score,
        "first_seen__lte": wanted.found_before,
    }
    rows = Finding.objects.filter(**{name: value for name, value in conditions.items() if value})
    if wanted.decision is not None:
        rows = rows.filter(decision=wanted.decision)
    elif wanted.decided:
        rows = rows.exclude(decision="")
    elif not (wanted.states or wanted.ids):
        rows = rows.filter(active=True)
    if wanted.sources:
        rows = rows.filter(reduce(or_, (Q(source__iexact=one) for one in wanted.sources)))
    if wanted.due_before:
        rows = rows.filter(due_at__lte=wanted.due_before)
    if wanted.overdue:
        rows = rows.filter(findings_overdue(timezone.now()))
    if wanted.fix_available is not None:
        rows = rows.exclude(fixed_version="") if wanted.fix_available else rows.filter(fixed_version="")
    return _about(rows, wanted)


def _about(rows: QuerySet[Finding], wanted: FindingFilter) -> QuerySet[Finding]:
    if wanted.asset_id or wanted.asset.strip():
        rows = rows.filter(
            asset_id__in=[wanted.asset_id] if wanted.asset_id else inventory.meant(wanted.asset)
        )
    if wanted.on:
        rows = rows.filter(asset_id__in=inventory.matching(wanted.on).values("pk"))
    if wanted.vulnerability:
        rows = rows.filter(vulnerability_id__in=_named(wanted.vulnerability))
    if wanted.owner_id is not None:
        rows = rows.filter(groups.of([wanted.owner_id]))
    if wanted.rule:
        rows = rows.alias(about=groups.RULE).filter(vulnerability=None, about=wanted.rule)
    if wanted.fixed:
        known = {groups.NO_UPDATE: ~groups.MENDED, groups.ANY_UPDATE: groups.MENDED}
        rows = rows.filter(known.get(wanted.fixed, Q(fixed_version=wanted.fixed)))
    keyword = wanted.keyword.strip()
    if VULNERABILITY_ID.fullmatch(keyword) and (flaws := list(_named(keyword))):
        rows = rows.filter(vulnerability_id__in=flaws)
    elif keyword:
        named = Q(title__icontains=keyword) | Q(rule_id__icontains=keyword) | Q(location__icontains=keyword)
        rows = rows.filter(named | Q(component__name__icontains=keyword))
    return rows


def _named(name: str) -> QuerySet[VulnerabilityAlias, int]:
    """The ids of the vulnerabilities of that name, in any case."""
    return VulnerabilityAlias.objects.filter(alias=name.strip().upper()).values_list(
        "vulnerability_id", flat=True
    )


def get(finding_id: int, *, private: bool = False) -> FindingDetail:
    """Everything about one finding; ``private``: who reads it may read private parts (`privacy`). Raises NotFound."""
    row = _read(finding_id)
    detail = FindingDetail(
        summary=finding_summaries([row])[0],
        description=row.description,
        location=row.location,
        remediation=row.remediation,
        references=tuple(row.references),
        suppressed=row.suppressed,
        gone_at=row.gone_at,
        evidence=row.evidence,
        statements=statements.about_finding(row),
        history=history.entries("finding", finding_id),
    )
    return detail if private else public(detail)


def _read(finding_id: int) -> Finding:
    row = Finding.objects.select_related(*_WITH).filter(pk=finding_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {finding_id} 的发现。")
    return row


def decide(
    finding_id: int,
    decision: str,
    actor: Actor,
    note: str = "",
    *,
    until: datetime | None = None,
    justification: str = "",
) -> FindingSummary:
    """Set or withdraw ("") a person's decision; imports keep it. A risk is accepted for `USUAL` if nothing is said.
    Raises InvalidInput, NotFound, Conflict."""
    if until is None and decision == FindingDecision.ACCEPTED:
        until = end_of(timezone.localdate() + USUAL)
    settle(finding_id, Resolution(decision, note, until, justification), actor)
    return finding_summaries([_read(finding_id)])[0]


def comment(finding_id: int, actor: Actor, note: str) -> FindingSummary:
    """Only a note in the history. Raises NotFound, InvalidInput."""
    if not note.strip():
        raise InvalidInput("备注不能为空。")
    row = _read(finding_id)
    with transaction.atomic():
        history.record("finding", finding_id, actor, "comment", {}, note)
    return finding_summaries([row])[0]
