"""export_alerts, export_case: alerts as a table, a case as a report; the file goes out beside the answer."""

from dataclasses import replace
from typing import Final

from bifang.channels.ports import FileToSend
from bifang.core.spreadsheets import csv_text
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.table import HEADS, rows_of
from secops_agent.services.links import named
from secops_agent.services.pages import LIMIT
from secops_agent.services.privacy import mask_alerts
from secops_agent.services.reports.files import as_markdown
from secops_agent.services.reports.incidents import incident_report
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.incidents.alert_filters import AlertConditions, read
from secops_agent.tools.incidents.alert_lists import with_asset
from secops_agent.tools.markdown import foot

MOST: Final = LIMIT


class ExportAlerts(AlertConditions):
    """Arguments of export_alerts: those of list_alerts."""


class ExportCase(Arguments):
    """Arguments of export_case."""

    case_id: int = argument("事件编号", minimum=1, maximum=2**62)


def export_alerts(asker: Asker, given: ExportAlerts) -> ToolResult:
    """The gravest first; private parts are left out as in a list."""
    asked = read(asker, given, usual="unclosed")
    query = asked.query()
    found = triage.search(replace(with_asset(asked.filter), order="urgent", limit=MOST))
    if not found.items:
        return ToolResult(
            "no_data", query, "\n".join(["没有符合全部条件的告警，没有导出文件。", *foot(query)])
        )
    table = csv_text(HEADS, rows_of(found.items))
    if asker.hides_private:
        table = mask_alerts(table, [each.id for each in found.items])
    file = FileToSend(f"告警 {asker.now:%m-%d %H%M}.csv", table.encode())
    told = f"{len(found.items)} 条告警的表「{file.name}」随后发出" + (
        f"（共 {found.total_text} 条，只导出前 {MOST} 条）" if len(found.items) == MOST else ""
    )
    return ToolResult("ok", query, "\n".join([f"**{told}**", *foot(query)]), file=file)


def export_case(asker: Asker, given: ExportCase) -> ToolResult:
    """Without accounts and numbers of people, for readers outside. Raises NotFound."""
    report = incident_report(given.case_id)
    file = FileToSend(f"事件 E{given.case_id} 报告.md", as_markdown(report).encode())
    page = named("事件页", f"/cases/{given.case_id}/report/")
    text = f"**「{file.name}」随后发出**\n\n要 PDF 或打印，在{page}点「报告」。"
    return ToolResult("ok", f"事件=E{given.case_id}", text, file=file)


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading("export_alerts", "导出告警", "把符合条件的告警作为表格文件发出，只在提问者要文件、要导出时调用。", ExportAlerts, export_alerts, slow=True),
    reading("export_case", "导出事件报告", "把一个事件的报告作为文件发出，只在提问者要时调用。", ExportCase, export_case, slow=True),
)  # fmt: skip
