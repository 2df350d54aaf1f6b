"""Sections of the file that apply_configs reads; applications register theirs (configs here, staff elsewhere)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bifang.core.changes import Author
from bifang.core.configs import FieldErrors, save
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.kinds import Kind, get_kind
from bifang.core.models import SystemConfig

Apply = Callable[[list[Mapping[str, Any]]], list[str]]
_sections: dict[str, Apply] = {}
APPLY: Final = Author(None, "", "apply_configs", superuser=True)


def register_section(name: str, apply: Apply) -> None:
    """`apply` gets the section's entries, runs inside a transaction, returns the lines to print."""
    _sections[name] = apply


def apply_sections(document: Any) -> list[str]:
    """Apply a whole document, sections in order of registration. Raises InvalidInput naming entry and key."""
    if not isinstance(document, Mapping):
        raise InvalidInput(f"文件最外层应为映射，例如 configs: […]；可用的键：{'、'.join(_sections)}。")
    for name in document:
        if name not in _sections:
            raise InvalidInput(f"不认识的键「{name}」；可用的键：{'、'.join(_sections)}。")
    lines: list[str] = []
    for name, apply in _sections.items():
        if name in document:
            lines += apply(_entries(name, document[name]))
    return lines


def _entries(name: str, value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise InvalidInput(f"{name} 应为列表。")
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, Mapping):
            raise InvalidInput(f"{name} 第 {number} 项应为映射（键: 值）。")
    return value


def apply_config_entries(entries: list[Mapping[str, Any]]) -> list[str]:
    """The ``configs`` section. Entries that others link to may stand anywhere: kinds without links go first."""
    rows: dict[int, SystemConfig] = {}
    numbered = list(enumerate(entries, 1))
    for number, entry in sorted(numbered, key=lambda pair: _links(pair[0], pair[1])):
        rows[number] = _apply_entry(number, entry)
    return [f"{row.pk}\t{row.kind}\t{row.name}" for _, row in sorted(rows.items())]


def _place(number: int, entry: Mapping[str, Any]) -> str:
    return f"configs 第 {number} 项（{entry.get('name') or '未命名'}）"


def _kind(number: int, entry: Mapping[str, Any]) -> Kind:
    if "kind" not in entry:
        raise InvalidInput(f"{_place(number, entry)} 缺少 kind。")
    try:
        return get_kind(str(entry["kind"]))
    except BifangError as error:
        raise InvalidInput(f"{_place(number, entry)} 的 kind：{error.message}") from None


def _links(number: int, entry: Mapping[str, Any]) -> bool:
    return any(field.type == "config" for field in _kind(number, entry).fields)


def _apply_entry(number: int, entry: Mapping[str, Any]) -> SystemConfig:
    kind = _kind(number, entry)
    known = [field.name for field in kind.fields]
    for key in entry:
        if key not in ("kind", "name", "enabled", *known):
            raise InvalidInput(
                f"{_place(number, entry)}：不认识的键「{key}」；可用的键：{'、'.join(known)}。"
            )
    name = str(entry.get("name") or "").strip()
    enabled = entry.get("enabled", True)
    if not isinstance(enabled, bool):
        raise InvalidInput(f"{_place(number, entry)} 的 enabled：应为 true 或 false。")
    current = SystemConfig.objects.current().filter(kind=kind.name, name=name).first()
    given = {key: value for key, value in entry.items() if key in known}
    try:
        row, _ = save(kind.name, name, enabled, given, config=current, author=APPLY)
    except FieldErrors as errors:
        key, text = next(iter(errors.errors.items()))
        raise InvalidInput(f"{_place(number, entry)} 的 {key}：{text}") from None
    return row
