"""更新漏洞情报: KEV and EPSS over HTTP. A copy that cannot be had, or read to its end, changes nothing."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bifang.core.errors import BifangError, InvalidInput, RemoteError
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.models import Feed
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.records import Item, Rejected
from secops_agent.services.schedules import feeds
from secops_agent.services.schedules.feeds import FeedSource
from secops_agent.services.schedules.tasks import TaskOrder, TaskResult
from secops_agent.tasks import downloads
from secops_agent.tasks.downloads import Fetched

NONE: Final = "没有可更新的漏洞情报：环境变量 BIFANG_FEED_KEV_URL、BIFANG_FEED_EPSS_URL 都是 off。"
UNCHANGED: Final = "没有变化"


class _Refused(Exception):
    """Ends the reading before anything is written."""


class FeedUpdate:
    """Each feed by itself: one that fails does not keep the others from being updated."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises InvalidInput where all are switched off."""
        if not feeds.enabled_sources():
            raise InvalidInput(NONE)

    def run(self, order: TaskOrder) -> TaskResult:
        """Raises RemoteError if one could not be updated, naming each; it is tried again unless it is permanent."""
        self.check(order.arguments)
        told: dict[str, str] = {}
        faults: list[BifangError] = []
        for source in feeds.enabled_sources():
            try:
                told[source.title] = update(source)
            except BifangError as fault:
                feeds.note_error(source, fault.message)
                faults.append(fault)
        if faults:
            message = "；".join(fault.message for fault in faults)
            raise RemoteError(message, permanent=all(fault.permanent for fault in faults))
        news = [f"- {title}：{text}" for title, text in told.items() if text != UNCHANGED]
        text = "\n".join(["**漏洞情报已更新**", "", *news]) if news else ""
        return TaskResult(text, "；".join(f"{title} {text}" for title, text in told.items()))


def update(source: FeedSource) -> str:
    """Fetch it and import it if it changed; what changed, in words. Raises BifangError."""
    row = feeds.known(source)
    with downloads.fetch(source, row) as fetched:
        if fetched is None or fetched.digest == row.digest:
            _note(row, fetched)
            feeds.note_success(row, changed=False)
            return UNCHANGED
        said = _import(source, row, fetched)
        os.replace(fetched.path, downloads.directory() / source.name)
        _note(row, fetched)
        feeds.note_success(row, changed=True)
    return said


def _note(row: Feed, fetched: Fetched | None) -> None:
    if fetched is not None:
        row.etag, row.modified, row.digest, row.size = (
            fetched.etag,
            fetched.modified,
            fetched.digest,
            fetched.size,
        )


def _import(source: FeedSource, row: Feed, fetched: Fetched) -> str:
    reading = _Reading(source, row.entries)
    items = registry.parse(source.format, Source(source.title, path=fetched.path), Options())
    try:
        outcome = ingest.store(
            reading.watch(items),
            Actor.system(f"feed:{source.name}"),
            label=source.title,
            digest=fetched.digest,
        )
    except _Refused as refusal:
        raise InvalidInput(str(refusal)) from None
    row.entries = reading.good
    created, updated = (counts.get("vulnerability", 0) for counts in (outcome.created, outcome.updated))
    return f"{reading.good} 条，新增 {created}，更新 {updated}"


class _Reading:
    """Counts a feed while it is read, and ends it where it is not whole."""

    def __init__(self, source: FeedSource, before: int) -> None:
        self._title, self._before = source.title, before
        self.good = 0

    def watch(self, items: Iterator[Item]) -> Iterator[Item]:
        """Everything, until something shows that it is not the feed. Raises _Refused."""
        for item in items:
            if not isinstance(item, Rejected):
                self.good += 1
            elif item.fatal:
                raise _Refused(f"{self._title} 的内容不完整（{item.reason}），没有导入，保留上一次的数据。")
            yield item
        if self.good * 2 < self._before or not self.good:
            raise _Refused(
                f"{self._title} 只有 {self.good} 条，上一次有 {self._before} 条：像是不完整，没有导入，保留上一次的数据。"
            )


FEEDS: Final = FeedUpdate()
