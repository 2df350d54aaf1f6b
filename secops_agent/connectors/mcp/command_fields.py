"""Fields of an MCP server that is a program on this machine; only the operator's file sets them."""

import re
import shlex
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError

from bifang.core import references
from bifang.core.fields import LONGEST_SHOWN, Setting
from bifang.core.redaction import redact, remember_secret
from secops_agent.connectors.mcp.fields import SecretsField

_MOST: Final = 50
_LONGEST: Final = 4000
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f]")
_SHAPE: Final = "应为列表，例如 [/opt/octobus/bin/fw-mcp, --readonly]：一个程序和它的参数，不经过 shell。"


class CommandField(Setting):
    """A program and its arguments, without a shell between."""

    nothing: ClassVar[Any] = []

    def to_python(self, value: Any) -> list[str]:
        if not value:
            return []
        if not isinstance(value, list) or len(value) > _MOST:
            raise ValidationError(_SHAPE)
        if any(isinstance(one, bool) or not isinstance(one, str | int | float) for one in value):
            raise ValidationError(_SHAPE)
        words = [str(one) for one in value]
        if not words[0] or any(len(one) > _LONGEST or _UNFIT.search(one) for one in words):
            raise ValidationError("程序不能为空，参数不能有换行等控制字符。")
        if "/" in words[0] and not words[0].startswith("/"):
            raise ValidationError("程序请写绝对路径，或只写名称（在系统目录里找）。")
        if any(references.is_reference(one) for one in words):
            raise ValidationError("参数人人可见（ps），不能放密钥：请写在 env 里。")
        return words

    def use(self, value: Any) -> tuple[str, ...]:
        return tuple(value or ())

    def shown(self, value: Any) -> str:
        return redact(shlex.join(value or ()))[:LONGEST_SHOWN]


class EnvironmentField(SecretsField):
    """Variable → value, or where it is read."""

    def to_python(self, value: Any) -> Any:
        if not value:
            return {}
        if not isinstance(value, Mapping) or len(value) > _MOST:
            raise ValidationError("应为映射，例如 {FW_HOST: 10.0.0.1, FW_TOKEN: env:BIFANG_SECRET_FW}。")
        for name, text in value.items():
            if not _NAME.fullmatch(str(name)):
                raise ValidationError(f"「{str(name)[:60]}」不是环境变量名。")
            if isinstance(text, bool) or not isinstance(text, str | int | float):
                raise ValidationError(f"环境变量 {name} 的值应为文字，true、false 请加引号。")
            if "\0" in str(text) or len(str(text)) > _LONGEST:
                raise ValidationError(f"环境变量 {name} 的值太长，或含有 NUL。")
        return {str(name): str(text) for name, text in value.items()}

    def use(self, value: Any) -> dict[str, str]:
        """The variables themselves."""
        found = {name: references.resolve(text) for name, text in dict(value or {}).items()}
        remember_secret(*found.values())
        return found
