"""The query string of a list of alerts: what it may hold, what it means, and how the page writes it again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, get_args
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services.operations.queues import REACH, AlertQueue, Order, Tab
from secops_agent.services.people.logins import accounts
from secops_agent.services.privacy import login_may_read
from secops_agent.web import listing
from secops_agent.web.listing import ListQuery, ListShape

PAGE: Final = 50
SPANS: Final[Mapping[str, tuple[str, timedelta]]] = {
    "1h": ("最近 1 小时", timedelta(hours=1)), "24h": ("最近 24 小时", timedelta(hours=24)),
    "7d": ("最近 7 天", timedelta(days=7)), "30d": ("最近 30 天", timedelta(days=30)),
}  # fmt: skip
ORDERS: Final = {"urgent": "时限和级别优先", "newest": "最近发生的优先"}
_CHOICES: Final[Mapping[str, Collection[str]]] = {
    "tab": get_args(Tab), "sort": get_args(Order), "span": SPANS, "severity": Severity.values, "status": AlertStatus.values,
    "verdict": Verdict.values,
}  # fmt: skip
_LONGEST: Final = {"q": 200, "source": 60, "rule": 500}
_NUMBERS: Final = frozenset({"asset", "assignee", "list", "page"})
_DAYS: Final = frozenset({"from", "to"})
SEVERAL: Final = ("severity", "status", "source", "rule", "asset", "assignee", "verdict", "list")
KNOWN: Final = ("tab", "q", *SEVERAL, "span", "from", "to", "sort", "page")
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class QueueQuery(ListQuery):
    """What was asked for, as the page writes it: known parameters in their order, none empty."""

    @property
    def page(self) -> int:
        """From 1."""
        return int(self.get("page") or 1)

    @property
    def is_given(self) -> bool:
        """Does the address name a list at all? Every link of a list names its tab."""
        return bool(self.get("tab"))

    @property
    def text(self) -> str:
        """The whole, without the page."""
        return encoded(pair for pair in self._whole() if pair[0] != "page")

    def _whole(self) -> Pairs:
        return self.pairs if self.is_given else (("tab", "all"), *self.pairs)

    def with_(self, **values: str) -> str:
        """The query with these instead; an empty one is left out. On the first page unless said."""
        kept = [pair for pair in self._whole() if pair[0] not in values and pair[0] != "page"]
        return encoded(_ordered([*kept, *values.items()]))

    def toggled(self, name: str, value: str) -> str:
        """The query with one more value of a parameter, or without it."""
        whole = [pair for pair in self._whole() if pair[0] != "page"]
        rest = [pair for pair in whole if pair != (name, value)]
        return encoded(_ordered(rest if len(rest) < len(whole) else [*whole, (name, value)]))

    def queue(self, user: Any, now: datetime) -> AlertQueue:
        """What it means, for this person and at this moment."""
        since, until = _window(self, now)
        return AlertQueue(
            tab=self.get("tab") or "all",  # type: ignore[arg-type]  # checked when it was read
            mine=tuple(row.pk for row in accounts(user)), keyword=self.get("q"), private=login_may_read(user), severities=self.all("severity"),
            statuses=self.all("status"), verdicts=self.all("verdict"), sources=self.all("source"), rules=self.all("rule"),
            assets=tuple(map(int, self.all("asset"))), assignees=tuple(map(int, self.all("assignee"))),
            lists=tuple(map(int, self.all("list"))),
            since=since, until=until,
            order=self.get("sort") or "urgent",  # type: ignore[arg-type]
        )  # fmt: skip


class _AlertShape(ListShape):
    """The parameters of a list of alerts."""

    def takes(self, name: str, value: str) -> bool:
        """Is this a value that the parameter can have?"""
        return value in self.choices[name] if name in self.choices else _is_good(name, value)


SHAPE: Final = _AlertShape(_CHOICES, texts=KNOWN, several=SEVERAL)


def encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """As a query string."""
    return urlencode([pair for pair in pairs if pair[1]])


def _ordered(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: KNOWN.index(pair[0]))


def _window(query: QueueQuery, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The span that is chosen; else the days, both included."""
    if span := query.get("span"):
        return now - SPANS[span][1], None
    first, last = (_midnight(query.get(name)) for name in ("from", "to"))
    return first, last + timedelta(days=1) if last else None


def _midnight(text: str) -> datetime | None:
    day = parse_date(text) if text else None
    return timezone.make_aware(datetime(day.year, day.month, day.day)) if day else None  # noqa: DTZ001 - made aware


def read(given: QueryDict, beside: Iterable[str] = ()) -> QueueQuery:
    """Raises BadRequest for a parameter that the list does not have, or a value that it cannot have: a condition that
    is quietly dropped shows what nobody asked for. ``beside``: parameters of the page that are not the list's."""
    return QueueQuery(tuple(_ordered(listing.read(given, SHAPE, beside).pairs)))


def read_text(text: str) -> QueueQuery:
    """The same, of a query string that was kept or sent. Raises BadRequest."""
    if len(text) > 2000:
        raise BadRequest("the query is too long")
    return read(QueryDict(text))


def _is_good(name: str, value: str) -> bool:
    """Of what is no choice."""
    if name in _NUMBERS:
        least, most = int(name != "assignee"), REACH // PAGE if name == "page" else 2**62
        return value.isascii() and value.isdecimal() and len(value) < 20 and least <= int(value) <= most
    if name in _DAYS:
        try:
            return len(value) == 10 and (day := parse_date(value)) is not None and 2000 <= day.year <= 2100
        except ValueError:
            return False
    return len(value) <= _LONGEST[name] and "\x00" not in value
