"""Kind ``stream``: a message broker from which alerts are taken, as people configure it and as code works with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from django.core.validators import RegexValidator

from bifang import env
from bifang.core.configuration import configs
from bifang.core.configuration.fields import AddressField, CaField, ChoiceField, SecretField, TextField
from bifang.core.configuration.kinds import Kind
from bifang.core.configuration.sections import APPLY
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.outbound.rules import check_service_address
from bifang.core.secrets.redaction import remember_secret
from secops_agent.importers import registry

_PORTS: Final = {"nats": 4222, "tls": 4222, "redis": 6379, "rediss": 6379, "kafka": 9092}
_LONGEST: Final = 60  # of the name of a source


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """``topic``: subject (NATS), key (Redis) or topic (Kafka); ``group``: durable consumer or consumer group; ``format``: "" detects."""

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
        """nats, tls, redis, rediss, kafka."""
        return urlsplit(self.url).scheme

    @property
    def is_redis(self) -> bool:
        """Or NATS, or Kafka."""
        return self.scheme in ("redis", "rediss")

    @property
    def is_kafka(self) -> bool:
        """Its servers and how they are logged in to are the environment's."""
        return self.scheme == KAFKA

    @property
    def secure(self) -> bool:
        """Is TLS spoken?"""
        return self.scheme in ("tls", "rediss") or (self.is_kafka and env.flag("BIFANG_KAFKA_TLS"))

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
    def servers(self) -> str:
        """Of Kafka, for people."""
        return "、".join(kafka_servers())

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
KAFKA: Final = "kafka"
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
WHERE, WHO = "消息流", "凭证"  # groups of fields
_SERVER: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
_DATABASE = re.compile(r"/\d{0,3}")


def kafka_servers() -> list[str]:
    """``host:port`` of each that the operator named. Raises ConfigError."""
    servers = env.words("BIFANG_KAFKA_SERVERS")
    if wrong := [one for one in servers if not _SERVER.fullmatch(one)]:
        raise ConfigError(
            f"环境变量 BIFANG_KAFKA_SERVERS 里的「{wrong[0][:60]}」应为 主机:端口，多个用逗号分开。"
        )
    return servers


def kafka_options(settings: BrokerSettings) -> dict[str, str]:
    """Servers, TLS and login, in librdkafka's words. Raises ConfigError."""
    user = settings.username or env.text("BIFANG_KAFKA_USERNAME")
    mechanism = env.text("BIFANG_KAFKA_SASL", "PLAIN" if user else "").upper()
    if mechanism and mechanism not in MECHANISMS:
        raise ConfigError(f"环境变量 BIFANG_KAFKA_SASL 只能是 {'、'.join(MECHANISMS)}。")
    options = {"bootstrap.servers": ",".join(kafka_servers())}
    options["security.protocol"] = f"{'SASL_' * bool(mechanism)}{'SSL' if settings.secure else 'PLAINTEXT'}"
    if mechanism:
        password = settings.password or env.text("BIFANG_KAFKA_PASSWORD")
        options |= {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
        remember_secret(password)
    ca = settings.ca or (
        Path(env.text("BIFANG_KAFKA_CA")).read_text("utf-8") if env.text("BIFANG_KAFKA_CA") else ""
    )
    return options | ({"ssl.ca.pem": ca} if ca and settings.secure else {})


def configure_kafka() -> None:
    """Make the configurations that the environment asks for, one a topic; one that is there keeps its switch. Raises ConfigError."""
    servers, group = kafka_servers(), env.text("BIFANG_KAFKA_GROUP", "bifang")
    for topic in env.words("BIFANG_KAFKA_TOPICS") if servers else ():
        name = f"Kafka {topic}"[:100]
        row = SystemConfig.objects.current().filter(kind=KIND, name=name).first()
        given = {"url": f"{KAFKA}://{servers[0]}", "topic": topic, "group": group}
        try:
            configs.save(KIND, name, row.enabled if row else True, given, config=row, author=APPLY)
        except configs.FieldErrors as error:
            raise ConfigError(f"环境变量 BIFANG_KAFKA_TOPICS、BIFANG_KAFKA_GROUP：{error}") from None


class BrokerField(AddressField):
    """The address of a broker, on the operator's list."""

    def check(self, value: Any) -> None:
        parts = urlsplit(value)
        if parts.scheme == KAFKA:
            if parts.netloc not in kafka_servers():
                raise ConfigError(
                    "Kafka 的服务器由运维写在环境变量 BIFANG_KAFKA_SERVERS 里，这里只能填其中的一个：kafka://主机:9092。"
                )
            return
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
    sentence = (
        "SIEM、日志平台或数据总线把告警写进 Kafka、NATS JetStream 或 Redis Streams，毕方作为消费者组取走。"
    )
    at_hand = "服务的地址、主题和账号；主机要先由运维写进 BIFANG_ADDRESS_ALLOW_LIST，并运行 consume_alerts。"
    groups: ClassVar[Mapping[str, str]] = {
        WHERE: "一条消息是一个告警，或一份导入格式的文件（8 MiB 以内）。见 docs/streams.md。",
        WHO: "只需要读取这一个主题的账号。",
    }

    url = BrokerField(
        "服务地址", required=True, group=WHERE,
        help_text="nats://主机:4222、tls://主机:4222（NATS 加密）、redis://主机:6379/0、rediss://主机:6379/0（Redis 加密）；Kafka 由环境变量 BIFANG_KAFKA_SERVERS 指定，自动建立。",
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
    ca = CaField()

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
