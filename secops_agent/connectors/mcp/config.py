"""Kind ``mcp``: an MCP server as people configure it, and as code works with it."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from bifang.core.configuration.fields import (
    LONGEST_SHOWN,
    AddressField,
    CaField,
    FlagField,
    NumberField,
    ProxyField,
    Setting,
    TextField,
)
from bifang.core.configuration.kinds import Kind
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.secrets import references
from bifang.core.secrets.redaction import redact, remember_secret
from secops_agent.connectors.mcp.fields import ActionsField, HeadersField, SecretsField, ToolsField
from secops_agent.services.mcp import catalogue, mappings
from secops_agent.services.mcp.definitions import ListedTool, read_listing
from secops_agent.services.mcp.mappings import MappedAction


@dataclass(frozen=True, slots=True)
class McpSettings:
    """Either ``url`` or ``command`` says where it is. ``ca``: PEM of the authority to believe, "" the system's.
    ``timeout_s``: one request with its answer. ``cwd``: "" an empty folder.
    """

    id: int
    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tools: Mapping[str, ListedTool] = field(default_factory=dict)
    actions: Mapping[str, MappedAction] = field(default_factory=dict)
    timeout_s: float = 10.0
    ca: str = ""
    proxy: str = field(default="", repr=False)
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str = ""
    airgapped_ok: bool = False
    dry_run: ClassVar[bool] = False


# Fields of an MCP server that is a program on this machine; only the operator's file sets them.

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


_REMOTE: Final = ("url", "headers", "ca", "proxy")
_LOCAL: Final = ("env", "cwd", "airgapped_ok")


class McpKind(Kind):
    """Fields of an MCP server."""

    name = catalogue.KIND
    label = "MCP 服务"
    carries = True
    icon, place, section = "extension", 31, "工具与处置"
    at_hand = "服务的地址（streamable HTTP，通常以 /mcp 结尾）和它要求的令牌；主机要先由运维写进 BIFANG_ADDRESS_ALLOW_LIST。本机的程序（stdio）由运维写在文件里。"
    sentence = "贵司已有的 MCP 服务（防火墙、WAF、EDR……）：查询的工具给模型用，改动的工具由人下令、确认或双人审批后执行。"

    url = AddressField(
        "服务地址",
        help_text="streamable HTTP 的地址，通常以 /mcp 结尾。主机须在 BIFANG_ADDRESS_ALLOW_LIST 中。由本机程序（stdio）提供的留空，其余必填。",
    )  # fmt: skip
    headers = HeadersField(
        "请求头",
        account=True,
        help_text="服务要求的令牌，例如 Authorization: env:BIFANG_SECRET_名称；只写令牌就是 Authorization: Bearer。"
        '多个请求头写成 JSON：{"Authorization": "…", "X-Tenant": "…"}。保存后不再显示。',
    )  # fmt: skip
    tools = ToolsField("工具")
    actions = ActionsField(
        "负责的危险操作", advanced=True,
        help_text="封禁、隔离批准以后由哪个工具执行，JSON，例如 "
        '{"block_ip": {"tool": "block_address", "arguments": {"address": "ip", "minutes": "duration_minutes"}}}。工具须已分类为写入或危险。',
    )  # fmt: skip
    timeout_s = NumberField(
        "超时（秒）", min_value=1, max_value=40, initial=10, advanced=True,
        help_text="一次请求连同应答最多用多久，1 到 40；改动超时的，结果记为未知，不会再次执行。",
    )  # fmt: skip
    ca = CaField()
    proxy = ProxyField()
    command = CommandField("启动命令", from_file=True)
    env = EnvironmentField("环境变量", from_file=True)
    cwd = TextField("目录", from_file=True, validators=[RegexValidator(r"^/", "请写绝对路径。")])
    airgapped_ok = FlagField("气隙模式下也可以启动", from_file=True)

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> McpSettings:
        """The settings of the client."""
        if not values["url"] and not values["command"]:
            raise ConfigError(f"MCP 服务「{config.name}」缺少服务地址，请在系统配置中填写。")
        return McpSettings(id=config.pk, name=config.name, **values)

    @classmethod
    def needless(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """A program of this machine has no address."""
        return frozenset(_REMOTE if values.get("command") else ())

    @classmethod
    def needs_superuser(cls) -> bool:
        """It has to say where it is."""
        return True

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> dict[str, str]:
        """Either an address or a command; actions need tools that are classed."""
        if wrong := _misplaced(values):
            return wrong
        unclassed = mappings.contradiction(
            mappings.read_mappings(values["actions"]), read_listing(values["tools"], ListedTool)
        )
        return {"actions": unclassed} if unclassed else {}


def _misplaced(values: Mapping[str, Any]) -> dict[str, str]:
    if values["command"]:
        return {
            name: "这个服务由运维写的启动命令（command）运行，没有服务地址、请求头、CA 证书和代理，请留空。"
            for name in _REMOTE
            if values[name]
        }
    if not values["url"]:
        return {"url": "请填写服务地址。"}
    return {name: "只和 command 一起写。" for name in _LOCAL if values[name]}
