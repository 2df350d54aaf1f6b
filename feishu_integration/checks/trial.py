"""A Feishu configuration that is tried."""

from dataclasses import dataclass
from typing import ClassVar

from bifang.channels.checks.configuration import ChannelTrial
from bifang.channels.workers.connection_health import WorkerService
from feishu_integration.health import SERVICE


@dataclass(slots=True)
class FeishuTrial(ChannelTrial):
    """A Feishu configuration."""

    service: ClassVar[WorkerService] = SERVICE

    def describe(self) -> str:
        """What Feishu knows it by."""
        return f"App ID {self.ready.client_id}，接入地址 {self.ready.endpoint}"
