"""The table of fields of a JSON event of any product, made from what its keys mean, and how sure that is (0..100).

Points are given for a name (of a rule, threat or alert more than of an activity, a mere message least), a level, a time, who
or where, and words of security; without a level and a time it is never sure. A finding of OCSF and an alert of ECS have them all. What is read stands in the copy of the
event that goes with the table, its time in ISO 8601.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from secops_agent.importers.base import BrokenRecord, Options
from secops_agent.services.records import StatusHint

from .alert_fields import HOST_NAME, AlertTable, Host, Paths, SightingKind
from .event_keys import Leaf, leaves_of
from .event_levels import level_of
from .fields import LATEST, Table, from_epoch, parse_moment
from .observables import is_inside

SURE: Final = 60  # enough when nobody has named the format
CLAIM: Final = 45  # enough when a person has
_POINTS: Final = (40, 40, 40, 40, 30, 30, 30, 30, 30, 30, 15)  # for a title, by its rank
MOST_POINTS: Final = max(_POINTS)
_NAMED_OTHERWISE: Final = re.compile(  # whose "name" and "type" are no event's
    r"(?:^|[._])(?:users?|actors?|hosts?|devices?|org\w*|accounts?|files?|process\w*|geo\w*|country|city|groups?|resources?|tenant|entit\w+|product|vendor|agents?|cloud|apps?"
    r"|application\w*|os|platform|client|owner|target\w*|source|src|dst|destination|server|parameters?|role|project|network|provider|assignees?|machines?|identity|principal|metadata"
    r"|location|parent\w*|image|user_agent|browser|evidence\w*|observables?|attributes?|environment|asset\w*|labels?|tags?|headers?|cookies?|session|recipients?|sender|certificate"
    r"|container|pod|namespace|node|cluster|\w*service|domain|interface|zone|ecs|log|input|fields|before|after|new|old|enrichment\w*|responders?|teams?|integration)\."
)  # fmt: skip
_NO_TITLE: Final = re.compile(
    r"alerts?|events?|logs?|user|json|object|default|unknown|security|info|audit|none|true|false|null|result|system|access|network|success|failure|account|host"
    r"|malicious|message|threats|audit_(?:success|failure)|general|warning|error|critical|high|medium|low|notice|debug|update|create|delete|add|remove|custom|other"
    r"|activity|record|string|redacted|anonymized",
    re.IGNORECASE,
)  # fmt: skip
_LETTERS: Final = re.compile(r"[^\W\d_]{3}|[\u4e00-\u9fff]{2}")
_NO_WORDS: Final = re.compile(
    r"https?://\S*|[0-9a-fA-F-]{16,}|[\d:.,TZ +/-]+|\S+@\S+\.\S+|[A-Za-z]:\\.*|/\S*|[\w.-]+(?:/[\w.-]+){2,}"
)
_FORMATS: Final = (
    "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %Y %Z", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%d/%b/%Y:%H:%M:%S %z", "%b %d %Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S",
)  # fmt: skip
_PORTAL: Final = re.compile(r"/(?:alerts?|detections?|incidents?|cases?|console|portal|security)[/?#]")
_STATES: Final[dict[str, StatusHint]] = {
    **dict.fromkeys(("closed", "resolved", "fixed", "dismissed", "suppressed", "已处置", "已关闭"), "closed"),
    **dict.fromkeys(("open", "new", "active", "unresolved", "in_progress", "inprogress"), "open"),
}  # fmt: skip
_FAILED: Final = re.compile(r"fail|den(?:y|ied)|block|drop|reject|error|invalid|unauthori[sz]ed|拦截|丢弃|阻断|失败", re.IGNORECASE)  # fmt: skip
_NUMBER: Final = re.compile(r"\d+")
_LONGEST: Final = 4000
_SHORT: Final = 200


@dataclass(frozen=True, slots=True)
class EventTable:
    """``fields``: the event as `table` reads it. ``missing``: what would have made it surer. ``stated``: it has a level."""

    table: AlertTable
    fields: dict[str, Any]
    confidence: int
    missing: tuple[str, ...]
    stated: bool


def table_of_event(event: Table, options: Options) -> EventTable | None:
    """None where nothing could be a title."""
    leaves = leaves_of(event)
    fields: dict[str, Any] = {}
    for leaf in leaves:
        fields.setdefault(leaf.path, []).append(leaf.value)
    title = min(filter(_is_title, leaves), key=lambda leaf: leaf.rank("title"), default=None)
    if title is None:
        return None
    level, moment, places = level_of(leaves), _moment_of(leaves, options), _places(leaves)
    told = {
        "级别": 25 * bool(level),
        "时间": 15 * bool(moment),
        "地址、主机、账号或哈希": _points_of(leaves, *places),
    }
    secure, points = any(leaf.means("security") for leaf in leaves), _POINTS[title.rank("title")]
    named = points == MOST_POINTS and secure
    fields |= {moment[0].path: [moment[1].isoformat()]} if moment else {}
    fields["@kind"] = [_NUMBER.sub("#", str(title.value)[:200])]
    at = (moment[0].path,) if moment else ()
    table = _alert_table(leaves, title, level, at, places, named=named)
    points = min(95 if level or moment else SURE - 1, points + sum(told.values()) + 10 * secure)
    confidence = 100 if _is_standard(event, leaves) else points
    missing = tuple(name for name, got in told.items() if not got)
    return EventTable(table, fields, confidence, missing, bool(level))


def _points_of(leaves: list[Leaf], host: Host, sightings: dict[SightingKind, Paths]) -> int:
    """For who and where: at most 20."""
    named = (host.name, *(sightings[kind] for kind in ("account", "hash", "url")))
    found = sum(map(bool, named)) + any(leaf.address for leaf in leaves)
    return min(20, 10 + 5 * found) if found else 0


def _alert_table(
    leaves: list[Leaf],
    title: Leaf,
    level: tuple[Leaf, Any] | None,
    at: Paths,
    places: tuple[Host, dict[SightingKind, Paths]],
    *,
    named: bool,
) -> AlertTable:
    """``named``: what is called an alert, and does not say how grave, is of the usual level."""
    (host, sightings), rule = places, _paths(leaves, "rule")
    return AlertTable(
        marks=(title.path,),
        kind=next((str(leaf.value)[:60] for leaf in leaves if leaf.means("product")), ""),
        title=(title.path,),
        key=((*rule, "@kind"), host.name + host.ips + host.victim, host.attacker + sightings["account"][:1]),
        event=(*_paths(leaves, "event")[:3], *at),
        level=(level[0].path,) if level else (),
        levels={str(level[0].value).strip().lower(): level[1]} if level else {},
        other=level[1] if level else None,
        unrated="medium" if named else "low" if any(_FAILED.search(str(leaf.value)) for leaf in leaves if leaf.means("outcome")) else "info",
        last=at,
        rule=rule,
        text=_paths(leaves, "words")[:3],
        details={"结果": _paths(leaves, "outcome")[:3], "命令行": _paths(leaves, "command")[:2], "链接": _pages(leaves, ours=True)[:3]},
        state=_paths(leaves, "state")[:1] if named else (),  # of a connection it is not the alert's
        states=_STATES,
        host=host,
        sightings=sightings,
        techniques=_paths(leaves, "technique"),
        action=_paths(leaves, "outcome")[:3],
        way=(_paths(leaves, "source", _is_end), _paths(leaves, "target", _is_end)),
    )  # fmt: skip


def _is_standard(event: Table, leaves: list[Leaf]) -> bool:
    """A finding of OCSF (classes 2001 to 2007), or an alert of ECS."""
    finding = (
        "severity_id" in event
        and isinstance(event.get("metadata"), dict)
        and str(event.get("class_uid")).startswith("2")
    )
    kind = any(leaf.whole == "event.kind" and leaf.value in ("alert", "signal") for leaf in leaves)
    return finding or (kind and "@timestamp" in event)


def _is_title(leaf: Leaf) -> bool:
    value = leaf.value.strip() if isinstance(leaf.value, str) else ""
    if (
        leaf.rank("title") < 0
        or not 3 <= len(value) <= _LONGEST
        or _NAMED_OTHERWISE.search(leaf.whole)
        or leaf.means("closed")
    ):
        return False
    return bool(_LETTERS.search(value)) and (
        len(value) > _SHORT or not (_NO_TITLE.fullmatch(value) or _NO_WORDS.fullmatch(value))
    )


def _paths(leaves: list[Leaf], role: str, fits: Callable[[Leaf], bool] = bool) -> Paths:
    """The paths of this role whose text fits, each once."""
    found = (
        leaf.path for leaf in leaves if role in leaf.roles and len(str(leaf.value)) <= _LONGEST and fits(leaf)
    )
    return tuple(dict.fromkeys(found))


def _is_end(leaf: Leaf) -> bool:
    return bool(leaf.address) and not leaf.means("reporter", "closed")


def _places(leaves: list[Leaf]) -> tuple[Host, dict[SightingKind, Paths]]:
    """Who and where."""
    ends: dict[str, dict[str, None]] = {"attacker": {}, "victim": {}, "machine": {}, "other": {}, "": {}}
    inner = any(
        is_inside(leaf.address) for leaf in leaves if leaf.address and leaf.means("source", "attacker")
    )
    for leaf in leaves:
        if leaf.address:
            ends[_end(leaf, inner)][leaf.path] = None
    attacker, victim, machine, other = (
        tuple(ends[end]) for end in ("attacker", "victim", "machine", "other")
    )
    return Host(name=_paths(leaves, "host", _is_host)[:3], ips=machine, victim=victim, attacker=attacker), {
        "ip": other,
        "account": _paths(leaves, "user", _is_account)[:6],
        "email": _paths(leaves, "user", lambda leaf: "@" in str(leaf.value))[:6],
        "url": _pages(leaves, ours=False)[:6],
        "hash": _paths(leaves, "hash", lambda leaf: len(str(leaf.value)) >= 32)[:12],
        "domain": _paths(leaves, "domain", lambda leaf: not leaf.means("user", "machine"))[:4],
        "file": _paths(leaves, "file")[:6],
        "process": _paths(leaves, "process")[:6],
    }


def _end(leaf: Leaf, inner: bool) -> str:
    """Which end an address is; "" for who only reports. A public target is ours only where it is called the victim."""
    if leaf.means("reporter", "closed"):
        return ""
    if leaf.means("victim"):
        return "victim"
    if leaf.means("machine") and not leaf.means("source", "attacker"):
        return "" if leaf.means("outside") else "machine"  # one public address stands for many machines
    if leaf.means("source", "attacker", "outside"):
        return "attacker"
    return "victim" if leaf.means("target") and (inner or is_inside(leaf.address)) else "other"


def _is_host(leaf: Leaf) -> bool:
    name = leaf.value.strip() if isinstance(leaf.value, str) else ""
    return (
        len(name) <= 120 and bool(HOST_NAME.fullmatch(name)) and not leaf.means("reporter", "closed", "web")
    )


def _is_account(leaf: Leaf) -> bool:
    value = leaf.value
    return isinstance(value, str) and 1 < len(value) <= 120 and "://" not in value and not leaf.address


def _pages(leaves: list[Leaf], *, ours: bool) -> Paths:
    """Links to the product's own pages, or the URLs that the event is about."""
    pages = (
        leaf
        for leaf in leaves
        if isinstance(leaf.value, str) and leaf.value.startswith(("http://", "https://"))
    )
    found = (
        leaf.path
        for leaf in pages
        if bool(leaf.means("link") or _PORTAL.search(leaf.value[:_LONGEST])) is ours
    )
    return tuple(dict.fromkeys(found))


def _moment_of(leaves: list[Leaf], options: Options) -> tuple[Leaf, datetime] | None:
    named = [leaf for leaf in leaves if leaf.rank("time") >= 0 and not leaf.means("closed")]
    read = (
        (leaf, _read_time(leaf.value, options)) for leaf in sorted(named, key=lambda leaf: leaf.rank("time"))
    )
    return next(((leaf, at) for leaf, at in read if at), None)


def _read_time(value: Any, options: Options) -> datetime | None:
    """Any of the usual spellings, between 1990 and 2200; None for what is no time."""
    at: datetime | None = None
    with suppress(BrokenRecord, ValueError, OverflowError, TypeError, IndexError):
        at = next(_spellings(str(value).strip()[:60], options), None)
    return at if at and datetime(1990, 1, 1, tzinfo=UTC) < at < LATEST else None


def _spellings(written: str, options: Options) -> Iterator[datetime | None]:
    if written.replace(".", "", 1).isdecimal():
        if len(written.partition(".")[0]) >= 9:
            yield from_epoch(float(written))
        return
    with suppress(BrokenRecord):
        yield parse_moment(re.sub(r" (?=[+-]\d\d:?\d\d$)| UTC$", "", written), options.zone)
    for pattern in _FORMATS:
        with suppress(ValueError):
            at = datetime.strptime(written, pattern)  # noqa: DTZ007 - the zone follows
            yield at if at.tzinfo else at.replace(tzinfo=options.zone)
    yield parsedate_to_datetime(written).astimezone(UTC)
