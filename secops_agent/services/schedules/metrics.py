"""What scheduled tasks and feeds tell Prometheus."""

from collections.abc import Iterable

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from secops_agent.models import ScheduledTask
from secops_agent.services.schedules.feeds import feed_statuses


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
