"""Kind ``dingtalk``: an application of 钉钉开放平台."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from bifang import env
from bifang.core.errors import ConfigError
from bifang.core.kinds import PROXY_HELP, Field, Stored

OFFICIAL_ENDPOINT = "https://api.dingtalk.com"
OFFICIAL_OAPI_ENDPOINT = "https://oapi.dingtalk.com"
_OAPI_OF = {"api.dingtalk.com": OFFICIAL_OAPI_ENDPOINT, "api.dingtalk.io": "https://oapi.dingtalk.io"}
DEFAULT_ROLES = (("none", "无权限（默认）"), ("viewer", "查看"))


@dataclass(frozen=True, slots=True)
class DingTalkSettings:
    """One enabled or disabled DingTalk configuration, secrets resolved."""

    id: int
    name: str
    enabled: bool
    revision: int
    client_id: str
    client_secret: str = field(repr=False)
    app_id: str = ""
    use_stream_push: bool = True
    notifications_enabled: bool = True
    ai_config_id: int | None = None
    corp_id: str = ""
    card_template_id: str = ""
    default_role: Literal["none", "viewer"] = "none"
    endpoint: str = OFFICIAL_ENDPOINT
    oapi_endpoint: str = OFFICIAL_OAPI_ENDPOINT
    proxy: str = field(default="", repr=False)


class DingTalkKind:
    """Fields of the guide's step 4."""

    name = "dingtalk"
    label = "钉钉"
    fields: tuple[Field, ...] = (
        Field("app_id", "钉钉App ID", help="从钉钉开放平台「凭证与基础信息」获取（可选）。"),
        Field(
            "client_id", "钉钉Client ID", required=True, max_length=200,
            help="原 AppKey，从钉钉开放平台「凭证与基础信息」获取（必填，用于 Stream 推送）。",
        ),
        Field(
            "client_secret", "钉钉Client Secret", "secret", required=True,
            help="原 AppSecret（必填，用于 Stream 推送）；也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。",
        ),
        Field("use_stream_push", "使用流式推送", "flag", default=True, help="必须开启，否则不会建立 Stream 长连接。"),
        Field(
            "notifications_enabled", "启用钉钉通知", "flag", default=True,
            help="毕方目前只在被 @ 时回复，还不会主动推送告警；这个开关留给以后的主动推送，现在开或关没有区别。",
        ),
        Field(
            "ai_config", "AI配置", "config", default=None, of_kind="qwen",
            help="关联的通义千问配置（用于智能体）；不选则使用离线模式。",
        ),
        Field(
            "default_role", "未登记人员的角色", "choice", default="none", choices=DEFAULT_ROLES, advanced=True,
            help="没有在「人员」中登记的本企业员工可以做什么。",
        ),
        Field("corp_id", "企业 CorpId", advanced=True, help="留空时从收到的第一条消息得知。"),
        Field("card_template_id", "AI 卡片模板 ID", advanced=True, max_length=200, help="留空则用 Markdown 消息回复。模板要有哪些变量，见 docs/card-template.md。"),
        Field(
            "endpoint", "接入地址", "address", advanced=True,
            help="留空使用环境变量 DINGTALK_OPENAPI_ENDPOINT 或官方地址 https://api.dingtalk.com。",
        ),
        Field("proxy", "HTTP 代理", "proxy", advanced=True, help=PROXY_HELP),
    )  # fmt: skip

    def validate(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Nothing beyond what the fields say."""
        return {}

    def build(self, stored: Stored) -> DingTalkSettings:
        """Raises ConfigError naming what is missing."""
        values = stored.values
        missing = [f.label for f in self.fields if f.required and not values[f.name]]
        if missing:
            raise ConfigError(
                f"钉钉配置「{stored.name}」（ID {stored.id}）缺少{'、'.join(missing)}，请在系统配置中填写。"
            )
        plain: dict[str, Any] = {
            name: values[name]
            for name in ("client_id", "client_secret", "app_id", "use_stream_push", "notifications_enabled",
                         "corp_id", "card_template_id", "default_role", "proxy")
        }  # fmt: skip
        ai_config = values["ai_config"]
        return DingTalkSettings(
            id=stored.id, name=stored.name, enabled=stored.enabled, revision=stored.revision,
            ai_config_id=ai_config.pk if ai_config else None, **_endpoints(values["endpoint"]), **plain,
        )  # fmt: skip


def _endpoints(endpoint: str) -> dict[str, Any]:
    """A configuration's own endpoint serves both APIs (a private DingTalk, the simulator)."""
    api = endpoint or env.text("DINGTALK_OPENAPI_ENDPOINT").rstrip("/") or OFFICIAL_ENDPOINT
    oapi = _OAPI_OF.get(urlsplit(api).hostname or "") or endpoint or OFFICIAL_OAPI_ENDPOINT
    return {"endpoint": api, "oapi_endpoint": env.text("DINGTALK_OAPI_ENDPOINT").rstrip("/") or oapi}
