"""Alerts as a table for a spreadsheet: the same columns wherever one is taken away."""

from collections.abc import Iterable, Iterator
from typing import Final

from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services.alerts.views import AlertSummary
from secops_agent.services.clock import exact

HEADS: Final = ("编号", "标题", "级别", "状态", "结论", "来源", "规则", "资产", "处理人", "首次发生", "最近发生", "次数")  # fmt: skip


def rows_of(alerts: Iterable[AlertSummary]) -> Iterator[tuple[object, ...]]:
    """A row each, in their order."""
    return (
        (
            f"A{each.id}", each.title, Severity(each.severity).label, AlertStatus(each.status).label,
            Verdict(each.verdict).label if each.verdict else "", each.source, each.rule_name,
            "、".join(asset.name for asset in each.assets), each.assignee, exact(each.first_seen),
            exact(each.last_seen), each.count,
        )
        for each in alerts
    )  # fmt: skip
