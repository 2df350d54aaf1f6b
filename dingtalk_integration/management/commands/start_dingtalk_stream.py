"""``manage.py start_dingtalk_stream [--config-id ID]``: the stream worker."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from bifang.core import configs
from bifang.core.errors import BifangError
from bifang.core.keys import keyring
from bifang.core.models import SystemConfig
from bifang.core.startup import await_database
from dingtalk_integration.worker import process
from dingtalk_integration.worker.supervisor import DatabaseGone

WHERE = "请在「系统配置」中修改。"


class Command(BaseCommand):
    """Exits non-zero only for what a restart or a person must mend."""

    help = "启动钉钉 Stream 推送服务：为每个启用的钉钉配置保持一个长连接（--config-id 只启动一个）"
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The one configuration."""
        parser.add_argument("--config-id", type=int, metavar="ID", help="系统配置列表中的 ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what must be there, then run until a signal."""
        try:
            keyring()
            await_database()
            if options["config_id"] is not None:
                check_config(options["config_id"])
            connections.close_all()
            process.run(options["config_id"])
        except BifangError as error:
            raise CommandError(error.message) from None
        except DatabaseGone:
            raise CommandError("数据库长时间无法访问，进程退出，等待进程管理工具重新启动。") from None


def check_config(config_id: int) -> None:
    """CommandError naming exactly what keeps this configuration from being started."""
    row = SystemConfig.objects.current().filter(pk=config_id).first()
    if row is None or row.kind != "dingtalk":
        raise CommandError(_missing(config_id, row))
    if not row.enabled:
        raise CommandError(f"配置「{row.name}」（ID {config_id}）未启用，{WHERE}")
    try:
        configs.load(row)
    except BifangError as error:
        raise CommandError(f"配置「{row.name}」（ID {config_id}）不能使用：{error.message}") from None


def _missing(config_id: int, row: SystemConfig | None) -> str:
    if row is not None:
        return f"配置「{row.name}」（ID {config_id}）不是钉钉配置。"
    known = SystemConfig.objects.current().filter(kind="dingtalk").values_list("pk", "name")
    listed = "、".join(f"{pk}（{name}）" for pk, name in known) or "没有；请先在「系统配置」中新增"
    return f"没有 ID 为 {config_id} 的配置。现有的钉钉配置：{listed}。"
