"""Tables as CSV files that people open in a spreadsheet: nothing in them is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.http import HttpResponse
from django.utils import timezone

_FORMULA: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "＝",
    "＋",
    "－",
    "＠",
)  # what makes a program compute a cell

_SKIPPED: Final = " \u3000\n\u200b\ufeff"  # what it skips before that


def cell(value: object) -> str:
    """As text, times local; what a spreadsheet would compute begins with an apostrophe instead. Numbers are numbers."""
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    text = "" if value is None else str(value).replace("\x00", "")
    if isinstance(value, int | float):
        return text
    return f"'{text}" if text.lstrip(_SKIPPED).startswith(_FORMULA) else text


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """With a mark of UTF-8, because Excel reads Chinese wrong without."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
    return "\ufeff" + file.getvalue()


def csv_file(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """The answer that downloads it."""
    return HttpResponse(
        csv_text(heads, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
