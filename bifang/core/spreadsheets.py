"""A list as a file for a spreadsheet: CSV that Excel reads, and in which no cell is a formula."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from django.http import HttpResponse
from django.utils import timezone

# What makes a spreadsheet calculate, the wide signs of Chinese keyboards too; and what it skips before them.
_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_BOM: Final = "\ufeff"


def safe(value: Any) -> str:
    """The text of a cell: what would be a formula gets an apostrophe, as OWASP advises."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" \u3000\u200b\ufeff").startswith(_STARTS) else text


def as_file(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """To be downloaded as ``name``-date.csv: UTF-8 with the mark that Excel looks for."""
    response = HttpResponse(_BOM, content_type="text/csv; charset=utf-8")
    writer = csv.writer(response)
    writer.writerow(map(safe, head))
    for row in rows:
        writer.writerow(map(safe, row))
    shown = quote(f"{name}-{timezone.localdate():%Y%m%d}.csv")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{shown}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
