"""Faults of JSON: where it breaks, for the person who has to mend what wrote it."""

import json
from typing import Final

from .decoding import HEAD_BYTES

_WHY: Final = {
    "Expecting value": "应当是一个值",
    "Expecting property name enclosed in double quotes": "应当是双引号里的字段名",
    "Expecting ':' delimiter": "缺少冒号",
    "Expecting ',' delimiter": "缺少逗号，或者括号没有配对",
    "Unterminated string starting at": "开始的字符串没有结束的引号",
    "Invalid control character at": "有字符串里不能直接写的换行或控制字符",
    "Extra data": "后面多出了内容",
    "Illegal trailing comma before end of object": "最后一项后面多了逗号",
    "Illegal trailing comma before end of array": "最后一项后面多了逗号",
}  # as Python's own decoder words it


def why_broken(error: json.JSONDecodeError) -> str:
    """What stands wrong at its place."""
    return "没有写完" if error.pos >= len(error.doc.rstrip()) else _WHY.get(error.msg, "写法不对")


def find_break(head: bytes) -> str:
    """ "在第 3 行第 14 个字符处中断：缺少冒号"; "" for what is no JSON, does not break, or may break after the head."""
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    if not text.lstrip().startswith(("{", "[")) or len(head) >= HEAD_BYTES:
        return ""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # the first of several documents, or lines, is whole
            return ""
        return f"在第 {error.lineno} 行第 {error.colno} 个字符处中断：{why_broken(error)}"
    except (ValueError, RecursionError):  # numbers or nesting beyond all reason: the importers say so
        return ""
    return ""
