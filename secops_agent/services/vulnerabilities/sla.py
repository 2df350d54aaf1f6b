"""Until when something must be dealt with, by severity."""

from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Case, DateTimeField, Q, Value, When

from secops_agent.models import SlaTarget
from secops_agent.models.choices import Severity

ALERT_HOURS: dict[str, int | None] = {"critical": 4, "high": 24, "medium": 72, "low": 168, "info": None}
RISK_PART = 8  # what is left when a limit is at risk: half an hour of four
FINDING_DAYS: dict[str, int | None] = {"critical": 7, "high": 30, "medium": 90, "low": 180, "info": None}


class SlaLimits:
    """The limits at one moment: the table's, or the defaults for what it does not list. One query, when first asked."""

    @cached_property
    def _listed(self) -> list[tuple[str, int | None, int | None]]:
        return list(SlaTarget.objects.values_list("severity", "alert_hours", "finding_days"))

    @cached_property
    def _hours(self) -> dict[str, int | None]:
        return ALERT_HOURS | {severity: hours for severity, hours, _ in self._listed}

    @cached_property
    def _days(self) -> dict[str, int | None]:
        return FINDING_DAYS | {severity: days for severity, _, days in self._listed}

    def of(self, severity: str) -> tuple[int | None, int | None]:
        """(hours for an alert, days for a finding); None: no limit."""
        return self._hours.get(severity), self._days.get(severity)

    def alert_due(self, severity: str, start: datetime) -> datetime | None:
        """Until when an alert must be closed; None: no limit."""
        hours = self._hours.get(severity)
        return start + timedelta(hours=hours) if hours else None

    def alert_risk(self, severity: str) -> timedelta | None:
        """How long before its limit an alert is at risk; None: no limit."""
        hours = self._hours.get(severity)
        return timedelta(hours=hours) / RISK_PART if hours else None

    def at_risk(self, now: datetime) -> Q:
        """The alerts, among those that go on, that are close to their limit and not over it."""
        spans = {name: self.alert_risk(name) or timedelta(0) for name in Severity.values}
        whens = (When(severity=name, then=Value(now + span)) for name, span in spans.items())
        last = now + max(spans.values())  # for an index
        return Q(due_at__gt=now, due_at__lte=last) & Q(due_at__lte=Case(*whens, output_field=DateTimeField()))

    def finding_due(self, severity: str, start: datetime) -> datetime | None:
        """Until when a finding must be mended; None: no limit."""
        days = self._days.get(severity)
        return start + timedelta(days=days) if days else None


def alert_due(severity: str, start: datetime) -> datetime | None:
    """`Limits.alert_due` with the limits of now."""
    return SlaLimits().alert_due(severity, start)


def finding_due(severity: str, start: datetime) -> datetime | None:
    """`Limits.finding_due` with the limits of now."""
    return SlaLimits().finding_due(severity, start)
