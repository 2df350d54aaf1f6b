"""A Feishu configuration that is tried, and how all of them are checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bifang.channels.checks.configuration import ChannelTrial
from bifang.channels.checks.diagnosis import Examination
from bifang.channels.connection_health import WorkerService
from bifang.core.trials import CheckStep
from feishu_integration.health import SERVICE


@dataclass(slots=True)
class FeishuTrial(ChannelTrial):
    """A Feishu configuration."""

    service: ClassVar[WorkerService] = SERVICE

    def describe(self) -> str:
        """What Feishu knows it by."""
        return f"App ID {self.ready.client_id}，接入地址 {self.ready.endpoint}"


def _network() -> Sequence[CheckStep[Any]]:
    from feishu_integration.checks import network

    return network.STEPS


FEISHU: Final = Examination(FeishuTrial, _network)
