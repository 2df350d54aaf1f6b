"""``manage.py check_feishu_stream [--config-id ID] [--json]``: why does the robot not answer?"""

from typing import ClassVar

from bifang.channels.checks.diagnosis import Examination
from bifang.channels.workers.check_command import CheckCommand
from feishu_integration.checks.configuration import FEISHU


class Command(CheckCommand):
    """See `CheckCommand`."""

    help = "逐项检查飞书长连接：依赖、数据库、配置、网络、凭证、企业、握手、长连接服务，并给出处理办法；不影响正在运行的服务"
    examination: ClassVar[Examination] = FEISHU
