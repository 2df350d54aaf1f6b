"""Kinds ``qwen`` and ``openai``: the models that the agent may ask."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.validators import RegexValidator

from bifang.core.configuration.fields import (
    AddressField,
    CaField,
    ChoiceField,
    FlagField,
    NumberField,
    ProxyField,
    SecretField,
    TextField,
)
from bifang.core.configuration.kinds import Kind
from bifang.core.models import SystemConfig
from secops_agent.llm.openai import OpenAISettings
from secops_agent.llm.qwen import QwenSettings

ENDPOINTS = (("auto", "自动识别"), ("text", "文本接口"), ("multimodal", "多模态接口"))
TOOL_CALLS = (
    ("native", "原生（tools）"),
    ("json", "JSON（写在文字里）"),
    ("none", "不调用（毕方听懂的直接答，其余由模型组织语言）"),
)
THINKING = (("auto", "由服务决定"), ("on", "开启"), ("off", "关闭"))
MODEL_KINDS = ("qwen", "openai")
_COMPLETIONS = "/chat/completions"
CREDENTIALS, MODEL = "凭证", "模型"  # groups of fields
_TOKENS = NumberField("每日 token 上限", min_value=0, advanced=True, help_text="0 表示不限；输入与输出合计。")


class QwenKind(Kind):
    """Fields of a DashScope account and model."""

    name = "qwen"
    label = "通义千问"
    icon, place, section = "psychology", 20, "AI配置"
    sentence = "智能体所用的大模型，在阿里云百炼（DashScope）上。不配置时机器人以离线模式回答。"
    at_hand = "阿里云百炼的 API Key（百炼控制台 › 密钥管理 › 创建 API Key）。提问和查到的数据会发给阿里云。"
    start = "接上模型后能听懂任意问法；保存后在「换模型」里选它。"
    groups: ClassVar[Mapping[str, str]] = {
        CREDENTIALS: "在阿里云百炼控制台（bailian.console.aliyun.com）：密钥管理 › API Key。",
        MODEL: "在百炼控制台「模型广场」看有哪些模型，填模型的代码（如 qwen-plus）。",
    }

    api_key = SecretField(
        "API Key", required=True, account=True, group=CREDENTIALS,
        help_text="阿里云百炼控制台的 API Key；也可以写 env:DASHSCOPE_API_KEY 或 file:/run/secrets/文件名。",
    )  # fmt: skip
    model = TextField(
        "模型",
        required=True,
        initial="qwen-plus",
        group=MODEL,
        help_text="例如 qwen-plus、qwen3-max、qwen3.7-plus。",
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
        help_text="0 表示不限。按「模型价格」计算，用完后当天由备用模型或离线模式回答并说明。",
    )  # fmt: skip
    daily_tokens = _TOKENS
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> QwenSettings:
        """The settings of the adapter."""
        return QwenSettings(name=config.name, config_id=config.pk, **values)


class OpenAIKind(Kind):
    """Fields of a self-hosted model."""

    name = "openai"
    label = "自建模型（OpenAI 兼容）"
    icon, place, section = "dns", 21, "AI配置"
    at_hand = "模型服务的地址、模型名，以及它要求的 API Key；主机要先由运维写进 BIFANG_ADDRESS_ALLOW_LIST。"
    groups: ClassVar[Mapping[str, str]] = {
        CREDENTIALS: "地址、模型名问搭建模型服务的同事要；vLLM 的 API Key 是启动时的 --api-key，Ollama 没有。",
        MODEL: "要与服务实际的启动参数一致；测试连接会告诉您服务有哪些模型、上下文多长、会不会调用工具。",
    }
    sentence: ClassVar[str] = (
        "贵司自己的模型服务：vLLM、SGLang、Ollama、LM Studio、一体机或网关，数据可以不离开公司。"
    )

    base_url = AddressField(
        "接口地址", required=True, default_path="/v1", group=CREDENTIALS,
        help_text="例如 http://10.0.0.8:8000/v1；没有写路径时自动补上 /v1。主机须在 BIFANG_ADDRESS_ALLOW_LIST 中。",
    )  # fmt: skip
    model = TextField(
        "模型",
        max_length=200,
        group=CREDENTIALS,
        help_text="服务里的模型名。不知道时留空，按「测试连接」从列表中选择。",
    )
    api_key = SecretField(
        "API Key",
        account=True,
        group=CREDENTIALS,
        help_text="服务不要求时留空；也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。",
    )
    context_window = NumberField(
        "上下文长度（token）", initial=32768, min_value=2048, max_value=10_000_000, group=MODEL,
        help_text="服务实际给的长度（vLLM 的 --max-model-len、Ollama 的 OLLAMA_CONTEXT_LENGTH）；对话和结果按它截短。",
    )  # fmt: skip
    tool_calls = ChoiceField(
        "工具调用", initial="native", choices=TOOL_CALLS, group=MODEL,
        help_text="vLLM 要加 --enable-auto-tool-choice --tool-call-parser hermes 启动；服务不支持时选 JSON；"
        "JSON 也写不好的、几十亿参数的小模型选不调用：毕方听懂的直接给结果，模型只答没有听懂的。",
    )  # fmt: skip
    max_tokens = NumberField(
        "回答上限（token）",
        initial=2000,
        min_value=100,
        max_value=100_000,
        advanced=True,
        help_text="一次回答最多多长。",
    )
    thinking = ChoiceField(
        "深度思考", initial="auto", choices=THINKING, advanced=True,
        help_text="开启、关闭以 chat_template_kwargs 发出（vLLM、SGLang 上的 Qwen3 等）；服务不认识时选「由服务决定」。",
    )  # fmt: skip
    concurrency = NumberField(
        "同时请求数", initial=4, min_value=0, max_value=1000, advanced=True,
        help_text="每个工作进程最多同时问几次，其余排队并如实告知；0 表示不限。",
    )  # fmt: skip
    first_timeout = NumberField(
        "首字超时（秒）", initial=60, min_value=1, max_value=600, advanced=True,
        help_text="这么久没有第一个字，就由下一个模型回答；排队最多也等这么久。",
    )  # fmt: skip
    stall_timeout = NumberField(
        "停顿超时（秒）",
        initial=30,
        min_value=1,
        max_value=600,
        advanced=True,
        help_text="回答中途停顿超过这么久算断开。",
    )
    turn_seconds = NumberField(
        "整个回答超时（秒）",
        initial=90,
        min_value=10,
        max_value=900,
        advanced=True,
        help_text="一次提问连同查询最多用多久。",
    )
    key_header = TextField(
        "密钥请求头", initial="Authorization", max_length=100, advanced=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9-]+\Z", "只能是字母、数字和连字符，例如 api-key。")],
        help_text="默认 Authorization（Bearer）；有的网关要求别的名字，例如 api-key。",
    )  # fmt: skip
    ca = CaField()
    daily_budget_yuan = NumberField(
        "每日预算（元）", min_value=0, advanced=True,
        help_text="0 表示不限。自建模型默认不计费；要计费，在「模型价格」里为前缀「配置名称/」定价。",
    )  # fmt: skip
    daily_tokens = _TOKENS
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> OpenAISettings:
        """The settings of the adapter."""
        thinking = {"on": True, "off": False}.get(values.pop("thinking"))
        values["base_url"] = values["base_url"].removesuffix(_COMPLETIONS)
        values["key_header"] = values["key_header"] or "Authorization"
        return OpenAISettings(name=config.name, config_id=config.pk, thinking=thinking, **values)
