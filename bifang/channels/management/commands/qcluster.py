"""``manage.py qcluster``: the background tasks; django-q2's command with our start, heartbeat and end."""

import logging
import threading
from typing import Any, Final

from django.core.management.base import CommandError
from django_q.cluster import Cluster
from django_q.management.commands import qcluster

from bifang.channels.models import TASKS
from bifang.channels.workers.programs import Heart
from bifang.core.database.db import bound_statements
from bifang.core.errors import BifangError
from bifang.core.monitoring.startup import begin
from bifang.core.processes import end_forks_with_parent

log = logging.getLogger(__name__)
TASK_FACTOR: Final = 20  # a task may take so much longer than a page


class Command(qcluster.Command):  # type: ignore[misc]
    """Exits non-zero only for what a restart or a person must mend."""

    requires_system_checks = ()  # as `OperatorCommand`
    help = "执行后台任务：大文件导入、定时任务、定期的清理与索引"

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what must be there, then run until a signal."""
        try:
            begin("qcluster")
        except BifangError as error:
            raise CommandError(error.message) from None
        if options["run_once"] or options["cluster_name"]:
            super().handle(*args, **options)
            return
        bound_statements(TASK_FACTOR)
        end_forks_with_parent()
        cluster = Cluster()
        cluster.start()
        wait = threading.Event()
        with Heart(TASKS):
            while cluster.sentinel.is_alive():
                wait.wait(1.0)
        if cluster.sentinel.exitcode:
            raise CommandError("后台任务的主进程意外结束，等待进程管理工具重新启动。")
