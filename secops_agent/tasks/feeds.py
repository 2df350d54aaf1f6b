"""Feeds (更新漏洞情报): KEV, EPSS and OSV fetched over HTTP, bounded; a copy that cannot be had or read to its end changes nothing."""

import asyncio
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings

from bifang.core.archives import UNFIT
from bifang.core.errors import BifangError, ConfigError, InvalidInput, RemoteError
from bifang.core.outbound.addresses import AddressRules, check_address
from bifang.core.outbound.http import HttpClient, Response
from bifang.env import unreadable
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.models import Component, Feed
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.intake.receipts import Receipt
from secops_agent.services.records import Item, Rejected
from secops_agent.services.schedules import feeds
from secops_agent.services.schedules.feeds import ECOSYSTEMS, FeedSource
from secops_agent.services.schedules.tasks import TaskOrder, TaskResult
from secops_agent.services.vulnerabilities.comparison.software import advisory_coordinates

TIMEOUT_S: Final = 600.0
AGENT: Final = "Bifang (vulnerability feeds)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A new copy, in a file that is removed unless it is kept."""

    path: Path
    size: int
    digest: str
    etag: str
    modified: str


def directory() -> Path:
    """Where the last good copies are. Raises ConfigError."""
    path: Path = settings.DATA_DIR / "feeds"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from None
    return path


def kept_copy(source: FeedSource) -> Path:
    """Where the last good copy of it is, if there is one."""
    return directory() / source.name.replace(":", "-").replace(" ", "-").lower()


@contextmanager
def fetch(source: FeedSource, row: Feed) -> Iterator[Fetched | None]:
    """The copy, or None if it is still what ``row`` knows. Raises RemoteError, ConfigError."""
    check_address(source.address, AddressRules(), source="environment")
    descriptor, name = tempfile.mkstemp(prefix=".draft-", dir=directory())
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            found = asyncio.run(_fetch(source, row, _Sink(file)))
        yield Fetched(path, *found) if found else None
    finally:
        path.unlink(missing_ok=True)


class _Sink:
    """Counts and digests what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def __call__(self, piece: bytes) -> None:
        self.size += len(piece)
        self._hash.update(piece)
        self._file.write(piece)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


async def _fetch(source: FeedSource, row: Feed, sink: _Sink) -> tuple[int, str, str, str] | None:
    known = _known(source, row)
    async with HttpClient() as client:
        answer = await client.request(
            "GET",
            source.address,
            headers={"User-Agent": AGENT, **known},
            timeout=TIMEOUT_S,
            max_bytes=source.max_bytes,
            sink=sink,
        )
    if answer.status == 304 and known:
        return None
    if answer.status != 200 or not sink.size:
        raise _refused(source, answer)
    return sink.size, sink.digest, _told(answer, "ETag", 300), _told(answer, "Last-Modified", 100)


def _told(answer: Response, name: str, longest: int) -> str:
    """A header to be sent back as it is; "" for one that is too long, or holds what no database does."""
    value = answer.headers.get(name, "")
    return value if value.isascii() and len(value) <= longest else ""


def _known(source: FeedSource, row: Feed) -> dict[str, str]:
    """What is told of the copy that we have; nothing if its file is gone."""
    if not row.digest or not kept_copy(source).is_file():
        return {}
    told = {"If-None-Match": row.etag, "If-Modified-Since": row.modified}
    return {name: value for name, value in told.items() if value}


def _refused(source: FeedSource, answer: Response) -> RemoteError:
    what = "返回了空内容" if answer.status == 200 else f"返回 HTTP {answer.status}"
    return RemoteError(
        f"{source.title} 的地址{what}：请检查网络和代理，内网请用环境变量 BIFANG_FEED_{source.family.upper()}_URL 指定镜像。",
        permanent=400 <= answer.status < 500 and answer.status not in (408, 429),
        status=answer.status,
    )


# OSV's advisories of one ecosystem (all.zip): those about packages of the estate, as JSON lines.

MOST_MEMBERS: Final = 2_000_000
LARGEST_MEMBER: Final = 8 << 20
LARGEST_ALL: Final = 16 << 30
Packages = frozenset[str]


def packages_of(ecosystem: str) -> Packages:
    """The names by which advisories call what is installed here, binary and source."""
    prefix = ECOSYSTEMS[ecosystem]
    rows = Component.objects.filter(
        active=True, ecosystem=prefix.split(":")[1].split("/")[0], purl__startswith=prefix
    )
    names = rows.values_list("package", "source_package").order_by().distinct()
    return frozenset(name for pair in names.iterator() for name in pair if name)


def scope_of(packages: Packages) -> str:
    """Changes with what is installed."""
    return hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest()


def select(archive: Path, packages: Packages, out: IO[bytes]) -> int:
    """Write the advisories about these packages, one a line; how many the archive holds. Raises InvalidInput."""
    try:
        with zipfile.ZipFile(archive) as found:
            return _select(found, packages, out)
    except UNFIT as error:
        raise InvalidInput(f"OSV 的压缩包不完整或已损坏（{type(error).__name__}），没有导入。") from None


def _select(archive: zipfile.ZipFile, packages: Packages, out: IO[bytes]) -> int:
    members = [member for member in archive.infolist() if member.filename.endswith(".json")]
    if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > LARGEST_ALL:
        raise InvalidInput("OSV 的压缩包解压后太大，没有导入。")
    for advisory in _advisories(archive, members):
        if not packages.isdisjoint(_named(advisory)):
            out.write(json.dumps(advisory, ensure_ascii=True).encode() + b"\n")
    return len(members)


def _advisories(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Iterator[Any]:
    """Each as far as it is JSON; the importer tells what is wrong with one of ours."""
    for member in members:
        with archive.open(member) as file:
            data = file.read(LARGEST_MEMBER + 1)
        if len(data) > LARGEST_MEMBER:
            continue
        try:
            yield json.loads(data)
        except (ValueError, RecursionError):
            continue


def _named(advisory: Any) -> Iterator[str]:
    """Every package that it is about."""
    affected = advisory.get("affected") if isinstance(advisory, dict) else None
    for each in affected if isinstance(affected, list) else ():
        package = each.get("package") if isinstance(each, dict) else None
        if isinstance(package, dict):
            ecosystem, name = str(package.get("ecosystem", "")), str(package.get("name", ""))
            yield advisory_coordinates(ecosystem, name, str(package.get("purl") or "")).package


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
    row, kept = feeds.known(source), kept_copy(source)
    packages = packages_of(source.name.partition(":")[2]) if source.family == "osv" else frozenset()
    scope = scope_of(packages) if packages else ""
    with fetch(source, row) as fetched:
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


def _read(source: FeedSource, row: Feed, path: Path, packages: Packages) -> str:
    """Import a copy; of OSV what is about our packages."""
    if source.family != "osv":
        return _import(source, row, path, _Reading(source, row.entries))
    with tempfile.NamedTemporaryFile(prefix=".draft-", dir=directory()) as file:
        total = select(path, packages, file)
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
        outcome = ingest.store(reading.watch(items), actor)
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
