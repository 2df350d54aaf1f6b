"""A feed as it is fetched: asked for only if it changed, bounded, written to a private file, told by its SHA-256."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from django.conf import settings

from bifang.core.errors import ConfigError, RemoteError
from bifang.core.outbound.addresses import AddressRules, check_address
from bifang.core.outbound.http import HttpClient, Response
from bifang.env import unreadable
from secops_agent.models import Feed
from secops_agent.services.schedules.feeds import FeedSource

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
