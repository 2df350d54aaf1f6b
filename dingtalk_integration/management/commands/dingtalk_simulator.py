"""`manage.py dingtalk_simulator`: a local DingTalk with a chat page."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.errors import ConfigError

try:
    from simulators.dingtalk.process import add_arguments, serve
except ModuleNotFoundError as error:  # the image of deploy/docker leaves simulators/ out
    if error.name != "simulators":
        raise
    raise SystemExit("这里没有钉钉模拟器：生产镜像不含 simulators/，请在源码目录中运行。") from error


class Command(OperatorCommand):
    """A thin wrapper: the simulator itself knows no Django."""

    help = "启动本机钉钉模拟器：网关、OpenAPI、会话 Webhook、故障注入和聊天页面"

    def add_arguments(self, parser: CommandParser) -> None:
        """As `python -m simulators.dingtalk`."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until stopped."""
        try:
            serve(Namespace(**options))
        except ConfigError as error:
            raise CommandError(error.message) from error
