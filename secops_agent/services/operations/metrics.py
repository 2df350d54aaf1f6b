"""Metrics: figures about alerts, findings, scheduled tasks and feeds for Prometheus, the same as page and chat show."""

from collections.abc import Iterable
from typing import Final

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from secops_agent.models import Alert, Finding, ScheduledTask
from secops_agent.services.alerts import backlog
from secops_agent.services.alerts.queries import words
from secops_agent.services.schedules.feeds import feed_statuses
from secops_agent.services.sla import SlaLimits, findings_overdue, overdue

MOST_COUNTED: Final = 10_000


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
