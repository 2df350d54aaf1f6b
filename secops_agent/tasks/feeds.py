"""更新漏洞情报: KEV, EPSS and OSV over HTTP. A copy that cannot be had, or read to its end, changes nothing."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bifang.core.errors import BifangError, InvalidInput, RemoteError
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.models import Feed
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.intake.receipts import Receipt
from secops_agent.services.records import Item, Rejected
from secops_agent.services.schedules import feeds
from secops_agent.services.schedules.feeds import FeedSource
from secops_agent.services.schedules.tasks import TaskOrder, TaskResult
from secops_agent.tasks import downloads, osv

NONE: Final = (
    "没有可更新的漏洞情报：环境变量 BIFANG_FEED_KEV_URL、BIFANG_FEED_EPSS_URL、BIFANG_FEED_OSV_URL 都是 off。"
)
UNCHANGED: Final = "没有变化"


class _Refused(Exception):
    """Ends the reading before anything is written."""


class FeedUpdate:
    """Each feed by itself: one that fails does not keep the others from being updated."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises InvalidInput where all are switched off."""
        if feeds.all_off():
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
    """Fetch it and import it if it changed, or what is installed did; what changed, in words. Raises BifangError."""
    row, kept = feeds.known(source), downloads.kept_copy(source)
    packages = osv.packages_of(source.name.partition(":")[2]) if source.family == "osv" else frozenset()
    scope = osv.scope_of(packages) if packages else ""
    with downloads.fetch(source, row) as fetched:
        same = fetched is None or fetched.digest == row.digest
        changed = not same or scope != row.scope
        said = _read(source, row, fetched.path if fetched else kept, packages) if changed else UNCHANGED
        if fetched is not None:
            os.replace(fetched.path, kept)
            row.etag, row.modified, row.digest, row.size = (
                fetched.etag, fetched.modified, fetched.digest, fetched.size,
            )  # fmt: skip
    row.scope = scope
    feeds.note_success(row, changed=changed)
    return said


def _read(source: FeedSource, row: Feed, path: Path, packages: osv.Packages) -> str:
    """Import a copy; of OSV what is about our packages."""
    if source.family != "osv":
        return _import(source, row, path, _Reading(source, row.entries))
    with tempfile.NamedTemporaryFile(prefix=".draft-", dir=downloads.directory()) as file:
        total = osv.select(path, packages, file)
        file.flush()
        if total * 2 < row.entries or not total:
            raise InvalidInput(
                f"{source.title} 只有 {total} 条，上一次有 {row.entries} 条：像是不完整，没有导入。"
            )
        told = (
            _import(source, row, Path(file.name), _Reading(source, 0))
            if file.tell()
            else "没有涉及已有组件的公告"
        )
    row.entries = total
    return told


def _import(source: FeedSource, row: Feed, path: Path, reading: "_Reading") -> str:
    items = registry.parse(source.format, Source(source.title, path=path), Options())
    actor = Actor.system(f"feed:{source.family}")
    receipt = Receipt(source.format, source.title, path.stat().st_size, row.digest, {}, actor)
    try:
        outcome = ingest.store(reading.watch(items), actor, label=source.title)
    except _Refused as refusal:
        receipt.refuse(str(refusal))
        raise InvalidInput(str(refusal)) from None
    receipt.keep(outcome)
    row.entries = reading.good
    created, updated = (counts.get("vulnerability", 0) for counts in (outcome.created, outcome.updated))
    found = f"，新增 {outcome.matched} 个发现" if outcome.matched else ""
    return f"{reading.good} 条，新增 {created}，更新 {updated}{found}"


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
