"""Metrics: figures about alerts, findings, scheduled tasks and feeds for Prometheus, the same as page and chat show."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import F
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.core.database.retention import retention_state
from secops_agent.models import Alert, AlertMessage, Finding, ScheduledTask
from secops_agent.models.automation.proposal import Proposal, ProposalState
from secops_agent.services.alerts import backlog
from secops_agent.services.alerts.queries import words
from secops_agent.services.schedules.feeds import feed_statuses
from secops_agent.services.sla import SlaLimits, findings_overdue, overdue

MOST_COUNTED: Final = 10_000
LATE: Final = timedelta(minutes=2)


def collect_alerts() -> Iterable[Metric]:
    """How many are not closed, by severity; over their time limit, close to it; findings over theirs."""
    now = timezone.now()
    unclosed = GaugeMetricFamily("bifang_alerts_unclosed", "Alerts that are not closed.", labels=["severity"])
    for level in backlog.levels():
        unclosed.add_metric([level.severity], level.total)
    late, soon = Alert.objects.filter(overdue(now)), Alert.objects.filter(SlaLimits().at_risk(now))
    findings = Finding.objects.filter(findings_overdue(now))
    yield from (
        unclosed,
        GaugeMetricFamily("bifang_alerts_overdue", "Unclosed alerts over their time limit.", value=late.count()),
        GaugeMetricFamily("bifang_alerts_at_risk", "Unclosed alerts with an eighth of their limit left.", value=soon.count()),
        GaugeMetricFamily("bifang_findings_overdue", "Open findings over their time limit.", value=findings.count()),
    )  # fmt: skip


def collect_people() -> Iterable[Metric]:
    """What waits for a decision; messages about alerts that should have gone out; records that should have been deleted."""
    waiting, due = (
        Proposal.objects.filter(state=ProposalState.PROPOSED),
        AlertMessage.objects.filter(wanted__gt=F("shown")),
    )
    late = due.filter(due_at__lt=timezone.now() - LATE)
    overdue_records = GaugeMetricFamily(
        "bifang_retention_late_seconds",
        "Age of the oldest record that should be gone; 0 if none.",
        labels=["records"],
    )
    for each in retention_state():
        overdue_records.add_metric([each.label], _seconds_since(each.late_since))
    yield from (
        GaugeMetricFamily(
            "bifang_approvals_waiting", "Proposals that wait for a decision.", value=waiting.count()
        ),
        GaugeMetricFamily(
            "bifang_notifications_late",
            f"Messages about alerts that are due for more than {LATE.seconds} seconds, counted up to {MOST_COUNTED}.",
            value=late.order_by()[:MOST_COUNTED].count(),
        ),
        overdue_records,
    )


def _seconds_since(at: date | None) -> float:
    """0 for never. A day counts from its beginning."""
    if at is None:
        return 0.0
    moment = at if isinstance(at, datetime) else timezone.make_aware(datetime(at.year, at.month, at.day))  # noqa: DTZ001 - made aware
    return max((timezone.now() - moment).total_seconds(), 0.0)


def collect_index() -> Iterable[Metric]:
    """How far the keyword index is behind."""
    yield GaugeMetricFamily(
        "bifang_keyword_index_behind_alerts",
        f"Alerts that are not in the keyword index yet, counted up to {MOST_COUNTED}.",
        value=words.unindexed(MOST_COUNTED),
    )


def collect_tasks() -> Iterable[Metric]:
    """The age of each feed that was ever fetched, and how many tasks are in trouble."""
    now = timezone.now()
    ages = GaugeMetricFamily(
        "bifang_feed_age_seconds",
        "Time since a feed of vulnerability intelligence was known to be the newest.",
        labels=["feed"],
    )
    for status in feed_statuses():
        if (age := status.age(now)) is not None:
            ages.add_metric([status.name], age.total_seconds())
    failing = ScheduledTask.objects.filter(enabled=True).exclude(last_error="").count()
    yield from (
        ages,
        GaugeMetricFamily(
            "bifang_scheduled_tasks_failing",
            "Scheduled tasks whose last run failed or could not be told.",
            value=failing,
        ),
    )
