"""Search for cases: lists by filters and words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case as Choose
from django.db.models import IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from bifang.channels.text.visible import visible
from secops_agent.models import Alert, Case, CaseStatus
from secops_agent.models.choices import Severity
from secops_agent.services.audit.history import untouched
from secops_agent.services.cases.views import CaseSummary, summaries
from secops_agent.services.pages import Page, cut, order_of
from secops_agent.services.vulnerabilities.priority import rank

ORDERS = {"-id": ("-id",), "id": ("id",)}
GOING_ON = (CaseStatus.NEW, CaseStatus.WORKING, CaseStatus.CONTAINED)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Empty values do not filter. ``since`` (inclusive) and ``until`` (exclusive): of its opening; ``idle_since``: opened by then, and
    nobody has done anything about it since. ``keyword``: part of the title, or a number ("E12"); for who may read private
    parts (``private``) of the summary too."""

    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    owner_ids: tuple[int, ...] = ()
    unowned: bool = False
    keyword: str = ""
    since: datetime | None = None
    until: datetime | None = None
    idle_since: datetime | None = None
    private: bool = False
    order: str = "-id"
    limit: int = 20
    cursor: str = ""


def search(wanted: CaseFilter) -> Page[CaseSummary]:
    """Newest first. Raises InvalidInput."""
    rows = matching(wanted).select_related("owner")
    return cut(rows, order_of(wanted.order, ORDERS), wanted.limit, wanted.cursor, summaries)


def matching(wanted: CaseFilter) -> "QuerySet[Case]":
    """The rows, in no order."""
    conditions = {"status__in": wanted.statuses, "owner_id__in": wanted.owner_ids}
    rows = Case.objects.filter(**{name: value for name, value in conditions.items() if value})
    if wanted.unowned:
        rows = rows.filter(owner=None)
    rows = rows.filter(created_at__gte=wanted.since) if wanted.since else rows
    rows = rows.filter(created_at__lt=wanted.until) if wanted.until else rows
    if wanted.idle_since:
        rows = rows.filter(untouched("case", wanted.idle_since), created_at__lte=wanted.idle_since)
    if wanted.severities:
        rows = _as_grave(rows, wanted.severities)
    keyword = visible(wanted.keyword).strip()
    return rows.filter(_about(keyword, private=wanted.private)) if keyword else rows


def _as_grave(rows: "QuerySet[Case]", severities: Sequence[str]) -> "QuerySet[Case]":
    ranks = (When(severity=each, then=Value(rank(each))) for each in Severity.values)
    gravest = Alert.objects.filter(case=OuterRef("pk")).order_by(
        Choose(*ranks, output_field=IntegerField()).desc(), "pk"
    )
    mine = rows.alias(gravest=Subquery(gravest.values("severity")[:1]))
    return mine.filter(Q(severity__in=severities) | Q(severity="", gravest__in=severities))


def _about(keyword: str, *, private: bool) -> Q:
    number = keyword.lstrip("#").lstrip("Ee")
    named = Q(pk=int(number)) if number.isdecimal() and len(number) < 16 else Q()
    titled = named | Q(title__icontains=keyword)
    return titled | Q(summary__icontains=keyword) if private else titled
