"""Texts and files of a document: one message for the chat, and what is sent or downloaded."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from django.conf import settings

from bifang.channels.ports import FileToSend
from bifang.channels.text.markup import literal
from bifang.core.errors import InvalidInput
from bifang.core.spreadsheets import csv_text
from secops_agent.services.reports import typesetting
from secops_agent.services.reports.documents import Document, ReportLine, ReportSection

LONGEST: Final = 2_500  # characters; a message has at most 3,000, and some tell besides what sends it
_TIMES: Final = (3, 1, 0)  # how many lines of a list, until it fits
_HEADS: Final = ("部分", "项目", "数值", "与上一期相比")


class Format(NamedTuple):
    """``extension`` of the file's name. ``typeset``: the optional components make it."""

    label: str
    extension: str
    content_type: str
    make: Callable[[Document], bytes]
    typeset: bool = False


def text(document: Document) -> tuple[str, str]:
    """(what the phone shows before it is opened, Markdown). The first line answers; whatever the names, it is one message."""
    drafts = [_written(document, most) for most in _TIMES]
    fitting = next((each for each in drafts if len(each) <= LONGEST), drafts[-1][:LONGEST])
    told = "，".join(f"{line.label} {line.value}" for line in document.headline)
    return f"{literal(document.title)}：{told}", fitting


def brief(document: Document) -> str:
    """Its conclusion alone, and where the rest is."""
    rest = _link("看全文", document) or [f"全文：发送「{document.title[2:4]}」。"]
    return "\n\n".join([*_concluded(document), *rest])


def _concluded(document: Document) -> list[str]:
    first, *others = map(literal, document.conclusion)
    return [f"**{literal(document.title)}**：{first}", "\n".join(f"- {each}" for each in others)]


def _link(label: str, document: Document) -> list[str]:
    return (
        [f"[{label}]({settings.PUBLIC_URL}{document.link})"] if settings.PUBLIC_URL and document.link else []
    )


def _written(document: Document, most: int) -> str:
    """``most``: lines of each list."""
    figures = "，".join(f"{each.label} **{each.value}**{_change(each)}" for each in document.headline)
    shown = (
        _listed(each.title, each.lines[:most] if each.listed else each.lines) for each in document.sections
    )
    parts = [*_concluded(document), figures]
    return "\n\n".join(
        [*parts, *filter(None, shown), *_link("图表与文件", document), f"> {document.notes[0]}"]
    )


def _listed(title: str, lines: tuple[ReportLine, ...]) -> str:
    """Lines as a list; "" for none."""
    told = [f"- {literal(line.label)}：{literal(line.value)}{_change(line)}" for line in lines]
    return "\n".join([f"**{title}**", "", *told]) if told else ""


def _change(line: ReportLine) -> str:
    return f" {line.change}" if line.change else ""


def _csv(document: Document) -> bytes:
    rows = [
        (part.title, line.label, line.value, line.change) for part in document.parts for line in part.lines
    ]
    return csv_text(_HEADS, rows).encode()


def as_markdown(document: Document) -> str:
    """To keep and to edit."""
    cover = "；".join(literal(f"{each.label}：{each.value}") for each in document.cover)
    said = "\n".join(f"{place}. {literal(each)}" for place, each in enumerate(document.conclusion, 1))
    parts = [f"# {literal(document.title)}", cover, "## 结论", said, *map(_table, document.parts)]
    return "\n\n".join([*parts, "".join(document.notes), ""])


def _table(part: ReportSection) -> str:
    rows = [f"| {literal(each.label)} | {_cell(each.value)} | {each.change} |" for each in part.lines]
    return "\n".join([f"## {part.title}", "", "| 项目 | 数值 | 变化 |", "|---|---|---|", *rows])


def _cell(value: str) -> str:
    return "<br>".join(literal(line) for line in value.splitlines() if line.strip())


FORMATS: Final = {
    "pdf": Format("PDF", "pdf", "application/pdf", typesetting.render, True),
    "png": Format("图片", "png", "image/png", partial(typesetting.render, form="png"), True),
    "markdown": Format(
        "Markdown", "md", "text/markdown; charset=utf-8", lambda document: as_markdown(document).encode()
    ),
    "csv": Format("CSV", "csv", "text/csv; charset=utf-8", _csv),
}


def report_file(document: Document, name: str) -> FileToSend:
    """The document in one of `FORMATS`; "any": the best that there is. Raises InvalidInput (BifangError)."""
    if name == "any":
        name = "markdown" if typesetting.missing() else "pdf"
    if name not in FORMATS:
        raise InvalidInput(f"报告的文件格式只能是 {'、'.join(FORMATS)}。")
    form = FORMATS[name]
    if form.typeset and (missing := typesetting.missing()):
        raise InvalidInput(f"{missing}也可以改用 markdown 或 csv。")
    return FileToSend(f"{literal(document.title)}.{form.extension}", form.make(document))
