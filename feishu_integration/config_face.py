"""What the pages show of a Feishu configuration: how it is, what is known of it, how it is tried."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.http import HttpRequest

from bifang.channels.admin import connection_face
from bifang.core.admin.guiding import Fact, register_facts
from bifang.core.admin.live import Live, register_watch
from bifang.core.admin.trying import register_checkup
from bifang.core.models import SystemConfig
from feishu_integration.checks.configuration import FEISHU
from feishu_integration.health import SERVICE


def watch(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """The live state of each configuration."""
    return connection_face.watch(SERVICE, configs, _unconnected)


def _unconnected(config: SystemConfig, served: bool, known: tuple[str, datetime | None]) -> Live:
    return Live("未使用长连接", "warn", "收不到消息：打开「使用长连接」后保存", *known)


def facts(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """Last message, last error."""
    return connection_face.message_facts(config)


register_watch("feishu", watch)
register_facts("feishu", facts)
register_checkup("feishu", connection_face.checkup(FEISHU))
