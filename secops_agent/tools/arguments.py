"""Arguments of tools: a frozen dataclass gives the JSON schema for the model and checks what the model wrote.

    @dataclass(frozen=True)
    class ListAlerts:
        severity: Literal["critical", "high"] | None = argument("级别", labels={"high": "高危"}, default=None)
        limit: int = argument("最多几条", minimum=1, maximum=50, default=20)

Fields may be str, int, bool or Literal[str, …], each also with ``| None``. An optional argument that is absent,
null or "" takes its default: models like to send empty strings for what they do not mean.
"""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar, cast

from bifang.core.errors import InvalidInput

A = TypeVar("A")
_MAX_LENGTH: Final = 200
_SHOWN_CHARS: Final = 40
_TRUE: Final = frozenset({"true", "yes", "1", "是"})
_FALSE: Final = frozenset({"false", "no", "0", "否"})
_WORDS: Final = {str: "string", int: "integer", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a field accepts; ``kind`` is str, int or bool, ``choices`` the values of a Literal."""

    name: str
    kind: type
    required: bool
    default: Any
    description: str
    choices: tuple[str, ...]
    labels: Mapping[str, str]
    minimum: int | None
    maximum: int | None
    max_length: int


def argument(
    description: str,
    *,
    default: Any = MISSING,
    minimum: int | None = None,
    maximum: int | None = None,
    max_length: int = _MAX_LENGTH,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """A field of an arguments class; without ``default`` it is required.

    ``description`` is Chinese, for the model. ``labels`` gives the Chinese word for a value of a Literal,
    which is accepted as well. ``max_length`` is in characters.
    """
    told = {
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
        "max_length": max_length,
        "labels": dict(labels or {}),
    }
    return field(metadata=told) if default is MISSING else field(default=default, metadata=told)


def schema(arguments: type) -> dict[str, Any]:
    """The JSON schema (type object) of an arguments class."""
    rules = _rules(arguments)
    return {
        "type": "object",
        "properties": {rule.name: _property(rule) for rule in rules},
        "required": [rule.name for rule in rules if rule.required],
        "additionalProperties": False,
    }


def parse(arguments: type[A], given: Mapping[str, Any]) -> A:
    """The arguments object for what the model gave; InvalidInput tells every fault at once, in Chinese."""
    rules = _rules(cast(Any, arguments))
    faults = [f"没有参数「{_shown(name)}」" for name in given if name not in {rule.name for rule in rules}]
    values: dict[str, Any] = {}
    for rule in rules:
        try:
            values[rule.name] = _value(rule, given.get(rule.name))
        except InvalidInput as fault:
            faults.append(fault.message)
    if faults:
        known = "、".join(rule.name for rule in rules) or "（无）"
        raise InvalidInput(f"参数有误：{'；'.join(faults)}。可用的参数：{known}。")
    return arguments(**values)


@lru_cache(maxsize=256)
def _rules(arguments: type) -> tuple[_Rule, ...]:
    hints = typing.get_type_hints(arguments)
    return tuple(_rule(item, hints[item.name]) for item in fields(cast(Any, arguments)))


def _rule(item: "Field[Any]", hint: Any) -> _Rule:
    kind, choices = _plain(hint)
    told = item.metadata
    return _Rule(
        name=item.name,
        kind=kind,
        required=item.default is MISSING,
        default=item.default,
        description=told.get("description", ""),
        choices=choices,
        labels=told.get("labels", {}),
        minimum=told.get("minimum"),
        maximum=told.get("maximum"),
        max_length=told.get("max_length", _MAX_LENGTH),
    )


def _plain(hint: Any) -> tuple[type, tuple[str, ...]]:
    """(kind, choices) of a field's type; TypeError for one that a tool cannot have."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
    if typing.get_origin(hint) is Literal:
        return str, typing.get_args(hint)
    if hint not in _WORDS:
        raise TypeError(f"a tool's argument cannot be of type {hint!r}")
    return hint, ()


def _property(rule: _Rule) -> dict[str, Any]:
    found: dict[str, Any] = {"type": _WORDS[rule.kind], "description": _described(rule)}
    if rule.choices:
        found["enum"] = list(rule.choices)
    elif rule.kind is str:
        found["maxLength"] = rule.max_length
    found |= {
        key: bound
        for key, bound in (("minimum", rule.minimum), ("maximum", rule.maximum))
        if bound is not None
    }
    if not rule.required and rule.default not in (None, ""):
        found["default"] = rule.default
    return found


def _described(rule: _Rule) -> str:
    words = "，".join(f"{value}={label}" for value, label in rule.labels.items())
    return f"{rule.description}（{words}）" if words else rule.description


def _value(rule: _Rule, given: Any) -> Any:
    if given is None or (isinstance(given, str) and not given.strip()):
        if rule.required:
            raise InvalidInput(f"缺少参数「{rule.name}」（{rule.description}）")
        return rule.default
    return _READERS[rule.kind](rule, given)


def _read_text(rule: _Rule, given: Any) -> str:
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = str(int(given)) if float(given).is_integer() else str(given)
    if not isinstance(given, str):
        raise InvalidInput(f"参数「{rule.name}」应为文本，收到 {_shown(given)}")
    text = given.strip()
    if rule.choices:
        return _choice(rule, text)
    if len(text) > rule.max_length:
        raise InvalidInput(f"参数「{rule.name}」最长 {rule.max_length} 个字符，收到 {len(text)} 个")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(f"参数「{rule.name}」含有无法保存的字符")
    return text


def _choice(rule: _Rule, text: str) -> str:
    for value in rule.choices:
        if text.lower() == value.lower() or text == rule.labels.get(value):
            return value
    raise InvalidInput(f"参数「{rule.name}」只能是 {'、'.join(rule.choices)}，收到 {_shown(text)}")


def _read_number(rule: _Rule, given: Any) -> int:
    number = _whole(given)
    if number is None:
        raise InvalidInput(f"参数「{rule.name}」应为整数，收到 {_shown(given)}")
    low, high = rule.minimum, rule.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise InvalidInput(f"参数「{rule.name}」{_bounds(low, high)}，收到 {_shown(number)}")
    return number


def _bounds(low: int | None, high: int | None) -> str:
    if high is None:
        return f"不能小于 {low}"
    return f"不能大于 {high}" if low is None else f"应在 {low} 到 {high} 之间"


def _whole(given: Any) -> int | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, str):
        text = given.strip().removeprefix("#")
        return int(text) if text.removeprefix("-").isdecimal() and len(text) < _SHOWN_CHARS else None
    if isinstance(given, float):
        return int(given) if given.is_integer() else None
    return given if isinstance(given, int) else None


def _read_flag(rule: _Rule, given: Any) -> bool:
    word = str(given).strip().lower()
    if word not in _TRUE | _FALSE or isinstance(given, list | dict):
        raise InvalidInput(f"参数「{rule.name}」应为 true 或 false，收到 {_shown(given)}")
    return word in _TRUE


_READERS: Final[dict[type, Callable[[_Rule, Any], Any]]] = {
    str: _read_text,
    int: _read_number,
    bool: _read_flag,
}


def _shown(given: Any) -> str:
    text = str(given)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
