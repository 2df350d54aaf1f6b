"""Time limits by severity: until when something must be dealt with, what is over its limit, what is close to it.

已超时 and 快超时 are defined here and nowhere else: an alert is over its limit from that moment on, and close to it when
an eighth of the limit of its severity is left. Both are of what is not closed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from django.db.models import Case, DateTimeField, Q, Value, When

from secops_agent.models import Alert, Finding, SlaTarget
from secops_agent.models.choices import AlertStatus, Severity

ALERT_HOURS: dict[str, int | None] = {"critical": 4, "high": 24, "medium": 72, "low": 168, "info": None}
RISK_PART = 8  # what is left when a limit is at risk: half an hour of four
FINDING_DAYS: dict[str, int | None] = {"critical": 7, "high": 30, "medium": 90, "low": 180, "info": None}
UNCLOSED = ~Q(status=AlertStatus.CLOSED)


def overdue(now: datetime) -> Q:
    """The alerts that are over their time limit."""
    return UNCLOSED & Q(due_at__lte=now)


def is_overdue(alert: Alert, now: datetime) -> bool:
    """`overdue`, of one that was read."""
    return alert.due_at is not None and alert.due_at <= now and alert.status != AlertStatus.CLOSED


def findings_overdue(now: datetime) -> Q:
    """The findings that still need someone and are over their time limit."""
    return Q(active=True, due_at__lte=now)


def is_finding_overdue(finding: Finding, now: datetime) -> bool:
    """`findings_overdue`, of one that was read."""
    return finding.active and finding.due_at is not None and finding.due_at <= now


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

    def alert_risk(self, severity: str) -> timedelta:
        """How long before its limit an alert is at risk; nothing without a limit."""
        return timedelta(hours=self._hours.get(severity) or 0) / RISK_PART

    def pressing(self, now: datetime) -> Q:
        """The alerts that are over their limit or close to it."""
        spans = {name: self.alert_risk(name) for name in Severity.values}
        whens = (When(severity=name, then=Value(now + span)) for name, span in spans.items())
        last = now + max(spans.values())  # for an index
        return UNCLOSED & Q(due_at__lte=last) & Q(due_at__lte=Case(*whens, output_field=DateTimeField()))

    def at_risk(self, now: datetime) -> Q:
        """The alerts that are close to their limit and not over it."""
        return Q(due_at__gt=now) & self.pressing(now)

    def is_at_risk(self, alert: Alert, now: datetime) -> bool:
        """`at_risk`, of one that was read."""
        if alert.due_at is None or alert.status == AlertStatus.CLOSED:
            return False
        return now < alert.due_at <= now + self.alert_risk(alert.severity)

    def finding_due(self, severity: str, start: datetime) -> datetime | None:
        """Until when a finding must be mended; None: no limit."""
        days = self._days.get(severity)
        return start + timedelta(days=days) if days else None


Stage = Literal["", "fine", "at_risk", "broken"]


@dataclass(frozen=True)
class RiskClock:
    """One moment, and what time limits mean then. One query, when first asked."""

    now: datetime

    @cached_property
    def _limits(self) -> SlaLimits:
        return SlaLimits()

    @property
    def pressing(self) -> Q:
        """The alerts that are over their limit or close to it."""
        return self._limits.pressing(self.now)

    @property
    def at_risk(self) -> Q:
        """The alerts that are close to their limit and not over it."""
        return self._limits.at_risk(self.now)

    def stage(self, row: Alert) -> Stage:
        """Where an alert stands with its limit."""
        if row.due_at is None or row.status == AlertStatus.CLOSED:
            return ""
        if is_overdue(row, self.now):
            return "broken"
        return "at_risk" if self._limits.is_at_risk(row, self.now) else "fine"


def alert_due(severity: str, start: datetime) -> datetime | None:
    """`Limits.alert_due` with the limits of now."""
    return SlaLimits().alert_due(severity, start)


def finding_due(severity: str, start: datetime) -> datetime | None:
    """`Limits.finding_due` with the limits of now."""
    return SlaLimits().finding_due(severity, start)
