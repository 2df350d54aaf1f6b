"""Kind ``stream``: a message broker from which alerts are taken, as people configure it and as code works with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from django.core.validators import RegexValidator

from bifang.core.configuration.fields import AddressField, CaField, ChoiceField, SecretField, TextField
from bifang.core.configuration.kinds import Kind
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.outbound.rules import check_service_address
from secops_agent.importers import registry

_PORTS: Final = {"nats": 4222, "tls": 4222, "redis": 6379, "rediss": 6379}
_LONGEST: Final = 60  # of the name of a source


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """``topic``: subject (NATS) or key (Redis); ``group``: durable consumer or consumer group; ``format``: "" detects."""

    id: int
    name: str
    url: str
    topic: str
    group: str
    format: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)

    @property
    def scheme(self) -> str:
        """nats, tls, redis, rediss."""
        return urlsplit(self.url).scheme

    @property
    def is_redis(self) -> bool:
        """Or NATS."""
        return self.scheme in ("redis", "rediss")

    @property
    def secure(self) -> bool:
        """Is TLS spoken?"""
        return self.scheme in ("tls", "rediss")

    @property
    def host(self) -> str:
        """Without the port."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The usual one where none is named."""
        return urlsplit(self.url).port or _PORTS[self.scheme]

    @property
    def database(self) -> int:
        """Of Redis."""
        return int(urlsplit(self.url).path.strip("/") or 0)

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"

    @property
    def source(self) -> str:
        """What its alerts are said to come from. No message can claim another one."""
        whole = f"stream:{self.name}"
        end = f"#{self.id}"
        return whole if len(whole) <= _LONGEST else whole[: _LONGEST - len(end)] + end


KIND: Final = "stream"
SCHEMES: Final = ("nats", "tls", "redis", "rediss")
WHERE, WHO = "消息流", "凭证"  # groups of fields
_DATABASE = re.compile(r"/\d{0,3}")


class BrokerField(AddressField):
    """The address of a broker, on the operator's list."""

    def check(self, value: Any) -> None:
        parts = urlsplit(value)
        if parts.scheme not in SCHEMES or parts.query or parts.fragment:
            raise ConfigError(
                "请填写 nats://、tls://（NATS）或 redis://、rediss://（Redis）开头的地址，不带参数。"
            )
        if parts.path and not (parts.scheme.startswith("redis") and _DATABASE.fullmatch(parts.path)):
            raise ConfigError("地址只写到端口；Redis 可以加数据库编号，例如 redis://10.0.0.9:6379/2。")
        check_service_address(value, *SCHEMES)


class StreamKind(Kind):
    """Fields of a stream of messages."""

    name = KIND
    label = "消息流"
    icon, place, section = "stream", 40, "数据接入"
    sentence = "SIEM、日志平台或数据总线把告警写进 NATS JetStream 或 Redis Streams，毕方作为消费者组取走。"
    at_hand = "服务的地址、主题和账号；主机要先由运维写进 BIFANG_ADDRESS_ALLOW_LIST，并运行 consume_alerts。"
    groups: ClassVar[Mapping[str, str]] = {
        WHERE: "一条消息是一个告警，或一份导入格式的文件（8 MiB 以内）。见 docs/streams.md。",
        WHO: "只需要读取这一个主题的账号。",
    }

    url = BrokerField(
        "服务地址", required=True, group=WHERE,
        help_text="nats://主机:4222、tls://主机:4222（NATS 加密）、redis://主机:6379/0、rediss://主机:6379/0（Redis 加密）。",
    )  # fmt: skip
    topic = TextField(
        "主题", required=True, max_length=200, group=WHERE,
        validators=[RegexValidator(r"\A\S+\Z", "不能含有空格。")],
        help_text="NATS 是主题（subject），要有一个 JetStream 流包含它；Redis 是 Stream 的键。",
    )  # fmt: skip
    group = TextField(
        "消费者组", required=True, initial="bifang", max_length=64, group=WHERE,
        validators=[RegexValidator(r"\A[A-Za-z0-9_-]+\Z", "只能是字母、数字、连字符和下划线。")],
        help_text="NATS 的 durable consumer、Redis 的 consumer group；没有时自动建立，从最早的消息开始。",
    )  # fmt: skip
    format = ChoiceField(
        "格式", choices=lambda: [("auto", "自动识别"), *((name, name) for name in registry.importers())], initial="auto", group=WHERE,
        help_text="一个主题里只有一种格式时请选定它；没有专用格式的写 generic（docs/generic-format.md）。",
    )  # fmt: skip
    username = TextField(
        "用户名", max_length=200, group=WHO, help_text="不需要时留空；NATS 用令牌登录时也留空。"
    )
    password = SecretField(
        "密码或令牌",
        group=WHO,
        help_text="不需要时留空；也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。",
    )
    ca = CaField(
        "CA 证书", advanced=True,
        help_text="服务的证书由公司自己的 CA 签发时填写，例如 file:/run/secrets/ca.pem；只信任它。留空用系统的 CA。",
    )  # fmt: skip

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> BrokerSettings:
        """The settings of the client."""
        chosen = values.pop("format")
        return BrokerSettings(
            id=config.pk, name=config.name, format="" if chosen == "auto" else chosen, **values
        )

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> dict[str, str]:
        """A password in the clear leaves no machine but this network; a user without one cannot be meant."""
        if values["username"] and not values["password"]:
            return {"password": "填写了用户名，请同时填写密码。"}
        return {}
