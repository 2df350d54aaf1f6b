"""A report as PDF, set by typst. Optional: its packages are in requirements-reports.txt.

The template is ours and fixed; what it shows comes as data, so no name can become a command of the typesetter.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources, util
from pathlib import Path
from typing import Any, Final

from django.utils import timezone

from bifang.core.errors import BifangError
from secops_agent.services.reports.charts import charts
from secops_agent.services.reports.figures import PeriodReport
from secops_agent.services.reports.incidents import IncidentReport
from secops_agent.services.reports.outline import ReportLine, headline, notes, sections

MISSING: Final = (
    "还没有安装生成 PDF 的组件：请管理员在毕方的目录执行 .venv/bin/pip install --require-hashes -r requirements-reports.lock，"
    "然后重启网页进程。"
)
_PACKAGES: Final = ("typst", "pylopdf_fonts_zh_cn")
_TEMPLATE: Final = Path(str(resources.files("secops_agent") / "data" / "report.typ"))


class PdfUnavailable(BifangError):
    """Nothing is installed that could set a PDF."""


def is_available() -> bool:
    """Are the optional packages there?"""
    return all(util.find_spec(name) for name in _PACKAGES)


def render(report: PeriodReport) -> bytes:
    """The PDF. Raises PdfUnavailable."""
    return _typeset(_data(report), report.made_at)


def render_incident(report: IncidentReport) -> bytes:
    """The PDF of a case. Raises PdfUnavailable."""
    summary = [["小结", [["", report.text, ""]]]] if report.text else []
    data = {
        "title": report.title,
        "made": f"{timezone.localtime(report.made_at):%Y-%m-%d %H:%M}",
        "notes": report.notes,
        "headline": _lines(report.headline),
        "charts": [],
        "sections": [*summary, *([section.title, _lines(section.lines)] for section in report.sections)],
    }
    return _typeset(data, report.made_at)


def _lines(lines: Sequence[ReportLine]) -> list[list[str]]:
    return [[line.label, line.value, line.change] for line in lines]


def _typeset(data: dict[str, Any], made_at: datetime) -> bytes:
    if not is_available():
        raise PdfUnavailable(MISSING, permanent=True)
    import pylopdf_fonts_zh_cn
    import typst

    made: bytes = typst.compile(
        _TEMPLATE,
        font_paths=[Path(pylopdf_fonts_zh_cn.__file__).parent],
        ignore_system_fonts=True,
        sys_inputs={"report": json.dumps(data, ensure_ascii=False)},
        timestamp=made_at.astimezone(UTC).replace(microsecond=0),  # of a named zone it takes none
    )
    return made


def _data(report: PeriodReport) -> dict[str, Any]:
    return {
        "title": f"安全{report.period.title}",
        "made": f"{timezone.localtime(report.made_at):%Y-%m-%d %H:%M}",
        "notes": notes(report),
        "headline": _lines(headline(report)),
        "charts": [[chart.title, chart.svg] for chart in charts(report)],
        "sections": [[section.title, _lines(section.lines)] for section in sections(report) if section.lines],
    }
