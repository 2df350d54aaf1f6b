"""Tables as CSV files that people open in a spreadsheet: nothing in them is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from django.http import HttpResponse

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


def cell(value: object) -> str:
    """As text; what a spreadsheet would compute begins with an apostrophe instead."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" \u3000\n").startswith(_FORMULA) else text


def csv_file(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """The answer that downloads it: UTF-8 with a mark, because Excel reads Chinese wrong without."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
    return HttpResponse(
        "\ufeff" + file.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
