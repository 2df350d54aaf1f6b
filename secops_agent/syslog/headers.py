"""The headers of RFC 5424 and RFC 3164, and of what devices send instead of the latter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final

_PRI: Final = re.compile(r"<(\d{1,3})>")
_NEW: Final = re.compile(r"1 (\S{1,64}) (\S{1,255}) (\S{1,255}) (\S{1,128}) (\S{1,128}) (?=[-\[])")
_ELEMENT: Final = re.compile(
    r'\[([^\s=\]"]{1,64})((?: +[^\s=\]"]{1,64}="(?:[^"\\\]]|\\.)*")*) *\]', re.DOTALL
)
_PARAMETER: Final = re.compile(r'([^\s=\]"]{1,64})="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(["\\\]])')
# "Nov 26 12:00:00", with a year, a fraction, a zone or a colon as Cisco, Huawei and H3C write it; or RFC 3339.
_OLD: Final = re.compile(
    r"[*.]?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?: [A-Z]{3,4})?:? +"
)
_STAMP: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)(?: +|: )"
)
_HOST: Final = re.compile(r"([A-Za-z0-9_.:-]{1,255})(?<!:) +")
_TAG: Final = re.compile(r"([^\s:\[\]{}\"|=]{1,64})(?:\[([^\]\s]{1,64})\])?:(?:\s+|$)")
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_NO_PRI: Final = 13  # user.notice (RFC 3164 §4.3.3)
_MOST: Final = 64  # structured parameters
AHEAD: Final = timedelta(minutes=10)
BEHIND: Final = timedelta(days=370)


@dataclass(frozen=True, slots=True)
class SyslogMessage:
    """A line without its header. ``at`` is None where the header has no time, or one that cannot be, which ``said`` has."""

    severity: int
    facility: int
    text: str
    at: datetime | None = None
    host: str = ""
    app: str = ""
    process: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    said: datetime | None = None


def read_message(line: str, zone: tzinfo, received_at: datetime) -> SyslogMessage:
    """Read the header; whatever a line is, there is a message. ``zone``: of times that name none."""
    pri, rest = _NO_PRI, line
    found = _PRI.match(line)
    if found and int(found[1]) <= 191:
        pri, rest = int(found[1]), line[found.end() :]
    new = _NEW.match(rest) if found else None
    if new:
        return _new(pri, new, rest, zone, received_at)
    return _old(pri, rest.lstrip(" "), zone, received_at)


def believable(at: datetime | None, received_at: datetime) -> datetime | None:
    """None for what a wrong clock or a forger says: an alert of the future would stay the latest for ever."""
    return at if at and received_at - BEHIND <= at <= received_at + AHEAD else None


def _new(pri: int, head: re.Match[str], rest: str, zone: tzinfo, received_at: datetime) -> SyslogMessage:
    stamp, host, app, process, _ = ("" if part == "-" else part for part in head.groups())
    place, fields = _elements(rest, head.end())
    text = rest[place:].strip().lstrip("\ufeff")
    said = _moment(stamp, zone)
    at = believable(said, received_at)
    return SyslogMessage(pri & 7, pri >> 3, text, at, host, app, process, fields, said)


def _elements(rest: str, place: int) -> tuple[int, dict[str, str]]:
    """Where the text begins, and the structured data before it."""
    if rest[place] == "-":
        return place + 1, {}
    fields: dict[str, str] = {}
    while element := _ELEMENT.match(rest, place):
        for name, value in _PARAMETER.findall(element[2]):
            if len(fields) < _MOST:
                fields[f"{element[1]}.{name}"] = _ESCAPED.sub(r"\1", value)[:2000]
        place = element.end()
    return place, fields


def _old(pri: int, rest: str, zone: tzinfo, received_at: datetime) -> SyslogMessage:
    at, place = _time_of(rest, zone, received_at)
    host = app = process = ""
    if place and (named := _HOST.match(rest, place)):
        host, place = named[1], named.end()
    if tag := _TAG.match(rest, place):
        app, process, place = tag[1], tag[2] or "", tag.end()
    return SyslogMessage(
        pri & 7, pri >> 3, rest[place:].strip(), believable(at, received_at), host, app, process, said=at
    )


def _time_of(rest: str, zone: tzinfo, received_at: datetime) -> tuple[datetime | None, int]:
    """The time and where it ends; 0: there is none."""
    if stamp := _STAMP.match(rest):
        return _moment(stamp[1].replace(",", "."), zone), stamp.end()
    old = _OLD.match(rest)
    if old is None or old[1] not in _MONTHS:
        return None, 0
    month, day, year, *clock = _MONTHS.index(old[1]) + 1, int(old[2]), old[3], *map(int, old.groups()[3:])
    years = [int(year)] if year else _years(received_at.astimezone(zone).year)
    moments = [_made(each, month, day, clock, zone) for each in years]
    known = [each for each in moments if each]
    return min(known, key=lambda each: abs(each - received_at), default=None), old.end()


def _years(now: int) -> list[int]:
    """RFC 3164 names no year: of these, the one that puts the line nearest to its arrival is meant."""
    return [now, now - 1, now + 1]


def _made(year: int, month: int, day: int, clock: list[int], zone: tzinfo) -> datetime | None:
    try:
        return datetime(year, month, day, clock[0], clock[1], min(clock[2], 59), tzinfo=zone)
    except ValueError:
        return None


def _moment(stamp: str, zone: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", stamp))
        return found if found.tzinfo else found.replace(tzinfo=zone)
    except ValueError:
        return None
