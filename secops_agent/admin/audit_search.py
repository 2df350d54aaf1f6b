"""How audit records are found: words anywhere in the newest ones, days, and what is asked for exactly."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.contrib.filters.admin import RangeDateFilter

from secops_agent.models import AuditRecord

REACH: Final = 200_000  # records; further back with a range of days
LONGEST: Final = 100
LONGEST_ID: Final = 18


class DaysFilter(RangeDateFilter):  # type: ignore[misc]  # unfold has no types
    """From a day to a day, both included, in local time."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        """What is no date narrows nothing."""
        start, end = (self._day(side) for side in ("from", "to"))
        rows = queryset.filter(at__gte=_midnight(start)) if start else queryset
        return rows.filter(at__lt=_midnight(end + timedelta(days=1))) if end else rows

    def _day(self, side: str) -> date | None:
        try:
            return parse_date(str(self.used_parameters.get(f"{self.parameter_name}_{side}") or ""))
        except ValueError:
            return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def search(rows: QuerySet[AuditRecord], term: str, given: Any, *, text: bool) -> QuerySet[AuditRecord]:
    """Records with `term` in what, who or about what; with ``text`` also in what was written."""
    words = term.strip()[:LONGEST]
    if not words:
        return rows
    exact = Q(subject=words) | Q(conversation_id=words)
    exact |= (
        Q(inbox_id=int(words)) if words.isascii() and words.isdecimal() and len(words) <= LONGEST_ID else Q()
    )
    anywhere = Q(what__icontains=words) | Q(actor_name__icontains=words) | Q(subject__startswith=words)
    anywhere |= Q(text__icontains=words) if text else Q()
    if not (given.get("at_from") or given.get("at_to")):
        newest = AuditRecord.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        anywhere &= Q(pk__gt=newest - REACH)
    return rows.filter(exact | anywhere)
