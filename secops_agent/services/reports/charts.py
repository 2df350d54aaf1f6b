"""Charts and sparklines of a report as SVG: inline on the page, images in the PDF.

Only presentation attributes, no style sheet and no script: the page's content policy needs no exception.
"""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from secops_agent.models.choices import Severity
from secops_agent.services.reports.documents import Chart
from secops_agent.services.reports.figures import AlertFigures, PeriodReport

_WIDTH: Final = 440
_ROW: Final = 34
_LEFT: Final = 62
_PLOT: Final = (12, 28, 150)  # of the columns: left, top, height
_SEVERITY: Final = {
    "critical": "#dc2626", "high": "#f97316", "medium": "#eab308", "low": "#3b82f6", "info": "#94a3b8",
}  # fmt: skip
_NEW, _CLOSED = "#f97316", "#10b981"
_SPARK: Final = (120, 28)  # width and height of a sparkline
_POINTS: Final = 2  # that make a line
_TICKS: Final = 7  # labels under the columns, at most
_WIDEST: Final = 60  # of the columns of one moment
_FONT: Final = 'font-family="Noto Sans SC, PingFang SC, Microsoft YaHei, sans-serif" font-size="13"'


def charts(report: PeriodReport) -> tuple[Chart, ...]:
    """What the report shows in pictures."""
    alerts = report.figures.alerts
    unit = "小时" if report.period.kind == "daily" else "天"
    return (
        Chart(f"每{unit}的新增与关闭", _columns(alerts)),
        Chart("各级别的告警", _bars(alerts)),
    )


def sparkline(course: Sequence[int]) -> str:
    """A line without words, its last point marked; "" for what has no course, or was nothing all along."""
    if len(course) < _POINTS or not any(course):
        return ""
    lowest, step = min(course), (_SPARK[0] - 8) / (len(course) - 1)
    tall = (_SPARK[1] - 8) / (max(course) - lowest or 1)
    points = [(4 + place * step, _SPARK[1] - 4 - (each - lowest) * tall) for place, each in enumerate(course)]
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SPARK[0]} {_SPARK[1]}" role="img" aria-label="走势">'
        f'<polyline points="{told}" fill="none" stroke="{_NEW}" stroke-width="2"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_NEW}"/></svg>'
    )


def _columns(alerts: AlertFigures) -> str:
    left, top, height = _PLOT
    course = alerts.course
    most = max((max(tick.new, tick.closed) for tick in course), default=0) or 1
    slot = min((_WIDTH - 2 * left) / max(len(course), 1), _WIDEST)
    every = -(-len(course) // _TICKS) or 1
    parts = [_legend(((_NEW, "新增"), (_CLOSED, "关闭"))), _line(left, top + height)]
    for place, tick in enumerate(course):
        x, width = left + place * slot, slot * 0.38
        for offset, number, colour in ((0.1, tick.new, _NEW), (0.52, tick.closed, _CLOSED)):
            tall = height * number / most
            parts.append(_rect(x + slot * offset, top + height - tall, width, tall, colour))
        if place % every == 0:
            parts.append(_text(x + slot / 2, top + height + 18, tick.at, "middle"))
    parts.append(_text(_WIDTH - left, 16, f"最高 {most if course else 0}", "end"))
    return _svg("".join(parts), top + height + 28, "新增与关闭的数量")


def _bars(alerts: AlertFigures) -> str:
    rows = (
        ("新增", alerts.new),
        ("已关闭", alerts.closed),
        ("未关闭", alerts.open),
        ("已超时", alerts.overdue),
    )
    most = max(sum(number for _, number in counts) for _, counts in rows) or 1
    legend = [(_SEVERITY[value], str(label)) for value, label in Severity.choices]
    parts = [_legend(legend)]
    for place, (label, counts) in enumerate(rows):
        y, x = 32 + place * _ROW, float(_LEFT)
        parts.append(_text(_LEFT - 8, y + 16, label, "end"))
        for severity, number in counts:
            width = (_WIDTH - _LEFT - 60) * number / most
            parts.append(_rect(x, y, width, 22, _SEVERITY[severity]))
            x += width
        parts.append(_text(x + 6, y + 16, str(sum(number for _, number in counts)), "start"))
    return _svg("".join(parts), 32 + len(rows) * _ROW, "各级别的数量")


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    parts = []
    for place, (colour, label) in enumerate(entries):
        x = 12 + place * 62
        parts += [_rect(x, 6, 11, 11, colour), _text(x + 16, 16, label, "start")]
    return "".join(parts)


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'


def _line(x: float, y: float) -> str:
    return f'<path d="M{x} {y}H{_WIDTH - x}" stroke="#94a3b8" fill="none"/>'


def _svg(inside: str, height: int, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}" {_FONT}>'
        f"{inside}</svg>"
    )
