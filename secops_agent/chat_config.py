"""What the configurations of every chat platform have in common: fields, and what code gets of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bifang.core.configuration.fields import ChoiceField, FlagField, LinkField, NumberField
from bifang.core.models import SystemConfig
from secops_agent.config import MODEL_KINDS
from secops_agent.services.people.staff import is_named_corporation

CREDENTIALS, RECEIVING, MODEL = "凭证", "接收与通知", "AI配置"  # groups of fields
CHOOSE_MODEL: Final = "在这里选已经保存的模型配置；不选也能用。"
DEFAULT_ROLE: Final = ChoiceField(
    "未登记人员的角色", initial="none", choices=(("none", "无权限（默认）"), ("viewer", "查看")), group=RECEIVING,
    help_text="没有在「人员」中登记的本企业员工可以做什么，只有超级管理员可以设为「查看」。告警和资产不按企业分开：两个企业共用一套时，选「查看」就能查到全部。",
)  # fmt: skip
AI_CONFIG: Final = LinkField(
    "AI配置", *MODEL_KINDS, group=MODEL,
    help_text="关联的通义千问或自建模型配置（用于智能体）；不选则使用离线模式。",
)  # fmt: skip
AI_FALLBACK: Final = LinkField(
    "备用AI配置", *MODEL_KINDS, group=MODEL,
    help_text="第一个模型答不了时由它接着答，一次；还不行由离线模式回答。可以不选。",
)  # fmt: skip
MODEL_OFFERS: Final = ChoiceField(
    "模型可以列出的操作", initial="write", choices=(("off", "不列出"), ("write", "普通操作（默认）"), ("all", "也包括危险操作")),
    group=MODEL,
    help_text="提问者自己要求处置时，模型可以把操作列成选项，写明确切会做什么；要他本人提交才办，危险操作仍要另一位审批人同意。"
    "「不列出」：模型只查询。只有超级管理员可以选「也包括危险操作」。",
)  # fmt: skip


# How loud → a day, a month: what a configuration may call unless it says otherwise. Text messages and telephone cost.
CALL_LIMITS: Final[Mapping[str, tuple[int, int]]] = {"app": (200, 3000), "sms": (20, 200), "call": (10, 100)}


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
    model_offers: Literal["off", "write", "all"] = "write"
    proxy: str = field(default="", repr=False)
    calls_app_day: int = CALL_LIMITS["app"][0]
    calls_app_month: int = CALL_LIMITS["app"][1]
    calls_sms_day: int = CALL_LIMITS["sms"][0]
    calls_sms_month: int = CALL_LIMITS["sms"][1]
    calls_call_day: int = CALL_LIMITS["call"][0]
    calls_call_month: int = CALL_LIMITS["call"][1]


_CALLED_BY: Final = {"app": "应用内呼叫", "sms": "短信呼叫", "call": "电话呼叫"}


def call_limit(loud: str, *, month: bool = False) -> NumberField:
    """How often it may call so a day, or a month; stored as ``calls_LOUD_day`` and ``calls_LOUD_month``."""
    span = "每月" if month else "每天"
    return NumberField(
        f"{_CALLED_BY[loud]}{span}最多", initial=CALL_LIMITS[loud][month], min_value=0, advanced=True,
        help_text=f"升级时按北京时间{span}最多呼叫几次，0 表示不用；到了就直接走下一步。",
    )  # fmt: skip


def call_limits(params: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """How loud → a day, a month, of a stored configuration."""
    return {
        loud: (int(params.get(f"calls_{loud}_day", day)), int(params.get(f"calls_{loud}_month", month)))
        for loud, (day, month) in CALL_LIMITS.items()
    }


def notifications_field(platform: str) -> FlagField:
    """May anything be said through it unasked? Stored as ``notifications_enabled``."""
    return FlagField(
        f"启用{platform}通知", initial=True, group=RECEIVING,
        help_text="毕方主动发的消息（「通知规则」说明哪些告警发给谁，以及升级）的总开关；关闭后只在被 @ 时回复。回答和审批不受影响。",
    )  # fmt: skip


def believed(values: Mapping[str, Any], corporation: str) -> str:
    """Why a configuration gives people a say whom nobody listed, or a model one over what is dangerous; "" if it does not. ``corporation``: the name of its field.

    Its people may look, or it will learn of the first message whose people count.
    """
    if values["default_role"] != "none":
        return "给了未登记的人员角色"
    if values["model_offers"] == "all":
        return "让模型列出危险操作"
    known = is_named_corporation(values[corporation])
    return "" if known else "它的企业还没有登记过：谁的应用先说话，谁的企业就算数"


def common_values(config: SystemConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values for the dataclass of a platform: what the row says, and which models are asked in which order."""
    own = {name: value for name, value in values.items() if name not in ("ai_config", "ai_fallback")}
    chain = [each.pk for each in (values["ai_config"], values["ai_fallback"]) if each]
    row = {"id": config.pk, "name": config.name, "enabled": config.enabled, "revision": config.revision}
    return {**own, **row, "ai_configs": tuple(dict.fromkeys(chain))}
