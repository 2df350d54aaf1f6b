"""Arguments of tools: a pydantic model gives the JSON schema for the model and checks what the model wrote.

    class ListAlerts(Arguments):
        severity: Literal["critical", "high"] | None = argument("级别", labels={"high": "高危"}, default=None)
        limit: int = argument("最多几条", minimum=1, maximum=50, default=20)

Fields may be str, int, bool or Literal[str, …], each also with ``| None``. An optional argument that is absent,
null, "" or "none", or a zero where none is allowed, takes its default: models like to fill in what they do not mean.
"""

import types
import typing
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError, PydanticUndefined

from bifang.core.errors import InvalidInput

A = TypeVar("A", bound="Arguments")
_MAX_LENGTH: Final = 200
_SHOWN_CHARS: Final = 40
_NEEDED: Final = ("type", "enum", "const", "description")
_BOUNDS: Final = ("minimum", "maximum", "maxLength", "default")
_FLAGS: Final = {"是": True, "否": False}
_WORDS: Final[Mapping[Any, str]] = {str: "文本", int: "整数", bool: " true 或 false"}


class Arguments(BaseModel):
    """What one tool takes: hashable, so that repeated calls are recognised."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        str_strip_whitespace=True,
        str_max_length=_MAX_LENGTH,
        coerce_numbers_to_str=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            name: value
            for name, value in given.items()
            if name not in cls.model_fields or not _means_nothing(value, cls.model_fields[name])
        }

    @field_validator("*", mode="before")
    @classmethod
    def _understand(cls, given: Any, info: ValidationInfo) -> Any:
        """What models write for a number, a yes or a choice."""
        item = cls.model_fields[str(info.field_name)]
        kind, choices = _kind(item), _choices(item)
        if kind is str and not choices and isinstance(given, list):
            given = ",".join(map(str, given)) if all(type(each) in (int, str) for each in given) else given
        if kind is int and isinstance(given, bool):
            raise ValueError("bool")
        if not isinstance(given, str):
            return int(given) if kind is str and isinstance(given, float) and given.is_integer() else given
        text = given.strip()
        if "\0" in text:
            raise PydanticCustomError("string_unicode", "NUL")
        if choices:
            return next(
                (value for value, word in choices.items() if text.lower() == value or text == word), text
            )
        return text.removeprefix("#") if kind is int else _FLAGS.get(text, text) if kind is bool else text


def argument(
    description: str,
    *,
    default: Any = PydanticUndefined,
    minimum: int | None = None,
    maximum: int | None = None,
    max_length: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """A field of an `Arguments` class; without ``default`` it is required.

    ``description`` is Chinese, for the model. ``labels`` gives the Chinese word for a value of a Literal,
    which is accepted as well. ``max_length`` is in characters, of text.
    """
    words = "，".join(f"{value}={label}" for value, label in (labels or {}).items())
    return Field(
        default,
        description=f"{description}（{words}）" if words else description,
        title=description,
        ge=minimum,
        le=maximum,
        max_length=max_length,
        json_schema_extra={"labels": dict(labels or {})},
    )


def schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The JSON schema (type object) of an arguments class, as short as models need it: bounds are told when missed."""
    found = arguments.model_json_schema()
    return {
        "type": "object",
        "properties": {name: _of(told, _NEEDED) for name, told in found.get("properties", {}).items()},
        "required": found.get("required", []),
    }


def bounded_schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The same with every bound and default, for programs."""
    found = arguments.model_json_schema()
    return {
        "type": "object",
        "properties": {name: _bounded(told) for name, told in found.get("properties", {}).items()},
        "required": found.get("required", []),
        "additionalProperties": False,
    }


def parse(arguments: type[A], given: Mapping[str, Any]) -> A:
    """The arguments for what the model gave; InvalidInput tells every fault at once, in Chinese."""
    try:
        return arguments.model_validate(given)
    except ValidationError as error:
        faults = "；".join(_told(arguments, fault) for fault in error.errors(include_url=False))
    known = "、".join(arguments.model_fields) or "（无）"
    raise InvalidInput(f"参数有误：{faults}。可用的参数：{known}。")


def _of(told: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """What is wanted of a property: its type, its values, what it is."""
    kind, *_ = told.get("anyOf", [{}])
    return {name: value for name, value in {**kind, **told}.items() if name in wanted}


def _bounded(told: Mapping[str, Any]) -> dict[str, Any]:
    found = _of(told, (*_NEEDED, *_BOUNDS))
    if found.get("default", "") is None:
        del found["default"]
    if found.get("type") == "string" and "enum" not in found:
        found.setdefault("maxLength", _MAX_LENGTH)
    return found


def _means_nothing(value: Any, item: FieldInfo) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("", *(() if item.is_required() else ("none", "null")))
    zero = value == 0 and not isinstance(value, bool) and not item.is_required()
    return value is None or (zero and any(getattr(mark, "ge", 0) > 0 for mark in item.metadata))


def _kind(item: FieldInfo) -> Any:
    """str, int or bool; str for a Literal."""
    plain = _plain(item)
    return str if typing.get_origin(plain) is Literal else plain


def _choices(item: FieldInfo) -> dict[str, str]:
    """The values of a Literal, each with its Chinese word."""
    plain, extra = _plain(item), item.json_schema_extra
    labels: Any = extra.get("labels", {}) if isinstance(extra, dict) else {}
    return {value: labels.get(value, "") for value in typing.get_args(plain)}


def _plain(item: FieldInfo) -> Any:
    parts = [part for part in typing.get_args(item.annotation) if part is not types.NoneType]
    return (
        parts[0] if typing.get_origin(item.annotation) in (types.UnionType, typing.Union) else item.annotation
    )


def _told(arguments: type[Arguments], fault: ErrorDetails) -> str:
    if not fault["loc"]:  # half a character in a name
        return "参数的名称含有无法保存的字符"
    name, given = str(fault["loc"][0]), _shown(fault["input"])
    item = arguments.model_fields.get(name)
    if item is None:
        return f"没有参数「{_shown(name)}」"
    bounds = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            return f"缺少参数「{name}」（{item.title}）"
        case "string_too_long":
            return f"参数「{name}」最长 {bounds['max_length']} 个字符，收到 {len(str(fault['input']))} 个"
        case "string_unicode":
            return f"参数「{name}」含有无法保存的字符"
        case "greater_than_equal" | "less_than_equal":
            return f"参数「{name}」{_bounds(item)}，收到 {given}"
        case "literal_error":
            return f"参数「{name}」只能是 {'、'.join(_choices(item))}，收到 {given}"
    return f"参数「{name}」应为{_WORDS[_kind(item)]}，收到 {given}"


def _bounds(item: FieldInfo) -> str:
    low, high = (
        next((getattr(mark, key) for mark in item.metadata if hasattr(mark, key)), None)
        for key in ("ge", "le")
    )
    if high is None:
        return f"不能小于 {low}"
    return f"不能大于 {high}" if low is None else f"应在 {low} 到 {high} 之间"


def _shown(given: Any) -> str:
    text = str(given)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
