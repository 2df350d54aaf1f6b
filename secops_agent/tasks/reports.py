"""日报, 周报 and 月报 of the period that has just ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.services import reports
from secops_agent.services.schedules.tasks import REPORTS, TaskOrder, TaskResult
from secops_agent.tools.reports import render_report


class ReportWork:
    """The numbers are everybody's: nothing in them is private."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises InvalidInput for an unknown kind."""
        if arguments.get("period") not in REPORTS:
            raise InvalidInput("报告只能是 日报、周报、月报。")

    def run(self, order: TaskOrder) -> TaskResult:
        """As the tool tells it."""
        report = reports.security_report(period_at(str(order.arguments["period"]), order.now), order.now)
        return TaskResult(
            render_report(report), f"{REPORTS[str(order.arguments['period'])]}（{report.label}）"
        )


def period_at(kind: str, now: datetime) -> str:
    """The period that ended last; in the second half of a day, a week, a month the one that goes on."""
    late = {"daily": now.hour >= 12, "weekly": now.weekday() >= 3, "monthly": now.day > 15}[kind]
    running, ended = {
        "daily": ("today", "yesterday"), "weekly": ("this_week", "last_week"), "monthly": ("this_month", "last_month"),
    }[kind]  # fmt: skip
    return running if late else ended


REPORT: Final = ReportWork()
