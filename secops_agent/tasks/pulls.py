"""Fetches from elsewhere what is due: alerts of 云安全中心, and what a tool of an HTTP service is to bring by itself."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.errors import BifangError, ConfigError, InvalidInput, RemoteError
from secops_agent.connectors.aliyun.client import AlertSpan, pages
from secops_agent.connectors.aliyun.config import AliyunSettings
from secops_agent.connectors.http_tools.config import HttpToolSettings
from secops_agent.connectors.http_tools.session import Pages, visit
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest, pulls, unmerged
from secops_agent.services.intake.attribution import attributed
from secops_agent.services.intake.pulls import KIND, OVERLAP, PullTurn
from secops_agent.services.intake.receipts import Receipt
from secops_agent.services.mcp.http import Fetching, HttpTool
from secops_agent.services.records import Item, Rejected
from secops_agent.services.records.identity import digest

log = logging.getLogger(__name__)
EVERY: Final = timedelta(minutes=5)  # where the configuration cannot be read
MOST_ENTRIES: Final = 200  # of one time, where each is a request; the others a minute later
MOST_KNOWN: Final = 20_000  # entries of one list: each time it is read and written whole
TOGETHER: Final = 20  # entries between two times that they are remembered
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


class _Lost(Exception):
    """Another process has taken over."""


@dataclass
class _Tally:
    """``left``: there is more than one time takes."""

    seen: int = 0
    new: int = 0
    left: bool = False


def run_due() -> str:
    """What the task processes do every minute. Returns what was fetched, for their log."""
    return "；".join(_run(turn) for turn in pulls.due()) or "没有到期的拉取"


def _run(turn: PullTurn) -> str:
    every = EVERY
    try:
        settings: AliyunSettings | HttpToolSettings = configs.load(turn.config)
        if isinstance(settings, AliyunSettings):
            every, tally = timedelta(minutes=settings.every_minutes), _Tally()
            _fetch_alerts(turn, settings, timezone.now(), tally)
        else:
            name, tool, fetching = _fetching(settings)
            every, tally = timedelta(minutes=fetching.minutes), _Tally()
            with visit(settings) as asked:
                _Fetch(turn, settings, fetching, timezone.now(), tally, asked).run(name, tool)
        soon = timedelta(0) if tally.left else every
        pulls.succeed(turn, soon, seen=tally.seen, new=tally.new)
    except BifangError as error:
        parked = (
            isinstance(error, RemoteError) and error.permanent
        )  # a secret that is missing may come by itself
        pulls.fail(turn, error.message, every, park=parked)
        return f"{turn.config.name}：{error.message}"
    except _Lost:
        return f"{turn.config.name}：已由另一个进程接手"
    except Exception as error:
        log.exception("拉取「%s」失败", turn.config.name)
        pulls.fail(turn, f"内部错误（{type(error).__name__}），详情见日志。", every, park=False)
        return f"{turn.config.name}：内部错误"
    return f"{turn.config.name}：{tally.seen} 条，新增 {tally.new}"


def _fetch_alerts(turn: PullTurn, settings: AliyunSettings, now: datetime, tally: _Tally) -> None:
    for start, end in pulls.spans(turn, settings.days, now):
        for handled in (False, True):
            for page in pages(settings, AlertSpan(start, end, handled)):
                _go_on(turn)
                items = registry.parse(KIND, Source.from_bytes(page.body, settings.name), Options())
                _store(turn, KIND, page.body, items, tally)
                tally.seen += page.count
        if not pulls.advance(turn, end):
            raise _Lost


def _go_on(turn: PullTurn) -> None:
    if not pulls.prolong(turn):
        raise _Lost


def _store(turn: PullTurn, format: str, body: bytes, items: Iterable[Item], tally: _Tally) -> None:
    """With a row in the history for what changed something."""
    actor = Actor.system(f"pull:{turn.config.kind}")
    receipt = Receipt(format, turn.config.name, len(body), "", {}, actor)
    outcome = ingest.store(items, actor)
    new = unmerged.note(turn.config.pk, outcome.apart)
    if new or any(outcome.created.values()) or any(outcome.updated.values()) or outcome.rejected:
        receipt.keep(outcome)
    tally.new += sum(outcome.created[kind] for kind in ("alert", "indicator"))


def _fetching(settings: HttpToolSettings) -> tuple[str, HttpTool, Fetching]:
    for name, tool in settings.tools.items():
        if tool.enabled and tool.fetch:
            return name, tool, tool.fetch
    raise ConfigError(f"「{settings.name}」没有定时取（fetch）的工具。")


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One time for an HTTP service. Whatever it says, its alerts are of ``pull:name``; its indicators go to the list of its name."""

    turn: PullTurn
    settings: HttpToolSettings
    fetching: Fetching
    now: datetime
    tally: _Tally
    asked: Pages

    def run(self, name: str, tool: HttpTool) -> None:
        """Every page, then the cursor: what came after this began is fetched the next time. Raises BifangError."""
        given: dict[str, Any] = {}
        if since := self.fetching.since:
            start = self.turn.cursor - OVERLAP if self.turn.cursor else self._oldest
            whole = tool.arguments[since].type == "integer"
            given[since] = int(start.timestamp()) if whole else f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        for page in self.asked(name, given):
            _go_on(self.turn)
            if self.fetching.each:
                self._each(page)
            else:
                self._keep(page)
        if not pulls.advance(self.turn, self.now):
            raise _Lost

    @property
    def _oldest(self) -> datetime:
        return self.now - timedelta(days=self.fetching.days)

    def _each(self, listed: Any) -> None:
        """The entries that are not as they were; one that cannot be read is told of once, and does not keep others away."""
        there = self._versions(listed)
        known = {key: version for key, version in (self.turn.row.known or {}).items() if key in there}
        oldest = self._oldest.timestamp()
        wanted = [
            key
            for key, version in there.items()
            if known.get(key) != version and not (version.isdecimal() and int(version[:15]) < oldest)
        ]
        (argument,) = self.settings.tools[self.fetching.each].arguments
        for number, key in enumerate(wanted[:MOST_ENTRIES], 1):
            _go_on(self.turn)
            try:
                for page in self.asked(self.fetching.each, {argument: key}):
                    self._keep(page)
            except InvalidInput as error:
                self._refused(key, error)
            known[key] = there[key]
            if number % TOGETHER == 0 or number == len(wanted[:MOST_ENTRIES]):
                self._remember(known)
        self.tally.left = len(wanted) > MOST_ENTRIES

    def _versions(self, listed: Any) -> dict[str, str]:
        """What each entry of the list is now. Raises RemoteError for what is no list, or too long a one."""
        if not isinstance(listed, dict):
            raise RemoteError("应答不是编号到条目的映射：请核对 fetch.each。", permanent=False)
        there = {
            key: _version(entry, self.fetching.changed)
            for key, entry in listed.items()
            if _KEY.fullmatch(key)
        }
        if len(there) > MOST_KNOWN:
            raise RemoteError(
                f"应答里有 {len(there):,} 个条目，最多 {MOST_KNOWN:,} 个：请在 query 里限定范围，例如只取已发布的。",
                permanent=False,
            )
        return there

    def _remember(self, known: dict[str, str]) -> None:
        """Those since the last time are fetched once more by whoever takes over, which changes nothing."""
        if not pulls.remember(self.turn, known):
            raise _Lost

    def _refused(self, key: str, error: InvalidInput) -> None:
        told = Receipt(
            self.fetching.format, self.settings.name, 0, "", {}, Actor.system(f"pull:{self.turn.config.kind}")
        )
        told.refuse(f"{key}：{error.message}")

    def _keep(self, page: Any) -> None:
        """A page without any rows is none. Raises RemoteError for what is no data at all."""
        if isinstance(page, str):
            raise RemoteError("应答不是 JSON：请核对地址，可能被登录页或代理拦截。", permanent=False)
        rows = page.values() if isinstance(page, dict) else [page]
        if not any(isinstance(one, dict | list) and one for one in rows):
            return
        body = json.dumps(page, ensure_ascii=False).encode()
        source = Source.from_bytes(body, self.settings.name)
        items = registry.parse(self.fetching.format, source, Options(source=self.settings.name))
        _store(self.turn, self.fetching.format, body, map(self._attributed, items), self.tally)

    def _attributed(self, item: Item) -> Item:
        """One without a time is known by what it says."""
        self.tally.seen += not isinstance(item, Rejected)
        return attributed(item, f"pull:{self.settings.name}"[:60], self.now, digest(repr(item)))


def _version(entry: Any, name: str) -> str:
    found = entry.get(name) if isinstance(entry, Mapping) else entry
    return str(found)[:60] if isinstance(found, str | int | float) else ""
