"""Texts of a report: one DingTalk message, and a file to send."""

from typing import Final

from django.conf import settings

from bifang.channels.ports import FileToSend
from bifang.channels.text.markup import literal
from bifang.core.errors import InvalidInput
from bifang.core.spreadsheets import csv_text
from secops_agent.services import links
from secops_agent.services.reports import pdf
from secops_agent.services.reports.figures import PeriodReport
from secops_agent.services.reports.outline import ReportLine, ReportSection, headline, notes, sections

LONGEST: Final = 2_800  # characters; a message has at most 3,000
_TIMES: Final = (3, 1, 0)  # how many rules and assets, until it fits
_LISTS: Final = ("最吵的规则", "告警最多的资产")


def text(report: PeriodReport) -> tuple[str, str]:
    """(title, Markdown). The first line answers; whatever the names, it is one message."""
    drafts = (_written(report, most) for most in _TIMES)
    return title(report), next(
        (draft for draft in drafts if len(draft) <= LONGEST), _written(report, 0)[:LONGEST]
    )


def title(report: PeriodReport) -> str:
    """What the phone shows before the message is opened."""
    told = "，".join(f"{line.label} {line.value}" for line in headline(report))
    return f"安全{report.period.title}：{told}"


def _written(report: PeriodReport, most: int) -> str:
    first = "，".join(f"{line.label} **{line.value}**{_change(line)}" for line in headline(report))
    parts = [f"**安全{report.period.title}**：{first}"]
    for section in sections(report):
        lines = section.lines[:most] if section.title in _LISTS else section.lines
        if lines:
            parts.append(_section(section, lines))
    return "\n\n".join([*parts, *_link(report), f"> {notes(report)}"])


def _link(report: PeriodReport) -> tuple[str, ...]:
    """To its page, where it was kept and the site's address is known."""
    if report.pk is None or not settings.PUBLIC_URL:
        return ()
    page = links.record("securityreport", report.pk)
    return (f"[图表与 PDF]({settings.PUBLIC_URL}{page})",)


def _section(section: ReportSection, lines: tuple[ReportLine, ...]) -> str:
    listed = [f"- {literal(line.label)}：{literal(line.value)}{_change(line)}" for line in lines]
    return "\n".join([f"**{section.title}**", "", *listed])


def _change(line: ReportLine) -> str:
    return f" {line.change}" if line.change else ""


FORMATS: Final = {"pdf": "PDF", "markdown": "Markdown", "csv": "CSV"}
_EXTENSIONS: Final = {"pdf": "pdf", "markdown": "md", "csv": "csv"}
_HEADS: Final = ("部分", "项目", "数值", "与上一期相比")


def require_format(name: str) -> None:
    """Raises InvalidInput for a format that there is not, or not on this machine."""
    if name not in FORMATS:
        raise InvalidInput(f"报告的文件格式只能是 {'、'.join(FORMATS)}。")
    if name == "pdf" and not pdf.is_available():
        raise InvalidInput(f"{pdf.MISSING}也可以改用 markdown 或 csv。")


def report_file(report: PeriodReport, name: str) -> FileToSend:
    """The report in one of `FORMATS`; "any": the best that there is. Raises InvalidInput (BifangError)."""
    if name == "any":
        name = "pdf" if pdf.is_available() else "markdown"
    require_format(name)
    make = {"pdf": pdf.render, "markdown": _markdown, "csv": _csv}[name]
    return FileToSend(f"安全{report.period.title}.{_EXTENSIONS[name]}", make(report))


def _parts(report: PeriodReport) -> list[tuple[str, tuple[ReportLine, ...]]]:
    parts = [("概要", headline(report)), *((each.title, each.lines) for each in sections(report))]
    return [(title, lines) for title, lines in parts if lines]


def _csv(report: PeriodReport) -> bytes:
    rows = [(title, line.label, line.value, line.change) for title, lines in _parts(report) for line in lines]
    return csv_text(_HEADS, rows).encode()


def _markdown(report: PeriodReport) -> bytes:
    parts = [f"# 安全{report.period.title}"]
    for title, lines in _parts(report):
        rows = [f"| {_cell(line.label)} | {_cell(line.value)} | {line.change} |" for line in lines]
        parts.append("\n".join([f"## {title}", "", "| 项目 | 数值 | 与上一期相比 |", "|---|---|---|", *rows]))
    return "\n\n".join([*parts, notes(report), ""]).encode()


def _cell(text: str) -> str:
    """Foreign words in a table: nothing in them formats."""
    return literal(text)
