"""Storable values: those that every database can hold, and the error of a record that cannot be taken."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bifang.core.errors import InvalidInput

EMPTY = "是空的，没有内容可以导入"


class BrokenRecord(InvalidInput):
    """One record cannot be taken; the rest of the file can."""


def first_line(error: Exception) -> str:
    """What a parser says, short enough for a message."""
    return str(error).strip().splitlines()[0][:120] if str(error).strip() else "无法解析"


def plain_text(text: str) -> str:
    """Text that every database can hold: NUL and lone surrogates become U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


_CLEANERS: dict[type, Callable[[Any], Any]] = {
    str: plain_text,
    dict: lambda value: {plain_text(key): cleaned(item) for key, item in value.items()},
    list: lambda value: [cleaned(item) for item in value],
    float: lambda value: value if abs(value) < float("inf") else None,
    Decimal: lambda value: cleaned(float(value)),
}


def cleaned(value: Any) -> Any:
    """A JSON value in which every text is plain and every number finite (else None)."""
    cleaner = _CLEANERS.get(type(value))
    return cleaner(value) if cleaner else value
