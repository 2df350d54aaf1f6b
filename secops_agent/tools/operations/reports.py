"""security_report: 日报, 周报, 月报. Every number comes from the database."""

from typing import Any, Final, Literal

from pydantic import TypeAdapter

from secops_agent.services.reports import archive
from secops_agent.services.reports.figures import Figures
from secops_agent.services.reports.files import FORMATS, brief, report_file, text
from secops_agent.services.reports.outline import document
from secops_agent.services.reports.periods import DATES, PERIODS
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.markdown import moment

FILES: Final = {"": "不要文件", "any": "任意格式", **{name: each.label for name, each in FORMATS.items()}}
_JSON: Final = TypeAdapter(Figures)


class ReportPeriod(Arguments):
    """Arguments of security_report."""

    period: Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"] = argument(
        "哪一段时间", labels=PERIODS, default="today"
    )
    date: str = argument(f"不是上面几段时，某一天、一周或一个月的：{DATES}", default="", max_length=10)
    file: Literal["", "any", "pdf", "png", "markdown", "csv"] = argument(
        "同时作为文件发送，只在提问者要文件时填写", labels=FILES, default=""
    )
    brief: bool = argument("只要三句结论：概括、给老板讲讲", default=False)


def security_report(asker: Asker, given: ReportPeriod) -> ToolResult:
    """The numbers of one period; "ok" even when nothing happened, for that is the news."""
    report = archive.look(given.date or given.period, asker.now)
    start, end = moment(report.period.start), moment(report.period.end)
    shown = document(report)
    file = report_file(shown, given.file) if given.file else None
    data: dict[str, Any] = _JSON.dump_python(report.figures, mode="json")
    said = f"文件「{file.name}」随后发出。\n\n" if file else ""
    return ToolResult(
        "ok",
        f"时间={given.date or PERIODS[given.period]}（{start} 至 {end}）",
        said + (brief(shown) if given.brief else text(shown)[1]),
        data,
        file=file,
    )


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "security_report",
        "生成安全报告",
        "日报、周报、月报：告警、处置用时、漏洞和资产的数字，与上一期比较（▲▼）。照原样引用其中的数字，不要自己计算。",
        ReportPeriod,
        security_report,
        slow=True,
    ),
)
