"""Sections of the file that apply_configs reads; applications declare theirs (configs here, staff elsewhere)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from django.core.exceptions import ValidationError

from bifang.core.changes import Author
from bifang.core.configuration.configs import NAME, FieldErrors, save
from bifang.core.configuration.fields import LinkField
from bifang.core.configuration.kinds import Kind, get_kind
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.models import SystemConfig
from bifang.core.registry import Registry

Entry = Mapping[str, Any]
Apply = Callable[[list[Entry]], list[str]]
APPLY: Final = Author(None, "", "apply_configs", superuser=True, operator=True)


@dataclass(frozen=True, slots=True)
class FileSection:
    """``apply`` gets the section's entries, runs inside a transaction, returns the lines to print."""

    name: str
    apply: Apply


SECTIONS: Final = Registry[FileSection](attrgetter("name"))


def apply_sections(document: Any) -> list[str]:
    """Apply a whole document, sections in the order in which they were declared. Raises InvalidInput naming entry and key."""
    known = f"可用的键：{'、'.join(section.name for section in SECTIONS)}。"
    if not isinstance(document, Mapping):
        raise InvalidInput(f"文件最外层应为映射，例如 configs: […]；{known}")
    for name in document:
        if SECTIONS.get(name) is None:
            raise InvalidInput(f"不认识的键「{name}」；{known}")
    chosen = [(each, _entries(each.name, document[each.name])) for each in SECTIONS if each.name in document]
    return [line for section, entries in chosen for line in section.apply(entries)]


def _entries(name: str, value: Any) -> list[Entry]:
    if not isinstance(value, list):
        raise InvalidInput(f"{name} 应为列表。")
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, Mapping):
            raise InvalidInput(f"{name} 第 {number} 项应为映射（键: 值）。")
    return value


def apply_config_entries(entries: list[Entry]) -> list[str]:
    """The ``configs`` section. Entries that others link to may stand anywhere: kinds without links go first."""
    places = [
        f"configs 第 {number} 项（{entry.get('name') or '未命名'}）"
        for number, entry in enumerate(entries, 1)
    ]
    kinds = [_kind(place, entry) for place, entry in zip(places, entries, strict=True)]
    rows: dict[int, SystemConfig] = {}
    for links in (False, True):
        for number, kind in enumerate(kinds):
            if any(isinstance(field, LinkField) for field in kind.fields.values()) is links:
                rows[number] = _apply(places[number], kind, entries[number])
    if len({row.pk for row in rows.values()}) < len(rows):
        raise InvalidInput("configs 中有两项的 kind 和 name 相同，请只留一项。")
    return [f"{row.pk}\t{row.kind}\t{row.name}" for _, row in sorted(rows.items())]


def _kind(place: str, entry: Entry) -> type[Kind]:
    try:
        kind = get_kind(str(entry["kind"]))
    except KeyError:
        raise InvalidInput(f"{place} 缺少 kind。") from None
    except BifangError as error:
        raise InvalidInput(f"{place} 的 kind：{error.message}") from None
    for key in entry:
        if key not in ("kind", "name", "enabled", *kind.fields):
            raise InvalidInput(
                f"{place}：不认识的键「{key}」；可用的键：name、enabled、{'、'.join(kind.fields)}。"
            )
    return kind


def _apply(place: str, kind: type[Kind], entry: Entry) -> SystemConfig:
    enabled = entry.get("enabled", True)
    if not isinstance(enabled, bool):
        raise InvalidInput(f"{place} 的 enabled：应为 true 或 false。")
    try:
        name = NAME.clean(entry.get("name"))
    except ValidationError as error:
        raise InvalidInput(f"{place} 的 name：{''.join(error.messages)}") from None
    current = SystemConfig.objects.current().filter(kind=kind.name, name=name).first()
    given = {key: value for key, value in entry.items() if key in kind.fields}
    try:
        return save(kind.name, name, enabled, given, config=current, author=APPLY)[0]
    except FieldErrors as errors:
        key, text = next(iter(errors.errors.items()))
        raise InvalidInput(f"{place} 的 {key}：{text}") from None
