"""What the configurations of every chat platform have in common: fields, and what code gets of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bifang.core.fields import ChoiceField, FlagField, LinkField
from bifang.core.models import SystemConfig
from secops_agent.config import MODEL_KINDS

CREDENTIALS, RECEIVING, MODEL = "凭证", "接收与通知", "模型"  # groups of fields
CHOOSE_MODEL: Final = "在这里选已经保存的模型配置；不选也能用。"
DEFAULT_ROLE: Final = ChoiceField(
    "未登记人员的角色", initial="none", choices=(("none", "无权限（默认）"), ("viewer", "查看")), group=RECEIVING,
    help_text="没有在「人员」中登记的本企业员工可以做什么。告警和资产不按企业分开：两个企业共用一套时，选「查看」就能查到全部。",
)  # fmt: skip
AI_CONFIG: Final = LinkField(
    "AI配置", *MODEL_KINDS, group=MODEL,
    help_text="关联的通义千问或自建模型配置（用于智能体）；不选则使用离线模式。",
)  # fmt: skip
AI_FALLBACK: Final = LinkField(
    "备用AI配置", *MODEL_KINDS, group=MODEL,
    help_text="第一个模型答不了时由它接着答，一次；还不行由离线模式回答。可以不选。",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """One enabled or disabled configuration of a chat platform, secrets resolved."""

    id: int
    name: str
    enabled: bool
    revision: int
    client_id: str
    client_secret: str = field(repr=False)
    notifications_enabled: bool = True
    ai_configs: tuple[int, ...] = ()  # asked in this order, then the offline mode answers
    default_role: Literal["none", "viewer"] = "none"
    proxy: str = field(default="", repr=False)


def notifications_field(platform: str) -> FlagField:
    """May anything be said through it unasked? Stored as ``notifications_enabled``."""
    return FlagField(
        f"启用{platform}通知", initial=True, group=RECEIVING,
        help_text="毕方主动发的消息（「通知规则」说明哪些告警发给谁，以及升级）的总开关；关闭后只在被 @ 时回复。回答和审批不受影响。",
    )  # fmt: skip


def common_values(config: SystemConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values for the dataclass of a platform: what the row says, and which models are asked in which order."""
    own = {name: value for name, value in values.items() if name not in ("ai_config", "ai_fallback")}
    chain = [each.pk for each in (values["ai_config"], values["ai_fallback"]) if each]
    row = {"id": config.pk, "name": config.name, "enabled": config.enabled, "revision": config.revision}
    return {**own, **row, "ai_configs": tuple(dict.fromkeys(chain))}
