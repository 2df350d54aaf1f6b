"""``manage.py start_dingtalk_stream [--config-id ID]``: the stream worker."""

from typing import ClassVar

from bifang.channels.workers.client_threads import Trade
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.service_command import ServiceCommand
from bifang.channels.workers.worker import WorkerLoop
from dingtalk_integration.worker.assembly import build_loop
from dingtalk_integration.worker.clients import DINGTALK


class Command(ServiceCommand):
    """Exits non-zero only for what a restart or a person must mend."""

    help = "启动钉钉 Stream 推送服务：为每个启用的钉钉配置保持一个长连接（--config-id 只启动一个）"
    trade: ClassVar[Trade] = DINGTALK

    def build_loop(self, owner: Owner) -> WorkerLoop:
        """The turn loop of a DingTalk worker."""
        return build_loop(owner)
