"""Kind ``qwen``: a 通义千问 configuration."""

from typing import Any

from bifang.core.fields import (
    AddressField,
    ChoiceField,
    FlagField,
    NumberField,
    ProxyField,
    SecretField,
    TextField,
)
from bifang.core.kinds import Kind
from bifang.core.models import SystemConfig
from secops_agent.llm.qwen import QwenSettings

ENDPOINTS = (("auto", "自动识别"), ("text", "文本接口"), ("multimodal", "多模态接口"))


class QwenKind(Kind):
    """Fields of a DashScope account and model."""

    name = "qwen"
    label = "通义千问"
    icon, place = "psychology", 20
    sentence = (
        "智能体所用的大模型：阿里云百炼（DashScope）的 API Key 和模型名。不配置时机器人以离线模式回答。"
    )

    api_key = SecretField(
        "API Key", required=True,
        help_text="阿里云百炼控制台的 API Key；也可以写 env:DASHSCOPE_API_KEY 或 file:/run/secrets/文件名。",
    )  # fmt: skip
    model = TextField(
        "模型", required=True, initial="qwen-plus", help_text="例如 qwen-plus、qwen3-max、qwen3.7-plus。"
    )
    endpoint = ChoiceField(
        "接口类型", initial="auto", choices=ENDPOINTS, advanced=True,
        help_text="qwen-plus、qwen3-max 等用文本接口；qwen3.5 以后的 plus/flash 与 VL 模型用多模态接口。不确定时选自动识别。",
    )  # fmt: skip
    base_url = AddressField(
        "接口地址", advanced=True,
        help_text="留空使用环境变量 DASHSCOPE_HTTP_BASE_URL 或官方地址 https://dashscope.aliyuncs.com/api/v1。",
    )  # fmt: skip
    workspace = TextField(
        "业务空间 ID", advanced=True, help_text="使用子业务空间的 API Key 时可能需要，形如 llm-xxxx。"
    )
    enable_thinking = FlagField("深度思考", advanced=True, help_text="回答更慢、更贵；默认关闭。")
    daily_budget_yuan = NumberField(
        "每日预算（元）", min_value=0, advanced=True,
        help_text="0 表示不限。按「模型价格」计算，用完后当天由离线模式回答并说明。",
    )  # fmt: skip
    daily_tokens = NumberField(
        "每日 token 上限", min_value=0, advanced=True, help_text="0 表示不限；输入与输出合计。"
    )
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> QwenSettings:
        """The settings of the adapter."""
        return QwenSettings(name=config.name, **values)
