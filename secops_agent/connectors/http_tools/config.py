"""Kind ``http_tools``: a REST API whose calls people write as tools, as it is configured and as code works with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import yaml
from django.core.exceptions import ValidationError
from pydantic import Field
from unfold import widgets

from bifang.core.configuration.documents import read_yaml
from bifang.core.configuration.entries import Entry, read_entry
from bifang.core.configuration.fields import (
    AddressField,
    CaField,
    ChoiceField,
    FlagField,
    NumberField,
    ProxyField,
    Setting,
)
from bifang.core.configuration.kinds import Kind
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.outbound.rules import check_config_address
from bifang.core.secrets import references
from bifang.core.secrets.redaction import remember_secret
from secops_agent.connectors.mcp.fields import ActionsField, HeadersField, SecretsField, ToolsField
from secops_agent.services.mcp import http, mappings
from secops_agent.services.mcp.definitions import read_listing
from secops_agent.services.mcp.http import HttpRequest, HttpTool, Success
from secops_agent.services.mcp.mappings import MappedAction

SIGNS: Final = (
    ("", "不签名"),
    ("aliyun", "阿里云 OpenAPI（ACS3-HMAC-SHA256）"),
    ("aliyun_sls", "阿里云日志服务 SLS（HMAC-SHA1，只有 GET）"),
)
ALIYUN_KEYS: Final = ("access_key_id", "access_key_secret")
DEFINED: Final = "只有超级管理员可以修改：它决定向公司的系统发出什么请求。"


class Login(Entry):
    """A request before the others, and the header that carries what it gave: ``{token}`` stands for what ``extract`` found.

    ``base_url``: where tokens are given, if that is another host than the tools'.
    """

    base_url: str = ""
    request: HttpRequest
    success: Success = Success()
    extract: str
    header: str = Field("Authorization", pattern=r"^[A-Za-z0-9-]{1,60}$")
    value: str = "Bearer {token}"


@dataclass(frozen=True, slots=True)
class HttpToolSettings:
    """``timeout_s``: one request with its answer, where the tool does not say. ``dry_run``: nothing that changes is sent."""

    id: int
    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sign: str = ""
    login: Login | None = None
    tools: Mapping[str, HttpTool] = field(default_factory=dict)
    actions: Mapping[str, MappedAction] = field(default_factory=dict)
    dry_run: bool = False
    timeout_s: float = 10.0
    ca: str = ""
    proxy: str = field(default="", repr=False)


class YamlField(Setting):
    """What people write as YAML: a mapping in a file, its text on a page."""

    widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 16, "spellcheck": "false"})
    nothing: ClassVar[Any] = {}

    def to_python(self, value: Any) -> dict[str, Any]:
        try:
            given = read_yaml(value, aliases=False) if isinstance(value, str) else value
            return self.entry(json.loads(json.dumps(given or {}, ensure_ascii=False)))
        except (TypeError, ValueError, RecursionError):
            raise ValidationError("只能有文字、数字、列表和映射。") from None
        except BifangError as error:
            raise ValidationError(error.message) from None

    def entry(self, given: Any) -> dict[str, Any]:
        """As it is kept. Raises InvalidInput."""
        raise NotImplementedError

    def prepare_value(self, value: Any) -> Any:
        return (
            yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
            if isinstance(value, Mapping) and value
            else value or ""
        )

    def reserved(self, old: Any, new: Any) -> str:
        """It says what is sent."""
        return "" if new == old else DEFINED


class HttpToolsField(YamlField, ToolsField):
    """Name of a tool → its definition."""

    elsewhere = False

    def entry(self, given: Any) -> dict[str, Any]:
        tools = self.read(given)
        http.check_tools(tools)
        return {name: one.as_entry() for name, one in tools.items()}

    def read(self, value: Any) -> Mapping[str, HttpTool]:
        return read_listing(value, HttpTool)

    def reserved(self, old: Any, new: Any) -> str:
        """As of any tool: what needs more of people is everybody's who configures, what needs less a superuser's."""
        return ToolsField.reserved(self, old, new)


class LoginField(YamlField):
    """How one signs in, where every call needs a token that is given for a while."""

    def entry(self, given: Any) -> dict[str, Any]:
        login = self.use(given)
        return login.model_dump(mode="json", by_alias=True, exclude_defaults=True) if login else {}

    def use(self, value: Any) -> Login | None:
        login = read_entry(Login, value) if value else None
        if login and login.base_url:
            check_config_address(login.base_url)
        return login

    def shown(self, value: Any) -> str:
        return str(value["request"]["path"]) if value else ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class NamedSecretsField(SecretsField):
    """Name → secret, for ``{secret.name}``. On a page JSON, or the only one, named ``key``."""

    def to_python(self, value: Any) -> Any:
        given = value or {}
        if isinstance(value, str) and value.strip():
            given = _json(value) if value.lstrip().startswith("{") else {"key": value.strip()}
        right = isinstance(given, Mapping) and len(given) <= 20
        if not right or not all(isinstance(one, str) and one for pair in given.items() for one in pair):
            raise ValidationError('应为映射，例如 {"key": "env:BIFANG_SECRET_名称"}。')
        return dict(given)

    def use(self, value: Any) -> dict[str, str]:
        """The secrets themselves."""
        found = {name: references.resolve(text) for name, text in dict(value or {}).items()}
        remember_secret(*found.values())
        return found


class ApiHeadersField(HeadersField):
    """Some APIs are told what answer is wanted."""

    ours = ("connection", "content-", "host", "transfer-encoding")


class RehearsalField(FlagField):
    """Whoever ends a rehearsal lets the real thing begin."""

    def reserved(self, old: Any, new: Any) -> str:
        return DEFINED if old and not new else ""


class SignField(ChoiceField):
    """How every request is signed."""

    def reserved(self, old: Any, new: Any) -> str:
        return DEFINED if new != old else ""


class HttpToolsKind(Kind):
    """Fields of a REST API."""

    name = http.KIND
    label = "HTTP 工具"
    carries = True
    icon, place, section = "http", 32, "工具与处置"
    at_hand = (
        "接口的地址、它要求的令牌，和要用的几个接口的文档；主机要先由运维写进 BIFANG_ADDRESS_ALLOW_LIST。"
    )
    sentence = "任何有 REST 接口的设备和平台：把要用的接口写成 YAML，就是查询和处置的工具，不用写代码。"

    base_url = AddressField(
        "接口地址", required=True,
        help_text="例如 https://fw.corp.example 或 https://fw.corp.example/api/v1；工具只能访问这台主机。主机须在 BIFANG_ADDRESS_ALLOW_LIST 中。",
    )  # fmt: skip
    headers = ApiHeadersField(
        "请求头", account=True,
        help_text="接口要求的令牌，例如 Authorization: env:BIFANG_SECRET_名称；多个写成 JSON。保存后不再显示。",
    )  # fmt: skip
    secrets = NamedSecretsField(
        "密钥", account=True, advanced=True,
        help_text='写在参数或请求体里的密钥，只有一个时写它本身（名为 key），几个写成 JSON：{"key": "env:BIFANG_SECRET_名称"}；在工具里写 {secret.key}。保存后不再显示。',
    )  # fmt: skip
    tools = HttpToolsField(
        "工具", help_text="YAML，写法见 docs/http-tools.md；现成的设备：python manage.py http_tools presets。"
    )
    actions = ActionsField(
        "负责的危险操作", advanced=True,
        help_text='封禁、隔离批准以后由哪个工具执行，JSON，例如 {"block_ip": {"tool": "block", "arguments": {"address": "ip"}}}。',
    )  # fmt: skip
    login = LoginField(
        "登录", advanced=True, help_text="先登录、再带令牌的接口才写，YAML：request、extract、header、value。"
    )
    sign = SignField(
        "签名", choices=SIGNS, advanced=True, help_text="阿里云的密钥写成 access_key_id、access_key_secret。"
    )
    dry_run = RehearsalField(
        "只演练",
        advanced=True,
        help_text="打开时查询照常，写入和危险的工具批准以后不发出，只写明本来要发出什么。",
    )
    timeout_s = NumberField(
        "超时（秒）",
        min_value=1,
        max_value=40,
        initial=10,
        advanced=True,
        help_text="一次请求连同应答，1 到 40。",
    )
    ca = CaField()
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> HttpToolSettings:
        """The settings of the session."""
        return HttpToolSettings(id=config.pk, name=config.name, **values)

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> dict[str, str]:
        """Actions need tools that are classed; secrets that are named must be there."""
        tools = {name: one for name, one in read_listing(values["tools"], HttpTool).items() if one.enabled}
        if values["sign"] == "aliyun_sls" and (
            other := [name for name, one in tools.items() if one.request.method != "GET"]
        ):
            return {"sign": f"日志服务的签名只用于 GET，工具「{other[0]}」不是。"}
        if told := _fault_of_actions(mappings.read_mappings(values["actions"]), tools):
            return {"actions": told}
        login = read_entry(Login, values["login"]).request.names() if values["login"] else set()
        wanted = http.secrets_of(tools) | {name.removeprefix(http.SECRET) for name in login}
        wanted |= set(ALIYUN_KEYS) if values["sign"] else set()
        if missing := sorted(wanted - set(values["secrets"] or {})):
            return {"secrets": f"缺少密钥「{missing[0]}」：工具、登录或签名要用它。"}
        return {}


def _fault_of_actions(mapped: Mapping[str, MappedAction], tools: Mapping[str, HttpTool]) -> str:
    """What is wrong with them: people wrote the tools, too, so that is known at once. "" for nothing."""
    if told := mappings.contradiction(mapped, tools):
        return told
    for action, one in mapped.items():
        told = mappings.misfit(action, one, tools[one.tool].as_schema())
        told = told or (mappings.unlisting(action, one, tools[one.lists].as_schema()) if one.lists else "")
        if told:
            return told
    return ""
