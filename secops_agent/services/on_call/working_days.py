"""Working days: the weekday, unless the table of holidays and 调休 says otherwise."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from importlib.resources import files
from typing import Final

from django.db import transaction

from bifang.core.errors import InvalidInput
from secops_agent.models import CalendarDay

OPENS: Final = time(9)
CLOSES: Final = time(18)
SEED: Final = "working_days.csv"
COLUMNS: Final = ("date", "working", "name")
_YES, _NO = ("1", "是", "上班", "true"), ("0", "否", "放假", "休息", "false")


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The exceptions of some days, read once."""

    exceptions: Mapping[date, bool] = field(default_factory=dict)

    @classmethod
    def between(cls, first: date, last: date) -> "WorkingDays":
        """One query."""
        rows = CalendarDay.objects.filter(date__gte=first, date__lte=last)
        return cls(dict(rows.values_list("date", "working")))

    def is_working(self, day: date) -> bool:
        """Does one work on this day?"""
        return self.exceptions.get(day, day.weekday() < 5)


def seed(**_: object) -> None:
    """Receiver of ``post_migrate``: the holidays that come with Bifang, where the table knows nothing of their day."""
    text = files("secops_agent").joinpath("data", SEED).read_text(encoding="utf-8")
    known = set(CalendarDay.objects.values_list("date", flat=True))
    fresh = [row for row in read_days(text.splitlines()) if row.date not in known]
    CalendarDay.objects.bulk_create(fresh, ignore_conflicts=True)


def import_days(lines: Iterable[str]) -> int:
    """Take a table ``date,working,name`` over what is known of its days; returns how many. Raises InvalidInput."""
    rows = read_days(lines)
    with transaction.atomic():
        CalendarDay.objects.filter(date__in=[row.date for row in rows]).delete()
        CalendarDay.objects.bulk_create(rows)
    return len(rows)


def read_days(lines: Iterable[str]) -> list[CalendarDay]:
    """The rows of a table; all of them are right or none is taken. Raises InvalidInput naming the line."""
    reader = csv.DictReader(line for line in lines if not line.startswith("#"))
    if tuple(reader.fieldnames or ())[:2] != COLUMNS[:2]:
        raise InvalidInput("节假日表的第一行应为 date,working,name，例如 2026-10-01,0,国庆节。")
    rows = {row.date: row for row in (_read(number, each) for number, each in enumerate(reader, 2))}
    return list(rows.values())


def _read(number: int, row: Mapping[str, str | None]) -> CalendarDay:
    word = (row.get("working") or "").strip().lower()
    if word not in _YES + _NO:
        raise InvalidInput(
            f"节假日表第 {number} 行：working 应为 1（上班）或 0（放假），不是「{word[:20]}」。"
        )
    try:
        day = date.fromisoformat((row.get("date") or "").strip())
    except ValueError:
        raise InvalidInput(f"节假日表第 {number} 行：日期应形如 2026-10-01。") from None
    return CalendarDay(date=day, working=word in _YES, name=(row.get("name") or "").strip()[:50])
