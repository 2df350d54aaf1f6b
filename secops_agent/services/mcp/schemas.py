"""JSON schemas of foreign tools: cut down to what can be checked and read, and arguments checked against them.

A schema comes from a server that may be hostile: references to elsewhere, recursion, expressions that never end and
sizes without bound are kept out here. What is left out (``pattern``, ``format`` but ours) the server checks itself.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

LARGEST: Final = 16_000  # characters of a schema
_DEEPEST: Final = 8
_MOST: Final = 400  # subschemas, references resolved
_TOLD: Final = 300  # characters of a parameter's description
_SHOWN: Final = 60
_PLAIN: Final = (
    "type", "required", "enum", "const", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "minItems", "maxItems", "uniqueItems",
)  # fmt: skip
_ONE: Final = ("items", "additionalProperties")
_SEVERAL: Final = ("anyOf", "oneOf", "allOf")
_HEADER: Final = "x-mcp-header"
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")
_WORD: Final = re.compile(r"[\w.@:\\\\-]{1,200}", re.ASCII)
_HASH: Final = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{128}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_TYPES: Final = {
    "string": "文本", "integer": "整数", "number": "数字", "boolean": "true 或 false", "array": "列表", "object": "对象",
    "null": "空",
}  # fmt: skip


def _reads(read: Callable[[str], object]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return "%" not in text  # the zone of an address means something on one machine only

    return fits


# Formats of our own declarations: name → what it is called, and what it takes.
FORMATS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "ip": ("IP 地址", _reads(ipaddress.ip_address)),
    "network": ("IP 地址或网段", _reads(lambda text: ipaddress.ip_network(text, strict=False))),
    "host": ("主机名或地址", _HOST.fullmatch),
    "word": ("地址、主机名或账号（字母、数字和 . _ - @ : 反斜杠）", _WORD.fullmatch),
    "hash": ("MD5、SHA-1、SHA-256 或 SHA-512", _HASH.fullmatch),
    "line": ("一行文字，没有换行等控制字符", lambda text: not _CONTROL.search(text)),
}


def _validator(schema: Mapping[str, Any]) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator, FormatChecker  # not at the start: few have foreign tools
    from referencing import Registry

    checker = FormatChecker(formats=())
    for name, (_, fits) in FORMATS.items():
        checker.checks(name)(lambda value, fits=fits: not isinstance(value, str) or bool(fits(value)))
    return Draft202012Validator(schema, registry=Registry(), format_checker=checker)


def flatten(schema: Any) -> dict[str, Any]:
    """The schema of an object without references. Raises InvalidInput that says why it cannot be used."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise InvalidInput("参数的 schema 不是对象（type: object）。")
    if len(json.dumps(schema, ensure_ascii=False)) > LARGEST:
        raise InvalidInput(f"参数的 schema 超过 {LARGEST} 个字符。")
    from jsonschema import Draft202012Validator, SchemaError

    flat = _Flattening(schema).flatten(schema, 0)
    try:
        Draft202012Validator.check_schema(flat)
    except (SchemaError, RecursionError):
        raise InvalidInput("参数的 schema 不合规范。") from None
    return {"properties": {}, **flat}


class _Flattening:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root, self._left = root, _MOST

    def flatten(self, schema: Any, depth: int) -> Any:
        if isinstance(schema, bool):
            return schema
        self._left -= 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self._left < 0:
            raise InvalidInput("参数的 schema 太深、太大或引用自己。")
        if "$ref" in schema:
            return self.flatten({**self._referred(schema["$ref"]), **_without(schema, "$ref")}, depth + 1)
        kept = {key: schema[key] for key in _PLAIN if key in schema}
        kept |= {key: schema[key] for key in (_HEADER,) if isinstance(schema.get(key), str)}
        kept |= {key: schema[key] for key in ("format",) if schema.get(key) in list(FORMATS)}
        kept |= {key: self.flatten(schema[key], depth + 1) for key in _ONE if key in schema}
        kept |= {
            key: [self.flatten(one, depth + 1) for one in _listed(schema[key])]
            for key in _SEVERAL
            if key in schema
        }
        if isinstance(told := schema.get("description"), str):
            kept["description"] = visible(told)[:_TOLD]
        if "properties" in schema:
            kept["properties"] = self._properties(schema["properties"], depth)
        return kept

    def _properties(self, given: Any, depth: int) -> dict[str, Any]:
        if not isinstance(given, dict) or any(visible(name) != name or len(name) > 100 for name in given):
            raise InvalidInput("参数的 schema 不合规范。")
        return {name: self.flatten(one, depth + 1) for name, one in given.items()}

    def _referred(self, place: Any) -> dict[str, Any]:
        """Inside of this schema only: nothing is fetched."""
        found: Any = self._root
        if not isinstance(place, str) or not place.startswith("#/"):
            raise InvalidInput("参数的 schema 引用了别处的内容（$ref）。")
        for part in place[2:].split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise InvalidInput("参数的 schema 引用了不存在的内容（$ref）。")
        return found


def _without(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput("参数的 schema 不合规范。")
    return value


def check_arguments(schema: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises InvalidInput that names every parameter with what is wrong. ``schema`` comes from `flatten`."""
    known = schema["properties"]
    faults = [f"没有参数「{name[:_SHOWN]}」" for name in given if name not in known and not _open(schema)]
    errors = sorted(_validator(schema).iter_errors(dict(given)), key=lambda error: list(map(str, error.path)))
    faults += [_told(error, known) for error in errors if error.validator != "additionalProperties"]
    if faults:
        raise InvalidInput(f"参数有误：{'；'.join(faults[:8])}。")


def _open(schema: Mapping[str, Any]) -> bool:
    """Does it want names that it does not tell? Most schemas say nothing: a misspelt name is a mistake then."""
    return schema.get("additionalProperties") is True or isinstance(schema.get("additionalProperties"), dict)


def _told(error: "ValidationError", known: Mapping[str, Any]) -> str:
    name = ".".join(map(str, error.path)) or "（全部）"
    value: Any = error.validator_value
    shown = str(error.instance)[:_SHOWN]
    match error.validator:
        case "required":
            missing = [one for one in value if one not in error.instance]
            return "；".join(f"缺少参数「{one}」{_meaning(known.get(one))}" for one in missing)
        case "type":
            kinds = "或".join(
                _TYPES.get(one, str(one)) for one in ([value] if isinstance(value, str) else value)
            )
            return f"参数「{name}」应为{kinds}，收到 {shown}"
        case "enum" | "const":
            choices = "、".join(str(one) for one in (value if error.validator == "enum" else [value]))
            return f"参数「{name}」只能是 {choices[:200]}，收到 {shown}"
        case "minimum" | "exclusiveMinimum":
            return f"参数「{name}」应{'不小于' if error.validator == 'minimum' else '大于'} {value}，收到 {shown}"
        case "maximum" | "exclusiveMaximum":
            return f"参数「{name}」应{'不大于' if error.validator == 'maximum' else '小于'} {value}，收到 {shown}"
        case "format":
            return f"参数「{name}」应为{FORMATS[value][0]}，收到 {visible(shown)}"
        case "minLength" | "minItems":
            return f"参数「{name}」太短，至少 {value}"
        case "maxLength" | "maxItems":
            return f"参数「{name}」太长，最多 {value}"
    return f"参数「{name}」不合要求，收到 {shown}"


def _meaning(schema: Any) -> str:
    told = schema.get("description") if isinstance(schema, dict) else ""
    return f"（{told[:_SHOWN]}）" if told else ""


def convert(schema: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Typed words as the values that the schema wants; what cannot be read stays text, for `check_arguments`."""
    return {name: _value(schema["properties"].get(name, {}), text) for name, text in texts.items()}


def _value(schema: Any, text: str) -> Any:
    kinds = _kinds(schema)
    if "boolean" in kinds and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if "string" in kinds or not kinds:
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if "array" in kinds and not isinstance(found, list):
        return [_value(schema.get("items", {}), one.strip()) for one in text.replace("，", ",").split(",")]
    return found


_WORDS: Final = {"true": True, "是": True, "yes": True, "false": False, "否": False, "no": False}


def _kinds(schema: Any) -> set[str]:
    """The types that a value may have, as far as they are told."""
    if not isinstance(schema, dict):
        return set()
    told = schema.get("type", [])
    found = {told} if isinstance(told, str) else set(told)
    return found.union(*(_kinds(one) for key in _SEVERAL for one in schema.get(key, [])))


def usage(schema: Mapping[str, Any]) -> str:
    """``address=… [minutes=…]``: how the arguments are written."""
    needed = set(schema.get("required", []))
    names = sorted(schema["properties"], key=lambda name: name not in needed)
    return " ".join(f"{name}=…" if name in needed else f"[{name}=…]" for name in names)


def header_arguments(schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Name of the header → value, for arguments that a server wants in the head of the request, too."""
    wanted = {name: one.get(_HEADER) for name, one in schema["properties"].items() if isinstance(one, dict)}
    return {header: given[name] for name, header in wanted.items() if header and given.get(name) is not None}
