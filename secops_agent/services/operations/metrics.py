"""What alerts and findings tell Prometheus: the same numbers as page, chat and report."""

from collections.abc import Iterable

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from secops_agent.models import Alert, Finding
from secops_agent.services.alerts import backlog
from secops_agent.services.sla import SlaLimits, findings_overdue, overdue


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
