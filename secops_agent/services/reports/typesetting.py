"""Typesetting of documents as PDF and as picture, by typst. Optional: its packages are in requirements-reports.txt.

The template is ours and fixed; what it shows comes as data, so no name can become a command of the typesetter.
"""

import json
from datetime import UTC
from importlib import invalidate_caches, resources, util
from pathlib import Path
from typing import Any, Final, Literal

from django.conf import settings

from bifang.core.errors import BifangError
from secops_agent.services.reports.charts import sparkline
from secops_agent.services.reports.documents import Document, ReportLine

INSTALLING: Final = "还没有装好生成 PDF 和图片的组件：正在后台安装（约 100 MB），装好以后刷新这一页即可。"
MISSING: Final = (
    "还没有安装生成 PDF 和图片的组件（和它的中文字体）：请管理员在毕方的目录执行 "
    ".venv/bin/pip install --require-hashes -r requirements-reports.lock。"
)
_PACKAGES: Final = ("typst", "pylopdf_fonts_zh_cn")
_TEMPLATE: Final = Path(str(resources.files("secops_agent") / "data" / "report.typ"))
_DENSITY: Final = 144.0  # pixels an inch of the picture


class TypesettingUnavailable(BifangError):
    """Nothing is installed that could set a document."""


def missing() -> str:
    """What to do where the components are not there; "" where they are. ``make run`` marks that it installs them."""
    invalidate_caches()  # they may have come since this process began
    if all(util.find_spec(name) for name in _PACKAGES):
        return ""
    return INSTALLING if (settings.DATA_DIR / "installing-reports").exists() else MISSING


def render(document: Document, form: Literal["pdf", "png"] = "pdf") -> bytes:
    """All of it as PDF; its first words and figures as one picture. Raises TypesettingUnavailable."""
    if told := missing():
        raise TypesettingUnavailable(told, permanent=True)
    import pylopdf_fonts_zh_cn
    import typst

    made: bytes = typst.compile(
        _TEMPLATE,
        font_paths=[Path(pylopdf_fonts_zh_cn.__file__).parent],
        ignore_system_fonts=True,
        format=form,
        ppi=_DENSITY,
        sys_inputs={"form": form, "report": json.dumps(_data(document), ensure_ascii=False)},
        timestamp=document.made_at.astimezone(UTC).replace(microsecond=0),  # of a named zone it takes none
    )
    return made


def _data(document: Document) -> dict[str, Any]:
    return {
        "title": document.title,
        "cover": _lines(document.cover),
        "conclusion": document.conclusion,
        "headline": [
            [*each, sparkline(line.course)]
            for each, line in zip(_lines(document.headline), document.headline, strict=True)
        ],
        "charts": [[chart.title, chart.svg] for chart in document.charts],
        "sections": [[part.title, _lines(part.lines)] for part in document.parts[1:]],
        "notes": document.notes,
    }


def _lines(lines: tuple[ReportLine, ...]) -> list[list[str]]:
    return [[line.label, line.value, line.change] for line in lines]
