"""When the task processes do what by themselves."""

import logging
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from secops_agent.services import jobs

log = logging.getLogger(__name__)


def ensure_schedules(using: str = "default", **_: Any) -> None:
    """Receiver of ``post_migrate``: the recovery of interrupted imports runs every minute."""
    from django.db import connections
    from django_q.models import Schedule  # its table may come with a later migration

    if Schedule._meta.db_table not in connections[using].introspection.table_names():
        return
    known = Schedule.objects.using(using).filter(func=jobs.RECOVERY)
    if not known.exists():
        Schedule.objects.using(using).create(
            name="恢复中断的导入", func=jobs.RECOVERY, schedule_type=Schedule.MINUTES, minutes=1, repeats=-1,
            kwargs="{'q_options': {'save': False}}", next_run=timezone.now(),
        )  # fmt: skip


def recover_at_start(**_: Any) -> None:
    """Receiver of django-q2's ``post_spawn``: a process that replaces a dead one takes over its import at once."""
    try:
        jobs.recover()
    except DatabaseError as error:
        log.warning("启动时没有恢复中断的导入，一分钟内会再试：%s", error)
