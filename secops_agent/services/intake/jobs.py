"""Import jobs: queued, run by whichever process is free, taken over when it dies.

A message of django-q2 only says "there is work"; what there is stands in the table, and one process claims a job. So
a lost, late or repeated message does no harm. Imports are idempotent: one that was
interrupted is run again from its start and completes what is missing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bifang.channels.queues import claims
from bifang.core.processes import process_name
from secops_agent.models.sources.job import ImportJob, JobPhase, JobState
from secops_agent.services.actors import Actor
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page, cut

log = logging.getLogger(__name__)
RUNNER = "secops_agent.uploads.runner.run_next_job"
RECOVERY = f"{__name__}.recover"
SWEEP = f"{__name__}.sweep"
_LONGEST = 6 * 3600  # seconds that one import may take
_SILENCE = timedelta(seconds=60)  # without a heartbeat: the process is gone
_ATTEMPTS = 5
MOST_REJECTED = 1000
KEPT_S = 86400  # seconds that a file waits for somebody to have it imported
_OPEN = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it. ``total`` is 0 while the file is read; ``outcome`` is what import_data prints."""

    id: int
    format: str
    name: str
    size: int
    state: str
    phase: str
    done: int
    total: int
    percent: int
    attempts: int
    actor: str
    outcome: Mapping[str, Any] | None
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """A job that this process has claimed: ``row`` as it was then."""

    row: ImportJob
    id: int
    format: str
    name: str
    path: Path
    digest: str
    options: Mapping[str, str]
    actor: Actor


def directory() -> Path:
    """Where files wait for their import; only this user may read it."""
    path: Path = settings.DATA_DIR / "ingest"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def submit(
    format_name: str,
    name: str,
    file: str,
    *,
    size: int,
    digest: str,
    options: Mapping[str, str],
    actor: Actor,
    inbox_id: int | None = None,
) -> JobView:
    """Queue the import of `file`, a name in `directory()`. ``inbox_id``: the chat message that is to hear the result."""
    row = ImportJob(
        format=format_name, name=name[:200], file=file, size=size, digest=digest, options=dict(options),
        actor_kind=actor.kind, actor_ident=actor.ident, actor_name=actor.name, actor_via=actor.via,
        sources=list(actor.sources), created_at=timezone.now(), inbox_id=inbox_id,
    )  # fmt: skip
    row.save(force_insert=True)
    transaction.on_commit(nudge)
    return _view(row)


def note(
    format_name: str,
    name: str,
    *,
    size: int,
    digest: str,
    options: Mapping[str, str],
    actor: Actor,
    started: datetime,
    outcome: Mapping[str, Any],
    error: str = "",
) -> JobView:
    """An import that is over already, for the history; ``error`` says why nothing was taken."""
    row = ImportJob(
        format=format_name, name=name[:200], size=size, digest=digest, options=dict(options),
        actor_kind=actor.kind, actor_ident=actor.ident, actor_name=actor.name, actor_via=actor.via,
        state=JobState.FAILED if error else JobState.DONE, attempts=1, outcome=_shortened(outcome), error=error,
        created_at=started, started_at=started, finished_at=timezone.now(),
    )  # fmt: skip
    row.save(force_insert=True)
    return _view(row)


def _shortened(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """A file of broken records only must not fill the history."""
    kept = dict(outcome)
    rejected = kept.get("rejected", [])
    if len(rejected) > MOST_REJECTED:
        more = {
            "position": "其余",
            "reason": f"另有 {len(rejected) - MOST_REJECTED} 条没有导入，没有逐条保存。",
        }
        kept["rejected"] = [*rejected[:MOST_REJECTED], more]
    return kept


def nudge() -> None:
    """Tell the cluster that there is work. A failure is mended by the recovery that runs every minute."""
    from django_q.tasks import async_task  # reads its settings when it is imported

    try:
        async_task(
            RUNNER, q_options={"task_name": "导入", "group": "导入", "timeout": _LONGEST, "save": False}
        )
    except (DatabaseError, OSError) as error:
        log.warning("无法通知后台任务进程，导入会稍后开始：%s", error)


def get(job_id: int, actor: Actor | None = None) -> JobView:
    """One job; with `actor` only their own. Raises NotFound."""
    row = _of(actor).filter(pk=job_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {job_id} 的导入任务。")
    return _view(row)


def search(
    *, state: str = "", actor: Actor | None = None, limit: int = 20, cursor: str = ""
) -> Page[JobView]:
    """The newest first; with `actor` only their own. Raises InvalidInput."""
    rows = _of(actor).filter(state=state) if state else _of(actor)
    return cut(rows, ("-id",), limit, cursor, lambda found: [_view(row) for row in found])


def _of(actor: Actor | None) -> QuerySet[ImportJob]:
    rows = ImportJob.objects.all()
    return rows.filter(actor_kind=actor.kind, actor_ident=actor.ident) if actor else rows


def _view(row: ImportJob) -> JobView:
    finished = row.state == JobState.DONE
    percent = 100 if finished else min(99, 100 * row.done // row.total) if row.total else 0
    return JobView(
        row.pk, row.format, row.name, row.size, row.state, row.phase, row.done, row.total, percent, row.attempts,
        row.actor_name, row.outcome or None, row.error, row.created_at, row.started_at, row.finished_at,
    )  # fmt: skip


def take() -> Work | None:
    """The oldest waiting job becomes this process's; None if there is none."""
    for row in claims.claim(ImportJob, process_name(), 1, hold=_SILENCE, count_try=True):
        row.started_at = row.started_at or timezone.now()
        claims.of(row).update(phase=JobPhase.READING, done=0, total=0, started_at=row.started_at)
        actor = Actor(row.actor_kind, row.actor_ident, row.actor_name, row.actor_via, tuple(row.sources))  # type: ignore[arg-type]
        path = directory() / Path(row.file).name
        return Work(row, row.pk, row.format, row.name, path, row.digest, row.options, actor)
    return None


def beat(work: Work, phase: str, done: int, total: int) -> bool:
    """A sign of life, with the progress. False: the job is no longer this process's."""
    return bool(claims.hold(claims.of(work.row), _SILENCE, phase=phase, done=done, total=total))


def finish(work: Work, outcome: Mapping[str, Any], refusal: str = "") -> bool:
    """Done, or failed if everything was refused: the file goes. False: the job was no longer this process's."""
    state = JobState.FAILED if refusal else JobState.DONE
    return _end(work, state=state, outcome=dict(outcome), error=refusal)


def fail(work: Work, message: str) -> bool:
    """Given up with a reason for people: the file goes."""
    return _end(work, state=JobState.FAILED, error=message)


def _end(work: Work, **values: Any) -> bool:
    """The file goes with the job's end."""
    rows = claims.of(work.row)
    ended = rows.update(**claims.NOBODY, phase="", file="", finished_at=timezone.now(), **values)
    if ended:
        work.path.unlink(missing_ok=True)
    return bool(ended)


def waiting() -> bool:
    """Is any job waiting?"""
    return ImportJob.objects.filter(state=JobState.QUEUED).exists()


def recover() -> int:
    """Queue the jobs of processes that died again, and see that somebody works. Returns how many.

    Runs when a task process starts and once a minute.
    """
    found = sum(_requeue(row) for row in claims.lost(ImportJob))
    if waiting():
        nudge()
    return found


def _requeue(row: ImportJob) -> int:
    """Of those who see it, one does it."""
    if row.attempts < _ATTEMPTS:
        log.warning("导入任务 %s 的执行进程已不在，重新排队", row.pk)
        return claims.release(claims.of(row), phase="")
    message = f"执行这个导入的进程 {row.attempts} 次意外中断，已放弃；请检查内存是否充足、文件是否过大，再重新提交。"
    values = {
        "state": JobState.FAILED,
        "phase": "",
        "file": "",
        "error": message,
        "finished_at": timezone.now(),
    }
    if claims.of(row).update(**claims.NOBODY, **values) and row.file:
        (directory() / Path(row.file).name).unlink(missing_ok=True)
    return 0


def prune(now: datetime | None = None) -> int:
    """Drop jobs beyond the retention, and files that belong to no job any more. Returns how many jobs."""
    now = now or timezone.now()
    old = ImportJob.objects.filter(created_at__lt=now - timedelta(days=settings.RETENTION_DAYS))
    dropped = old.exclude(state__in=_OPEN).delete()[0] if settings.RETENTION_DAYS else 0  # 0: for ever
    sweep(now)
    return dropped


def sweep(now: datetime | None = None) -> int:
    """Erase the files of a day ago that belong to no job, or to none any more. Returns how many. Every hour."""
    now, gone = now or timezone.now(), 0
    known = set(ImportJob.objects.filter(~Q(file=""), state__in=_OPEN).values_list("file", flat=True))
    for path in directory().iterdir():
        if path.name not in known and now.timestamp() - path.stat().st_mtime > KEPT_S:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
