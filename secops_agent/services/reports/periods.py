"""Periods of reports: the time that one tells of, and the one that it is compared with."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.services.clock import clock

Kind = Literal["daily", "weekly", "monthly"]
PERIODS: Final[dict[str, str]] = {
    "today": "今日", "yesterday": "昨日", "this_week": "本周", "last_week": "上周", "this_month": "本月",
    "last_month": "上月",
}  # fmt: skip
KINDS: Final[dict[str, str]] = {"daily": "日报", "weekly": "周报", "monthly": "月报"}
# What a report that is made by itself tells of: what is over.
SCHEDULED: Final[dict[str, str]] = {"daily": "yesterday", "weekly": "last_week", "monthly": "last_month"}
_KIND_OF: Final[dict[str, Kind]] = {
    "today": "daily", "yesterday": "daily", "this_week": "weekly", "last_week": "weekly", "this_month": "monthly",
    "last_month": "monthly",
}  # fmt: skip
_WEEKDAYS: Final = "一二三四五六日"
_DATED: Final = (("daily", "%Y-%m-%d", ""), ("weekly", "%G-W%V-%u", "-1"), ("monthly", "%Y-%m", ""))
DATES: Final = "2026-11-29（日报）、2026-W48（周报）、2026-10（月报）"


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end): a day, a week from Monday, or a month of local time; its end is now while it still runs."""

    kind: Kind
    start: datetime
    end: datetime

    @property
    def whole(self) -> bool:
        """Is it over?"""
        return self.end >= _next(self.kind, timezone.localtime(self.start))

    @property
    def before(self) -> "Period":
        """The one before; of one that still runs, the part that had passed by the same time."""
        start = timezone.localtime(self.start)
        first = _first(self.kind, start - timedelta(days=1))
        last = start if self.whole else min(first + (self.end - self.start), start)
        return Period(self.kind, first, last)

    @property
    def title(self) -> str:
        """日报 2026-11-25（周三）; with the hour up to which it goes while it still runs."""
        start, last = timezone.localtime(self.start), timezone.localtime(self.end - timedelta(microseconds=1))
        day = f"{start:%Y-%m-%d}"
        told = {
            "daily": f"{day}（周{_WEEKDAYS[start.weekday()]}）", "weekly": day + (f" 至 {last:%m-%d}" if last.date() > start.date() else ""), "monthly": f"{start:%Y-%m}",
        }[self.kind]  # fmt: skip
        until = "" if self.whole else f"（截至 {clock(self.end)}）"
        return f"{KINDS[self.kind]} {told}{until}"


def period_of(name: str, now: datetime) -> Period:
    """A period by its name, or by its date as one of `DATES` is written. Raises InvalidInput."""
    local = timezone.localtime(now)
    if name not in PERIODS:
        return _dated(name, local)
    kind = _KIND_OF[name]
    first = _first(kind, local)
    if name == SCHEDULED[kind]:
        return Period(kind, _first(kind, first - timedelta(days=1)), first)
    return Period(kind, first, local)


def _dated(name: str, now: datetime) -> Period:
    for kind, form, end in _DATED if re.fullmatch(r"20\d\d-[\dW-]{2,5}", name) else ():
        try:
            start = datetime.strptime(f"{name}{end}", form).replace(tzinfo=now.tzinfo)
        except ValueError:
            continue
        if start >= now:
            raise InvalidInput(f"「{name}」还没有到，没有它的报告。")
        return Period(kind, start, min(_next(kind, start), now))  # type: ignore[arg-type]  # one of its choices
    raise InvalidInput(f"没有「{name[:40]}」这种报告；可以是：{'、'.join(PERIODS)}，或 {DATES}。")


def _first(kind: Kind, at: datetime) -> datetime:
    """The start of the period that a local time lies in."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "monthly":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday() if kind == "weekly" else 0)


def _next(kind: Kind, start: datetime) -> datetime:
    """The start of the period after the one that begins here."""
    return _first(kind, start + timedelta(days={"daily": 1, "weekly": 7, "monthly": 31}[kind]))
