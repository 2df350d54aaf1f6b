"""日报, 周报 and 月报: made, kept, and told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.services.reports import archive
from secops_agent.services.reports.files import report_file, text
from secops_agent.services.reports.outline import document
from secops_agent.services.schedules.tasks import REPORTS, TaskOrder, TaskResult


class ReportWork:
    """The numbers are everybody's: nothing in them is private."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises InvalidInput for an unknown kind."""
        if arguments.get("period") not in REPORTS:
            raise InvalidInput("报告只能是 日报、周报、月报。")

    def run(self, order: TaskOrder) -> TaskResult:
        """The report stays on its page with the same numbers."""
        report = archive.make(period_at(str(order.arguments["period"]), order.now), order.now)
        shown = document(report)
        file = report_file(shown, order.attachment) if order.attachment else None
        return TaskResult(text(shown)[1], report.period.title, file)


def period_at(kind: str, now: datetime) -> str:
    """The period that ended last; in the second half of a day, a week, a month the one that goes on."""
    late = {"daily": now.hour >= 12, "weekly": now.weekday() >= 3, "monthly": now.day > 15}[kind]
    running, ended = {
        "daily": ("today", "yesterday"), "weekly": ("this_week", "last_week"), "monthly": ("this_month", "last_month"),
    }[kind]  # fmt: skip
    return running if late else ended


REPORT: Final = ReportWork()
