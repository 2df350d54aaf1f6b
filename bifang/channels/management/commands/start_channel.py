"""``manage.py start_channel NAME [--config-id ID]``: the worker of a chat platform that an installed package adds."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.channels.added import added_channels
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.service_command import ServiceCommand
from bifang.channels.workers.worker import WorkerLoop


class Command(ServiceCommand):
    """As of our own platforms; which one is an argument."""

    help = "启动插件提供的聊天平台的服务：为每个启用的配置保持连接（--config-id 只启动一个）"

    def add_arguments(self, parser: CommandParser) -> None:
        """The platform, and the one configuration."""
        parser.add_argument("name", metavar="NAME", help="平台的名称")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Find it, then serve it."""
        known = {each.name: each.adds for each in added_channels()}
        if options["name"] not in known:
            raise CommandError(f"没有插件提供「{options['name']}」。已安装的：{'、'.join(known) or '没有'}。")
        self._added = known[options["name"]]
        self.trade = self._added.trade()  # type: ignore[misc]
        super().handle(*args, **options)

    def build_loop(self, owner: Owner) -> WorkerLoop:
        """The package's."""
        return self._added.build_loop(owner)
