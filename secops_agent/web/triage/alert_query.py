"""The query string of a list of alerts: what it may hold, what it means, and how the page writes it again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from secops_agent.services.alerts.queries.filters import ALERTS, AlertFilter
from secops_agent.services.alerts.queries.urgency import UNCLOSED
from secops_agent.services.operations.queues import REACH
from secops_agent.services.people.logins import accounts
from secops_agent.services.privacy import login_may_read
from secops_agent.web import listing
from secops_agent.web.listing import ListQuery, shape_of

PAGE: Final = 50
TABS: Final = {"mine": "我的", "unassigned": "未分配", "at_risk": "超时和快超时", "all": "全部"}
SPANS: Final[Mapping[str, tuple[str, timedelta]]] = {
    "1h": ("最近 1 小时", timedelta(hours=1)), "24h": ("最近 24 小时", timedelta(hours=24)),
    "7d": ("最近 7 天", timedelta(days=7)), "30d": ("最近 30 天", timedelta(days=30)),
}  # fmt: skip
ORDERS: Final = {"urgent": "最要紧的优先", "newest": "最近发生的优先"}
SHAPE: Final = shape_of(
    ALERTS, {"tab": TABS, "sort": ORDERS, "span": SPANS}, days=("from", "to"), numbers=("page",)
)
KNOWN: Final = ("tab", *(each.page for each in ALERTS.on_page()), "span", "from", "to", "sort", "page")


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

    def _whole(self) -> tuple[tuple[str, str], ...]:
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

    def queue(self, user: Any, now: datetime) -> AlertFilter:
        """What it means, for this person and at this moment."""
        return self.queues(user, now)[self.get("tab") or "all"]

    def queues(self, user: Any, now: datetime) -> dict[str, AlertFilter]:
        """The same in every tab."""
        since, until = _window(self, now)
        given = {"statuses": UNCLOSED} | self.values_of(ALERTS)
        order = "-last_seen" if self.get("sort") == "newest" else "urgent"
        whole = AlertFilter(private=login_may_read(user), since=since, until=until, order=order, **given)
        return {
            "mine": replace(whole, mine=tuple(row.pk for row in accounts(user))),
            "unassigned": replace(whole, unassigned=True),
            "at_risk": replace(whole, pressing=True),
            "all": whole,
        }


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
    query = QueueQuery(tuple(_ordered(listing.read(given, SHAPE, beside).pairs)))
    if query.page > REACH // PAGE:
        raise BadRequest("this list is not paged through so far")
    return query


def read_text(text: str) -> QueueQuery:
    """The same, of a query string that was kept or sent. Raises BadRequest."""
    if len(text) > 2000:
        raise BadRequest("the query is too long")
    return read(QueryDict(text))
