"""Log lines that hold key="value" pairs in place of JSON, as Qingteng (青藤) sends them."""

import re
from typing import Any

from .plain import BrokenRecord, plain_text

# Only from the beginning of a word and without going back, so that no line takes longer than it is long.
_PAIR = re.compile(r'(?<![\w.-])([A-Za-z0-9_.-]{1,64}+)="((?:[^"\\]++|\\.)*+)"', re.ASCII | re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WRITTEN = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t", ",": "\0"}


def pairs_of(line: bytes, start: bytes) -> "dict[str, Any] | BrokenRecord":
    """The pairs from ``start`` (`datatype="`) on; a value that is parted by ``\\,`` becomes a list.

    JSON that quotes such a line never has ``start`` in it: the quotes are escaped there. Of a key that is written
    twice, the first counts: what an attacker can write stands behind what names the host.
    """
    try:
        text = line[line.index(start) :].decode()
    except UnicodeDecodeError:
        return BrokenRecord("不是 UTF-8 编码")
    found: dict[str, Any] = {}
    for key, written in _PAIR.findall(text.replace("\0", " ")):
        found.setdefault(key, _value(written))
    return found


def _value(written: str) -> str | list[str]:
    parts = _ESCAPED.sub(lambda found: _WRITTEN.get(found[1], found[0]), written).split("\0")
    values = [plain_text(part.strip()) for part in parts]
    return values if len(values) > 1 else values[0]
