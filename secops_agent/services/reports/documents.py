"""Documents: a report as it is read. The page, the PDF, the picture, the files and the chat's text all show one of these.

Plain text: who shows it escapes it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

SAME: Final = "不变"  # since the period before
ABSENT: Final = frozenset({"", "无", "没有数据"})  # values that say that there is nothing


@dataclass(frozen=True, slots=True)
class ReportLine:
    """``change`` against the period before: ▲3, ▼3, `SAME`, or "" where there is nothing to compare. ``course``: for a sparkline."""

    label: str
    value: str
    change: str = ""
    course: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Does it say that there is nothing, and was nothing before?"""
        return self.value in ABSENT or (self.value.startswith("0 ") and self.change == SAME)


@dataclass(frozen=True, slots=True)
class ReportSection:
    """Lines under a heading. ``listed``: they name one thing each, and a message may leave the last ones out."""

    title: str
    lines: tuple[ReportLine, ...]
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and what it is called."""

    title: str
    svg: str


@dataclass(frozen=True, slots=True)
class Document:
    """``span``: of what time it tells. ``conclusion``: three sentences, the first of which stands for all of it.

    ``notes``: what its figures are, of which a message tells the first. ``link``: the path of its page, "" where it was not kept.
    """

    title: str
    span: str
    made_at: datetime
    conclusion: tuple[str, ...]
    headline: tuple[ReportLine, ...]
    sections: tuple[ReportSection, ...]
    notes: tuple[str, ...]
    charts: tuple[Chart, ...] = ()
    link: str = ""

    @property
    def cover(self) -> tuple[ReportLine, ...]:
        """Whose it is, and who may read it."""
        lines = (
            ReportLine("单位", settings.REPORT_COMPANY),
            ReportLine("时段", self.span),
            ReportLine("密级", settings.REPORT_SECRECY),
            ReportLine("分发", settings.REPORT_READERS),
            ReportLine("生成", f"{timezone.localtime(self.made_at):%Y-%m-%d %H:%M}"),
        )
        return filled(lines)

    @property
    def parts(self) -> tuple[ReportSection, ...]:
        """Its figures and its sections, of those that say something."""
        headline = ReportSection("要点", self.headline)
        return (headline, *(each for each in self.sections if each.lines))


def filled(lines: tuple[ReportLine, ...]) -> tuple[ReportLine, ...]:
    """Those that say something."""
    return tuple(each for each in lines if not each.is_empty)
