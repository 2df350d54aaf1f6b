"""``manage.py start_dingtalk_stream [--config-id ID]``: the stream worker."""

import logging
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from bifang.core import configs
from bifang.core.errors import BifangError
from bifang.core.keys import keyring
from bifang.core.models import SystemConfig
from dingtalk_integration.worker import process
from dingtalk_integration.worker.supervisor import DatabaseGone

log = logging.getLogger(__name__)
DATABASE_WAIT = 60.0  # seconds for a database that starts together with us
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
            _await_database()
            if options["config_id"] is not None:
                check_config(options["config_id"])
            connections.close_all()
            process.run(options["config_id"])
        except BifangError as error:
            raise CommandError(error.message) from None
        except DatabaseGone:
            raise CommandError("数据库长时间无法访问，进程退出，等待进程管理工具重新启动。") from None


def _await_database() -> None:
    """Wait for a database that is still starting; refuse one whose migrations are missing."""
    end = time.monotonic() + DATABASE_WAIT
    while True:
        try:
            executor = MigrationExecutor(connection)
            break
        except DatabaseError as error:
            connections.close_all()
            if time.monotonic() > end:
                raise CommandError(
                    f"连不上数据库：{str(error).splitlines()[0]}。请检查 DATABASE_URL 或数据目录的权限。"
                ) from None
            log.warning("dingtalk 数据库暂时无法访问，等待中")
            threading.Event().wait(2)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("数据库结构不是最新的，请先执行：python manage.py migrate")


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
