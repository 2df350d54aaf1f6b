"""Kind ``webhook_connector``: where approved actions are carried out."""

from collections.abc import Mapping
from typing import Any, Final

from bifang.core.addresses import check_proxy
from bifang.core.errors import BifangError, ConfigError
from bifang.core.kinds import Field, Stored
from bifang.core.rules import check_config_address
from secops_agent.connectors.webhook import WebhookSettings
from secops_agent.services.carriers import KIND, tool_names

SHORTEST_SECRET: Final = 16
LONGEST_TIMEOUT: Final = 60


class WebhookKind:
    """Fields of a connector."""

    name = KIND
    label = "处置连接器"
    fields: tuple[Field, ...] = (
        Field(
            "url", "接口地址", "address", required=True,
            help="批准后的操作以 POST JSON 发到这里。主机须在 BIFANG_ADDRESS_ALLOW_LIST 中。",
        ),
        Field(
            "secret", "签名密钥", "secret", required=True,
            help="至少 16 个字符，用于 HMAC-SHA256 签名（请求头 X-Bifang-Signature）；可写 env:BIFANG_SECRET_名称。",
        ),
        Field(
            "tools", "负责的操作", advanced=True,
            help="工具名，逗号分隔，例如 block_ip,isolate_host；留空表示全部危险操作。",
        ),
        Field("timeout_s", "超时（秒）", "number", default=15, advanced=True, help="1 到 60；超时后结果记为未知。"),
        Field("proxy", "HTTP 代理", advanced=True, help="留空使用环境变量 HTTP_PROXY / HTTPS_PROXY。不支持 SOCKS。"),
    )  # fmt: skip

    def validate(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Address, proxy, length of the secret, time-out."""
        errors = {}
        for name, check in (("url", check_config_address), ("proxy", check_proxy)):
            try:
                check(values[name]) if values[name] else None
            except BifangError as error:
                errors[name] = error.message
        secret = str(values["secret"])
        if len(secret) < SHORTEST_SECRET and not secret.startswith(("env:", "file:")):
            errors["secret"] = f"签名密钥至少要 {SHORTEST_SECRET} 个字符。"
        if not 1 <= _seconds(values["timeout_s"]) <= LONGEST_TIMEOUT:
            errors["timeout_s"] = f"请填写 1 到 {LONGEST_TIMEOUT} 之间的秒数。"
        return errors

    def build(self, stored: Stored) -> WebhookSettings:
        """The settings of the connector. Raises ConfigError."""
        values = stored.values
        for field in self.fields:
            if field.required and not values[field.name]:
                raise ConfigError(f"处置连接器「{stored.name}」缺少{field.label}，请在系统配置中填写。")
        return WebhookSettings(
            id=stored.id, name=stored.name, url=values["url"], secret=values["secret"],
            tools=tool_names(values["tools"]), timeout_s=_seconds(values["timeout_s"]), proxy=values["proxy"],
        )  # fmt: skip


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
