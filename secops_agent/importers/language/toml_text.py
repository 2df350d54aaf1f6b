"""Writing of TOML: a table of tables as a file that people read and edit."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_WIDE: Final = 110  # of a list that stands on one line


def toml_text(document: Mapping[str, Any]) -> str:
    """The file; what is a mapping at the top, or a list of mappings, is a section of its own."""
    return "\n".join(_section(document, "")).strip() + "\n"


def _section(part: Mapping[str, Any], place: str) -> Iterator[str]:
    sections = {key: value for key, value in part.items() if _is_section(value)}
    for key, value in part.items():
        if key not in sections:
            yield f"{_key(key)} = {_listed(value)}"
    for key, value in sections.items():
        name = f"{place}.{_key(key)}" if place else _key(key)
        for each in [value] if isinstance(value, Mapping) else value:
            yield f"\n[{name}]" if isinstance(value, Mapping) else f"\n[[{name}]]"
            yield from _section(each, name) if key == "records" else _lines(each)


def _lines(part: Mapping[str, Any]) -> Iterator[str]:
    return (f"{_key(key)} = {_listed(value)}" for key, value in part.items())


def _is_section(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    )


def _listed(value: Any) -> str:
    """A list that is too wide has a line for each entry."""
    written = _value(value)
    if len(written) <= _WIDE or not isinstance(value, list | tuple):
        return written
    return "[\n" + "".join(f"    {_value(each)},\n" for each in value) + "]"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """A JSON string is one of TOML, but for the one control character that JSON leaves as it is."""
    if "'" not in value and ('"' in value or "\\" in value) and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")


__all__ = ["toml_text"]
