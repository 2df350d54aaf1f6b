"""Fields of a configuration that offers tools: its headers, and its tools as people class them."""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from unfold import widgets

from bifang.core.configuration.fields import SecretField, Setting
from bifang.core.errors import BifangError, ConfigError
from bifang.core.secrets import references
from bifang.core.secrets.redaction import remember_secret
from secops_agent.services.mcp.definitions import ALERT_FIELDS, ListedTool, read_listing
from secops_agent.services.mcp.mappings import MappedAction, read_mappings

CLASSES: Final = {"read": "只读", "write": "写入", "dangerous": "危险"}
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,60}")
_VALUE: Final = re.compile(r"[\x20-\x7e]{1,4000}")
_MOST: Final = 10
_BEARER: Final = "authorization"
_RAW: Final = "raw:"
_SHAPE: Final = (
    '请写一个请求头，例如 Authorization: env:BIFANG_SECRET_名称；多个写成 JSON：{"X-Tenant": "a"}。'
)


EASED: Final = (
    "只有超级管理员可以放宽工具「{name}」：打开没有列出的工具、降低分类或角色、改核实和撤销的工具、让自动调查用它。"
    "调高分类和关闭不受限制。"
)
MAPPED: Final = "只有超级管理员可以修改：它决定批准以后由哪个工具执行。"


class SecretsField(SecretField):
    """Name → value, or where it is read: each a secret of its own."""

    nothing: ClassVar[Any] = {}

    def run_validators(self, value: Any) -> None:
        """Each value as a secret of its own."""
        try:
            for one in self.references(value):
                references.check_reference(one)
        except BifangError as error:
            raise ValidationError(error.message) from None

    def references(self, value: Any) -> tuple[str, ...]:
        given = (text.removeprefix(_RAW) for text in dict(value or {}).values())
        return tuple(text for text in given if references.is_reference(text))

    def shown(self, value: Any) -> str:
        told = (f"{name}（{one}）" for name, one in _sources(dict(value or {})))
        return "、".join(told)


class HeadersField(SecretsField):
    """Header → value. On a page one line: ``Name: value``, a bare token, or JSON. ``ours``: how those begin that nobody sets."""

    ours: ClassVar[tuple[str, ...]] = (
        "accept",
        "connection",
        "content-",
        "host",
        "mcp-",
        "transfer-encoding",
    )

    def to_python(self, value: Any) -> Any:
        headers = _mapping(value)
        for name, text in headers.items():
            _check_header(name, text, self.ours)
        return headers

    def use(self, value: Any) -> dict[str, str]:
        """The headers themselves; a token without its scheme is a bearer's, unless ``raw:`` says that it goes out as it is."""
        given = dict(value or {})
        found = {name: references.resolve(text.removeprefix(_RAW)) for name, text in given.items()}
        for name, text in found.items():
            if not _VALUE.fullmatch(text):
                raise ConfigError(f"请求头 {name} 的值里有换行或非英文字符，请重新填写。")
            remember_secret(text.rpartition(" ")[2])
        return {
            name: f"Bearer {text}"
            if name.lower() == _BEARER and " " not in text and not given[name].startswith(_RAW)
            else text
            for name, text in found.items()
        }


def _sources(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (name, f"引用 {text}" if references.is_reference(text.removeprefix(_RAW)) else "已设置")
        for name, text in headers.items()
    ]


def _mapping(value: Any) -> dict[str, str]:
    if not value:
        return {}
    if isinstance(value, str):
        value = _from_line(value.strip())
    right = isinstance(value, Mapping) and len(value) <= _MOST
    if not right or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise ValidationError(_SHAPE)
    return {name.strip(): text.strip() for name, text in value.items()}


def _from_line(line: str) -> Any:
    if line.startswith("{"):
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise ValidationError(_SHAPE) from None
    name, colon, text = line.partition(":")
    if references.is_reference(line) or not colon or not _NAME.fullmatch(name.strip()):
        return {"Authorization": line}
    return {name: text}


def _check_header(name: str, text: str, ours: tuple[str, ...]) -> None:
    if not _NAME.fullmatch(name) or name.lower().startswith(ours):
        raise ValidationError(f"不能设置请求头「{name[:60]}」。")
    if not _VALUE.fullmatch(text):
        raise ValidationError(f"请求头 {name} 的值不能为空，也不能有换行或非英文字符。")


class ToolsField(Setting):
    """Name of a tool → ``read``, ``write``, ``dangerous`` or ``{class, roles, verify, undo, investigation}``; the rest is off."""

    elsewhere = True
    nothing: ClassVar[Any] = {}

    def to_python(self, value: Any) -> dict[str, Any]:
        try:
            return {name: one.as_entry() for name, one in self.read(value or {}).items()}
        except BifangError as error:
            raise ValidationError(error.message) from None

    def read(self, value: Any) -> Mapping[str, ListedTool]:
        """Raises InvalidInput."""
        return read_listing(value, ListedTool)

    def use(self, value: Any) -> Mapping[str, ListedTool]:
        return self.read(value or {})

    def reserved(self, old: Any, new: Any) -> str:
        """What a tool needs of people may be made more by whoever configures it, and less by a superuser."""
        before = self._stored(old)
        eased = next((name for name, one in self.read(new).items() if one.eases(before.get(name))), "")
        return EASED.format(name=eased) if eased else ""

    def shown(self, value: Any) -> str:
        return "、".join(f"{name}：{_told(entry)}" for name, entry in dict(value or {}).items())

    def _stored(self, value: Any) -> Mapping[str, ListedTool]:
        """Of what can be read no more, everything is new."""
        try:
            return self.read(value or {})
        except BifangError:
            return {}


def _told(entry: Mapping[str, Any]) -> str:
    more = [f"{key} {entry[key]}" for key in ("roles", "verify", "undo") if key in entry]
    filled = [f"{name} 取{ALERT_FIELDS[field]}" for name, field in entry.get("investigation", {}).items()]
    more += [f"用于自动调查：{'、'.join(filled)}"] if filled else []
    return CLASSES[entry["class"]] + (f"（{'，'.join(more)}）" if more else "")


class ActionsField(Setting):
    """Our dangerous action → the tool that carries it out. On a page one line of JSON."""

    widget = widgets.UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    nothing: ClassVar[Any] = {}

    def to_python(self, value: Any) -> dict[str, Any]:
        try:
            given = json.loads(value) if isinstance(value, str) and value.strip() else value or {}
            return {name: one.as_entry() for name, one in read_mappings(given).items()}
        except (ValueError, RecursionError):
            raise ValidationError("不是合法的 JSON。") from None
        except BifangError as error:
            raise ValidationError(error.message) from None

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) and value else value or ""

    def reserved(self, old: Any, new: Any) -> str:
        """It says what an approval sets going."""
        return "" if new == old else MAPPED

    def use(self, value: Any) -> dict[str, MappedAction]:
        return read_mappings(value or {})

    def shown(self, value: Any) -> str:
        return "，".join(f"{action}：{one['tool']}" for action, one in dict(value or {}).items())
