"""Kind ``qwen``: a 通义千问 configuration."""

from collections.abc import Mapping
from typing import Any

from bifang.core.errors import ConfigError
from bifang.core.kinds import PROXY_HELP, Field, Stored
from secops_agent.llm.qwen import QwenSettings

ENDPOINTS = (("auto", "自动识别"), ("text", "文本接口"), ("multimodal", "多模态接口"))


class QwenKind:
    """Fields of a DashScope account and model."""

    name = "qwen"
    label = "通义千问"
    fields: tuple[Field, ...] = (
        Field(
            "api_key", "API Key", "secret", required=True,
            help="阿里云百炼控制台的 API Key；也可以写 env:DASHSCOPE_API_KEY 或 file:/run/secrets/文件名。",
        ),
        Field("model", "模型", required=True, default="qwen-plus", help="例如 qwen-plus、qwen3-max、qwen3.7-plus。"),
        Field(
            "endpoint", "接口类型", "choice", default="auto", choices=ENDPOINTS, advanced=True,
            help="qwen-plus、qwen3-max 等用文本接口；qwen3.5 以后的 plus/flash 与 VL 模型用多模态接口。不确定时选自动识别。",
        ),
        Field(
            "base_url", "接口地址", "address", advanced=True,
            help="留空使用环境变量 DASHSCOPE_HTTP_BASE_URL 或官方地址 https://dashscope.aliyuncs.com/api/v1。",
        ),
        Field("workspace", "业务空间 ID", advanced=True, help="使用子业务空间的 API Key 时可能需要，形如 llm-xxxx。"),
        Field("enable_thinking", "深度思考", "flag", default=False, advanced=True, help="回答更慢、更贵；默认关闭。"),
        Field(
            "daily_budget_yuan", "每日预算（元）", "number", default=0, advanced=True,
            help="0 表示不限。按「模型价格」计算，用完后当天由离线模式回答并说明。",
        ),
        Field("daily_tokens", "每日 token 上限", "number", default=0, advanced=True, help="0 表示不限；输入与输出合计。"),
        Field("proxy", "HTTP 代理", "proxy", advanced=True, help=PROXY_HELP),
    )  # fmt: skip

    def validate(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Nothing beyond what the fields say."""
        return {}

    def build(self, stored: Stored) -> QwenSettings:
        """The settings of the adapter."""
        values = stored.values
        for field in self.fields:
            if field.required and not values[field.name]:
                raise ConfigError(f"通义千问配置「{stored.name}」缺少{field.label}，请在系统配置中填写。")
        return QwenSettings(
            name=stored.name,
            model=values["model"],
            api_key=values["api_key"],
            base_url=values["base_url"],
            endpoint=values["endpoint"],
            workspace=values["workspace"],
            enable_thinking=values["enable_thinking"],
            proxy=values["proxy"],
            daily_budget_yuan=max(0.0, float(values["daily_budget_yuan"])),
            daily_tokens=max(0, int(values["daily_tokens"])),
        )
