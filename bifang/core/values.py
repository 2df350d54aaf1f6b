"""Turns what a form or a file gives for a field into the value that is stored."""

import re
from typing import Any

from bifang.core.errors import ConfigError, InvalidInput, SecretError
from bifang.core.kinds import Field, get_kind
from bifang.core.models import SystemConfig
from bifang.core.references import check_reference, is_reference
from bifang.core.rules import check_config_address, check_config_proxy

_TRUE = ("true", "yes", "on", "1", "是")
_FALSE = ("false", "no", "off", "0", "否", "")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def clean_value(field: Field, value: Any) -> Any:
    """The stored value. Raises InvalidInput."""
    if field.type == "flag":
        return _flag(field, value)
    if field.type == "config":
        return _config(field, value)
    if field.type == "number":
        return _number(field, value)
    text = _text(field, value)
    if field.type == "choice" and text not in dict(field.choices):
        raise InvalidInput(f"「{text}」不在可选值之中：{'、'.join(key for key, _ in field.choices)}。")
    if field.sealed:
        _reference(text)
    check_place(field, text)
    return text


def check_place(field: Field, text: str) -> None:
    """Raises InvalidInput if an address or proxy leads to where no configuration may lead."""
    check = {"address": check_config_address, "proxy": check_config_proxy}.get(field.type)
    if check is None or not text or is_reference(text):
        return
    try:
        check(text)
    except ConfigError as error:
        raise InvalidInput(error.message) from None


def _text(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise InvalidInput("应为文字。")
    text = str(value).strip()
    if _CONTROL.search(text):
        raise InvalidInput("含有不可见的控制字符，请重新复制粘贴。")
    if len(text) > field.max_length:
        raise InvalidInput(f"太长：最多 {field.max_length} 个字符。")
    return text.rstrip("/") if field.type == "address" else text


def _reference(text: str) -> None:
    try:
        check_reference(text)
    except SecretError as error:
        raise InvalidInput(error.message) from None


def _flag(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value if value is not None else field.default).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidInput(f"「{value}」不是开关，请写 true 或 false。")


def _number(field: Field, value: Any) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"「{value}」不是数字。") from None
    return int(number) if number.is_integer() else number


def _config(field: Field, value: Any) -> SystemConfig | None:
    if value in (None, ""):
        return None
    candidates = SystemConfig.objects.current().filter(kind=field.of_kind)
    if isinstance(value, SystemConfig):
        found = candidates.filter(pk=value.pk).first()
    else:
        found = candidates.filter(name=str(value).strip()).first()
    if found is None:
        label = get_kind(field.of_kind).label
        raise InvalidInput(f"没有名为「{value}」的{label}配置；请先添加它，或写对名称。")
    return found
