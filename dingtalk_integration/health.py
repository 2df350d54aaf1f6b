"""DingTalk's service, its health checks and metrics; what every channel has is in `connection_health`."""

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.workers.connection_health import WorkerService
from bifang.core.monitoring.health import HealthCheck
from dingtalk_integration.models import Purpose
from dingtalk_integration.quotas import quota
from secops_agent.services.notifications.delivery import digests

SERVICE: Final = WorkerService(
    kind="dingtalk",
    title="钉钉",
    label=" Stream 推送服务",
    program="start_dingtalk_stream",
    check="check_dingtalk_stream",
    switch="use_stream_push",
    switch_label="使用流式推送",
    unconnected="未使用流式推送，正在等待钉钉回调（如需 Stream，请开启）",
    credentials="Client ID 和 Client Secret",
    packages=("dingtalk_stream",),
)


def check_quota() -> str:
    """This month's calls. Scarcity is told, not failed: no other machine could do better."""
    found = [one.describe() for one in quota.quota_usage() if one.total or one.refused_at]
    return "；".join(found) or "本月还没有调用"


QUOTA_CHECK: Final = HealthCheck(
    "dingtalk_quota", "钉钉接口用量", check_quota, needs=("migrations",),
    remedy="钉钉接口用量读不到：请在服务器上执行 python manage.py healthcheck 查看原因。",
)  # fmt: skip


def collect_quotas() -> Iterable[Metric]:
    """How far the quotas of each organisation are used, and what was held back because of it."""
    used = GaugeMetricFamily(
        "bifang_dingtalk_quota_used",
        "Used of a monthly quota, by purpose.",
        labels=["corp", "ledger", "purpose"],
    )
    limit = GaugeMetricFamily(
        "bifang_dingtalk_quota_limit", "The monthly quota; 0 without a limit.", labels=["corp", "ledger"]
    )
    percent = GaugeMetricFamily(
        "bifang_dingtalk_quota_percent",
        "Per cent of the monthly quota that are used; 100 when DingTalk refuses.",
        labels=["corp", "ledger"],
    )
    for one in quota.quota_usage():
        limit.add_metric([one.corp_id, one.ledger], one.limit)
        percent.add_metric([one.corp_id, one.ledger], one.percent)
        for purpose in Purpose:
            used.add_metric([one.corp_id, one.ledger, purpose], one.used.get(purpose, 0))
    held = GaugeMetricFamily(
        "bifang_notifications_held", "Messages about alerts that wait for a digest because of the quota.",
        value=digests.waiting(),
    )  # fmt: skip
    yield from (used, limit, percent, held)
