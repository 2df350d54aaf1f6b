"""A DingTalk configuration that is tried."""

from dataclasses import dataclass
from typing import ClassVar

from bifang.channels.checks.configuration import ChannelTrial
from bifang.channels.workers.connection_health import WorkerService
from bifang.core.outbound.http import Response
from dingtalk_integration.health import SERVICE


@dataclass(slots=True)
class DingTalkTrial(ChannelTrial):
    """A DingTalk configuration.

    ``answer``: DingTalk's answer to the request for an access token; ``answered_at`` our clock then, in epoch
    seconds, taken in the middle of the request.
    """

    service: ClassVar[WorkerService] = SERVICE
    answer: Response | None = None
    answered_at: float = 0.0

    def describe(self) -> str:
        """What DingTalk knows it by."""
        return f"Client ID {self.ready.client_id}，接入地址 {self.ready.endpoint}"
