"""Backlog of alerts: open ones by severity, owner and lateness, and how many came, day by day."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, Q, QuerySet, Value, When

from secops_agent.models import SUPPRESSED, Alert, AlertAsset, Asset, Staff
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts.queries.clocks import OF_ANY_LEVEL
from secops_agent.services.alerts.queries.filters import in_hand
from secops_agent.services.alerts.queries.urgency import UNCLOSED, unattended
from secops_agent.services.pages import COUNT_CAP
from secops_agent.services.records import SEVERITIES
from secops_agent.services.sla import SlaLimits, overdue

_GRAVE = ("critical", "high")


@dataclass(frozen=True, slots=True)
class Level:
    """The alerts of one severity that are not closed."""

    severity: str
    open: int
    acknowledged: int

    @property
    def total(self) -> int:
        """All that are not closed."""
        return self.open + self.acknowledged


@dataclass(frozen=True, slots=True)
class Burden:
    """Alerts that are not closed: over their time limit, close to it, of these people, of nobody; each counted no
    further than lists are."""

    broken: int
    at_risk: int
    mine: int
    unassigned: int


@dataclass(frozen=True, slots=True)
class LoadedAsset:
    """An asset with alerts that are not closed; ``grave``: 严重 and 高危 among them."""

    id: int
    name: str
    importance: str
    alerts: int
    grave: int


def levels() -> list[Level]:
    """From the gravest down; one query, by an index."""
    rows = unfinished().order_by().values_list("severity", "status").annotate(number=Count("pk"))
    found = {(severity, status): number for severity, status, number in rows}
    return [
        Level(each, found.get((each, AlertStatus.OPEN), 0), found.get((each, AlertStatus.ACKNOWLEDGED), 0))
        for each in SEVERITIES
    ]


def days(now: datetime, number: int, zone: ZoneInfo) -> dict[date, Counter[str]]:
    """For each of the last calendar days, today too: severity → alerts whose last occurrence was on it."""
    today = now.astimezone(zone).date()
    last = [today - timedelta(days=back) for back in reversed(range(number))]
    begins = [datetime.combine(day, time(0), zone) for day in (*last, today + timedelta(days=1))]
    # Compared, the newest first: for a function of the time SQLite would ask Python, alert by alert.
    day = Case(*(When(last_seen__gte=begins[place], then=Value(place)) for place in reversed(range(number))))
    rows = Alert.objects.filter(OF_ANY_LEVEL, last_seen__gte=begins[0], last_seen__lt=begins[-1])
    counted = rows.annotate(day=day).order_by().values_list("day", "severity").annotate(number=Count("pk"))
    found = {each: Counter[str]() for each in last}
    for place, severity, count in counted:
        found[last[place]][severity] = count
    return found


def unfinished() -> "QuerySet[Alert]":
    """The alerts that are not closed."""
    return Alert.objects.filter(status__in=UNCLOSED)


def suppressed(since: datetime) -> int:
    """Alerts that rules keep out of the list and that came again since then."""
    return Alert.objects.filter(SUPPRESSED, last_seen__gte=since).count()


def burden(now: datetime, people: Collection[Staff]) -> Burden:
    """One query, by indexes, and one for the limits."""
    wanted = {
        "broken": overdue(now),
        "at_risk": SlaLimits().at_risk(now),
        "mine": in_hand([each.pk for each in people]),
        "unassigned": unattended(),
    }
    first, *rest = (_counted(name, unfinished().filter(each)) for name, each in wanted.items())
    found: dict[str, int] = dict(first.union(*rest, all=True))
    return Burden(**{name: found.get(name, 0) for name in wanted})


def _counted(name: str, rows: "QuerySet[Alert]") -> "QuerySet[Any, Any]":
    few = Alert.objects.filter(pk__in=rows.order_by().values("pk")[: COUNT_CAP + 1]).order_by()
    return few.annotate(part=Value(name)).values_list("part").annotate(number=Count("pk"))


def busy_assets(most: int) -> list[LoadedAsset]:
    """Those with the most grave alerts, then with the most; two queries."""
    links = AlertAsset.objects.filter(alert__status__in=UNCLOSED).order_by()
    grave = Count("pk", filter=Q(alert__severity__in=_GRAVE))
    counted = links.values_list("asset_id").annotate(number=Count("pk"), grave=grave)
    found = list(counted.order_by("-grave", "-number", "asset_id")[:most])
    assets = Asset.objects.in_bulk([pk for pk, _, _ in found])
    return [LoadedAsset(pk, assets[pk].name, assets[pk].importance, *counts) for pk, *counts in found]
