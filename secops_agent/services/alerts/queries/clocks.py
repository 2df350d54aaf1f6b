"""Times of an alert by which a span may be chosen: occurred, new, acknowledged, closed."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

from django.db.models import Q

from secops_agent.models import SUPPRESSED
from secops_agent.services.records import SEVERITIES

Clock = Literal["seen", "new", "acknowledged", "closed"]
CLOCKS: Final[dict[str, str]] = {"seen": "发生", "new": "新增", "acknowledged": "确认", "closed": "关闭"}
# True of every alert. Where they are counted by level or by day, SQLite then reads the part of a span out of the index of
# levels; without, it walks every alert there is, or fetches each row.
OF_ANY_LEVEL: Final = Q(severity__in=SEVERITIES)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_COLUMNS: Final[dict[str, str]] = {
    "seen": "last_seen",
    "new": "first_seen",
    "acknowledged": "acknowledged_at",
    "closed": "closed_at",
}


def column(clock: Clock) -> str:
    """The column that holds it: 发生 is the latest occurrence, 新增 the first one."""
    return _COLUMNS[clock]


def within(clock: Clock, since: datetime | None, until: datetime | None) -> Q:
    """The alerts whose time lies in [since, until). What rules closed is nobody's work, and not counted as closed."""
    name = _COLUMNS[clock]
    if since and clock != "seen":
        until = (
            until or _NEVER
        )  # with an open end SQLite walks all alerts along an index of what they are grouped by
    ends: dict[str, Any] = {f"{name}__gte": since, f"{name}__lt": until}
    inside = Q(**{end: at for end, at in ends.items() if at is not None})
    return Q(closed_at__isnull=False) & inside & ~SUPPRESSED if clock == "closed" else inside
