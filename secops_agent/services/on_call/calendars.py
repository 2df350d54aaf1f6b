"""Rotas as iCalendar files: written for calendars, read from them as exceptions. What is read comes from anywhere."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import icalendar
from django.db import transaction
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import OnCallOverride, OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.on_call.schedules import described, keep_change
from secops_agent.services.on_call.shifts import ZONE, shifts

# Recurring events of calendars, within a year: every so many days, or weeks on some weekdays. Anything else is refused.

AHEAD: Final = 366  # days from now
_BACK: Final = timedelta(days=AHEAD * 5)
_KNOWN: Final = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"})
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_REFUSED: Final = "只支持每天、每周（可以指定星期几）的重复"


@dataclass(frozen=True, slots=True)
class Times:
    """When an event begins: ``rule`` as iCalendar spells it (upper case, lists of values), {} for once."""

    start: datetime
    rule: Mapping[str, Any]
    excepted: tuple[date, ...] = ()


def expand(times: Times, now: datetime) -> Iterator[datetime]:
    """The starts up to a year from now, at the same local time each day. Raises InvalidInput for rules it cannot keep."""
    if not times.rule:
        yield times.start
        return
    if not set(times.rule) <= _KNOWN or _one(times.rule, "FREQ") not in ("DAILY", "WEEKLY"):
        raise InvalidInput(_REFUSED)
    if times.start < now - _BACK:
        raise InvalidInput("开始得太早")
    left = _number(times.rule, "COUNT", 1 << 30)
    last = min(
        times.start.date() + timedelta(days=AHEAD * 6), now.astimezone(ZONE).date() + timedelta(days=AHEAD)
    )
    until, skipped = _until(times.rule), {_local(each) for each in times.excepted}
    for day in _days(times, last):
        start = datetime.combine(day, times.start.timetz(), ZONE)
        if left <= 0 or (until is not None and start > until):
            return
        left -= 1
        if start not in skipped and day not in skipped:
            yield start


def _days(times: Times, last: date) -> Iterator[date]:
    first, weekly = times.start.date(), _one(times.rule, "FREQ") == "WEEKLY"
    interval = _number(times.rule, "INTERVAL", 1)
    wanted = _weekdays(times.rule) or (frozenset({first.weekday()}) if weekly else frozenset(range(7)))
    monday = first - timedelta(days=first.weekday())
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        passed = (day - monday).days // 7 if weekly else number
        if passed % interval == 0 and day.weekday() in wanted:
            yield day


def _one(rule: Mapping[str, Any], name: str) -> Any:
    value = rule.get(name)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _number(rule: Mapping[str, Any], name: str, default: int) -> int:
    value = _one(rule, name)
    if value is None:
        return default
    if not isinstance(value, int) or not 1 <= value <= 10_000:
        raise InvalidInput(_REFUSED)
    return value


def _weekdays(rule: Mapping[str, Any]) -> frozenset[int]:
    given = rule.get("BYDAY") or []
    names = [str(each).upper() for each in (given if isinstance(given, list) else [given])]
    if not set(names) <= set(_WEEKDAYS):
        raise InvalidInput(_REFUSED)
    return frozenset(_WEEKDAYS.index(each) for each in names)


def _until(rule: Mapping[str, Any]) -> datetime | None:
    value = _one(rule, "UNTIL")
    if value is None:
        return None
    found = _local(value)
    return found if isinstance(found, datetime) else datetime.combine(found, datetime.max.time(), ZONE)


def _local(value: Any) -> date:
    if isinstance(value, datetime):
        return value.replace(tzinfo=ZONE) if value.tzinfo is None else value.astimezone(ZONE)
    if isinstance(value, date):
        return value
    raise InvalidInput(_REFUSED)


MOST_BYTES: Final = 1_000_000
MOST_LINE: Final = 8_000  # characters of one property
MOST_LINES: Final = 15_000
MOST_EVENTS: Final = 500
MOST_SHIFTS: Final = 1_000  # of one file
DEEPEST: Final = 3
LONGEST: Final = timedelta(days=31)
# A time zone's name is looked for as a file.
UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError)
BEFORE, AFTER = timedelta(days=7), timedelta(days=60)
_WORDS: Final = re.compile(r"[\s,，、:：;；·|/()（）\[\]-]+")


@dataclass(frozen=True, slots=True)
class Imported:
    """``skipped``: what was left out of the file, and why."""

    shifts: int
    skipped: tuple[str, ...]


def write_calendar(schedule: OnCallSchedule, staff: Staff | None = None) -> bytes:
    """The shifts of the last week and of two months to come, or one person's among them."""
    now = timezone.now()
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Bifang//on-call//ZH")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"{schedule.name}{f' {staff.name}' if staff else ''}")
    for shift in shifts(schedule, now - BEFORE, now + AFTER):
        if shift.staff and (staff is None or shift.staff == staff):
            event = icalendar.Event()
            event.add("uid", f"{schedule.pk}-{shift.staff.pk}-{shift.start:%Y%m%dT%H%M}@bifang")
            event.add("dtstamp", now)
            event.add("dtstart", shift.start.astimezone(UTC))
            event.add("dtend", shift.end.astimezone(UTC))
            event.add("summary", f"{shift.staff.name} {schedule.name}")
            calendar.add_component(event)
    return bytes(calendar.to_ical())


def import_calendar(schedule: OnCallSchedule, content: bytes, actor: Actor) -> Imported:
    """Take the events of a file as exceptions; events that were imported before are replaced. Raises InvalidInput."""
    now, skipped = timezone.now(), []
    rows: list[OnCallOverride] = []
    known: set[str] = set()
    people = _people()
    for event in _events(content):
        uid = str(event.get("uid") or "")[:200]
        try:
            made = [*_overrides(schedule, event, uid, people, now)]
        except (InvalidInput, *UNREADABLE) as error:
            why = error.message if isinstance(error, InvalidInput) else "看不懂"
            skipped.append(f"{_summary(event) or uid[:40] or '没有标题'}：{why}")
            continue
        known.add(uid)
        rows += made
        if len(rows) > MOST_SHIFTS:
            raise InvalidInput(f"文件里的班次超过 {MOST_SHIFTS} 个：请缩短重复的时间或分开导入。")
    with transaction.atomic():
        before = described(schedule)
        schedule.overrides.filter(uid__in=known - {""}).delete()
        OnCallOverride.objects.bulk_create(rows)
        keep_change(actor, schedule, before, verb="导入日历到")
    return Imported(len(rows), tuple(skipped))


def _events(content: bytes) -> list[Any]:
    """The events of a file that is small, flat and sound. Raises InvalidInput."""
    text = _checked(content)
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
        return [each for one in calendars for each in one.subcomponents if each.name == "VEVENT"]
    except UNREADABLE:
        raise InvalidInput("这不是能读懂的日历文件（.ics）：请从日历软件重新导出。") from None


def _checked(content: bytes) -> str:
    """The text without its time zones, which carry rules of their own: zones are known by name."""
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"日历文件超过 {MOST_BYTES // 1000} KB：请缩短时间或分开导入。")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("日历文件不是 UTF-8 编码。") from None
    if "\0" in text:
        raise InvalidInput("日历文件含有 NUL 字节，不是文本文件：请从日历软件重新导出。")
    lines = re.sub(r"\n[ \t]", "", "\n".join(text.splitlines())).split("\n")
    kept, inside, events = [], [], MOST_EVENTS + 1 if len(lines) > MOST_LINES else 0
    for line in lines:
        word, _, name = line.strip().upper().partition(":")
        if word == "BEGIN":
            inside.append(name)
            events += name == "VEVENT"
        dressed = word.startswith(("BEGIN;", "END;"))  # no program writes that: it would not be seen here
        if dressed or len(line) > MOST_LINE or len(inside) > DEEPEST or events > MOST_EVENTS:
            raise InvalidInput(f"日历文件的内容太多（最多 {MOST_EVENTS} 个事件）或嵌套太深，没有导入。")
        if "VTIMEZONE" not in inside:
            kept.append(line)
        if word == "END" and inside:
            inside.pop()
    return "\r\n".join(kept) + "\r\n"


def _overrides(
    schedule: OnCallSchedule, event: Any, uid: str, people: Mapping[str, list[Staff]], now: datetime
) -> Iterator[OnCallOverride]:
    if str(event.get("status") or "").upper() == "CANCELLED":
        return
    start, end = _moment(event, "DTSTART"), _end_of(event)
    if not timedelta(0) < end - start <= LONGEST:
        raise InvalidInput(f"时长应在 {LONGEST.days} 天以内，结束晚于开始")
    staff = _person(event, people)
    for first in expand(_times(event, start), now):
        if first + (end - start) > now:
            yield OnCallOverride(
                schedule=schedule, staff=staff, starts_at=first, ends_at=first + (end - start), uid=uid,
                reason=f"日历：{_summary(event)}"[:200],
            )  # fmt: skip


def _moment(event: Any, name: str) -> datetime:
    """A time of Asia/Shanghai unless it says another; a day begins at midnight. Raises InvalidInput."""
    given = event.get(name)
    value = getattr(given, "dt", None)
    if isinstance(value, datetime):
        if value.tzinfo is None and given.params.get("TZID"):
            raise InvalidInput(f"不认识的时区「{str(given.params['TZID'])[:40]}」")
        return value.replace(tzinfo=ZONE) if value.tzinfo is None else value.astimezone(ZONE)
    if isinstance(value, date):
        return datetime.combine(value, time(0), ZONE)
    raise InvalidInput("没有开始时间")


def _end_of(event: Any) -> datetime:
    if event.get("DTEND") is not None:
        return _moment(event, "DTEND")
    length = getattr(event.get("DURATION"), "dt", None)
    whole_day = not isinstance(getattr(event.get("DTSTART"), "dt", None), datetime)
    if not isinstance(length, timedelta) and not whole_day:
        raise InvalidInput("没有结束时间")
    return _moment(event, "DTSTART") + (length if isinstance(length, timedelta) else timedelta(days=1))


def _times(event: Any, start: datetime) -> Times:
    rule = event.get("RRULE")
    if isinstance(rule, list) or event.get("RDATE") is not None:
        raise InvalidInput("有几条重复规则，没有导入")
    excepted = event.get("EXDATE") or []
    dates = [each.dt for one in (excepted if isinstance(excepted, list) else [excepted]) for each in one.dts]
    rule_given: Mapping[str, Any] = {str(key).upper(): value for key, value in (rule or {}).items()}
    return Times(start, rule_given, tuple(dates))


def _summary(event: Any) -> str:
    return " ".join(str(event.get("summary") or "").split())[:100]


def _people() -> Mapping[str, list[Staff]]:
    """Active people by name and by staff id."""
    found: dict[str, list[Staff]] = {}
    for row in Staff.objects.filter(active=True):
        for word in {row.name, row.staff_id}:
            found.setdefault(word, []).append(row)
    return found


def _person(event: Any, people: Mapping[str, list[Staff]]) -> Staff:
    """The one person that the title or the attendees name. Raises InvalidInput."""
    attendees = event.get("attendee") or []
    attendees = attendees if isinstance(attendees, list) else [attendees]
    words = [
        *_WORDS.split(_summary(event)),
        _summary(event),
        *(str(each.params.get("CN", "")) for each in attendees),
    ]
    found = {staff.pk: staff for word in words for staff in people.get(word, ())}
    if len(found) != 1:
        raise InvalidInput("标题里有几个人的名字" if found else "标题里没有人员名单中的姓名或员工 ID")
    return next(iter(found.values()))
