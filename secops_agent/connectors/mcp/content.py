"""Results of foreign tools as plain text: data of a stranger, never markup."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bifang.channels.text.markup import literal
from bifang.channels.text.visible import visible
from bifang.core.secrets.redaction import redact
from secops_agent.services.clock import exact

LONGEST: Final = 8000  # characters
_DEEPEST: Final = 6
_MOST_PARTS: Final = 100
# Fields that devices name their rules with, and the values of some.
_NAMES: Final = {
    "address": "地址", "ip": "IP", "host": "主机", "hostname": "主机名", "minutes": "时长（分钟）", "duration_minutes": "时长（分钟）",
    "direction": "方向", "reason": "理由", "until": "到期", "expires": "到期", "expires_at": "到期", "created": "建立", "created_at": "建立", "rules": "规则",
}  # fmt: skip
_VALUES: Final = {"direction": {"in": "入", "out": "出", "both": "双向"}}


@dataclass(frozen=True, slots=True)
class Answered:
    """``failed``: the tool itself says that it did not succeed. ``shown``: its JSON in our words and local times; "": as ``text``."""

    text: str
    failed: bool
    shown: str = ""


def read_result(result: Mapping[str, Any]) -> Answered:
    """The text of a ``tools/call`` result; structured output instead of the text that repeats it."""
    content = result.get("content")
    given = content[:_MOST_PARTS] if isinstance(content, list) else []
    structured = result.get("structuredContent")
    if isinstance(structured, dict | list):
        given = [one for one in given if not (isinstance(one, dict) and _is_json(str(one.get("text") or "")))]
    first = [structured] if isinstance(structured, dict | list) else []
    parts = [*first, *map(_part, given)]
    return Answered(_text(parts), bool(result.get("isError")), _text([_worded(part) for part in parts]))


def _text(parts: Sequence[Any]) -> str:
    written = (part if isinstance(part, str) else "\n".join(lines_of(part)) for part in parts)
    text = "\n".join(part for part in written if part.strip())[: 4 * LONGEST]
    text = "\n".join(map(_harmless, visible(redact(text)).splitlines()))
    return f"{text[:LONGEST]}\n（结果太长，只保留前 {LONGEST} 个字符）" if len(text) > LONGEST else text


def _worded(value: Any, depth: int = 0) -> Any:
    """A JSON value with the names and times that we would write; text and what we do not know stay."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return [_worded(one, depth + 1) for one in value]
    if not isinstance(value, dict):
        return _local(value) if depth and isinstance(value, str) else value
    found: dict[str, Any] = {}
    for name, one in value.items():
        known = str(_NAMES.get(name, name))
        word = _VALUES.get(name, {}).get(one) if isinstance(one, str) else None
        found[name if known in found or known in value else known] = word or _worded(one, depth + 1)
    return found


def _local(text: str) -> str:
    """A time with an offset as a local one; any other text as it is."""
    try:
        at = datetime.fromisoformat(text) if 20 <= len(text) <= 35 else None
        return exact(at) if at and at.tzinfo else text
    except (ValueError, OverflowError):
        return text


def _harmless(line: str) -> str:
    bare = line.lstrip(" ")
    return " " * min(len(line) - len(bare), 2 * _DEEPEST) + literal(bare)


def _part(one: Any) -> Any:
    """Text, or the JSON that is written as one: many servers do."""
    if not isinstance(one, dict):
        return ""
    match one.get("type"):
        case "text":
            text = str(one.get("text") or "")
            return json.loads(text) if _is_json(text) else text
        case "resource":
            inside = one.get("resource")
            return str(inside.get("text") or "") if isinstance(inside, dict) else ""
        case "resource_link":
            return f"资源 {one.get('name') or ''}：{one.get('uri') or ''}"
    return f"（{str(one.get('type'))[:20]} 内容，没有显示）"


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
