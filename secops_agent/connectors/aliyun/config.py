"""Kind ``aliyun_sas``: an account at 云安全中心 whose alerts are fetched, as people configure it and as code works with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from django.core.validators import RegexValidator

from bifang.core.configuration.fields import (
    AddressField,
    CaField,
    ChoiceField,
    NumberField,
    ProxyField,
    SecretField,
    TextField,
)
from bifang.core.configuration.kinds import Kind
from bifang.core.models import SystemConfig
from secops_agent.services.intake.pulls import KIND

# From Alibaba's own SDKs: every region's Security Center is behind one of these.
ENDPOINTS: Final = {
    "china": "https://tds.cn-shanghai.aliyuncs.com",
    "overseas": "https://tds.ap-southeast-1.aliyuncs.com",
}


@dataclass(frozen=True, slots=True)
class AliyunSettings:
    """``days`` to look back at first; ``pause_s`` before what was throttled is asked again."""

    id: int
    name: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    region: str = "china"
    endpoint: str = ""
    every_minutes: int = 5
    days: int = 7
    ca: str = ""
    proxy: str = field(default="", repr=False)
    pause_s: float = 1.0

    @property
    def address(self) -> str:
        """Where to ask."""
        return self.endpoint.rstrip("/") or ENDPOINTS[self.region]


REGIONS = (("china", "中国内地（tds.cn-shanghai）"), ("overseas", "非中国内地（tds.ap-southeast-1）"))
CREDENTIALS = "凭证"


class AliyunKind(Kind):
    """Fields of an account."""

    name = KIND
    label = "阿里云云安全中心"
    icon, place, section = "cloud_download", 41, "数据接入"
    sentence = (
        "定时取回云安全中心的安全告警（DescribeSuspEvents）；在控制台处理过的，状态随后更新为来源恢复。"
    )
    at_hand = "一个只读的 RAM 用户的 AccessKey（权限策略 AliyunYundunSASReadOnlyAccess）。"
    groups: ClassVar[Mapping[str, str]] = {
        CREDENTIALS: "在阿里云 RAM 控制台新建一个只用于 OpenAPI 的用户，授予 AliyunYundunSASReadOnlyAccess，再创建 AccessKey。",
    }

    access_key_id = TextField(
        "AccessKey ID", required=True, account=True, max_length=128, group=CREDENTIALS,
        validators=[RegexValidator(r"\A[A-Za-z0-9.]+\Z", "AccessKey ID 只含字母和数字，例如 LTAI 开头的一串。")],
        help_text="RAM 用户的 AccessKey ID，形如 LTAI…。",
    )  # fmt: skip
    access_key_secret = SecretField(
        "AccessKey Secret", required=True, group=CREDENTIALS,
        help_text="创建时只显示一次；也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。",
    )  # fmt: skip
    region = ChoiceField(
        "服务区域", initial="china", choices=REGIONS,
        help_text="云安全中心控制台左上角选的是「中国」还是「全球（不含中国）」；两边都有时各建一个配置。",
    )  # fmt: skip
    every_minutes = NumberField(
        "间隔（分钟）", min_value=1, max_value=1440, initial=5, help_text="每隔多久取一次，1 到 1440。"
    )
    days = NumberField(
        "最初回看（天）",
        min_value=1,
        max_value=90,
        initial=7,
        advanced=True,
        help_text="第一次取多少天以内的告警。",
    )
    endpoint = AddressField(
        "接入地址", advanced=True,
        help_text="留空按服务区域使用官方地址；专有云填写自己的，主机须在 BIFANG_ADDRESS_ALLOW_LIST 中。",
    )  # fmt: skip
    ca = CaField()
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> AliyunSettings:
        """The settings of the connector."""
        return AliyunSettings(id=config.pk, name=config.name, **values)
