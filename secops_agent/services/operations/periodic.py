"""Periodic jobs: what the task processes do by themselves, and every how many minutes."""

import logging
from datetime import datetime
from typing import Any, Final

from django.db import DatabaseError
from django.db.models import Min, Q
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from bifang.channels.models import TASKS
from bifang.channels.workers.programs import Program
from bifang.core.database import retention
from secops_agent.services.alerts.queries import mentioned, words
from secops_agent.services.intake import comparisons, exposed, jobs, pulls, receipts, retrospect
from secops_agent.services.investigations import replays
from secops_agent.services.operations import source_watch
from secops_agent.services.schedules import runs
from secops_agent.services.vulnerabilities import resolutions

log = logging.getLogger(__name__)


# What runs by itself: the function, its name, and every how many minutes.
OWN_JOBS = (
    (jobs.RECOVERY, "恢复中断的导入", 1),
    (comparisons.JOB, "比对中断的导入", 1),
    ("secops_agent.uploads.results.tell_finished", "告知会话里的导入结果", 1),
    (jobs.SWEEP, "清除没有导入的文件", 60),
    (receipts.JOB, "汇总 Webhook 的导入记录", 1),
    (runs.TICK, "执行到期的定时任务", 1),
    (pulls.JOB, "定时拉取", 1),
    (retrospect.JOB, "用情报清单比对已存的告警", 1),
    (words.JOB, "告警关键字索引", 1),
    (mentioned.JOB, "告警文字里的指标", 1),
    (retention.JOB, "按保留期清除", 60),
    (resolutions.JOB, "发现的处理决定到期", 60),
    (exposed.JOB, "对外的核心资产上已被利用的漏洞", 5),
    (source_watch.JOB, "数据源的节律", 5),
    (replays.JOB, "调查与人员结论的对照", 24 * 60),
)


def ensure_schedules(using: str = "default", **_: Any) -> None:
    """Receiver of ``post_migrate``: what runs by itself has its row, once."""
    from django.db import connections

    if Schedule._meta.db_table not in connections[using].introspection.table_names():
        return
    rows = Schedule.objects.using(using)
    ours = Q(func__startswith="secops_agent.") | Q(func__startswith="bifang.")
    # What has moved or was retired: its name would not resolve.
    rows.filter(ours).exclude(func__in=[function for function, _, _ in OWN_JOBS]).delete()
    known = set(rows.values_list("func", flat=True))
    for function, name, minutes in OWN_JOBS:
        if function not in known:
            rows.create(
                name=name, func=function, schedule_type=Schedule.MINUTES, minutes=minutes, repeats=-1,
                kwargs="{'q_options': {'save': False}}", next_run=timezone.now(),
            )  # fmt: skip


def behind() -> float | None:
    """Seconds since the oldest periodic job was due, or the oldest task queued, that nobody has begun."""
    now = timezone.now()
    due = Schedule.objects.exclude(repeats=0).filter(next_run__lt=now).order_by().values_list("next_run")
    queued = (
        OrmQ.objects.filter(lock__lt=now).order_by().values("key").annotate(at=Min("lock")).values_list("at")
    )
    oldest: datetime = min((at for (at,) in due.union(queued, all=True)), default=now)
    return (now - oldest).total_seconds()


TASK_PROGRAM: Final = Program(TASKS, TASKS, "后台任务", "python manage.py qcluster", behind=behind)


def recover_at_start(**_: Any) -> None:
    """Receiver of django-q2's ``post_spawn``: a process that replaces a dead one takes over its work at once."""
    try:
        jobs.recover()
        runs.tick()
    except DatabaseError as error:
        log.warning("启动时没有恢复中断的任务，一分钟内会再试：%s", error)
