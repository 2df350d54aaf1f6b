"""Kind ``feishu``: a self-built application of 飞书开放平台."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from bifang.core.fields import (
    AddressField,
    ChoiceField,
    FlagField,
    LinkField,
    ProxyField,
    SecretField,
    TextField,
)
from bifang.core.kinds import Kind
from bifang.core.models import SystemConfig
from secops_agent.config import MODEL_KINDS

DOMAINS: Final = {"feishu": "https://open.feishu.cn", "lark": "https://open.larksuite.com"}
ROLES: Final = (("none", "无权限（默认）"), ("viewer", "查看"))
CREDENTIALS, RECEIVING, MODEL = "凭证", "接收与通知", "模型"  # groups of fields


@dataclass(frozen=True, slots=True)
class FeishuSettings:
    """One enabled or disabled Feishu configuration, secrets resolved. ``client_id`` is the App ID."""

    id: int
    name: str
    enabled: bool
    revision: int
    client_id: str
    client_secret: str = field(repr=False)
    use_long_connection: bool = True
    ai_configs: tuple[int, ...] = ()  # asked in this order, then the offline mode answers
    tenant_key: str = ""
    default_role: Literal["none", "viewer"] = "none"
    domain: Literal["feishu", "lark"] = "feishu"
    endpoint: str = DOMAINS["feishu"]
    proxy: str = field(default="", repr=False)


class FeishuKind(Kind):
    """Fields of the Feishu guide."""

    name = "feishu"
    label = "飞书"
    icon, place, section = "flutter_dash", 12, "聊天"
    sentence = "让机器人在飞书（或 Lark）里回答提问：用长连接，不需要公网地址。"
    at_hand = "飞书开放平台里一个企业自建应用的 App ID 和 App Secret（要企业管理员或开发者账号）。"
    groups: ClassVar[Mapping[str, str]] = {
        CREDENTIALS: "都在飞书开放平台（open.feishu.cn）：开发者后台 › 点开应用 › 凭证与基础信息。",
        RECEIVING: "飞书一侧：「事件与回调」的订阅方式选「使用长连接接收事件」（要先启动 start_feishu_stream 才能保存），"
        "添加事件「接收消息 v2.0」，开通权限后发布版本。步骤见 docs/feishu_long_connection_setup.md。",
        MODEL: "在这里选已经保存的模型配置；不选也能用。",
    }

    client_id = TextField(
        "App ID", required=True, max_length=200, group=CREDENTIALS,
        help_text="「凭证与基础信息」里的 App ID，以 cli_ 开头。",
    )  # fmt: skip
    client_secret = SecretField(
        "App Secret", required=True, group=CREDENTIALS,
        help_text="「凭证与基础信息」里的 App Secret；保存后不再显示。也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。",
    )  # fmt: skip
    use_long_connection = FlagField(
        "使用长连接", initial=True, group=RECEIVING,
        help_text="开启：保持长连接，不需要公网地址。关闭：收不到消息（HTTP 回调还不支持飞书），已收到的会继续回答。",
    )  # fmt: skip
    default_role = ChoiceField(
        "未登记人员的角色", initial="none", choices=ROLES, group=RECEIVING,
        help_text="没有在「人员」中登记的本企业员工可以做什么。",
    )  # fmt: skip
    ai_config = LinkField(
        "AI配置", *MODEL_KINDS, group=MODEL,
        help_text="关联的通义千问或自建模型配置（用于智能体）；不选则使用离线模式。",
    )  # fmt: skip
    ai_fallback = LinkField(
        "备用AI配置", *MODEL_KINDS, group=MODEL,
        help_text="第一个模型答不了时由它接着答，一次；还不行由离线模式回答。可以不选。",
    )  # fmt: skip
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
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> FeishuSettings:
        """With the address in force."""
        chain = [each for each in (values.pop("ai_config"), values.pop("ai_fallback")) if each]
        endpoint = values["endpoint"] or DOMAINS[values["domain"]]
        return FeishuSettings(
            id=config.pk, name=config.name, enabled=config.enabled, revision=config.revision,
            ai_configs=tuple(dict.fromkeys(each.pk for each in chain)), **values | {"endpoint": endpoint},
        )  # fmt: skip
