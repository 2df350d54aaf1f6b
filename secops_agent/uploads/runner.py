"""Runs queued imports in a process of django-q2."""

import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db import DatabaseError, connection

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.models.sources.job import JobPhase
from secops_agent.services.alerts import detection_rules
from secops_agent.services.intake import ingest, jobs
from secops_agent.services.intake.ingest import ImportOutcome
from secops_agent.services.intake.jobs import Work
from secops_agent.services.records import Item, Rejected
from secops_agent.uploads.choices import Choices
from secops_agent.uploads.entry_points import import_digest
from secops_agent.uploads.results import tell_finished

log = logging.getLogger(__name__)
_BEAT_S = 2.0


@dataclass
class _Progress:
    phase: str = JobPhase.READING
    done: int = 0
    total: int = 0
    lost: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def count(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, counted while they are read."""
        for item in items:
            self.done += 1
            yield item
        self.done = 0

    def note(self, done: int, total: int) -> None:
        """What `ingest.store` reports. Raises when the job was given to another process."""
        self.done, self.total = done, total
        self.phase = JobPhase.MATCHING if done >= total else JobPhase.WRITING
        if self.lost:
            raise _Lost


class _Lost(Exception):
    """Another process has taken the job over."""


def run_next_job() -> str:
    """What django-q2 calls: run the oldest waiting job; if more wait, say so."""
    work = jobs.take()
    if work is None:
        return "没有等待的导入"
    try:
        return _run(work)
    finally:
        tell_finished()
        if jobs.waiting():
            jobs.nudge()


def _run(work: Work) -> str:
    progress = _Progress()
    pulse = threading.Thread(target=_beat, args=(work, progress), name=f"job-{work.id}", daemon=True)
    pulse.start()
    try:
        outcome = _import(work, progress)
    except BifangError as error:
        _stop(progress, pulse)
        jobs.fail(work, error.message)
        return error.message
    except _Lost:
        _stop(progress, pulse)
        return "任务已由另一个进程接手"
    except Exception as error:
        _stop(progress, pulse)
        log.exception("导入任务 %s 失败", work.id)
        jobs.fail(
            work,
            f"导入时发生内部错误（{type(error).__name__}），详情见日志；可以重新提交，已写入的部分不会重复。",
        )
        raise
    _stop(progress, pulse)
    jobs.finish(work, outcome.as_dict(work.format), outcome.refusal)
    return outcome.refusal or "完成"


def _import(work: Work, progress: _Progress) -> ImportOutcome:
    if not work.path.is_file():
        raise InvalidInput("找不到上传的文件：网页和后台任务要在同一台机器上，使用同一个 BIFANG_DATA_DIR。")
    if work.format == detection_rules.FORMAT:
        return _keep_rules(work)
    choices = Choices.from_dict(work.options)
    items = registry.parse(work.format, Source(work.name or "上传的文件", path=work.path), choices.options())
    return ingest.store(
        progress.count(items),
        work.actor,
        digest=import_digest(work.digest, choices),
        progress=progress.note,
    )


def _keep_rules(work: Work) -> ImportOutcome:
    read = detection_rules.read_rules(work.name, work.path.read_bytes())
    kept = detection_rules.save(read.rules, work.actor, work.name)
    refused = tuple(Rejected(f"第 {number} 个", text) for number, text in enumerate(read.refused, 1))
    return ImportOutcome({"rule": kept}, {}, {}, refused)


def _stop(progress: _Progress, pulse: threading.Thread) -> None:
    progress.over.set()
    pulse.join()


def _beat(work: Work, progress: _Progress) -> None:
    """Signs of life from a thread of its own: reading and matching may take long without a word."""
    try:
        while not progress.over.wait(_BEAT_S):
            try:
                progress.lost = not jobs.beat(work, progress.phase, progress.done, progress.total)
            except DatabaseError as error:
                log.warning("导入任务 %s 的进度没有写入：%s", work.id, error)
    finally:
        connection.close()
