"""Kind ``webhook_connector``: where approved actions are carried out."""

from typing import Any

from bifang.core.configuration.fields import AddressField, NumberField, ProxyField, SecretField, TextField
from bifang.core.configuration.kinds import Kind
from bifang.core.models import SystemConfig
from secops_agent.connectors.webhook import WebhookSettings
from secops_agent.services.decisions.carriers import KIND, tool_names


class WebhookKind(Kind):
    """Fields of a connector."""

    name = KIND
    label = "处置连接器"
    carries = True
    icon, place, section = "webhook", 30, "工具与处置"
    at_hand = "接收操作的接口地址和双方约定的签名密钥（至少 16 个字符）；主机要先由运维写进 BIFANG_ADDRESS_ALLOW_LIST。"
    sentence = "批准后的封禁、隔离等操作发到哪里执行：贵司的防火墙、EDR 或 SOAR 的接口。不配置时只演练，不做任何改动。"

    url = AddressField(
        "接口地址", required=True,
        help_text="批准后的操作以 POST JSON 发到这里。主机须在 BIFANG_ADDRESS_ALLOW_LIST 中。",
    )  # fmt: skip
    secret = SecretField(
        "签名密钥", required=True, min_length=16,
        help_text="至少 16 个字符，用于 HMAC-SHA256 签名（请求头 X-Bifang-Signature）；可写 env:BIFANG_SECRET_名称。",
    )  # fmt: skip
    tools = TextField(
        "负责的操作", advanced=True,
        help_text="工具名，逗号分隔，例如 block_ip,isolate_host；留空表示全部危险操作。",
    )  # fmt: skip
    timeout_s = NumberField(
        "超时（秒）", min_value=1, max_value=60, initial=15, advanced=True,
        help_text="1 到 60；超时后结果记为未知。",
    )  # fmt: skip
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> WebhookSettings:
        """The settings of the connector."""
        tools = tool_names(values.pop("tools"))
        return WebhookSettings(id=config.pk, name=config.name, tools=tools, **values)
