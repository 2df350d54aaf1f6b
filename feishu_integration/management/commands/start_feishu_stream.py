"""``manage.py start_feishu_stream [--config-id ID]``: the worker of Feishu's long connections."""

from typing import ClassVar

from bifang.channels.workers.client_threads import Trade
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.service_command import ServiceCommand
from bifang.channels.workers.worker import WorkerLoop
from feishu_integration.worker.assembly import build_loop
from feishu_integration.worker.clients import FEISHU


class Command(ServiceCommand):
    """Exits non-zero only for what a restart or a person must mend."""

    help = "启动飞书长连接服务：为每个启用的飞书配置保持一个长连接（--config-id 只启动一个）"
    trade: ClassVar[Trade] = FEISHU

    def build_loop(self, owner: Owner) -> WorkerLoop:
        """The turn loop of a Feishu worker."""
        return build_loop(owner)
