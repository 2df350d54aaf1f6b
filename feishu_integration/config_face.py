"""What the pages show of a Feishu configuration: how it is, what is known of it, how it is tried."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.http import HttpRequest

from bifang.channels.admin import connection_face, service_steps
from bifang.channels.admin.connection_face import traces_of
from bifang.core.admin.kind_pages import KIND_PAGES, Fact, KindPage, Live
from bifang.core.admin.panels import Step
from bifang.core.models import SystemConfig
from feishu_integration.checks.configuration import FEISHU
from feishu_integration.config import DOMAINS
from feishu_integration.health import SERVICE
from secops_agent.admin.people.staff import listing_step

# The guide's steps towards a robot that answers in Feishu, on the page of a configuration.

ON_PLATFORM: Final = (
    "在飞书开放平台打开这个应用：添加应用能力 › 机器人；事件与回调 › 订阅方式选「使用长连接接收事件」后保存"
    "（要先连上才能保存），添加事件「接收消息 v2.0」，再在回调配置里添加「卡片回传交互」；权限管理，开通指南里的几项；版本管理与发布，发布一个版本。"
)
MENTION: Final = "在飞书群里添加这个机器人，@ 它说一句「你好」；也可以和它单聊。收到后这里自动打勾。"


def of_config(request: HttpRequest, config: SystemConfig) -> Iterable[Step]:
    """From switching it on to the first answer."""
    heard = traces_of(config).heard is not None
    yield from service_steps.first_steps(SERVICE, config)
    yield Step(
        "使用长连接", "打开「使用长连接」，再保存：不用长连接收不到消息。", SERVICE.wants_connection(config)
    )
    yield service_steps.connecting_step(SERVICE, config, "飞书开放平台")
    platform = DOMAINS.get(str(config.params.get("domain")), DOMAINS["feishu"]) + "/"
    yield Step("在飞书开放平台打开长连接并发布", f"{ON_PLATFORM}做完就到群里 @ 机器人。", heard, platform)
    yield Step("在飞书里 @ 机器人", MENTION, heard)
    yield listing_step(config)


def watch(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """The live state of each configuration."""
    return connection_face.watch(SERVICE, configs, _unconnected)


def _unconnected(config: SystemConfig, served: bool, known: tuple[str, datetime | None]) -> Live:
    return Live("未使用长连接", "warn", "收不到消息：打开「使用长连接」后保存", *known)


def facts(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """Last message, last error."""
    return connection_face.message_facts(config)


KIND_PAGES.add(
    KindPage(
        kind="feishu", watch=watch, facts=facts, checkup=connection_face.checkup(FEISHU), guide=of_config
    )
)
