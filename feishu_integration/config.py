"""Kind ``feishu``: a self-built application of 飞书开放平台."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from bifang.core.configuration.fields import (
    AddressField,
    ChoiceField,
    FlagField,
    ProxyField,
    SecretField,
    TextField,
)
from bifang.core.configuration.kinds import Kind
from bifang.core.models import SystemConfig
from secops_agent.chat_config import (
    AI_CONFIG,
    AI_FALLBACK,
    CHOOSE_MODEL,
    CREDENTIALS,
    DEFAULT_ROLE,
    MODEL,
    MODEL_OFFERS,
    RECEIVING,
    ChatSettings,
    believed,
    call_limit,
    common_values,
    notifications_field,
)

DOMAINS: Final = {"feishu": "https://open.feishu.cn", "lark": "https://open.larksuite.com"}


@dataclass(frozen=True, slots=True)
class FeishuSettings(ChatSettings):
    """A Feishu configuration. ``client_id`` is the App ID."""

    use_long_connection: bool = True
    streams_cards: bool = True
    tenant_key: str = ""
    domain: Literal["feishu", "lark"] = "feishu"
    endpoint: str = DOMAINS["feishu"]


class FeishuKind(Kind):
    """Fields of the Feishu guide."""

    name = "feishu"
    label = "飞书"
    icon, place, section = "flutter_dash", 12, "聊天"
    corporation = "tenant_key"
    ids_of_application = True
    sentence = "让机器人在飞书（或 Lark）里收发消息：用长连接，不需要公网地址。"
    at_hand = "飞书开放平台里一个企业自建应用的 App ID 和 App Secret（要企业管理员或开发者账号）。"
    groups: ClassVar[Mapping[str, str]] = {
        CREDENTIALS: "都在飞书开放平台（open.feishu.cn）：开发者后台 › 点开应用 › 凭证与基础信息。",
        RECEIVING: "飞书一侧：「事件与回调」的订阅方式选「使用长连接接收事件」（要先启动 start_feishu_stream 才能保存），"
        "添加事件「接收消息 v2.0」，开通权限后发布版本。步骤见 docs/feishu_long_connection_setup.md。",
        MODEL: CHOOSE_MODEL,
    }

    client_id = TextField(
        "App ID", required=True, account=True, max_length=200, group=CREDENTIALS,
        help_text="「凭证与基础信息」里的 App ID，以 cli_ 开头。一个企业用一个应用：人员的 ID（ou_）只属于他写过话的那个应用。",
    )  # fmt: skip
    client_secret = SecretField(
        "App Secret", required=True, group=CREDENTIALS,
        help_text="「凭证与基础信息」里的 App Secret；保存后不再显示。也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。",
    )  # fmt: skip
    use_long_connection = FlagField(
        "使用长连接", initial=True, group=RECEIVING,
        help_text="开启：保持长连接，不需要公网地址。关闭：收不到消息（HTTP 回调还不支持飞书），已收到的会继续回答。",
    )  # fmt: skip
    streams_cards = FlagField(
        "边写边显示", initial=True, group=RECEIVING,
        help_text="开启：要想一会儿的回答边写边显示在卡片上，需要权限 cardkit:card:write 和 7.20 以上的飞书客户端。"
        "关闭：写完才发，用文字。审批和告警的按钮不受影响。",
    )  # fmt: skip
    notifications_enabled = notifications_field("飞书")
    default_role = DEFAULT_ROLE
    ai_config = AI_CONFIG
    ai_fallback = AI_FALLBACK
    model_offers = MODEL_OFFERS
    tenant_key = TextField(
        "企业标识（tenant_key）", advanced=True,
        help_text="飞书里企业的标识；留空时从收到的第一条消息得知。别的企业的人得不到任何回答。",
    )  # fmt: skip
    domain = ChoiceField(
        "平台", initial="feishu", choices=(("feishu", "飞书"), ("lark", "Lark（海外）")), advanced=True,
        help_text="应用在哪个开放平台创建：open.feishu.cn 或 open.larksuite.com。",
    )  # fmt: skip
    endpoint = AddressField(
        "接入地址", advanced=True,
        help_text="留空使用官方地址。私有化部署的飞书填它的开放平台地址，主机须在 BIFANG_ADDRESS_ALLOW_LIST 中。",
    )  # fmt: skip
    calls_app_day, calls_app_month = call_limit("app"), call_limit("app", month=True)
    calls_sms_day, calls_sms_month = call_limit("sms"), call_limit("sms", month=True)
    calls_call_day, calls_call_month = call_limit("call"), call_limit("call", month=True)
    proxy = ProxyField()

    @classmethod
    def vouches(cls, values: Mapping[str, Any]) -> str:
        """Who speaks comes from Feishu; whose people count is said here."""
        return believed(values, cls.corporation)

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> FeishuSettings:
        """With the address in force."""
        endpoint = values["endpoint"] or DOMAINS[values["domain"]]
        return FeishuSettings(**common_values(config, values) | {"endpoint": endpoint})
