"""A report as one DingTalk message."""

from typing import Final

from django.conf import settings

from bifang.channels.text.markup import literal
from secops_agent.services import links
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
