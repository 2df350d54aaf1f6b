"""``manage.py check_dingtalk_stream [--config-id ID] [--json]``: why does the robot not answer?"""

from typing import ClassVar

from bifang.channels.checks.diagnosis import Examination
from bifang.channels.workers.check_command import CheckCommand
from dingtalk_integration.checks.configuration import DINGTALK


class Command(CheckCommand):
    """See `CheckCommand`."""

    help = "逐项检查钉钉 Stream 推送：依赖、数据库、配置、网络、凭证、握手、推送服务，并给出处理办法；不影响正在运行的服务"
    examination: ClassVar[Examination] = DINGTALK
