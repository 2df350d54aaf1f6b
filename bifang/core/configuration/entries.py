"""Entries of files and forms that people write: pydantic models, with every fault told at once and in Chinese."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from bifang.core.errors import InvalidInput

E = TypeVar("E", bound="Entry")
_SHAPES: Final[Mapping[str, str]] = {
    "missing": "缺少",
    "date": "应形如 2026-11-23",
    "datetime": "应形如 2026-11-27 09:00",
    "time": '应形如 "09:00"',
    "int": "应为整数",
    "bool": "应为 true 或 false",
    "list": "应为列表",
    "tuple": "应为列表",
    "model": "应为映射（键: 值）",
    "dict": "应为映射（键: 值）",
    "string": "应为文字",
}


class Entry(BaseModel):
    """What one entry may say. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, str_max_length=500)


def _clock(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return time(value // 60 % 24, value % 60)  # YAML reads 09:30 without quotes as 570
    return value.strip().zfill(5) if isinstance(value, str) else value


Clock = Annotated[time, BeforeValidator(_clock)]


class EntryFaults(InvalidInput):
    """What is wrong with an entry: (place, text) pairs, the place like ``hours.quiet_from``."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("；".join(text for _, text in faults) + "。")
        self.faults = tuple(faults)


def read_entry(kind: type[E], given: Mapping[str, Any]) -> E:
    """The entry. Raises EntryFaults that names every key with what is wrong."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise EntryFaults([(_place(fault), _told(kind, fault)) for fault in faults]) from None


def _place(fault: ErrorDetails) -> str:
    parts = (part for part in fault["loc"] if part != "tagged-union")
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in parts)


def _told(kind: type[Entry], fault: ErrorDetails) -> str:
    place = _place(fault)
    name, bounds = fault["type"], fault.get("ctx", {})
    match name:
        case "extra_forbidden":
            known = "；可用的键：" + "、".join(kind.model_fields) if len(fault["loc"]) == 1 else ""
            return f"不认识的键「{place}」{known}"
        case "value_error" | "assertion_error":
            return f"{place}：{bounds['error']}" if place else str(bounds["error"])
        case "literal_error" | "enum" | "union_tag_invalid":
            expected = bounds.get("expected") or bounds.get("expected_tags", "")
            return f"{place} 只能是 {str(expected).replace(chr(39), '').replace(' or ', '、').replace(', ', '、')}"
        case "greater_than_equal" | "less_than_equal":
            return (
                f"{place} 应{'不小于' if 'ge' in bounds else '不大于'} {bounds.get('ge', bounds.get('le'))}"
            )
        case "string_too_short" | "too_short":
            return f"{place} 不能为空"
        case "string_too_long" | "too_long":
            return f"{place} 太长，最多 {bounds['max_length']}"
    shape = next((text for kind_, text in _SHAPES.items() if name.startswith(kind_)), "写法不正确")
    return f"{shape} {place}" if name == "missing" else f"{place} {shape}"
