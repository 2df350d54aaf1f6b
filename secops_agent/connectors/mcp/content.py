"""Results of foreign tools as plain text: data of a stranger, never markup."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bifang.channels.text.markup import literal
from bifang.channels.text.visible import visible
from bifang.core.secrets.redaction import redact

LONGEST: Final = 8000  # characters
_DEEPEST: Final = 6
_MOST_PARTS: Final = 100


@dataclass(frozen=True, slots=True)
class Answered:
    """``failed``: the tool itself says that it did not succeed."""

    text: str
    failed: bool


def read_result(result: Mapping[str, Any]) -> Answered:
    """The text of a ``tools/call`` result; structured output instead of the text that repeats it."""
    content = result.get("content")
    given = content[:_MOST_PARTS] if isinstance(content, list) else []
    structured = result.get("structuredContent")
    if isinstance(structured, dict | list):
        given = [one for one in given if not (isinstance(one, dict) and _is_json(str(one.get("text") or "")))]
    parts = ["\n".join(lines_of(structured))] if isinstance(structured, dict | list) else []
    parts += map(_part, given)
    text = "\n".join(part for part in parts if part.strip())[: 4 * LONGEST]
    text = "\n".join(map(_harmless, visible(redact(text)).splitlines()))
    cut = f"{text[:LONGEST]}\n（结果太长，只保留前 {LONGEST} 个字符）" if len(text) > LONGEST else text
    return Answered(cut, bool(result.get("isError")))


def _harmless(line: str) -> str:
    bare = line.lstrip(" ")
    return " " * min(len(line) - len(bare), 2 * _DEEPEST) + literal(bare)


def _part(one: Any) -> str:
    if not isinstance(one, dict):
        return ""
    match one.get("type"):
        case "text":
            return _from_json(str(one.get("text") or ""))
        case "resource":
            inside = one.get("resource")
            return str(inside.get("text") or "") if isinstance(inside, dict) else ""
        case "resource_link":
            return f"资源 {one.get('name') or ''}：{one.get('uri') or ''}"
    return f"（{str(one.get('type'))[:20]} 内容，没有显示）"


def _from_json(text: str) -> str:
    """Many servers write their JSON as text."""
    if not _is_json(text):
        return text
    return "\n".join(lines_of(json.loads(text)))


def _is_json(text: str) -> bool:
    try:
        return text.lstrip()[:1] in ("{", "[") and isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def lines_of(value: Any, depth: int = 0) -> Iterator[str]:
    """A JSON value as lines: ``name：value``, a flat object of a list in one line."""
    indent = "  " * depth
    if depth > _DEEPEST:
        yield f"{indent}…"
    elif isinstance(value, dict):
        for name, one in value.items():
            if _is_flat(one):
                yield f"{indent}{name}：{_word(one)}"
            else:
                yield f"{indent}{name}："
                yield from lines_of(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, dict) and all(map(_is_flat, one.values())):
                yield f"{indent}- " + "，".join(f"{name}：{_word(each)}" for name, each in one.items())
            elif _is_flat(one):
                yield f"{indent}- {_word(one)}"
            else:
                yield from lines_of(one, depth + 1)
    else:
        yield f"{indent}{_word(value)}"


def _is_flat(value: Any) -> bool:
    return not isinstance(value, dict | list) or not value


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return "无" if value is None or value in ([], {}) else str(value)
